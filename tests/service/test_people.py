"""What is remembered of people: once, whoever writes, and whenever the bot dies; and what is told where."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import PushbotError
from pushbot.ports import PersonRecord
from pushbot.queue.commands import Notify
from pushbot.queue.model import Person
from pushbot.service.people.remembered import People, Remembering, key_of
from pushbot.service.spec import Announce, News
from pushbot.testing.playground import NEWS, PUSH, WARROOM, Playground

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
OUTAGE = frozenset(
    {News.DEPLOY_FAILED, News.DEPLOY_STOPPED, News.ROLLBACK, News.HOLD, News.UNHOLD, News.UHOH, News.HOTFIX}
)
"""What a #warroom wants that is for outages only."""


def said(play: Playground, to: str) -> list[str]:
    return [line.text for line in play.server.spoken if line.to == to]


def test_a_person_is_remembered_in_one_chat_and_a_linked_one_in_all() -> None:
    assert key_of(Person("irc", "nick:al", "al")) != key_of(Person("slack", "nick:al", "al"))
    assert key_of(Person("irc", "person:al", "al")) == key_of(Person("slack", "person:al", "Al"))


def test_two_who_write_of_one_person_build_on_each_other() -> None:
    book = People()
    lane, house = Remembering(book), Remembering(book)
    lane.write(replace(book.named("k"), first_at=AT))
    house.write(replace(book.named("k"), notify=Notify.OFF))
    assert lane.records() == house.records() == (PersonRecord("k", AT, Notify.OFF),)
    house.forget()
    assert book.named("k") == PersonRecord("k", AT)
    lane.forget()
    assert book.named("k") == PersonRecord("k")


def test_what_somebody_else_has_written_since_is_not_taken_back() -> None:
    book = People()
    lane, house = Remembering(book), Remembering(book)
    lane.write(replace(book.named("k"), first_at=AT))
    house.write(replace(book.named("k"), notify=Notify.OFF))
    lane.forget()
    assert book.named("k") == PersonRecord("k", AT, Notify.OFF)


def test_what_was_not_committed_is_forgotten() -> None:
    book = People()
    book.take([PersonRecord("k", AT)])
    writer = Remembering(book)
    writer.write(PersonRecord("k", AT, Notify.OFF))
    writer.write(PersonRecord("k", AT, Notify.AHEAD, 2))
    writer.write(PersonRecord("new", AT))
    writer.forget()
    assert (book.named("k"), book.named("new")) == (PersonRecord("k", AT), PersonRecord("new"))


@pytest.mark.parametrize("turns", range(0, 12, 2))
async def test_the_guide_comes_once_whenever_the_bot_dies(play: Playground, turns: int) -> None:
    play.guide = True
    await play.start()
    play.server.say("alice", ".join", PUSH)
    left = iter(range(turns))
    await play.turns(until=lambda: next(left, None) is None)
    await play.crash()
    await play.start()
    play.server.say("alice", ".nevermind; .join", PUSH)
    await play.settle()
    lines = [line for line in said(play, "alice") if not line.startswith("(maybe again) ")]
    again = [line for line in said(play, "alice") if line.startswith("(maybe again) ")]
    assert 3 <= len({line.removeprefix("(maybe again) ") for line in (*lines, *again)}) == 3
    assert len(lines) <= 3
    assert (await play.store.people())[0].first_at == play.clock.now()


async def test_who_is_named_by_others_or_does_not_get_aboard_gets_no_guide(play: Playground) -> None:
    play.guide = True
    await play.start()
    play.server.write_topic("bob", PUSH, "carol")
    play.server.say("erin", ".join with nobody", PUSH)
    await play.settle()
    assert not await play.store.people()
    assert {line.to for line in play.server.spoken} <= {PUSH, WARROOM}


async def test_a_wish_that_cannot_be_recorded_is_not_granted(play: Playground) -> None:
    await play.start()
    play.store.trouble = PushbotError("the disk is full")
    play.server.say("alice", ".notify off", PUSH)
    await play.settle()
    play.store.trouble = None
    play.server.say("alice", ".join", PUSH)
    await play.settle()
    assert said(play, PUSH)[-1] == "alice: You're up"


async def test_who_is_asked_is_asked_where_they_wish(play: Playground) -> None:
    patience = replace(play.lanes[0].patience, ask_after=60.0)
    play.lanes[0] = replace(play.lanes[0], patience=patience)
    await play.start()
    play.server.say("bob", ".notify privately", PUSH)
    play.server.say("alice", ".join", PUSH)
    play.server.say("bob", ".join with alice", PUSH)
    play.server.say("carol", ".join with alice", PUSH)
    play.server.say("alice", ".good", PUSH)
    await play.settle()
    heard = len(play.server.spoken)
    await play.pass_time(61)
    told = [(line.to, line.text) for line in play.server.spoken[heard:] if ".good" in line.text]
    assert ("bob", "bob: is your change good? Say .good or .uhoh") in told
    assert [to for to, text in told if "carol" in text] == [PUSH]
    assert not [text for to, text in told if to == PUSH and "bob" in text]


async def test_a_warroom_for_outages_hears_of_nothing_else(tmp_path: Path) -> None:
    async with Playground(tmp_path) as play:
        play.announce = Announce(NEWS.rooms, OUTAGE, NEWS.lane)
        play.add_lane("web", stages=("princess", "production"), undone=("production",))
        play.operators.add("olga")
        await play.start()
        routine = ".join; .go", ".message hello", ".status", ".history", ".notify up", ".lock princess", ".oncall"
        for line in routine:
            play.server.say("alice", line, PUSH)
            await play.settle()
        for line in (".unlock princess; .go", ".done; .join; .go", ".go"):
            play.executor.succeed()
            await play.settle()
            play.server.say("alice", line, PUSH)
            await play.settle()
        assert said(play, WARROOM) == []
        play.executor.fail("migrate", "exit code 3")
        await play.settle()
        play.executor.succeed()
        await play.settle()
        for line in (".uhoh", ".hold db", ".unhold", '.join hotfix "why"', ".incident down"):
            play.server.say("alice", line, PUSH)
            await play.settle()
        play.server.say("olga", ".resolved", PUSH)
        await play.settle()
        told = said(play, WARROOM)
        words = ("failed", "rolled back", "uh-oh", "on hold", "goes on", "hotfix", "INCIDENT", "is over")
        assert [word for word in words if not any(word in line for line in told)] == []
        assert not [line for line in told if "being deployed" in line or "successfully" in line or "You're up" in line]


async def test_wishes_go_with_somebody_to_their_next_name(play: Playground) -> None:
    play.guide = True
    await play.start()
    play.server.say("alice", ".notify off; .join", PUSH)
    await play.settle()
    play.server.rename("alice", "alice_away")
    play.server.say("alice_away", ".nevermind; .join", PUSH)
    await play.settle()
    assert not said(play, "alice_away")
    assert said(play, PUSH)[-1] == "The next train is up"
    play.server.rename("alice_away", "bob")
    play.server.say("alice", ".join last", PUSH)  # another one, by a name that is free
    await play.settle()
    assert len(said(play, "alice")) == 3
