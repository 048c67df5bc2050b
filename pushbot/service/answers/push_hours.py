"""Push hours as numbers: how long a day is open, what a push takes, and how many fit.

The formula is that of Etsy's talk on scaling deployment ("at 15 mins/deploy, we get ~32 deploys per day"): hours * 60 /
minutes to deploy. Both are measured or configured here: the hours by the lane's calendars, the minutes as the median
of the last finished pushes.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pushbot.calendar.model import combined, left_today, open_minutes
from pushbot.calendar.wall_clock import on_the_wall
from pushbot.ports import PushState
from pushbot.service.lane.history import push_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pushbot.calendar.model import Calendar, Verdict
    from pushbot.ports import PushRecord
    from pushbot.queue.model import Queue

UTC = ZoneInfo("UTC")
"""Whose days count where no calendar says."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the last pushes took, in seconds: `push` from first stage to done, `wait` from the line to their turn.

    `pushes` and `waits` are how many say so; None where these are too few, or none.
    """

    push: float | None
    pushes: int
    wait: float | None
    waits: int


@dataclass(frozen=True, slots=True)
class Today:
    """A lane's present day: its minutes that are open, those that are left, and when that changes."""

    calendars: tuple[Calendar, ...]
    zone: ZoneInfo
    now: datetime
    minutes: int
    left: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Sums:
    """Pushes that fit into the whole day, and into what is left of it; trains in line, and those of them too late."""

    full: int
    left: int
    waiting: int
    late: int


def measured(pushes: Sequence[PushRecord]) -> Measured:
    """What pushes on record took; those of the command line, and those not finished, say nothing of that."""
    done = [push for push in pushes if push.state is PushState.DONE and push.ended_at is not None and not push.aside]
    waits = [
        max(0.0, (push.up_at - push.joined_at).total_seconds())
        for push in done
        if push.up_at is not None and push.joined_at is not None
    ]
    return Measured(push_seconds(done), len(done), median(waits) if waits else None, len(waits))


def today(calendars: tuple[Calendar, ...], now: datetime) -> Today:
    """The present day by the clock of the first calendar."""
    zone = calendars[0].zone if calendars else UTC
    day = on_the_wall(now, zone).date()
    minutes, left = open_minutes(calendars, day, zone), left_today(calendars, now, zone)
    return Today(calendars, zone, now, minutes, left, combined(calendars, now))


def fitting(minutes: float, seconds: float) -> int:
    """How many pushes of so many seconds fit into so many minutes, one after the other."""
    return int(minutes * 60 // max(seconds, 1.0))


def late(queue: Queue, began: datetime | None, day: Today, seconds: float) -> int:
    """How many of the trains in line will not be done within what is left of the day; `began` is the head's push."""
    elapsed = (day.now - began).total_seconds() if began is not None else 0.0
    ends, count = 0.0, 0
    for i, _ in enumerate(queue.trains):
        ends += max(0.0, seconds - elapsed) if i == 0 else seconds
        count += ends > day.left * 60
    return count
