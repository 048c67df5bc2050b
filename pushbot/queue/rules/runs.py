"""What the end of a run does to its train. A report on a run that is not the train's own changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from pushbot.queue.commands import AbortRefused, RunBegan, RunCounted, RunEnded, RunState
from pushbot.queue.events import (
    AbortFailed,
    Event,
    Held,
    HostsCounted,
    RolledBack,
    RunCancelled,
    RunFailed,
    RunStarted,
    RunWasLost,
    StageSucceeded,
)
from pushbot.queue.model import Hold, Mark, Phase, Queue, RunKind, Train
from pushbot.queue.rules.decision import Decision, Facts
from pushbot.queue.rules.holding import held, standing
from pushbot.queue.rules.journey import requested


def _train_of(queue: Queue, report: RunCounted | RunBegan | AbortRefused | RunEnded) -> Train | None:
    train = queue.train(report.train)
    return train if train is not None and train.running and train.run == report.run else None


def counted(queue: Queue, report: RunCounted) -> Decision:
    """How many hosts a run is for, said before it starts."""
    train = _train_of(queue, report)
    if train is None or train.stage is None:
        return Decision(queue)
    return Decision(queue, (HostsCounted(train, train.stage, report.summary, report.mismatches),))


def not_stopped(queue: Queue, report: AbortRefused) -> Decision:
    """A run goes on that somebody wanted to stop."""
    train = _train_of(queue, report)
    if train is None or train.stage is None:
        return Decision(queue)
    return Decision(queue, (AbortFailed(train, train.stage, train.run_kind, report.reason),))


def began(queue: Queue, report: RunBegan) -> Decision:
    """Pin the revision that the train's first deploy resolved."""
    train = _train_of(queue, report)
    if train is None or train.stage is None:
        return Decision(queue)
    pinned = train
    if train.run_kind is RunKind.DEPLOY and report.revision is not None:
        pinned = replace(train, revision=train.revision or report.revision)
    return Decision(queue.with_train(pinned), (RunStarted(pinned, train.stage, train.run_kind),))


def ended(queue: Queue, report: RunEnded, facts: Facts) -> Decision:
    """Move the train on, or mark it failed; start the rollback that the stage's policy asks for."""
    train = _train_of(queue, report)
    if train is None or train.stage is None:
        return Decision(queue)
    match report.state:
        case RunState.SUCCEEDED if train.run_kind is RunKind.DEPLOY:
            return _deployed(queue, train, train.stage, report, facts)
        case RunState.SUCCEEDED:
            failed = replace(train.fresh_marks(), phase=Phase.FAILED, run=None)
            after, word = _held(queue.with_train(failed), train, f"{train.stage} was rolled back", facts)
            return Decision(after, (RolledBack(failed, train.stage, report.seconds, report.reason), *word))
        case RunState.FAILED:
            return _failed(queue, train, train.stage, report, facts)
        case RunState.CANCELLED:
            failed = replace(train, phase=Phase.FAILED)
            stopped = RunCancelled(failed, train.stage, train.run_kind, report.reason)
            return Decision(queue.with_train(failed), (stopped,))
        case RunState.LOST:
            failed = replace(train, phase=Phase.FAILED)
            event = RunWasLost(failed, train.stage, train.run_kind, report.reason)
            return Decision(queue.with_train(failed), (event,))
        case RunState.REQUESTED | RunState.RUNNING:
            return Decision(queue)
        case _:
            assert_never(report.state)


def _deployed(queue: Queue, train: Train, stage: str, report: RunEnded, facts: Facts) -> Decision:
    """Everyone looks again, so marks start afresh; a rider's uh-oh stays until they take it back."""
    riders = tuple(replace(r, mark=r.mark if r.mark is Mark.BAD else Mark.NONE) for r in train.riders)
    there = replace(train, riders=riders, phase=Phase.AT, deployed=True)
    last = not facts.stages or stage == facts.stages[-1]
    event = StageSucceeded(there, stage, report.seconds, last, report.reason)
    return Decision(queue.with_train(there), (event,))


def _failed(queue: Queue, train: Train, stage: str, report: RunEnded, facts: Facts) -> Decision:
    here = facts.unknown(stage) is None  # it may have left the configuration since it began
    undo = report.undo and train.run_kind is RunKind.DEPLOY and here
    failed = replace(train, phase=Phase.FAILED)
    event = RunFailed(failed, stage, train.run_kind, report.step, report.reason, report.tail, undo=undo)
    after = queue.with_train(failed)
    if train.run_kind is RunKind.ROLLBACK:
        after, word = _held(after, train, f"the rollback of {stage} failed", facts)
        return Decision(after, (event, *word))
    if not undo:
        return Decision(after, (event,))
    after, word = _held(after, train, f"{stage} failed and is rolled back", facts)
    rollback = requested(after, failed, stage, RunKind.ROLLBACK, None)
    return Decision(rollback.queue, (event, *word, *rollback.events))


def _held(queue: Queue, train: Train, reason: str, facts: Facts) -> tuple[Queue, tuple[Event, ...]]:
    """The lane stopped by the bot itself; the hold of a person stands as it is, and a template's stage stops nobody."""
    if facts.beside(train.stage) or any(hold.cause is None for hold in standing(queue)):
        return queue, ()
    word = () if queue.hold is not None else (Held(reason, None),)
    return held(queue, Hold(reason, since=facts.now, reminded=True)), word
