"""Hours in words: why a stage is closed, and when it opens, by the clock of its calendar and from now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.calendar.wall_clock import on_the_wall
from pushbot.service.voice.phrases import NAME, shown
from pushbot.service.voice.plain import lasting

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from pushbot.calendar.model import Shut

_WEEK = 7


def when(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """A moment as the clock on the wall shows it: `17:00`, `Monday 09:00`, `4 January 2027 09:00`, with the zone."""
    there, today = on_the_wall(at, zone), on_the_wall(now, zone)
    days = (there.date() - today.date()).days
    day = "" if days == 0 else f"{there:%A} " if 0 < days < _WEEK else f"{there.day} {there:%B} "
    year = f"{there.year} " if day and there.year != today.year and not 0 < days < _WEEK else ""
    return f"{day}{year}{there:%H:%M} {zone.key}"


def outside(shut: Shut, now: datetime, since: datetime | None = None) -> str:
    """Why it is closed, and when it opens: `outside the hours of office, opens Monday 09:00 Europe/London, in 2d3h`.

    `since` is when its calendar was last read, if it could not be read again.
    """
    name = shown(shut.by.name, NAME)
    why = f'closed by {name}: "{shown(shut.why)}"' if shut.why else f"outside the hours of {name}"
    old = f" (as it was read {lasting((now - since).total_seconds())} ago)" if since is not None else ""
    return f"{why}, {opens(shut, now)}{old}"


def opens(shut: Shut, now: datetime) -> str:
    """When it opens next."""
    if shut.opens_at is None:
        return "and does not open within a year"
    return f"opens {when(shut.opens_at, shut.by.zone, now)}, in {lasting((shut.opens_at - now).total_seconds())}"


def never_read(calendar: str, source: str, trouble: str | None) -> str:
    """A calendar of which nobody knows what is closed."""
    why = f"cannot be read: {shown(trouble)}" if trouble else "is being read for the first time"
    return f"closed, as {shown(calendar, NAME)} cannot be told: {shown(source, NAME)} {why}"


def stale(source: str, since: datetime, now: datetime, trouble: str) -> str:
    """Closed times that could not be read again; those of before are held to."""
    return f"{shown(source, NAME)} is as it was {lasting((now - since).total_seconds())} ago: {shown(trouble)}"
