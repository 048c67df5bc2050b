"""Stages beside the line, which a template makes as people name them: those that are spoken of, or were used lately."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.queue import commands as c
from pushbot.queue import events as e

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pushbot.ports import Store
    from pushbot.queue.model import Queue
    from pushbot.service.asks import Ask
    from pushbot.service.snapshot import Snapshot
    from pushbot.service.spec import LaneSpec

LATELY = 50
"""Runs of a lane, the newest, among which those beside the line are looked for."""
MOST = 4
"""Stages beside the line that are told of."""


def around(lane: LaneSpec, asks: Iterable[Ask], queue: Queue) -> LaneSpec:
    """The lane with the stages beside the line that `asks` or its queue name behind its own."""
    if not lane.templates:
        return lane
    named = (_named(ask) for ask in asks)
    there = (*(train.stage for train in queue.aside), *(lock.stage for lock in queue.locks))
    return lane.widened((*named, *there))


def _named(ask: Ask) -> str | None:
    match ask.what:
        case c.Deploy(stage) | c.LockStage(stage) | c.Unlock(stage) | c.Rollback(stage):
            return stage
        case _:
            return None


async def lately(here: Snapshot, store: Store) -> tuple[str, ...]:
    """The stages beside the line that were deployed to lately, newest first; at most `MOST`."""
    lane = here.spec
    if not lane.templates:
        return ()
    runs = await store.runs(lane.name, limit=LATELY)
    found = (run.stage for run in runs if run.state.final and lane.beside(run.stage) is not None)
    return tuple(dict.fromkeys(found))[:MOST]


def is_beside(lane: LaneSpec, event: e.Event) -> bool:
    """Whether `event` happened on a stage beside the line: that is routine, and for the lane's own rooms."""
    match event:
        case e.Locked(lock) | e.Unlocked(lock):
            return lane.beside(lock.stage) is not None
        case (
            e.StageRequested(train)
            | e.AbortRequested(train)
            | e.AbortFailed(train)
            | e.HostsCounted(train)
            | e.RunStarted(train)
            | e.StageSucceeded(train)
            | e.RolledBack(train)
            | e.RunFailed(train)
            | e.RunCancelled(train)
            | e.RunWasLost(train)
        ):
            return lane.beside(train.stage) is not None
        case _:
            return False
