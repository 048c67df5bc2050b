"""The rules, one line each: the topic before, who says what, the topic after; or the code of the refusal.

The lane has the stages princess and production, which can be rolled back, and trains take three.
"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from pushbot.queue import commands as c
from pushbot.queue import events as e
from pushbot.queue.grammar import Mistake, parse_message
from pushbot.queue.model import Person, Phase, Queue, Rider, RunKind
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.rules import Decision, Facts, decide
from pushbot.queue.topic import parse, render

FACTS = Facts(
    by=Person("", "nick:nobody", "nobody"),
    max_riders=3,
    max_trains=5,
    stages=("princess", "production"),
    rollbacks=frozenset({"princess", "production"}),
)


def person(name: str) -> Person:
    return Person("", f"nick:{name.casefold()}", name)


def queue_of(topic: str) -> Queue:
    """The queue of a topic; where it shows a run, that is the run 7 of its train."""
    queue = parse(topic, person)
    assert isinstance(queue, Queue)
    head = queue.head
    if head is not None and head.phase is not Phase.AT:
        queue = queue.with_train(replace(head, run=7))
    return replace(queue, next_run=8)


def asked(queue: Queue, said: str, facts: Facts = FACTS) -> Decision | Refusal:
    """What `alice .join` makes of the queue."""
    who, _, text = said.partition(" ")
    (request,) = parse_message(text)
    assert not isinstance(request, Mistake | c.Question | c.BotCommand)
    return decide(queue, request, replace(facts, by=person(who)))


def outcome(topic: str, said: str, facts: Facts = FACTS) -> str:
    """The topic after, with the code of what is in the way, if anything is."""
    result = asked(queue_of(topic), said, facts)
    if isinstance(result, Refusal):
        return f"[{result.code}]"
    blocked = "".join(f" [{event.by.code}]" for event in result.events if isinstance(event, e.Blocked))
    return render(result.queue) + blocked


BOARDING = [
    ("clear", "al .join", "al"),
    ("al", "bob .join", "al | bob"),  # the head does not fill by itself
    ("al | bob", "cy .join", "al | bob + cy"),  # the earliest open train behind it does
    ("al | bob + cy + di", "ed .join", "al | bob + cy + di | ed"),  # until it is full
    ("al | bob (askme) | cy", "ed .join", "al | bob (askme) | cy + ed"),  # a ticket closes a train
    ("al | bob", "bob .join", "[already_aboard]"),
    ("al | bob", "bob .join last", "al | bob | bob"),
    ("al | bob", "cy .join last", "al | bob | cy"),
    ("al | bob", "cy .join askme", "al | bob | cy (askme)"),
    ("al | bob", "cy .join hold", "al | bob | cy (HOLD)"),
    ("al | bob", "cy .join config", "al | bob | cy (c)"),
    ("al | bob | cy (c)", "di .join config", "al | bob | cy (c) + di (c)"),
    ("al (c)", "bob .join config", "al (c) | bob (c)"),
    ("al | bob", 'cy .join "hats"', 'al | bob + cy "hats"'),
    ("al | bob", "cy .join with AL", "al + cy | bob"),  # company is people's own choice
    ("al + bob + cy", "di .join with al", "al + bob + cy + di"),
    ("al (c)", "bob .join askme with al", "al (c) + bob (askme)"),
    ("al", "al .join with al", "[already_aboard]"),
    ("al", "bob .join with zoe", "[nobody_by_that_name]"),
    ("<princess> al", "bob .join with al", "[head_begun]"),
    ("<princess> al | bob", "cy .join with bob", "<princess> al | bob + cy"),
    ("al | bob", "cy .join before bob", "al | cy | bob"),
    ("al | bob", "cy .join before al", "cy | al | bob"),
    ("al", "bob .join before zoe", "[nobody_by_that_name]"),
    ("<princess> al", "bob .join before al", "[head_begun]"),  # nothing jumps in front of a head that has begun
    ("<princess> al | bob", "cy .join before bob", "<princess> al | cy | bob"),
    ("<princess> al | bob", 'cy .join hotfix "down"', '<princess> al | cy (askme) "hotfix: down" | bob'),
    ("clear", 'cy .join hotfix "down"', 'cy (askme) "hotfix: down"'),
    ("HOLD | al | bob", 'cy .join hotfix "x"', 'HOLD | al | cy (askme) "hotfix: x" | bob'),
    ("a|b|c|d|e", "f .join last", "[queue_full]"),
    ("a|b|c|d|e", "f .join with a", "a + f | b | c | d | e"),
]

ABOARD = [
    ("al + bob", "bob .good", "al + bob*"),
    ("al | bob", "bob .good", "al | bob*"),
    ("al", "bob .good", "[not_aboard]"),
    ("clear", "bob .good", "[empty_queue]"),
    ("<princess...> al", "al .good", "[run_in_flight]"),
    ("<princess...> al", "al .uhoh", "<princess...> al!"),
    ("al* | bob", "al .uhoh", "al! | bob"),
    ("al!", "al .good", "al*"),
    ("al", "bob .uhoh", "[not_aboard]"),
    ("al + bob", "bob .drive", "bob + al"),
    ("al + bob", "al .drive", "[already_driving]"),
    ("al", "bob .drive", "[not_aboard]"),
    ("<princess...> al + bob", "bob .drive", "<princess...> bob + al"),
    ("al + bob | bob", "bob .nevermind", "al"),
    ("al | bob", "al .nevermind", "bob"),
    ("al", "bob .nevermind", "[not_aboard]"),
    ("<princess...> al", "al .nevermind", "[run_in_flight]"),  # a running train stays
    ("<princess...> al + bob", "al .nevermind", "<princess...> bob"),
    ("al | bob | al", "al .pop", "al | bob"),
    ("al", "bob .pop", "[not_aboard]"),
    ("<princess...> al", "al .pop", "[run_in_flight]"),
    ("al + bob | bob", "al .kick BOB", "al"),
    ("al", "al .kick zoe", "[nobody_by_that_name]"),
    ("<princess...> al", "bob .kick al", "[run_in_flight]"),
]

JOURNEY = [
    ("al + bob", "al .go", "al* + bob [not_everyone_good]"),
    ("al* + bob", "al .go", "[not_everyone_good]"),
    ("al + bob", "bob .go", "al + bob*"),
    ("al | bob", "bob .go", "al | bob*"),
    ("al + bob*", "al .go", "<princess...> al* + bob*"),
    ("al + bob!", "al .go", "al* + bob! [not_everyone_good]"),
    ("<princess> al", "al .go", "<production...> al*"),
    ("<production> al | bob", "al .go", "bob"),  # after the last stage it is done
    ("<princess...> al", "al .go", "[run_in_flight]"),
    ("<princess!> al* + bob", "al .go", "<princess...> al* + bob"),  # what failed, again
    ("<princess!> al* + bob!", "al .go", "[not_everyone_good]"),
    ("HOLD | al", "al .go", "HOLD | al* [held]"),
    ("HOLD | <production> al", "al .go", "HOLD"),  # a held lane starts nothing, but people may finish
    ("al (HOLD)", "al .go", "al* (HOLD) [hold_ticket]"),
    ("<moon> al", "al .go", "<moon> al* [unknown_stage]"),
    ("clear", "al .go", "[empty_queue]"),
    ("al", "bob .go", "[not_aboard]"),
    ("al* + bob*", "bob .at princess", "<princess> al + bob"),
    ("<princess!> al*", "al .at princess", "<princess> al"),
    ("al", "al .at moon", "[unknown_stage]"),
    ("clear", "al .at princess", "[empty_queue]"),
    ("<princess...> al", "al .at production", "[run_in_flight]"),
    ("al | bob", "bob .done", "bob"),
    ("clear", "al .done", "[empty_queue]"),
    ("<princess...> al", "al .done", "[run_in_flight]"),
    ("<princess...> al", "bob .abort", "<princess...> al"),
    ("<princess!> al | bob", "bob .abort", "bob"),
    ("<princess> al", "al .abort", "[nothing_running]"),
    ("clear", "al .abort", "[nothing_running]"),
    ("<princess!> al", "al .retry", "<princess...> al"),
    ("<princess!> al", "bob .retry", "[not_aboard]"),
    ("<princess> al", "al .retry", "[nothing_failed]"),
    ("<moon!> al", "al .retry", "[unknown_stage]"),
    ("<princess...> al", "al .retry", "[run_in_flight]"),
    ("<princess!> al* + bob!", "al .retry", "[not_everyone_good]"),  # an uh-oh stops every deploy
    ("<princess!> al + bob", "al .retry", "<princess...> al + bob"),
    ("HOLD | <princess!> al", "al .retry", "[held]"),
    ("<princess> al*", "bob .rollback", "<princess...> al"),
    ("HOLD | <princess!> al", "al .rollback", "HOLD | <princess...> al"),  # a hold keeps nobody from going back
    ("<princess> al", "bob .rollback production", "<production...> al"),
    ("clear", "bob .rollback", '<production...> bob (HOLD) "rollback"'),
    ("al", "bob .rollback", '<production...> bob (HOLD) "rollback" | al'),
    ("HOLD | al", "bob .rollback", 'HOLD | <production...> bob (HOLD) "rollback" | al'),
    ("HOLD", "bob .rollback", 'HOLD | <production...> bob (HOLD) "rollback"'),
    ('<production!> bob* (HOLD) "rollback"', "bob .go", "[hold_ticket]"),  # nothing is deployed from it
    ("<princess...> al", "al .rollback", "[run_in_flight]"),
    ("al", "al .rollback moon", "[unknown_stage]"),
]

LANE = [
    ("al", "bob .hold", "HOLD | al"),
    ("al", 'bob .hold "x"', 'HOLD "x" | al'),
    ('HOLD "x" | al', 'cy .hold "y"', 'HOLD "y" | al'),  # a second hold replaces the reason
    ('HOLD "x" | al', "bob .unhold", "al"),
    ("al | HOLD | bob", "bob .unhold", "[not_held]"),
    ('HOLD "x" | HOLD "y" | al', "bob .unhold", 'HOLD "y" | al'),
    ("al | HOLD | bob", "al .done", "HOLD | bob"),
    ("al", 'bob .message "x"', 'al !! "x"'),
    ('al !! "x"', "bob .message -", "al"),
    ("al", "bob .message -", "[no_message]"),
]


@pytest.mark.parametrize(("before", "said", "after"), [*BOARDING, *ABOARD, *JOURNEY, *LANE])
def test_the_rule(before: str, said: str, after: str) -> None:
    assert outcome(before, said) == after


def test_a_lane_without_stages_is_led_by_hand() -> None:
    bare = replace(FACTS, stages=(), rollbacks=frozenset())
    assert outcome("al", "al .go", bare) == "al* [lane_has_no_stages]"
    assert outcome("al", "al .at anywhere", bare) == "<anywhere> al"
    assert outcome("al", "al .rollback", bare) == "[lane_has_no_stages]"


def test_a_stage_without_rollback_steps_cannot_be_rolled_back() -> None:
    assert outcome("<princess> al", "al .rollback", replace(FACTS, rollbacks=frozenset())) == "[no_rollback]"


def test_a_stage_that_somebody_else_has_is_waited_for() -> None:
    busy = replace(FACTS, busy={"princess": "zoe in search"})
    assert outcome("al", "al .go", busy) == "al* [stage_busy]"
    assert outcome("<princess!> al", "al .retry", busy) == "[stage_busy]"
    assert outcome("<princess> al", "al .rollback", busy) == "[stage_busy]"
    assert outcome("<princess> al", "al .go", busy) == "<production...> al*"


def test_a_train_goes_with_one_revision() -> None:
    queue = queue_of("<princess> al")
    assert queue.head is not None
    pinned = queue.with_train(replace(queue.head, revision="6957bb87"))
    assert asked(pinned, "al .go topic-branch") == Refusal(Code.REVISION_PINNED, subject="6957bb87")


def test_the_first_go_names_what_is_deployed() -> None:
    result = asked(queue_of("al"), "al .go topic-branch")
    assert isinstance(result, Decision)
    assert result.queue.head is not None
    assert result.queue.head.ref == "topic-branch"


@pytest.mark.parametrize(
    ("before", "stage"),
    [
        ("al + bob", "princess"),
        ("<princess> al + bob", "production"),
        ("<princess!> al + bob", "princess"),  # what failed, again
        ("<production> al + bob", None),
    ],
)
def test_when_all_are_good_the_driver_hears_what_go_starts(before: str, stage: str | None) -> None:
    first = asked(queue_of(before), "al .good")
    assert isinstance(first, Decision)
    assert not any(isinstance(event, e.TrainReady) for event in first.events)
    for last_word in ("bob .good", "bob .go"):
        second = asked(first.queue, last_word)
        assert isinstance(second, Decision)
        assert [event.next_stage for event in second.events if isinstance(event, e.TrainReady)] == [stage]


# --- reports -----------------------------------------------------------------------------------


def reported(topic: str, report: c.Report) -> tuple[str, list[str]]:
    """The topic after a report, and the names of what happened."""
    result = decide(queue_of(topic), report, FACTS)
    assert isinstance(result, Decision)
    return render(result.queue), [type(event).__name__ for event in result.events]


def ended(state: c.RunState, *, undo: bool = False, run: int = 7) -> c.RunEnded:
    return c.RunEnded(1, run, state, "migrate", "exit code 3", undo=undo)


@pytest.mark.parametrize(
    ("before", "report", "after", "events"),
    [
        ("<princess...> al* + bob!", ended(c.RunState.SUCCEEDED), "<princess> al + bob!", ["StageSucceeded"]),
        ("<princess...> al*", ended(c.RunState.FAILED), "<princess!> al*", ["RunFailed"]),
        ("<princess...> al*", ended(c.RunState.CANCELLED), "<princess!> al*", ["RunCancelled"]),
        ("<princess...> al*", ended(c.RunState.LOST), "<princess!> al*", ["RunWasLost"]),
        (
            "<princess...> al*",
            ended(c.RunState.FAILED, undo=True),
            'HOLD "princess failed and is rolled back" | <princess...> al*',
            ["RunFailed", "Held", "StageRequested"],
        ),
        ('HOLD "x" | <princess...> al', ended(c.RunState.FAILED), 'HOLD "x" | <princess!> al', ["RunFailed"]),
        ("<princess...> al", ended(c.RunState.RUNNING), "<princess...> al", []),
        ("<princess...> al", ended(c.RunState.SUCCEEDED, run=6), "<princess...> al", []),  # not its own run
        ("<princess> al", ended(c.RunState.SUCCEEDED), "<princess> al", []),
        ("clear", ended(c.RunState.SUCCEEDED), "clear", []),
        ("<princess...> al", c.RunBegan(1, 7, "6957bb87"), "<princess...> al", ["RunStarted"]),
        ("<princess> al", c.RunBegan(1, 7, "6957bb87"), "<princess> al", []),
        ("al + bob", c.Rename(person("bob"), person("rob")), "al + rob", ["Renamed"]),
        ("al + bob", c.Rename(person("zoe"), person("rob")), "al + bob", []),
        ("al + bob", c.Rename(person("bob"), person("AL")), "al", ["Renamed"]),  # they were one all along
    ],
)
def test_the_report(before: str, report: c.Report, after: str, events: list[str]) -> None:
    assert reported(before, report) == (after, events)


def test_the_first_deploy_pins_the_revision() -> None:
    queue = queue_of("<princess...> al")
    for revision in ("6957bb87", "0badcafe"):
        result = decide(queue, c.RunBegan(1, 7, revision), FACTS)
        assert isinstance(result, Decision)
        queue = result.queue
    assert queue.head is not None
    assert queue.head.revision == "6957bb87"


@pytest.mark.parametrize(
    ("state", "after"),
    [
        (c.RunState.SUCCEEDED, 'HOLD "princess was rolled back" | <princess!> al'),
        (c.RunState.FAILED, 'HOLD "the rollback of princess failed" | <princess!> al*'),
        (c.RunState.CANCELLED, "<princess!> al*"),
        (c.RunState.LOST, "<princess!> al*"),
    ],
)
def test_the_end_of_a_rollback(state: c.RunState, after: str) -> None:
    queue = queue_of("<princess...> al*")
    assert queue.head is not None
    queue = queue.with_train(replace(queue.head, run_kind=RunKind.ROLLBACK))
    result = decide(queue, ended(state, undo=True), FACTS)
    assert isinstance(result, Decision)
    assert render(result.queue) == after
    assert not any(isinstance(event, e.StageRequested) for event in result.events)


# --- who is called -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "said", "called"),
    [
        ("clear", "al .join", ["al"]),
        ("al", "bob .join", []),
        ("al", "bob .join with al", ["al", "bob"]),
        ("al | bob + cy", "al .done", ["bob", "cy"]),
        ("al | bob", "al .nevermind", ["bob"]),
        ("al", "bob .join before al", ["bob"]),
        ("<princess> al", "bob .join", []),
        ("HOLD | al", "bob .unhold", ["al"]),
        ("HOLD | <princess> al", "bob .unhold", []),
        ("al + bob", "bob .nevermind", []),
    ],
)
def test_who_is_up_is_called(before: str, said: str, called: list[str]) -> None:
    result = asked(queue_of(before), said)
    assert isinstance(result, Decision)
    heads = [event.train for event in result.events if isinstance(event, e.HeadChanged)]
    assert [rider.person.name for head in heads for rider in head.riders] == called


# --- topics written by hand --------------------------------------------------------------------


def edited(queue: Queue, text: str, drawn: str | None = None) -> Decision | Refusal:
    command = c.EditTopic(text, render(queue) if drawn is None else drawn)
    return decide(queue, command, replace(FACTS, by=person("ed")))


@pytest.mark.parametrize(
    ("before", "text", "after"),
    [
        ("al | bob", "bob | al", "bob | al"),
        ("al", "al + zoe | yan (c)", "al + zoe | yan (c)"),
        ("al | bob", "clear", "clear"),
        ("al", 'HOLD "x" | al', 'HOLD "x" | al'),
        ("HOLD | al", "al", "al"),
        ("al", 'al !! "x"', 'al !! "x"'),
        ("al", "<princess> al", "<princess> al"),
        ("al", "<princess...> al", "[stale_topic]"),  # nobody starts a run by writing dots
        ("al + al", "al", "al"),
        ("al", "al (x)", "[unreadable_topic]"),
        ("al", "<moon> al", "[unknown_stage]"),
        ("al | bob", "al | <princess> bob", "[stage_not_of_head]"),
        ("<princess...> al | bob", "bob | <princess...> al", "[run_in_flight]"),
        ("<princess...> al | bob", "bob", "[run_in_flight]"),
        ("<princess...> al | bob", "<production...> al | bob", "[run_in_flight]"),
        ("<princess...> al | bob", "<princess...> al + bob", "<princess...> al + bob"),
    ],
)
def test_a_topic_by_hand(before: str, text: str, after: str) -> None:
    result = edited(queue_of(before), text)
    assert (f"[{result.code}]" if isinstance(result, Refusal) else render(result.queue)) == after


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("bob | al + zoe | bob", ["irc bob", "al zoe", "slack bob"]),
        ("zoe | bob | bob | al", ["zoe", "irc bob", "slack bob", "al"]),
        ("bob + zoe | al | bob", ["irc bob zoe", "al", "slack bob"]),
        ("al | bob", None),
        ("bob | al | bob | bob", None),
        ("clear", None),
    ],
)
def test_two_people_of_one_name_keep_their_places_in_a_topic_by_hand(text: str, after: list[str] | None) -> None:
    """On IRC and on Slack, say. Which of them is meant where a name is gone, or there once more, nobody can tell."""
    queue = queue_of("bob | al | di")
    here, there = Person("irc", "account:bob", "bob"), Person("slack", "user:U1", "bob")
    seats = ((here,), (person("al"),), (there,))
    trains = (replace(old, riders=tuple(map(Rider, new))) for old, new in zip(queue.trains, seats, strict=True))
    result = edited(replace(queue, items=tuple(trains)), text)
    if after is None:
        assert isinstance(result, Refusal)
        assert (result.code, "called bob" in result.subject) == (Code.UNREADABLE_TOPIC, True)
    else:
        assert isinstance(result, Decision)
        riders = [[rider.person for rider in train.riders] for train in result.queue.trains]
        assert [" ".join(f"{one.chat} {one.name}".strip() for one in train) for train in riders] == after


def test_whoever_got_on_meanwhile_stays_and_a_word_given_meanwhile_stands() -> None:
    seen, now = "al | bob", queue_of("al* | bob + cy | di")
    result = edited(now, "al | bob | zoe", drawn=seen)
    assert isinstance(result, Decision)
    assert render(result.queue) == "al* | bob + cy | zoe | di"


def test_a_train_keeps_its_number_run_and_revision_through_an_edit() -> None:
    queue = queue_of("<princess...> al | bob")
    result = edited(queue, "<princess...> al + zoe | new | bob")
    assert isinstance(result, Decision)
    assert [train.number for train in result.queue.trains] == [1, 3, 2]
    assert result.queue.trains[0].run == 7
    assert result.queue.next_train == 4


def test_every_code_is_shown_here() -> None:
    tables = [*BOARDING, *ABOARD, *JOURNEY, *LANE]
    shown = {code for _, _, after in tables for code in re.findall(r"\[(\w+)\]", after)}
    in_tests = {
        Code.LANE_HAS_NO_STAGES,
        Code.NO_ROLLBACK,
        Code.STAGE_BUSY,
        Code.REVISION_PINNED,
        Code.NOTHING_TO_ROLL_BACK_TO,
    }
    by_hand = {Code.UNREADABLE_TOPIC, Code.STAGE_NOT_OF_HEAD, Code.STALE_TOPIC}
    in_the_way = {Code.CLOSED, Code.LOCKED, Code.NOT_LOCKED, Code.SECOND_NEEDED, Code.OWN_WORD, Code.NOTHING_TO_CONFIRM}
    beside_the_line = {Code.TOO_MANY}
    of_the_gate = {Code.NOT_IDENTIFIED, Code.NOT_PERMITTED}
    of_names = {Code.WHICH_PERSON}
    of_the_service = {Code.WHICH_LANE, Code.UNKNOWN_COMMAND, Code.NOT_RECORDED, Code.STALE_BOARD, Code.TOO_FAST}
    of_the_house = {Code.INCIDENT_OPEN, Code.NO_INCIDENT, Code.TIMELINE_FULL, Code.UNKNOWN_ROOM}
    elsewhere = of_names | by_hand | in_the_way | beside_the_line | of_the_gate | of_the_service | of_the_house
    assert shown | in_tests | elsewhere == set(Code)


def test_a_lane_with_two_holds_is_held_until_both_are_released() -> None:
    result = asked(queue_of('HOLD "x" | HOLD "y" | al'), "bob .unhold")
    assert isinstance(result, Decision)
    assert result.events == (e.Held("y", None, replaced=True),)


def test_nothing_changes_when_there_is_nothing_to_go_back_to() -> None:
    assert outcome("<princess> al", "al .rollback", replace(FACTS, targets=frozenset())) == "[nothing_to_roll_back_to]"
    known = replace(FACTS, targets=frozenset({"princess"}))
    assert outcome("<princess> al", "al .rollback", known) == "<princess...> al"
