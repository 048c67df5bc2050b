"""Who may do what: roles from where somebody sits, verbs of commands, and of topics written by hand."""

from __future__ import annotations

from dataclasses import MISSING, fields, replace
from datetime import UTC, datetime
from typing import get_args

import pytest

from pushbot.queue import commands as c
from pushbot.queue.access import BOT, DEFAULTS, Policy, Role, needs, permitted
from pushbot.queue.edited import verbs_of
from pushbot.queue.model import Hold, Lock, Person, Phase, Queue, Rider, Train
from pushbot.queue.refusals import Code
from pushbot.queue.rules import Decision, Facts, decide
from pushbot.queue.topic import render
from pushbot.queue.verbs import VERBS

STAGES = ("princess", "production")
NOBODY = frozenset[str]()
OPERATOR = frozenset({"operator"})
NOW = datetime(2026, 1, 5, tzinfo=UTC)


def person(name: str, *, proof: str = "account") -> Person:
    return Person("irc", f"account:{name}", name, proof)


ALICE, BOB, CAROL, ZOE, ROOT = (person(name) for name in ("alice", "bob", "carol", "zoe", "root"))
GUEST = Person("irc", "nick:alice", "alice")


def train(*people: Person, number: int = 1, stage: str | None = None, phase: Phase = Phase.AT) -> Train:
    return Train(tuple(map(Rider, people)), stage, phase, number=number, run=1 if stage else None)


LINE = Queue((train(ALICE, BOB, stage="princess"), train(CAROL, number=2)), next_train=3)
"""Alice drives the head with bob aboard; carol is next."""


def code(
    what: c.Command | c.Question | c.BotCommand, by: Person, queue: Queue = LINE, own: frozenset[str] = NOBODY
) -> str:
    """The code of the refusal, or nothing."""
    refusal = permitted(Policy(), needs(what, queue, by, stages=STAGES), by, own)
    return refusal.code if refusal is not None else ""


def test_every_command_has_a_verb_and_every_verb_a_line_in_the_defaults() -> None:
    assert {*VERBS, "hotfix", "unlock!", "stage"} == set(DEFAULTS)
    takes_nothing = {c.EditTopic}
    for kind in (*get_args(c.Command), *get_args(c.Question), *get_args(c.BotCommand)):
        if kind in takes_nothing:
            continue
        made = kind(**{one.name: "x" for one in fields(kind) if one.default is MISSING})
        verbs = needs(made, None, ZOE).verbs
        assert len(verbs) == 1, kind
        assert verbs[0] in DEFAULTS, kind


@pytest.mark.parametrize(
    ("what", "who"),
    [
        (c.Join(), "alice carol zoe root"),
        (c.Join(hotfix=True, message="x"), "alice carol zoe root"),
        (c.Good(), "alice carol zoe root"),
        (c.Uhoh(), "alice carol zoe root"),
        (c.Drive(), "alice carol zoe root"),
        (c.Nevermind(), "alice carol zoe root"),
        (c.Pop(), "alice carol zoe root"),
        (c.PutHold(), "alice carol zoe root"),
        (c.SetMessage("x"), "alice carol zoe root"),
        (c.LockStage("production"), "alice carol zoe root"),
        (c.Unlock("production"), "alice carol zoe root"),
        (c.Quiet(), "alice carol zoe root"),
        (c.Go(), "alice carol zoe root"),  # of all but the driver it is a word on their own change, if any
        (c.Retry(), "alice carol zoe root"),  # who is not aboard hears so from the rules
        (c.Done(), "alice bob"),
        (c.Second(), "alice bob"),
        (c.Confirm(), "alice bob"),
        (c.At("production"), "alice root"),
        (c.Rollback(), "alice bob root"),
        (c.Kick("carol"), "alice bob carol root"),
        (c.Kick("nobody"), "alice carol zoe root"),
        (c.Unlock("production", force=True, reason="x"), "alice bob root"),
        (c.Override("x"), "root"),
        (c.Deploy("princess"), "root"),
        (c.Say("#push", "x"), "root"),
        (c.Reload(), "root"),
        (c.Resolved(), "root"),
        (c.OpenIncident("x"), "alice carol zoe root"),
        (c.Note("x"), "alice carol zoe root"),
        (c.SetNotify(), "alice carol zoe root"),
        (c.Log(), "alice carol zoe root"),
        (c.Try("main"), "alice carol zoe root"),
    ],
)
def test_the_defaults(what: c.Command | c.Question | c.BotCommand, who: str) -> None:
    for by in (ALICE, BOB, CAROL, ZOE, ROOT):
        own = OPERATOR if by is ROOT else NOBODY
        may = by.name in who.split() or (by is BOB and "carol zoe" in who)
        assert code(what, by, own=own) == ("" if may else Code.NOT_PERMITTED), by.name
    assert code(what, GUEST) == Code.NOT_IDENTIFIED


@pytest.mark.parametrize(
    "what", [c.Status(), c.Eta(), c.Blame(), c.Changes(), c.History(), c.Help(), c.Whoami(), c.Locks(), c.Oncall()]
)
def test_questions_are_for_guests_too(what: c.Question) -> None:
    assert code(what, GUEST) == ""


def test_who_takes_a_name_is_not_who_had_it() -> None:
    thief = replace(ZOE, name="alice")
    assert code(c.Done(), thief) == Code.NOT_PERMITTED
    assert code(c.Rollback(), thief) == Code.NOT_PERMITTED
    assert code(c.Kick("alice"), thief) == Code.NOT_PERMITTED
    assert code(c.Kick("ALICE"), ALICE, own=NOBODY) == ""
    gone = replace(ALICE, proof="")  # the chat does not vouch for her any more
    assert code(c.Done(), gone, own=OPERATOR) == Code.NOT_IDENTIFIED


def test_a_hold_is_its_owners_to_release_and_nobody_elses_to_replace() -> None:
    queue = replace(LINE, items=(Hold("db", ZOE), *LINE.items))
    assert code(c.Unhold(), ZOE, queue) == ""
    assert code(c.Unhold(), CAROL, queue) == Code.NOT_PERMITTED
    assert code(c.PutHold("mine"), CAROL, queue) == Code.NOT_PERMITTED
    assert code(c.PutHold("longer"), ZOE, queue) == ""
    assert code(c.Unhold(), BOB, queue) == ""
    assert code(c.Unhold(), ZOE, LINE) == ""  # of a lane that is not held the rules say so
    assert code(c.Unhold(cause="incident 3"), CAROL, queue) == ""  # the bot's own, past its gate
    behind = replace(queue, items=(Hold("incident 3: errors", cause="incident 3"), *queue.items))
    assert code(c.PutHold("longer"), ZOE, behind) == ""  # which leaves that of the incident as it is
    assert code(c.PutHold("mine"), CAROL, behind) == Code.NOT_PERMITTED
    assert code(c.PutHold("mine"), CAROL, replace(behind, items=(behind.items[0], *LINE.items))) == ""


def test_an_abort_is_for_the_riders_of_what_it_stops() -> None:
    aside = replace(train(CAROL, number=7, stage="production", phase=Phase.RUNNING), aside=True, run=9)
    beside = replace(LINE, aside=(aside,))
    assert code(c.Abort(), CAROL, beside) == ""
    assert code(c.Abort(), ALICE, beside) == Code.NOT_PERMITTED
    assert code(c.Abort(run=9), CAROL, beside) == ""
    running = replace(beside, items=(train(ALICE, stage="princess", phase=Phase.RUNNING),))
    assert code(c.Abort(), CAROL, running) == Code.NOT_PERMITTED
    assert code(c.Abort(run=9), CAROL, running) == ""
    assert code(c.Abort(), ALICE, running) == ""
    assert code(c.Abort(run=9), ALICE, running) == Code.NOT_PERMITTED
    two = replace(LINE, aside=(aside, replace(train(ROOT, number=8, phase=Phase.RUNNING), aside=True, run=10)))
    assert code(c.Abort(), CAROL, two) == Code.NOT_PERMITTED  # it would stop both


def test_the_bot_itself_rides_like_anybody() -> None:
    bot = Person("", BOT, "pushbot")
    assert code(c.Join(), bot) == ""
    assert code(c.Rollback(), bot) == Code.NOT_PERMITTED
    head = Queue((train(bot),))
    assert code(c.Go(), bot, head) == ""
    assert code(c.Override("x"), bot, head) == Code.NOT_PERMITTED
    assert code(c.Join(), Person("irc", f"account:{BOT}", "pushbot")) == Code.NOT_IDENTIFIED


def test_a_refusal_names_who_may() -> None:
    refusal = permitted(Policy(), needs(c.Rollback(), LINE, ZOE), ZOE, NOBODY)
    assert refusal is not None
    assert refusal.subject == ".rollback is for riders of the first train (alice, bob) and operators"
    empty = permitted(Policy(), needs(c.Rollback(), Queue(), ZOE), ZOE, NOBODY)
    assert empty is not None
    assert empty.fix == ".join"
    policy = Policy().but({"join": frozenset({"release", "guest"})}, {"join": frozenset({"release", "operator"})})
    narrowed = permitted(policy, needs(c.Join(), LINE, ZOE), ZOE, NOBODY)
    assert narrowed is not None
    assert narrowed.subject == ".join is for operators and the role release"
    assert permitted(policy, needs(c.Join(), LINE, ZOE), ZOE, frozenset({"release"})) is None


def test_a_policy_may_let_guests_in() -> None:
    policy = Policy().but({"join": frozenset({Role.GUEST.value})})
    assert permitted(policy, needs(c.Join(), LINE, GUEST), GUEST, NOBODY) is None
    assert permitted(policy, needs(c.Good(), LINE, GUEST), GUEST, NOBODY) is not None


@pytest.mark.parametrize(
    ("what", "stage"),
    [
        (c.Go(), "production"),
        (c.Second(), "production"),
        (c.Override("x"), "production"),
        (c.Done(), "princess"),
        (c.Abort(), None),
        (c.Rollback(), "princess"),
        (c.Rollback("production"), "production"),
        (c.At("moon"), "moon"),
        (c.LockStage("production"), "production"),
        (c.Deploy("production"), "production"),
        (c.Unlock("", force=True), None),
        (c.Join(), None),
    ],
)
def test_the_stage_that_a_command_is_about(what: c.Command, stage: str | None) -> None:
    assert needs(what, LINE, ALICE, stages=STAGES).stage == stage


def test_the_stage_of_a_go_is_the_one_that_starts_next() -> None:
    failed = Queue((train(ALICE, stage="princess", phase=Phase.FAILED),))
    assert needs(c.Go(), failed, ALICE, stages=STAGES).stage == "princess"
    assert needs(c.Go(), Queue((train(ALICE),)), ALICE, stages=STAGES).stage == "princess"
    assert needs(c.Go(), Queue((train(ALICE, stage="production"),)), ALICE, stages=STAGES).stage == "production"
    assert needs(c.Rollback(), Queue(), ALICE, stages=STAGES).stage == "production"


# --- the topic, written by hand ----------------------------------------------------------------


def written(text: str, by: Person, queue: Queue = LINE) -> set[str] | str:
    """What it takes to write `text` as the topic in place of what stands there; or why the rules do not take it."""
    everybody = {one.name: one for one in (ALICE, BOB, CAROL, ZOE)}
    facts = Facts(by, named=lambda name: everybody.get(name, Person("irc", f"nick:{name}", name)), stages=STAGES)
    decision = decide(queue, c.EditTopic(text, render(queue)), facts)
    if not isinstance(decision, Decision):
        return decision.code
    return set(verbs_of(queue, decision.queue, by).verbs)


@pytest.mark.parametrize(
    ("text", "verbs"),
    [
        ("<princess> alice + bob | carol", set()),
        ("<princess> alice + bob | carol + zoe", {"join"}),
        ("<princess> alice + bob | carol + dave", {"join"}),
        ("<princess> alice + bob | carol | zoe*", {"join", "good"}),
        ("<princess> alice + bob | carol | dave*", {"join", "kick"}),
        ("<princess> alice + bob | zoe + carol", {"join", "drive"}),
        ("<princess> alice + bob | dave + carol", {"join", "kick"}),
        ("<princess> alice + bob | zoe | carol", {"join"}),
        ("<princess> alice + bob + zoe | carol", {"join", "kick"}),  # its stages have begun
        ("<princess> alice + bob", {"kick"}),
        ("<princess> alice | carol", {"kick"}),
        ("<princess> alice + bob + carol", {"join", "kick"}),
        ("<princess> alice + bob | carol + bob", {"join"}),
        ("<princess> bob + alice | carol", {"kick"}),
        ("carol | alice + bob", {"kick", "at"}),
        ("alice + bob | carol", {"at"}),
        ("<production> alice + bob | carol", {"at"}),
        ("<princess> alice* + bob | carol", {"kick"}),
        ("<princess> alice + bob | carol (c)", {"kick"}),
        ('<princess> alice + bob | carol !! "lunch"', {"message"}),
        ('<princess> alice + bob | carol "soon"', {"message"}),
        ("HOLD | <princess> alice + bob | carol", {"hold"}),
        ("<princess> alice + bob | HOLD | carol", {"hold"}),
        ("clear", {"kick"}),
        ("<production> zoe | alice + bob | carol", {"join", "at"}),
    ],
)
def test_what_an_outsider_needs_to_write_a_topic(text: str, verbs: set[str]) -> None:
    assert written(text, ZOE) == verbs


def test_what_is_ones_own_in_a_topic() -> None:
    assert written("<princess> alice + bob* | carol", BOB) == {"good"}
    assert written("<princess> alice + bob! | carol", BOB) == {"uhoh"}
    assert written("<princess> bob + alice | carol", BOB) == {"drive"}
    assert written("<princess> alice | carol", BOB) == {"nevermind"}
    assert written("<princess> alice + bob", CAROL) == {"nevermind"}
    assert written("<princess> alice + bob | carol (c)", CAROL) == {"join"}
    assert written("<princess> bob | carol", ALICE) == {"nevermind"}  # who is next in the train drives it then


HELD = replace(LINE, items=(Hold("db", BOB), *LINE.items))


@pytest.mark.parametrize(
    ("text", "verbs"),
    [
        ("<princess> alice + bob | carol", {"unhold"}),
        ('<princess> alice + bob | HOLD "db" | carol', {"unhold"}),
        ('<princess> alice + bob | carol | HOLD "db"', {"unhold"}),
        ('HOLD "mine" | <princess> alice + bob | carol', {"hold", "unhold"}),
        ('HOLD "mine" | HOLD "db" | <princess> alice + bob | carol', {"hold", "unhold"}),
        ('HOLD "db" | <princess> alice + bob | carol', set()),
    ],
)
def test_a_hold_in_a_topic_is_its_owners(text: str, verbs: set[str]) -> None:
    assert written(text, ZOE, HELD) == verbs
    assert written(text, BOB, HELD) == verbs - {"unhold"}


def test_nobody_gets_in_front_of_a_hold() -> None:
    waiting = Queue((Hold("db", BOB), train(CAROL)), next_train=2)
    assert written('zoe | HOLD "db" | carol', ZOE, waiting) == {"join", "unhold"}
    behind = Queue((train(ALICE), Hold("db", BOB), train(CAROL, number=2)), next_train=3)
    assert written('alice | carol | HOLD "db"', ZOE, behind) == {"unhold"}


@pytest.mark.parametrize(
    "text",
    [
        'carol | HOLD "db"',  # of two that read alike one is gone
        'HOLD "db" | carol | HOLD "db"',  # the one behind is no longer in front
        'HOLD "db" | HOLD "x" | carol',
    ],
)
def test_holds_that_read_alike_are_told_apart(text: str) -> None:
    twice = Queue((Hold("db", ZOE), Hold("db", BOB), train(CAROL)), next_train=2)
    assert "unhold" in written(text, ZOE, twice)


def test_a_hold_that_reads_like_anothers_takes_nothing_from_it() -> None:
    held = Queue((Hold("db", ZOE), Hold("db", BOB, cause="incident 1"), train(CAROL)), next_train=2)
    decision = decide(held, c.EditTopic('HOLD "db" | HOLD "db" | zoe | carol', render(held)), Facts(ZOE))
    assert isinstance(decision, Decision)
    assert decision.queue.items[:2] == held.items[:2]
    owners = [(item.by, item.cause) for item in decision.queue.items if isinstance(item, Hold)]
    assert owners == [(ZOE, None), (BOB, "incident 1")]


def test_a_name_in_a_topic_makes_nobody_another() -> None:
    """A thief has taken alice's nick: what the topic calls alice is still her seat."""
    thief = replace(ZOE, name="alice")
    assert written("<princess> alice* + bob | carol", thief) == {"kick"}
    assert written("<princess> bob | carol", thief) == {"kick"}
    before = replace(LINE, locks=(Lock(1, "production", BOB, NOW, NOW),))
    facts = Facts(thief, named=lambda name: thief if name == "alice" else person(name), stages=STAGES)
    decision = decide(before, c.EditTopic("<princess> alice + bob | carol | alice", render(before)), facts)
    assert isinstance(decision, Decision)
    assert all(
        rider.person.same(ALICE) for t in decision.queue.trains for rider in t.riders if rider.person.name == "alice"
    )
    assert decision.queue.locks == before.locks
