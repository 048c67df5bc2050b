"""Stages run aside from the line, `.retry failed`, and what is told of a run before it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.queue import commands as c
from pushbot.queue import events as e
from pushbot.queue.model import Person, Phase, Queue, RunKind
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.rules import Decision, Facts, Unfinished, decide
from pushbot.queue.topic import parse, render

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Person("control", "uid:0", "root")
REVISION = "6957bb87"
FACTS = Facts(by=ROOT, stages=("princess", "production"), rollbacks=frozenset({"princess", "production"}))


def person(name: str) -> Person:
    return Person("", f"nick:{name.casefold()}", name)


def queue_of(topic: str) -> Queue:
    """The queue of a topic; where it shows a run, that is the run 7 of its train."""
    queue = parse(topic, person)
    assert isinstance(queue, Queue)
    head = queue.head
    if head is not None and head.phase is not Phase.AT:
        queue = queue.with_train(replace(head, run=7, revision=REVISION))
    return replace(queue, next_run=8)


def done(queue: Queue, command: c.Command | c.Report, facts: Facts = FACTS) -> Decision:
    decision = decide(queue, command, facts)
    assert isinstance(decision, Decision)
    return decision


def aside(topic: str = "alice + bob | carol", stage: str = "production") -> Queue:
    """The queue of `topic`, with run 8 under way aside from it."""
    return done(queue_of(topic), c.Deploy(stage)).queue


def names(decision: Decision) -> list[str]:
    return [type(event).__name__ for event in decision.events]


# --- a stage aside from the line ---------------------------------------------------------------


def test_a_stage_is_run_aside_from_the_line() -> None:
    queue = queue_of("<princess> alice + bob | carol")
    decision = done(queue, c.Deploy("production", "hotfix-7"))
    assert (decision.queue, render(decision.queue)) == (queue, "<princess> alice + bob | carol")
    (train,) = decision.queue.aside
    assert (train.driver, train.stage, train.ref, train.run, train.running) == (ROOT, "production", "hotfix-7", 8, True)
    assert decision.events == (e.StageRequested(train, "production", 8, RunKind.DEPLOY, ROOT),)
    assert decision.queue.train(train.number) == train
    assert decision.queue.next_train == train.number + 1


@pytest.mark.parametrize(
    ("topic", "stage", "facts", "code"),
    [
        ("HOLD | alice", "production", FACTS, Code.HELD),
        ("alice", "moon", FACTS, Code.UNKNOWN_STAGE),
        ("alice", "production", replace(FACTS, busy={"production": "zoe in search (search-1)"}), Code.STAGE_BUSY),
        ("alice", "production", replace(FACTS, stages=()), Code.LANE_HAS_NO_STAGES),
    ],
)
def test_what_keeps_a_go_from_starting_keeps_it_too(topic: str, stage: str, facts: Facts, code: Code) -> None:
    refusal = decide(queue_of(topic), c.Deploy(stage), facts)
    assert isinstance(refusal, Refusal)
    assert refusal.code is code


def test_the_line_moves_on_beside_it() -> None:
    queue = aside("alice*", "production")
    decision = done(queue, c.Go(), replace(FACTS, by=person("alice"), busy={"production": "root in web (web-8)"}))
    assert render(decision.queue) == "<princess...> alice*"
    assert len(decision.queue.aside) == 1
    edited = done(decision.queue, c.EditTopic("<princess...> alice* | zoe", "<princess...> alice*"))
    assert edited.queue.aside == decision.queue.aside


@pytest.mark.parametrize(
    ("state", "events"),
    [
        (c.RunState.SUCCEEDED, ["StageSucceeded"]),
        (c.RunState.FAILED, ["RunFailed"]),
        (c.RunState.CANCELLED, ["RunCancelled"]),
        (c.RunState.LOST, ["RunWasLost"]),
    ],
)
def test_it_is_gone_when_its_run_has_ended(state: c.RunState, events: list[str]) -> None:
    queue = aside()
    (train,) = queue.aside
    began = done(queue, c.RunBegan(train.number, 8, REVISION))
    assert began.queue.aside[0].revision == REVISION
    ended = done(began.queue, c.RunEnded(train.number, 8, state))
    assert ended.queue.aside == ()
    assert render(ended.queue) == "alice + bob | carol"
    assert names(ended) == events


@pytest.mark.parametrize(("state", "last"), [(c.RunState.SUCCEEDED, "RolledBack"), (c.RunState.FAILED, "RunFailed")])
def test_its_rollback_follows_by_itself_and_holds_the_lane(state: c.RunState, last: str) -> None:
    queue = aside()
    (train,) = queue.aside
    failed = done(queue, c.RunEnded(train.number, 8, c.RunState.FAILED, undo=True))
    assert names(failed) == ["RunFailed", "Held", "StageRequested"]
    assert render(failed.queue) == 'HOLD "production failed and is rolled back" | alice + bob | carol'
    (again,) = failed.queue.aside
    assert (again.number, again.run, again.run_kind) == (train.number, 9, RunKind.ROLLBACK)
    ended = done(failed.queue, c.RunEnded(train.number, 9, state))
    assert names(ended) == [last]
    assert ended.queue.aside == ()


@pytest.mark.parametrize(
    ("topic", "run", "stopped"),
    [
        ("alice", None, [8]),
        ("<princess!> alice", None, [8]),  # rather than to give the push up
        ("<princess...> alice", None, [7]),
        ("<princess...> alice", 8, [8]),
        ("<princess...> alice", 7, [7]),
    ],
)
def test_abort_stops_what_the_head_runs_and_else_what_runs_aside(
    topic: str, run: int | None, stopped: list[int]
) -> None:
    decision = done(aside(topic), c.Abort(run), replace(FACTS, by=person("zoe")))
    assert [event.train.run for event in decision.events if isinstance(event, e.AbortRequested)] == stopped
    assert names(decision) == ["AbortRequested"] * len(stopped)


def test_a_run_that_has_ended_is_not_stopped_nor_anything_in_its_place() -> None:
    assert decide(aside("<princess!> alice"), c.Abort(5), FACTS) == Refusal(Code.NOTHING_RUNNING)


# --- what is left ------------------------------------------------------------------------------


@pytest.mark.parametrize(("failed", "continues"), [(True, 7), (False, None)])
def test_retry_failed_goes_on_with_the_last_run(*, failed: bool, continues: int | None) -> None:
    decision = done(queue_of("<princess!> alice"), c.Retry(failed=failed), replace(FACTS, by=person("alice")))
    (request,) = decision.events
    assert isinstance(request, e.StageRequested)
    assert (request.run, request.continues, request.train.revision) == (8, continues, REVISION)


def test_a_rollback_that_failed_is_run_again_as_a_whole() -> None:
    queue = queue_of("<princess!> alice")
    assert queue.head is not None
    queue = queue.with_train(replace(queue.head, run_kind=RunKind.ROLLBACK))
    (request,) = done(queue, c.Retry(failed=True), replace(FACTS, by=person("alice"))).events
    assert isinstance(request, e.StageRequested)
    assert (request.kind, request.continues) == (RunKind.ROLLBACK, None)


def test_what_a_deploy_left_is_gone_on_with_aside() -> None:
    facts = replace(FACTS, unfinished={"production": Unfinished(5, "main", REVISION)})
    decision = done(queue_of("alice"), c.Deploy("production", failed=True), facts)
    (request,) = decision.events
    assert isinstance(request, e.StageRequested)
    assert (request.continues, request.train.ref, request.train.revision) == (5, "main", REVISION)
    other = decide(queue_of("alice"), c.Deploy("production", "topic", failed=True), facts)
    assert other == Refusal(Code.REVISION_PINNED, REVISION)
    nothing = decide(queue_of("alice"), c.Deploy("princess", failed=True), facts)
    assert nothing == Refusal(Code.NOTHING_FAILED)


# --- word of a run -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("report", "event"),
    [
        (lambda train, run: c.RunCounted(train, run, "2 hosts", ("dns lacks a",)), "HostsCounted"),
        (lambda train, run: c.AbortRefused(train, run, "it is stuck"), "AbortFailed"),
    ],
)
def test_word_of_a_run_in_flight_is_told_and_changes_nothing(
    report: Callable[[int, int], c.Report], event: str
) -> None:
    queue = queue_of("<princess...> alice")
    told = done(queue, report(1, 7))
    assert (told.queue, names(told)) == (queue, [event])
    assert done(queue, report(1, 6)).events == ()
