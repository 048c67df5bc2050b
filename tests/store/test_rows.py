"""Values survive the record whole, and what this version did not write is refused."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pushbot.ports import Entry
from pushbot.queue.model import Hold, Item, Mark, Person, Phase, Queue, Rider, RunKind, Ticket, Train
from pushbot.store.rows import ENTRY, QUEUE

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
maybe = st.none() | texts
numbers = st.integers(0, 2**40)
people = st.builds(Person, texts, texts, texts)
riders = st.builds(Rider, people, st.sampled_from(Ticket), st.sampled_from(Mark))
trains = st.builds(
    Train,
    riders=st.lists(riders, max_size=3).map(tuple),
    stage=maybe,
    phase=st.sampled_from(Phase),
    message=maybe,
    number=numbers,
    run=st.none() | numbers,
    run_kind=st.sampled_from(RunKind),
    deployed=st.booleans(),
    ref=maybe,
    revision=maybe,
)
holds = st.builds(Hold, maybe, st.none() | people)
items: st.SearchStrategy[Item] = holds | trains
queues = st.builds(Queue, st.lists(items, max_size=4).map(tuple), maybe, numbers, numbers)


@given(queues)
def test_a_queue_survives_with_the_fields_that_do_not_compare(queue: Queue) -> None:
    assert repr(QUEUE.read(QUEUE.write(queue))) == repr(queue)


@given(st.datetimes(timezones=st.timezones() | st.just(timezone(timedelta(hours=2)))), texts)
def test_times_come_back_in_utc(at: datetime, text: str) -> None:
    try:
        at.astimezone(timezone(timedelta(0)))
    except OverflowError:
        return  # year 1 or 9999, only so far in some zones
    back = ENTRY.read(ENTRY.write(Entry(at, text, text, text)))
    assert back.at == at.astimezone(back.at.tzinfo)
    assert back.at.utcoffset() == timedelta(0)
    assert back.what == text


def test_a_time_without_zone_is_not_taken() -> None:
    with pytest.raises(ValueError, match="no zone"):
        ENTRY.write(Entry(datetime(2026, 1, 1), "alice", ".join", "ok"))  # noqa: DTZ001 - the mistake shown


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"next_run":1', '"next_run":"1"'),
        ('"next_run":1', '"next_run":1,"doors":2'),
        ('"ticket":""', '"ticket":"gold"'),
        ('"name":"alice"', '"name":7'),
        ('"riders":', '"passengers":'),
        ("]", ""),
    ],
)
def test_what_was_not_written_by_this_version_is_refused(right: str, wrong: str) -> None:
    text = QUEUE.write(Queue((Train((Rider(Person("irc", "nick:alice", "alice")),)),)))
    with pytest.raises(ValidationError):
        QUEUE.read(text.replace(right, wrong))
