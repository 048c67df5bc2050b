"""Calendars as values: when something is open, until when, when next, and for how many minutes.

Nothing here reads a clock: the moment asked about is always given, aware and taken as UTC. Nobody looks
further ahead than `HORIZON`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import TYPE_CHECKING

from pushbot.calendar.rules import at_minute
from pushbot.calendar.spans import common, union, without
from pushbot.calendar.wall_clock import Span, on_the_wall, pieces, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from zoneinfo import ZoneInfo

    from pushbot.calendar.rules import Rule
    from pushbot.calendar.wall_clock import Wall

HORIZON = timedelta(days=400)
"""How far ahead is looked: what does not open by then does not open within a year."""
_LOOKS = (timedelta(days=2), timedelta(days=10), timedelta(days=50), HORIZON)
"""How far is looked at first, and then, as long as nothing changes by then."""
_MARGIN = timedelta(days=2)
"""Days before a stretch of time on which a window may begin that reaches into it."""


@dataclass(frozen=True, slots=True)
class Open:
    """It may go. `until` is when that ends, None when no end is in sight."""

    until: datetime | None


@dataclass(frozen=True, slots=True)
class Shut:
    """It may not go. `why` is the reason of the closed time, empty outside the open hours; `by` is whose calendar.

    `opens_at` is when it opens next, None when it does not within `HORIZON`.
    """

    by: Calendar
    why: str
    opens_at: datetime | None


Verdict = Open | Shut


@dataclass(frozen=True, slots=True)
class Calendar:
    """Push hours by the clock of a zone. Without `opened` it is always open, but for what is closed.

    `events` are closed times beside the rules of `closed`: what was read from elsewhere.
    """

    name: str
    zone: ZoneInfo
    opened: tuple[Rule, ...] = ()
    closed: tuple[Rule, ...] = ()
    events: tuple[Span, ...] = ()

    def verdict(self, at: datetime) -> Verdict:
        """Whether it is open at a moment."""
        return combined((self,), at)

    def open_spans(self, start: datetime, end: datetime) -> list[Span]:
        """When it is open from `start` to `end`, in order."""
        whole = [Span(start, end)]
        opened = whole
        if self.opened:
            around = list(pieces(self.zone, start, end))
            walls = self._windows(self.opened, start, end)
            opened = union(span for wall in walls for span in shown(wall, around))
        return without(opened, union(self.closed_spans(start, end)))

    def closed_spans(self, start: datetime, end: datetime) -> list[Span]:
        """The closed times that reach into the time from `start` to `end`, with their reasons; they may overlap.

        Each lasts from the first moment at which the clock shows its beginning, without a gap when an hour is
        shown twice: a freeze that has begun does not end for a while.
        """
        around = list(pieces(self.zone, start - _MARGIN, end + _MARGIN))
        parts = (shown(wall, around) for wall in self._windows(self.closed, start, end))
        spans = (Span(part[0].start, part[-1].end, part[0].why) for part in parts if part)
        return [span for span in (*spans, *self.events) if span.start < end and start < span.end]

    def why(self, at: datetime) -> str:
        """The reason for which it is closed at a moment, empty when none was given."""
        spans = self.closed_spans(at, at + timedelta(seconds=1))
        return next((span.why for span in spans if span.why), "")

    def _windows(self, rules: Sequence[Rule], start: datetime, end: datetime) -> Iterator[Wall]:
        first, last = (on_the_wall(at, self.zone).date() for at in (start - _MARGIN, end + _MARGIN))
        return (wall for rule in rules for wall in rule.windows(first, last))


def open_spans(calendars: Sequence[Calendar], start: datetime, end: datetime) -> list[Span]:
    """When all of the calendars are open from `start` to `end`, in order."""
    each = (calendar.open_spans(start, end) for calendar in calendars)
    return reduce(common, each, [Span(start, end)] if start < end else [])


def combined(calendars: Sequence[Calendar], at: datetime) -> Verdict:
    """Whether all of the calendars are open at a moment; when not, it is told of the first that is shut."""
    at = at.astimezone(UTC)
    shut = next((one for one in calendars if not one.open_spans(at, at + timedelta(microseconds=1))), None)
    for look in _LOOKS:
        end = at + look
        spans = open_spans(calendars, at, end)
        if shut is None and spans[0].end < end:
            return Open(spans[0].end)
        if shut is not None and spans:
            return Shut(shut, shut.why(at), spans[0].start)
    return Open(None) if shut is None else Shut(shut, shut.why(at), None)


def opening(calendars: Sequence[Calendar], at: datetime) -> datetime | None:
    """The first moment from `at` on when all of the calendars are open; None when there is none within `HORIZON`."""
    verdict = combined(calendars, at)
    return at if isinstance(verdict, Open) else verdict.opens_at


def day_of(day: date, zone: ZoneInfo) -> Span:
    """A whole day of a zone, which may have 23 hours, or 25."""
    start, end = (at_minute(day, minute).replace(tzinfo=zone).astimezone(UTC) for minute in (0, 24 * 60))
    return Span(start, end)


def open_minutes(calendars: Sequence[Calendar], day: date, zone: ZoneInfo) -> int:
    """For how many minutes of a day of `zone` all of the calendars are open."""
    whole = day_of(day, zone)
    return _minutes(open_spans(calendars, whole.start, whole.end))


def left_today(calendars: Sequence[Calendar], at: datetime, zone: ZoneInfo) -> int:
    """For how many more minutes of the present day of `zone` all of the calendars are open."""
    at = at.astimezone(UTC)
    return _minutes(open_spans(calendars, at, day_of(on_the_wall(at, zone).date(), zone).end))


def _minutes(spans: Sequence[Span]) -> int:
    return sum((span.end - span.start for span in spans), timedelta()) // timedelta(minutes=1)
