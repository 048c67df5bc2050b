"""Stages beside the line that people name: what a template makes, who may deploy there, what the rules let through."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushbot.queue import commands as c
from pushbot.queue import events as e
from pushbot.queue.access import Needs, needs
from pushbot.queue.commands import RunEnded, RunState
from pushbot.queue.grammar import Mistake, parse_message
from pushbot.queue.model import Person, Phase, Queue, Rider, RunKind, Train
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.rules import Closed, Decision, Facts, decide
from pushbot.queue.rules.journey import MOST_BESIDE
from pushbot.queue.rules.locking import MOST_LOCKS
from pushbot.queue.templates import TEMPLATE, called

ANN, BOB = Person("irc", "nick:ann", "ann", proof="x"), Person("irc", "nick:bob", "bob", proof="x")
STAGES, TEMPLATES = ("princess", "production"), ("staging-*",)
FACTS = Facts(by=ANN, stages=STAGES, templates=TEMPLATES, rollbacks=frozenset({*STAGES, "staging-ann"}))
LINE = Queue((Train((Rider(BOB),), number=1, stage="princess"),), next_train=2, next_run=2)


def done(queue: Queue, command: c.Command | c.Report, facts: Facts = FACTS) -> Decision:
    decision = decide(queue, command, facts)
    assert isinstance(decision, Decision)
    return decision


def code(queue: Queue, command: c.Command, facts: Facts = FACTS) -> Code:
    refusal = decide(queue, command, facts)
    assert isinstance(refusal, Refusal)
    return refusal.code


def deployed(*names: str, queue: Queue = LINE) -> Queue:
    """The queue with runs under way on these stages."""
    for name in names:
        queue = done(queue, c.Deploy(f"staging-{name}", "main")).queue
    return queue


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "ann", "7", "a-b", "0-0", "a" * 30, "xn--80ak6aa92e"])
def test_a_template_makes_a_stage_of_a_good_name(name: str) -> None:
    assert called("staging-*", f"staging-{name}") == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "*", "-", "-ann", "ann-", "Ann", "ann.example", "a_b", "a" * 31, "a b", "ann\n", "\nann", "ann\x00"),
        *(
            "..",
            ".",
            "../../etc",
            "a/b",
            "$(id)",
            "`id`",
            ";id",
            "a'b",
            "{revision}",
            "%2e%2e",
            "ąnn",
            "\uff41nn",
            "\u0663",
        ),
    ],
)
def test_nothing_else_gets_into_a_path_or_a_host_name(name: str) -> None:
    assert called("staging-*", f"staging-{name}") is None
    assert code(LINE, c.Deploy(f"staging-{name}", "main")) is Code.UNKNOWN_STAGE


@pytest.mark.parametrize("stage", ["staging", "staging-", "ann", "xstaging-ann", "", "staging_ann", "Staging-ann"])
def test_another_name_is_not_a_templates(stage: str) -> None:
    assert called("staging-*", stage) is None
    assert called("staging-", "staging-ann") is None
    assert called("*", stage) is None


@given(st.from_regex(TEMPLATE, fullmatch=True), st.text(min_size=1, max_size=70))
def test_whatever_is_made_is_a_label_of_the_dns(template: str, name: str) -> None:
    stage = template.removesuffix("*") + name
    if called(template, stage) is not None:
        assert len(stage) < 63
        assert set(stage) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert not stage.startswith("-")
        assert not stage.endswith("-")


def test_the_longest_of_all_has_one_character_to_spare() -> None:
    template = "a" * 31 + "-*"
    assert TEMPLATE.fullmatch(template)
    assert not TEMPLATE.fullmatch("a" + template)
    assert called(template, "a" * 31 + "-" + "b" * 30) is not None
    assert called(template, "a" * 31 + "-" + "b" * 31) is None


# --- what is typed -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "command"),
    [
        (".deploy fix-cart to staging-ann", c.Deploy("staging-ann", "fix-cart")),
        (".Deploy feature/x TO staging-ann", c.Deploy("staging-ann", "feature/x")),
        (".deploy v1.2~1 to <princess>", c.Deploy("princess", "v1.2~1")),
        (".abort staging-ann", c.Abort(stage="staging-ann")),
        (".abort", c.Abort()),
        (".abort, it burns!", c.Abort(stage="it")),
    ],
)
def test_what_people_type(text: str, command: c.Command) -> None:
    assert parse_message(text) == (command,)


@pytest.mark.parametrize(
    "words",
    [
        *("", "main", "main to", "to staging-ann", "main staging-ann", "main into staging-ann", "main to a b"),
        *("--upload-pack=x to staging-ann", "$(id) to staging-ann", "main to staging-ann/..", "main to staging-$(id)"),
    ],
)
def test_what_is_no_deploy(words: str) -> None:
    (mistake,) = parse_message(f".deploy {words}")
    assert isinstance(mistake, Mistake)


# --- the rules ---------------------------------------------------------------------------------


def test_a_deploy_beside_the_line_leaves_the_line_as_it_is() -> None:
    decision = done(LINE, c.Deploy("staging-ann", "fix-cart"))
    (train,) = decision.queue.aside
    assert decision.queue == LINE
    assert (train.stage, train.ref, train.driver, train.run) == ("staging-ann", "fix-cart", ANN, 2)
    (event,) = decision.events
    assert isinstance(event, e.StageRequested)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (replace(FACTS, busy={"staging-ann": "bob in web (web-7)"}), Code.STAGE_BUSY),
        (replace(FACTS, closed={"staging-ann": Closed("closed at night")}), Code.CLOSED),
        (replace(FACTS, templates=()), Code.UNKNOWN_STAGE),
        (replace(FACTS, stages=(), templates=()), Code.LANE_HAS_NO_STAGES),
    ],
)
def test_it_passes_what_every_deploy_passes(facts: Facts, expected: Code) -> None:
    assert code(LINE, c.Deploy("staging-ann", "main"), facts) is expected


def test_a_hold_stops_it_and_a_lane_of_templates_alone_has_it() -> None:
    held = done(LINE, c.PutHold("db")).queue
    assert code(held, c.Deploy("staging-ann", "main")) is Code.HELD
    done(Queue(), c.Deploy("staging-ann", "main"), replace(FACTS, stages=()))


def test_it_is_no_stage_of_the_line() -> None:
    assert code(LINE, c.At("staging-ann")) is Code.UNKNOWN_STAGE
    assert done(LINE, c.Good(), replace(FACTS, by=BOB)).events[-1] == e.TrainReady(
        done(LINE, c.Good(), replace(FACTS, by=BOB)).queue.trains[0], "production"
    )


def test_a_rollback_is_beside_the_line_and_holds_nobody_up() -> None:
    facts = replace(FACTS, targets=frozenset({"staging-ann"}))
    decision = done(LINE, c.Rollback("staging-ann"), facts)
    (train,) = decision.queue.aside
    assert (decision.queue, train.run_kind, train.stage) == (LINE, RunKind.ROLLBACK, "staging-ann")
    assert code(LINE, c.Rollback("staging-bob"), facts) is Code.NO_ROLLBACK
    assert code(LINE, c.Rollback("staging-ann"), replace(facts, targets=frozenset())) is Code.NOTHING_TO_ROLL_BACK_TO
    assert code(LINE, c.Rollback("staging-ann"), replace(facts, busy={"staging-ann": "x"})) is Code.STAGE_BUSY
    for state in (RunState.SUCCEEDED, RunState.FAILED):
        ended = done(decision.queue, RunEnded(train.number, 2, state), facts)
        assert (ended.queue, ended.queue.hold, ended.queue.aside) == (LINE, None, ())


def test_one_that_fails_and_is_rolled_back_by_itself_holds_nobody_up() -> None:
    queue = deployed("ann")
    failed = done(queue, RunEnded(queue.aside[0].number, 2, RunState.FAILED, "publish", undo=True))
    assert failed.queue.hold is None
    (again,) = failed.queue.aside
    assert (again.run_kind, again.stage) == (RunKind.ROLLBACK, "staging-ann")


def test_one_that_fails_where_its_template_has_left_is_not_rolled_back() -> None:
    queue = deployed("ann")
    without = replace(FACTS, templates=())
    failed = done(queue, RunEnded(queue.aside[0].number, 2, RunState.FAILED, "publish", undo=True), without)
    assert [type(event).__name__ for event in failed.events] == ["RunFailed"]
    assert (failed.queue.hold, failed.queue.aside) == (None, ())


def test_an_abort_with_its_name_stops_it_alone() -> None:
    running = replace(LINE, items=(replace(LINE.trains[0], phase=Phase.RUNNING, run=1),))
    queue = deployed("ann", "bob", queue=running)
    (event,) = done(queue, c.Abort(stage="staging-bob")).events
    assert isinstance(event, e.AbortRequested)
    assert event.train.stage == "staging-bob"
    assert code(queue, c.Abort(stage="staging-nobody")) is Code.NOTHING_RUNNING
    (event,) = done(queue, c.Abort(stage="now")).events
    assert isinstance(event, e.AbortRequested)
    assert event.train.stage == "princess"


def test_a_lock_keeps_it() -> None:
    queue = done(LINE, c.LockStage("staging-ann", 3600.0, "demo")).queue
    (lock,) = queue.locks
    facts = replace(FACTS, by=BOB, locked={"staging-ann": lock})
    assert code(queue, c.Deploy("staging-ann", "main"), facts) is Code.LOCKED
    assert code(queue, c.Unlock("staging-ann"), facts) is Code.LOCKED
    assert code(queue, c.Unlock("staging-bob"), facts) is Code.NOT_LOCKED
    done(queue, c.Deploy("staging-ann", "main"), replace(facts, by=ANN))
    assert done(queue, c.Unlock("staging-ann")).queue.locks == ()


def test_there_is_an_end_to_what_runs_and_what_is_kept() -> None:
    queue = deployed(*(f"n{number}" for number in range(MOST_BESIDE)))
    assert code(queue, c.Deploy("staging-more", "main")) is Code.TOO_MANY
    assert code(queue, c.Rollback("staging-ann")) is Code.TOO_MANY
    done(queue, c.Deploy("production", "main"))
    kept = LINE
    for number in range(MOST_LOCKS):
        kept = done(kept, c.LockStage(f"staging-n{number}")).queue
    assert code(kept, c.LockStage("staging-more")) is Code.TOO_MANY
    done(kept, c.LockStage("staging-n7", 60.0))
    done(kept, c.LockStage("production"))


# --- the gate ----------------------------------------------------------------------------------


def wanted(command: c.Command, queue: Queue = LINE) -> Needs:
    return needs(command, queue, ANN, stages=STAGES, templates=TEMPLATES)


def test_what_it_takes() -> None:
    assert wanted(c.Deploy("staging-ann")) == Needs(("deploy",), "deploy", "staging-ann", LINE.trains)
    assert wanted(c.Deploy("production")).verbs == ("stage",)
    assert wanted(c.Rollback("staging-ann")) == Needs(("deploy",), "rollback", "staging-ann")
    assert wanted(c.Rollback("production")).verbs == ("rollback",)
    assert wanted(c.Abort(stage="staging-ann")).verbs == ()  # nothing that it could stop
    queue = deployed("ann", "bob")
    assert wanted(c.Abort(stage="staging-ann"), queue).trains == queue.aside[:1]
    assert wanted(c.Abort(stage="now"), queue).trains == queue.aside
