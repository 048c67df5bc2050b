"""A train's way through the stages: `.go`, `.at`, `.done`, `.abort`, `.rollback`, `.retry`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pushbot.queue.events import (
    AbortRequested,
    Blocked,
    Event,
    Finished,
    GivenUp,
    Marked,
    StageRequested,
    StageSet,
    TrainReady,
)
from pushbot.queue.model import Mark, Phase, Queue, Rider, RunKind, Ticket, Train
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.rules.aboard import first_with, marked, next_stage, not_aboard
from pushbot.queue.rules.decision import Decision, Facts, moved_up
from pushbot.queue.rules.obstacles import locked, not_now

if TYPE_CHECKING:
    from pushbot.queue.commands import Abort, Deploy

MOST_BESIDE = 10
"""Runs that one lane has under way at the same time on stages that templates made."""


def go(queue: Queue, ref: str | None, facts: Facts) -> Decision | Refusal:
    """Mark the asker good; from the head's driver, start the next stage once nothing is in the way."""
    train = first_with(queue, facts.by)
    if train is None:
        return not_aboard(queue)
    if train.running:
        return Refusal(Code.RUN_IN_FLIGHT, subject=train.stage or "", fix=".status")
    if ref is not None and train.revision is not None:
        return Refusal(Code.REVISION_PINNED, subject=train.revision)
    ready = marked(train, facts.by, Mark.GOOD)
    after = queue.with_train(ready)
    word: tuple[Event, ...] = (
        () if ready == train else (Marked(facts.by, ready, Mark.GOOD, head=_is_head(queue, train)),)
    )
    if not _is_head(queue, train):
        return Decision(after, word)
    if not train.driver.same(facts.by):
        if ready.everyone_good:
            return Decision(after, (*word, TrainReady(ready, next_stage(ready, facts))))
        return Decision(after, word)
    other = ref not in (None, ready.ref)  # nobody has spoken for this branch
    wanted = replace(ready, ref=ref, second=None, confirmed=(), override=None) if other else ready
    obstacle = _obstacle(after, wanted, facts)
    if obstacle is None:
        started = _advance(after, wanted, facts)
        return replace(started, events=(*word, *started.events)) if isinstance(started, Decision) else started
    if other and (obstacle.code is Code.SECOND_NEEDED or ready.override is not None):  # so that the word is for it
        return Decision(queue.with_train(wanted), (*word, Blocked(wanted, obstacle)))
    return obstacle if not word else Decision(after, (*word, Blocked(ready, obstacle)))


def _is_head(queue: Queue, train: Train) -> bool:
    return queue.head is not None and queue.head.number == train.number


def _obstacle(queue: Queue, train: Train, facts: Facts, *, again: bool = False) -> Refusal | None:
    """What keeps the head from going on, or from its stage `again`; what people can change first comes first."""
    bad = [rider.person.name for rider in train.riders if rider.mark is Mark.BAD]
    silent = [rider.person.name for rider in train.riders if rider.mark is Mark.NONE]
    again = again or (train.phase is Phase.FAILED and train.run_kind is RunKind.DEPLOY)
    holder = next((rider.person.name for rider in train.riders if rider.ticket is Ticket.HOLD), None)
    target = train.stage if again else next_stage(train, facts)
    if bad:
        return Refusal(Code.NOT_EVERYONE_GOOD, subject=", ".join(bad))
    if silent and not again:
        return Refusal(Code.NOT_EVERYONE_GOOD, subject=", ".join(silent))
    if holder is not None:
        return Refusal(Code.HOLD_TICKET, subject=holder, fix=".done")
    if not facts.stages:
        return Refusal(Code.LANE_HAS_NO_STAGES, fix=".at STAGE")
    if train.stage is not None and train.stage not in facts.stages:
        return Refusal(Code.UNKNOWN_STAGE, subject=train.stage, fix=f".at {facts.stages[0]}")
    if target is None:
        return None
    return not_now(queue, target, facts, train)


def _advance(queue: Queue, train: Train, facts: Facts) -> Decision | Refusal:
    target = next_stage(train, facts)
    if target is None:
        return _finish(queue, train, facts)
    return requested(queue, train, target, RunKind.DEPLOY, facts)


def requested(
    queue: Queue, train: Train, stage: str, kind: RunKind, facts: Facts | None, *, continues: int | None = None
) -> Decision:
    """`queue` with a run of `stage` asked for by `train`; one that goes on with the run `continues`, if given.

    An override is used up by that, and is the run's.
    """
    run, why = queue.next_run, train.override.text if train.override is not None else None
    running = replace(train, stage=stage, phase=Phase.RUNNING, run=run, run_kind=kind, deployed=False, override=None)
    after = replace(queue.with_train(running), next_run=run + 1)
    event = StageRequested(running, stage, run, kind, facts.by if facts else None, continues, why)
    return Decision(after, (event,))


def deploy(queue: Queue, command: Deploy, facts: Facts) -> Decision | Refusal:
    """Run one stage aside from the line, under the same conditions as a `.go`."""
    nowhere = facts.unknown(command.stage) or _too_many(queue, command.stage, facts)
    if nowhere is not None:
        return nowhere
    train = Train((Rider(facts.by),), number=queue.next_train, ref=command.ref, aside=True)
    obstacle = not_now(queue, command.stage, facts, train)
    if obstacle is not None:
        return obstacle
    left = facts.unfinished.get(command.stage) if command.failed else None
    if command.failed and left is None:
        return Refusal(Code.NOTHING_FAILED)
    if left is not None:
        if command.ref not in (None, left.ref, left.revision):
            return Refusal(Code.REVISION_PINNED, subject=left.revision or "")
        train = replace(train, ref=left.ref, revision=left.revision)
    counted = replace(queue, next_train=queue.next_train + 1)
    return requested(counted, train, command.stage, RunKind.DEPLOY, facts, continues=left.run if left else None)


def _too_many(queue: Queue, stage: str, facts: Facts) -> Refusal | None:
    """As many runs as a lane takes are under way on stages that templates made."""
    running = sum(facts.beside(one.stage) for one in queue.aside)
    if not facts.beside(stage) or running < MOST_BESIDE:
        return None
    return Refusal(Code.TOO_MANY, subject=f"{running} runs are under way beside the line", fix=".status")


def at(queue: Queue, stage: str, facts: Facts) -> Decision | Refusal:
    """Set the head's stage by hand; marks start afresh."""
    train = queue.head
    if train is None:
        return Refusal(Code.EMPTY_QUEUE, fix=".join")
    if train.running:
        return Refusal(Code.RUN_IN_FLIGHT, subject=train.stage or "", fix=".abort")
    if facts.stages and stage not in facts.stages:
        return Refusal(Code.UNKNOWN_STAGE, subject=stage, fix=f".at {facts.stages[0]}")
    after = replace(train.fresh_marks(), stage=stage, phase=Phase.AT, deployed=False)
    return Decision(queue.with_train(after), (StageSet(after, facts.by),))


def done(queue: Queue, facts: Facts) -> Decision | Refusal:
    """The head train is finished; the next one is up."""
    train = queue.head
    if train is None:
        return Refusal(Code.EMPTY_QUEUE, fix=".join")
    if train.running:
        return Refusal(Code.RUN_IN_FLIGHT, subject=train.stage or "", fix=".abort")
    return _finish(queue, train, facts)


def _finish(queue: Queue, train: Train, facts: Facts) -> Decision:
    after = queue.with_train(replace(train, riders=()))
    return Decision(after, (Finished(train, facts.by), *moved_up(queue, after)))


def abort(queue: Queue, command: Abort, facts: Facts) -> Decision | Refusal:
    """Stop the run in flight, the head's before those aside; on a failed stage, give the push up.

    With a stage beside the line its run alone; any other word is a remark to the room.
    """
    train, run = queue.head, command.run
    running = [one for one in (*queue.trains, *queue.aside) if one.running]
    if facts.beside(command.stage):
        running = [one for one in running if one.stage == command.stage]
        return Decision(queue, (AbortRequested(running[0], facts.by),)) if running else Refusal(Code.NOTHING_RUNNING)
    if run is not None:
        running = [one for one in running if one.run == run]
        return Decision(queue, (AbortRequested(running[0], facts.by),)) if running else Refusal(Code.NOTHING_RUNNING)
    if running:
        first = running if running[0].aside else running[:1]
        return Decision(queue, tuple(AbortRequested(one, facts.by) for one in first))
    if train is not None and train.phase is Phase.FAILED:
        after = queue.with_train(replace(train, riders=()))
        return Decision(after, (GivenUp(train, facts.by), *moved_up(queue, after)))
    return Refusal(Code.NOTHING_RUNNING, fix=".nevermind" if train is not None else None)


def rollback(queue: Queue, stage: str | None, facts: Facts) -> Decision | Refusal:
    """Bring the last good revision back to `stage`: the head's if it has one, else the lane's last.

    When no train is under way the asker gets one of their own in front, so that the topic shows what goes on;
    its ticket says that nothing is deployed from it.
    """
    head = queue.head
    if stage is not None and facts.beside(stage):
        return _rollback_beside(queue, stage, facts)
    if not facts.stages:
        return Refusal(Code.LANE_HAS_NO_STAGES)
    wanted = stage or (head.stage if head is not None and head.stage is not None else facts.stages[-1])
    if wanted not in facts.stages:
        return Refusal(Code.UNKNOWN_STAGE, subject=wanted, fix=f".rollback {facts.stages[-1]}")
    if wanted not in facts.rollbacks:
        return Refusal(Code.NO_ROLLBACK, subject=wanted)
    if head is not None and head.running:
        return Refusal(Code.RUN_IN_FLIGHT, subject=head.stage or "", fix=".abort")
    why = head.override if head is not None else None
    own = Train((Rider(facts.by, Ticket.HOLD),), message="rollback", override=why)
    obstacle = _no_way_back(wanted, facts, head if head is not None and head.begun else own)
    if obstacle is not None:
        return obstacle
    if head is None or not head.begun:
        at_item = 0 if head is None and queue.hold is None else 1 if head is None else queue.position(head)
        if head is not None and why is not None:
            queue = queue.with_train(replace(head, override=None))
        queue, head = queue.inserted(at_item, own)
    return requested(queue, head.fresh_marks(), wanted, RunKind.ROLLBACK, facts)


def _no_way_back(stage: str, facts: Facts, train: Train | None) -> Refusal | None:
    if facts.targets is not None and stage not in facts.targets:
        return Refusal(Code.NOTHING_TO_ROLL_BACK_TO, subject=stage)
    if stage in facts.busy:
        return Refusal(Code.STAGE_BUSY, subject=f"{stage}: {facts.busy[stage]}", fix=".status")
    return locked(stage, facts, train) if train is None or train.override is None else None


def _rollback_beside(queue: Queue, stage: str, facts: Facts) -> Decision | Refusal:
    """The same for a stage that a template made, which the line has nothing to do with."""
    if stage not in facts.rollbacks:
        return Refusal(Code.NO_ROLLBACK, subject=stage)
    obstacle = _no_way_back(stage, facts, None) or _too_many(queue, stage, facts)
    if obstacle is not None:
        return obstacle
    own = Train((Rider(facts.by),), number=queue.next_train, aside=True)
    return requested(replace(queue, next_train=queue.next_train + 1), own, stage, RunKind.ROLLBACK, facts)


def retry(queue: Queue, facts: Facts, *, failed: bool) -> Decision | Refusal:
    """Run again what failed on the head, a deploy or a rollback; with `failed` a deploy goes on where it stopped.

    That may also be one that succeeded, as long as the head is where it came by it and some hosts failed.
    """
    train = queue.head
    if train is not None and train.running:
        return Refusal(Code.RUN_IN_FLIGHT, subject=train.stage or "", fix=".status")
    left = facts.unfinished.get(train.stage or "") if train is not None and train.deployed else None
    partly = failed and train is not None and left is not None and left.run == train.run
    if train is None or train.stage is None or train.run is None or not (train.phase is Phase.FAILED or partly):
        return Refusal(Code.NOTHING_FAILED, fix=".go" if train is not None else None)
    if train.seat(facts.by) is None:
        return Refusal(Code.NOT_ABOARD, fix=".join")
    if train.stage not in facts.stages:
        return Refusal(Code.UNKNOWN_STAGE, subject=train.stage)
    if train.run_kind is RunKind.DEPLOY:
        obstacle = _obstacle(queue, train, facts, again=partly)
        if obstacle is not None:
            return obstacle
    elif train.stage in facts.busy:
        return Refusal(Code.STAGE_BUSY, subject=f"{train.stage}: {facts.busy[train.stage]}", fix=".status")
    elif train.override is None and (kept := locked(train.stage, facts, train)) is not None:
        return kept
    continues = train.run if failed and train.run_kind is RunKind.DEPLOY else None
    return requested(queue, train, train.stage, train.run_kind, facts, continues=continues)
