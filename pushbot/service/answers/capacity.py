"""The answer to `.capacity`: how many pushes a day takes, how many it still takes, and how long people wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.service.answers.push_hours import Sums, fitting, late, measured, today
from pushbot.service.voice import capacity as voice

if TYPE_CHECKING:
    from datetime import datetime

    from pushbot.ports import Store
    from pushbot.service.hours.calendars import Hours
    from pushbot.service.snapshot import Snapshot

PUSHES = 50
"""The last pushes, from which is measured."""


async def capacity(here: Snapshot, hours: Hours, store: Store, now: datetime) -> tuple[str, ...]:
    """The answer to `.capacity`. Raises PushbotError when the record cannot be read."""
    name, head = here.spec.name, here.queue.head
    took = measured(await store.pushes(name, limit=PUSHES))
    push = await store.push(name, head.number) if head is not None else None
    calendars = hours.calendars(here.spec)
    if calendars is None:
        closed = hours.lane_closed(here.spec, now)
        return voice.unknown(name, closed.why if closed is not None else "", took)
    day = today(calendars, now)
    if took.push is None:
        return voice.capacity(name, day, took, None, hours.stale(here.spec))
    sums = Sums(
        full=fitting(day.minutes, took.push),
        left=fitting(day.left, took.push),
        waiting=len(here.queue.trains),
        late=late(here.queue, push.began_at if push is not None else None, day, took.push),
    )
    return voice.capacity(name, day, took, sums, hours.stale(here.spec))
