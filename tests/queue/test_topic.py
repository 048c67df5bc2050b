"""The topic: drawn and read back, read leniently, shortened, and edited by hand while shortened."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushbot.queue.model import Hold, Mark, Phase, Queue, Rider, Ticket, Train
from pushbot.queue.topic import (
    Unreadable,
    clean_text,
    fit,
    fit_lanes,
    parse,
    render,
    restore_tail,
    split_lanes,
)
from tests.queue.strategies import (
    AWKWARD_NAMES,
    person,
    progress,
    queues,
    thorough,
    topic_text,
    usual,
    wild_queues,
)

CASES = [json.loads(line) for line in (Path(__file__).parent / "pushbot-cases.jsonl").read_text().splitlines()]


def read(text: str) -> Queue:
    queue = parse(text, person)
    assert isinstance(queue, Queue), queue
    return queue


def size(text: str) -> int:
    return len(text.encode())


# --- drawing and reading back


@thorough
@given(queues, progress)
def test_what_is_drawn_is_read_back(queue: Queue, far: str) -> None:
    assert read(render(queue, far)) == queue
    assert parse(render(queue, far), person, careful=True) == queue


def test_a_running_stage_shows_how_far_it_is_and_no_other_does() -> None:
    queue = read('<production...> alice* + bob "hats" | <princess> carol | <moon!> dave')
    assert render(queue, "42/120, 1 failed") == (
        '<production... 42/120, 1 failed> alice* + bob "hats" | <princess> carol | <moon!> dave'
    )


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_an_awkward_name_survives_in_every_place(name: str) -> None:
    rider = Rider(person(name))
    good = replace(rider, mark=Mark.GOOD, ticket=Ticket.CONFIG)
    queue = Queue(
        (Train((rider,)), Train((good, rider, replace(rider, mark=Mark.BAD)), "prod"), Train((rider,), message="x"))
    )
    assert read(render(queue)) == queue


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["topic"][:40])
def test_every_recorded_topic_is_read_and_every_result_drawn_as_recorded(case: dict[str, str]) -> None:
    read(case["topic"])
    assert render(read(case["expect"])) == case["expect"]


def test_all_parts_of_a_topic() -> None:
    text = 'HOLD "site is down" | <prod...> alice* + bob! (c) + "a|b" (askme) "two at once" | carol (HOLD) !! "friday"'
    queue = read(text)
    assert queue.hold == Hold("site is down")
    assert queue.head == Train(
        (
            Rider(person("alice"), mark=Mark.GOOD),
            Rider(person("bob"), Ticket.CONFIG, Mark.BAD),
            Rider(person("a|b"), Ticket.ASKME),
        ),
        "prod",
        Phase.RUNNING,
        "two at once",
    )
    assert queue.message == "friday"
    assert [train.number for train in queue.trains] == [1, 2]
    assert queue.next_train == 3
    assert render(queue) == text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", "clear"),
        ("  ", "clear"),
        ("Clear", "clear"),
        ("clear | alice", "alice"),
        ('clear!!"x"', 'clear !! "x"'),
        ("alice,bob&carol+dave", "alice + bob + carol + dave"),
        ("alice|bob", "alice | bob"),
        (" | alice | | bob || ", "alice | bob"),
        ("alice + ", "alice"),
        ("+ alice", "alice"),
        ("alice(config)|bob (HOLD)|carol( hold )|dave (C)", "alice (c) | bob (HOLD) | carol (HOLD) | dave (c)"),
        ("alice (c)*", "alice* (c)"),
        ("alice *", "alice*"),
        ("alice~ + bob", "alice + bob"),
        ("alice!", "alice!"),
        ("alice!!", "alice"),
        ("alice !!! friday", 'alice! !! "friday"'),
        ("alice !! no deploys today", 'alice !! "no deploys today"'),
        ("HOLD site is down | alice", 'HOLD "site is down" | alice'),
        ('HOLD the "db" is down !! "x"', 'HOLD "the \'db\' is down" !! "x"'),
        ("hold | alice", "HOLD | alice"),
        ("holder | HOLD-ON", "holder | HOLD-ON"),
        ('HOLD "never closed | alice', 'HOLD "never closed | alice"'),
        ("<prod>alice", "<prod> alice"),
        ("< prod ... > alice", "<prod...> alice"),
        ("<prod…> alice", "<prod...> alice"),
        ("<a....> alice", "<a....> alice"),
        ("<prod... 42/120, 1 failed> alice", "<prod...> alice"),
        ("<prod ...42/120>alice", "<prod...> alice"),
        ("< prod… nearly there! > alice", "<prod...> alice"),
        ("<a.... 3/5> alice", "<a....> alice"),
        ("<a...b... 3/5> alice", "<a...b...> alice"),
        ("<a...b> alice", "<a...b> alice"),
        ("<a... 3/5...> alice", "<a...> alice"),
        ('alice "  two   at\tonce "', 'alice "two at once"'),
        ("alice\x02 |\x1fbob", "alice | bob"),
        ("alice | +3 trains (7)", "alice"),
        ("alice + 6 more | bob", "alice | bob"),
        ("alice +3 trains (7)", "alice"),
        ("alice + 6", "alice + 6"),
    ],
)
def test_reading_is_lenient(text: str, canonical: str) -> None:
    assert render(read(text)) == canonical


@pytest.mark.parametrize(
    ("text", "at", "why"),
    [
        ("alice bob", 6, "expected |"),
        ("alice (beer)", 7, 'no ticket "beer"'),
        ("<prod>", 6, "somebody's name"),
        ("<prod", 0, "somebody's name"),
        ("<prod! 3/5> alice", 0, "somebody's name"),
        ("<prod... 3/5 | alice> bob", 0, "somebody's name"),
        ("alice | *", 8, "somebody's name"),
        ('"" + bob', 0, "no name"),
        ('HOLD "x" y', 9, "expected |"),
        ('alice !! "x" y', 13, "nothing may follow"),
        ("+3 trains (7)", 0, "only hidden trains"),
        ("<prod> + 6 more", 15, "somebody's name"),
    ],
)
def test_what_cannot_be_read_is_pointed_at(text: str, at: int, why: str) -> None:
    unreadable = parse(text, person)
    assert isinstance(unreadable, Unreadable)
    assert unreadable.at == at
    assert why in unreadable.why


def test_a_stage_in_the_middle_of_a_train_ends_the_reading_unless_careful() -> None:
    assert render(read("bob + <prod> carol | dave")) == "bob + prod"
    assert parse("bob + <prod> carol | dave", person, careful=True) == Unreadable(
        6, "a stage may stand only before the first rider of a train"
    )


@thorough
@given(topic_text, st.booleans())
def test_reading_never_raises_and_what_was_read_can_be_drawn(text: str, careful: bool) -> None:
    queue = parse(text, person, careful=careful)
    if isinstance(queue, Unreadable):
        assert 0 <= queue.at <= len(text)
    else:
        again = read(render(queue))
        assert render(again) == render(queue)


@usual
@given(wild_queues)
def test_whatever_is_in_a_queue_its_topic_is_one_line_of_text(queue: Queue) -> None:
    topic = render(queue)
    assert topic.encode()
    assert not any(char in topic for char in "\r\n\0\u2028")


def test_reading_takes_time_in_proportion_to_the_text() -> None:
    for awkward in (
        " ",
        "<",
        "<a",
        "<.",
        "a ",
        '"',
        "+",
        "| ",
        "!",
        "6 ",
        "HOLD ",
        "(",
        "alice + <",
        "||",
        "<a...",
        "<a... ",
    ):
        assert isinstance(parse(awkward * 20_000, person), Queue | Unreadable)
        assert isinstance(split_lanes(awkward * 20_000, ["web", "config"]), tuple | Unreadable)


# --- clean_text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ('say "hi"', "say 'hi'"),
        ("  a \t\r\n b  ", "a b"),
        ("\x02bold\x02\x1b[0m", "bold[0m"),
        ("safe\u202egnp\u200b \u200b x", "safegnp x"),
        ("a\u2028b", "a b"),
        ("\ud800", "\ufffd"),
        ("Zoë 李 😀", "Zoë 李 😀"),
        ("x" * 300, "x" * 200),
        ("\x01", ""),
    ],
)
def test_clean_text(text: str, clean: str) -> None:
    assert clean_text(text) == clean


@usual
@given(st.text(st.characters()), st.integers(0, 50))
def test_clean_text_is_clean_at_once(text: str, limit: int) -> None:
    clean = clean_text(text, limit)
    assert len(clean) <= limit
    assert clean_text(clean, limit) == clean
    assert clean.encode() or not clean


# --- shortening

HEAD = 'HOLD "because of x" | <prod...> alice* + bob! (c) + carol + dave "a message"'
LONG = f'{HEAD} | erin | frank + "a|b" | zed !! "a note"'


@pytest.mark.parametrize(
    ("limit", "topic"),
    [
        (200, LONG),
        (117, LONG),
        (115, f'{HEAD} | erin | +2 trains (3) !! "a note"'),
        (106, f'{HEAD} | +3 trains (4) !! "a note"'),
        (103, f'{HEAD} | +3 trains (4) !! "a…"'),
        (95, f'{HEAD.replace("a message", "…")} | +3 trains (4) !! "…"'),
        (90, 'HOLD "beca…" | <prod...> alice* + bob! (c) + carol + dave "…" | +3 trains (4) !! "…"'),
        (82, 'HOLD "…" | <prod...> alice* + bob! (c) + 2 more "…" | +3 trains (4) !! "…"'),
        (50, "HOLD | <prod...> alice* + 3 more | +3 trains (4)"),
        (40, "HOLD | <prod...> alice* + 3 more"),
        (25, "HOLD | <prod...> alice*"),
        (20, "HOLD | <prod...> ali"),
        (0, ""),
        (-1, ""),
    ],
)
def test_a_topic_is_shortened_from_its_tail(limit: int, topic: str) -> None:
    assert fit(read(LONG), limit) == topic


@pytest.mark.parametrize("extra", [0, 1, 19])
def test_where_room_is_short_the_progress_goes_first(extra: int) -> None:
    queue, far = read(LONG), "42/120, 1 failed"
    drawn = fit(queue, size(LONG) + extra, far)
    assert drawn == (LONG.replace("<prod...>", f"<prod... {far}>") if extra == 19 else LONG)
    two = [("web", queue), ("config", Queue())]
    without = fit_lanes(two, 1000)
    assert fit_lanes(two, size(without) + extra, {"web": far}) == (
        without.replace("<prod...>", f"<prod... {far}>") if extra == 19 else without
    )


def test_one_hidden_train_and_hidden_holds_are_named_as_such() -> None:
    assert fit(read("alice + bob | carol + dave + erin"), 30) == "alice + bob | +1 train (3)"
    assert fit(Queue((Hold("x" * 20), Hold("y" * 20))), 40) == f'HOLD "{"x" * 20}" | +1 hold'


@usual
@given(st.one_of(queues, wild_queues), st.integers(0, 300), progress)
def test_a_topic_fits_every_limit(queue: Queue, limit: int, far: str) -> None:
    topic = fit(queue, limit, far)
    assert size(topic) <= limit
    if size(render(queue)) <= limit:
        assert topic in {render(queue), render(queue, far)}
    else:
        assert topic == fit(queue, limit)


@usual
@given(st.lists(st.tuples(st.sampled_from(["web", "config", "a"]), queues), max_size=3), st.integers(0, 300), progress)
def test_several_lanes_fit_every_limit(parts: list[tuple[str, Queue]], limit: int, far: str) -> None:
    assert size(fit_lanes(parts, limit, {"web": far})) <= limit


# --- the hidden tail


@thorough
@given(queues, st.integers(0, 400), progress)
def test_what_a_short_topic_hides_comes_back(queue: Queue, limit: int, far: str) -> None:
    drawn = fit(queue, max(limit, size(_least(queue))), far)
    assert restore_tail(read(drawn), drawn, queue) == queue


def _least(queue: Queue) -> str:
    """The shortest topic in which the head's driver is whole."""
    first = next((i + 1 for i, item in enumerate(queue.items) if isinstance(item, Train)), 1)
    kept = (
        replace(item, riders=item.riders[:1], message=None) if isinstance(item, Train) else Hold()
        for item in queue.items[:first]
    )
    return render(Queue(tuple(kept)))


NOTE = '!! "a long note for all of us"'
TAIL = "carol | dave + erin | frank + gail"


@pytest.mark.parametrize(
    ("edit", "meant"),
    [
        ("bob + alice", f"bob + alice | {TAIL}"),
        ('alice* | +3 trains (5) !! "a l…"', f"alice* | {TAIL} {NOTE}"),
        ('alice* + bob !! "a l"', f'alice* + bob | {TAIL} !! "a l"'),
        ("zed | alice + bob | +3 trains (5) | yann", f"zed | alice + bob | yann | {TAIL}"),
        ("HOLD", f"HOLD | {TAIL}"),
        ("clear", "clear"),
        ("", "clear"),
        ('clear !! "a l…"', f"clear {NOTE}"),
    ],
)
def test_an_edit_keeps_what_was_hidden(edit: str, meant: str) -> None:
    full = read(f"alice* + bob | {TAIL} {NOTE}")
    drawn = 'alice* + bob | +3 trains (5) !! "a l…"'
    assert fit(full, 40) == drawn
    restored = restore_tail(read(edit), drawn, full)
    assert render(restored) == meant
    assert [train.number for train in restored.trains] == list(range(1, restored.next_train))


@pytest.mark.parametrize(
    ("edit", "meant"),
    [
        ('<prod> alice* + 3 more "a…" | +1 train (1)', '<prod> alice* + bob + carol + dave "a message" | erin'),
        ("<prod> alice*", "<prod> alice* + bob + carol + dave | erin"),
        ('<prod> zed + 3 more "a…"', '<prod> zed + bob + carol + dave "a message" | erin'),
        ('zed | <prod> alice "mine"', 'zed | <prod> alice + bob + carol + dave "mine" | erin'),
        ("HOLD | <prod> alice", "HOLD | <prod> alice + bob + carol + dave | erin"),
        ("HOLD", 'HOLD | bob + carol + dave "a message" | erin'),
    ],
)
def test_hidden_riders_go_back_to_their_train(edit: str, meant: str) -> None:
    full = read('<prod> alice + bob + carol + dave "a message" | erin')
    assert render(restore_tail(read(edit), '<prod> alice + 3 more "a…" | +1 train (1)', full)) == meant


def test_reasons_that_were_cut_are_whole_again() -> None:
    full = read('HOLD "the database is down" | HOLD "the other one too" | alice | bob')
    drawn = fit(full, 46)
    assert drawn == 'HOLD "…" | HOLD "…" | alice | +1 train (1)'
    assert restore_tail(read(drawn), drawn, full) == full
    assert render(restore_tail(read('HOLD "…" | alice*'), drawn, full)) == 'HOLD "the database is down" | alice* | bob'
    for edit in ('HOLD "new" | alice', 'HOLD "new" | HOLD "…" | alice'):
        meant = edit.replace("…", "the database is down")
        assert render(restore_tail(read(edit), drawn, full)) == f"{meant} | bob"


def test_who_joined_after_the_topic_was_drawn_is_not_lost_to_an_edit() -> None:
    full = read("alice + bob | carol")
    assert render(restore_tail(read("alice*"), "alice", full)) == "alice* + bob | carol"
    assert render(restore_tail(read("carol | alice + bob"), "", full)) == "carol | alice + bob"
    assert render(restore_tail(read("zed"), "clear", full)) == "zed | alice + bob | carol"


@usual
@given(topic_text, topic_text, queues)
def test_restoring_never_raises(edit: str, drawn: str, full: Queue) -> None:
    edited = parse(edit, person)
    if isinstance(edited, Queue):
        assert isinstance(restore_tail(edited, drawn, full), Queue)


# --- several lanes


def test_lanes_share_a_topic_and_what_one_does_not_need_goes_to_the_others() -> None:
    web, config = read("alice | bob | carol + dave | erin | frank"), Queue()
    assert fit_lanes([("web", web)], 100) == render(web)
    assert fit_lanes([("web", web), ("config", config)], 100) == f"web: {render(web)} || config: clear"
    assert fit_lanes([("web", web), ("config", config)], 55) == "web: alice | bob | +3 trains (4) || config: clear"
    assert fit_lanes([("web", web), ("api", web)], 63) == (
        "web: alice | +4 trains (5) || api: alice | bob | +3 trains (4)"
    )


def test_a_topic_is_split_into_its_lanes() -> None:
    assert split_lanes('web: alice "a || b" | bob||CONFIG : clear', ["config", "web"]) == (
        ("config", "clear"),
        ("web", 'alice "a || b" | bob'),
    )
    assert split_lanes("alice | bob", ["web"]) == (("web", "alice | bob"),)
    assert split_lanes("Web: alice", ["web"]) == (("web", "alice"),)
    assert split_lanes("other: alice", ["web"]) == (("web", "other: alice"),)


@pytest.mark.parametrize(
    ("text", "at", "why"),
    [
        ("web: alice", 10, "the lane config is missing"),
        ("", 0, "the lane web is missing"),
        ("alice || config: clear", 0, "begin with its lane: web:, config:"),
        ("web: alice || web: bob || config: clear", 13, "twice"),
        ("web: alice || confg: bob", 13, "begin with its lane"),
    ],
)
def test_lanes_that_are_missing_or_strange_are_pointed_at(text: str, at: int, why: str) -> None:
    unreadable = split_lanes(text, ["web", "config"])
    assert isinstance(unreadable, Unreadable)
    assert unreadable.at == at
    assert why in unreadable.why


@usual
@given(queues, queues, queues, progress)
def test_lanes_drawn_together_are_split_again(one: Queue, two: Queue, three: Queue, far: str) -> None:
    parts = [("web", one), ("config", two), ("api.v2", three)]
    bodies = split_lanes(fit_lanes(parts, 100_000, {"web": far, "api.v2": far}), [name for name, _ in parts])
    assert bodies == (("web", render(one, far)), ("config", render(two)), ("api.v2", render(three, far)))


@usual
@given(topic_text)
def test_splitting_never_raises(text: str) -> None:
    for names in (["web"], ["web", "config"]):
        parts = split_lanes(text, names)
        assert isinstance(parts, Unreadable) or [name for name, _ in parts] == names


def test_marks_of_direction_in_a_topic_are_not_taken() -> None:
    assert render(read("al\u202eice + \u2066bob\u2069 | \u200fcy")) == "alice + bob | cy"
