"""Stages that people keep for themselves: leases, which end by their owner's word, by force, or with their time.

A lock stops deploys and rollbacks by others. It never takes a stage from a live run, and what takes a lock away never
frees the claim of a run: those are two things.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from pushbot.queue.events import Locked, Unlocked
from pushbot.queue.model import Lock
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.rules.decision import Decision, Facts
from pushbot.queue.rules.obstacles import keeps, locked

if TYPE_CHECKING:
    from pushbot.queue.commands import LockStage, Unlock
    from pushbot.queue.model import Queue

MOST_LOCKS = 50
"""Stages that templates made which people keep in one lane."""


def lock(queue: Queue, command: LockStage, facts: Facts) -> Decision | Refusal:
    """Keep a stage for the asker, or keep it until so long from now if they have it."""
    stage = command.stage
    nowhere = facts.unknown(stage, next((f".lock {one}" for one in facts.stages), None))
    in_the_way = nowhere or locked(stage, facts, None) or _busy(queue, stage, facts)
    if in_the_way is not None:
        return in_the_way
    seconds = facts.patience.lock if command.seconds is None else command.seconds
    own = next((one for one in queue.locks if one.stage == stage and one.owner.same(facts.by)), None)
    kept = Lock(
        number=queue.next_lock if own is None else own.number,
        stage=stage,
        owner=facts.by,
        since=facts.now if own is None else own.since,
        until=facts.now + timedelta(seconds=seconds),
        reason=command.reason or (own.reason if own is not None else None),
        reminded=seconds <= facts.patience.remind,
    )
    beside = sum(facts.beside(one.stage) for one in queue.locks)
    if own is None and facts.beside(stage) and beside >= MOST_LOCKS:
        return Refusal(Code.TOO_MANY, subject=f"{beside} stages beside the line are kept", fix=".locks")
    others = tuple(one for one in queue.locks if one.stage != stage)  # one whose time is over may still stand there
    after = replace(queue, locks=(*others, kept), next_lock=queue.next_lock + (own is None))
    return Decision(after, (Locked(kept, extended=own is not None),))


def _busy(queue: Queue, stage: str, facts: Facts) -> Refusal | None:
    """Somebody else's run is at work there."""
    running = next((one for one in (*queue.trains, *queue.aside) if one.running and one.stage == stage), None)
    if running is not None:
        own = running.seat(facts.by) is not None
        return None if own else Refusal(Code.RUN_IN_FLIGHT, subject=stage, fix=".status")
    busy = facts.busy.get(stage)
    return None if busy is None else Refusal(Code.STAGE_BUSY, subject=f"{stage}: {busy}", fix=".status")


def unlock(queue: Queue, command: Unlock, facts: Facts) -> Decision | Refusal:
    """End a lock: the asker's own, or with `force`, and a reason, anybody's.

    With force a word that is no stage here begins the reason, and the only lock there is, is meant.
    """
    stage, reason = command.stage, command.reason
    known = facts.unknown(stage) is None or any(one.stage == stage for one in queue.locks)
    if command.force and not known and len(queue.locks) == 1:
        reason = " ".join(filter(None, (stage, reason)))
        stage = queue.locks[0].stage
    there = next((one for one in queue.locks if one.stage == stage), None)
    if there is None:
        return _not_here(queue, stage, facts)
    own = there.owner.same(facts.by)
    if not own and not (command.force and reason):
        return keeps(there, stage, replace(facts, elsewhere={}))
    after = replace(queue, locks=tuple(one for one in queue.locks if one.number != there.number))
    return Decision(after, (Unlocked(there, facts.by, reason),))


def _not_here(queue: Queue, stage: str, facts: Facts) -> Refusal:
    """No such lock in this lane: it may be another's, or the stage is free."""
    if stage in facts.elsewhere and stage in facts.locked:
        return keeps(facts.locked[stage], stage, facts)
    if stage and facts.unknown(stage) is not None:
        return Refusal(Code.UNKNOWN_STAGE, subject=stage, fix=".locks")
    return Refusal(Code.NOT_LOCKED, subject=stage, fix=".locks" if queue.locks else None)
