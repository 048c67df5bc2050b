"""What keeps a stage from being started at this moment, though all aboard are willing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pushbot.queue.model import Mark
from pushbot.queue.refusals import Code, Refusal

if TYPE_CHECKING:
    from pushbot.queue.model import Hold, Lock, Queue, Train
    from pushbot.queue.rules.decision import Facts


def not_now(queue: Queue, stage: str, facts: Facts, train: Train) -> Refusal | None:
    """Why no deploy of `stage` by `train` may start; an override passes all but a hold and somebody's run.

    It goes under the lock of somebody aboard who said that it is good: others can write a name into the topic.
    """
    if queue.hold is not None:
        return held(queue.hold, facts)
    if stage in facts.busy:
        return Refusal(Code.STAGE_BUSY, subject=f"{stage}: {facts.busy[stage]}", fix=".status")
    if train.override is not None:
        return None
    willing = replace(train, riders=tuple(rider for rider in train.riders if rider.mark is Mark.GOOD))
    return shut(stage, facts) or locked(stage, facts, willing) or unseconded(stage, facts, train)


def held(hold: Hold, facts: Facts) -> Refusal:
    """The lane is stopped: by whom, since when, until when. What holds for a cause ends with it."""
    fix = ".resolved" if hold.cause is not None else ".unhold"
    return Refusal(Code.HELD, hold.reason or "", fix, kept=hold, until=hold.until, now=facts.now)


def shut(stage: str, facts: Facts) -> Refusal | None:
    """The stage is outside its hours."""
    closed = facts.closed.get(stage)
    if closed is None:
        return None
    fix = '.override "why"'
    return Refusal(Code.CLOSED, f"{stage}: {closed.why}", fix, until=closed.opens_at, now=facts.now)


def locked(stage: str, facts: Facts, train: Train | None) -> Refusal | None:
    """Somebody keeps the stage who neither asks nor is aboard."""
    lock = facts.locked.get(stage)
    if lock is None or lock.owner.same(facts.by) or (train is not None and train.seat(lock.owner) is not None):
        return None
    return keeps(lock, stage, facts)


def keeps(lock: Lock, stage: str, facts: Facts) -> Refusal:
    """`lock` is in the way at `stage`; where it was put is where it can be taken away."""
    lane = facts.elsewhere.get(stage)
    fix = f'{lane}: .unlock! {lock.stage} "why"' if lane else f'.unlock! {lock.stage} "why"'
    return Refusal(Code.LOCKED, f"{lane}/{lock.stage}" if lane else stage, fix, lock, lock.until, facts.now)


def unseconded(stage: str, facts: Facts, train: Train) -> Refusal | None:
    """The stage wants the word of another person than the driver, for what goes there now."""
    word = train.second
    given = word is not None and word.text == stage and not word.by.same(train.driver)
    return None if given or stage not in facts.second else Refusal(Code.SECOND_NEEDED, stage, ".second")
