"""What people keep of the places of a lane, in it or in another that shares them: for `.locks` and `.status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.service.lane.runbook import place_of
from pushbot.service.voice import keeping

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from pushbot.queue.model import Lock
    from pushbot.service.snapshot import Snapshot


def kept(lanes: Sequence[Snapshot], now: datetime) -> Iterator[tuple[Snapshot, str, Lock]]:
    """Every lock that holds at `now`, with the lane in which it was put, and the place that it is on."""
    for each in lanes:
        for lock in each.queue.locks:
            if lock.until > now:
                yield each, place_of(each.spec, lock.stage), lock


def keeper(here: Snapshot, stage: str, lanes: Sequence[Snapshot], now: datetime) -> Lock | None:
    """The lock on a stage of the lane `here`, wherever it was put."""
    wanted = place_of(here.spec, stage)
    return next((lock for _, place, lock in kept(lanes, now) if place == wanted), None)


def locks(lane: str, lanes: Sequence[Snapshot], now: datetime) -> tuple[str, ...]:
    """One line for each lock; one of another lane is called as it is there (`search/princess`)."""
    named = [lock.stage for each in lanes for lock in each.queue.locks]
    places = {stage.lock for each in lanes if each.spec.name == lane for stage in each.spec.widened(named).stages}
    there = [
        (lock.stage if each.spec.name == lane else f"{each.spec.name}/{lock.stage}", lock)
        for each, place, lock in kept(lanes, now)
        if each.spec.name == lane or place in places
    ]
    return keeping.locks(lane, there, now)
