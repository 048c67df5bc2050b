"""What a calendar is made of: times that come again every week or every year, or once; each says when it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from pushbot.calendar.wall_clock import Wall

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = 24 * 60
"""Minutes of a day by the clock on the wall."""


def at_minute(day: date, minute: int) -> datetime:
    """So many minutes after midnight by the clock on the wall, without a zone; may be on a later day."""
    return datetime.combine(day, time()) + timedelta(minutes=minute)


@dataclass(frozen=True, slots=True)
class Weekly:
    """Certain days of the week (0 is Monday), from minute to minute after midnight; `end` may be on the next day."""

    days: frozenset[int]
    start: int = 0
    end: int = DAY
    why: str = ""

    def windows(self, first: date, last: date) -> Iterator[Wall]:
        """The windows that begin on the days from `first` to `last`."""
        for offset in range((last - first).days + 1):
            day = first + timedelta(days=offset)
            if day.weekday() in self.days:
                yield Wall(at_minute(day, self.start), at_minute(day, self.end), self.why)


@dataclass(frozen=True, slots=True)
class Once:
    """From one moment on the wall to another."""

    start: datetime
    end: datetime
    why: str = ""

    def windows(self, first: date, last: date) -> Iterator[Wall]:
        """The window, if it is on one of the days from `first` to `last`."""
        if self.start.date() <= last and self.end >= at_minute(first, 0):
            yield Wall(self.start, self.end, self.why)


@dataclass(frozen=True, slots=True)
class Yearly:
    """From a minute of one day of the year to a minute of another, both as (month, day, minute).

    The 29th of February is in other years the moment between that month and the next.
    """

    start: tuple[int, int, int]
    end: tuple[int, int, int]
    why: str = ""

    def windows(self, first: date, last: date) -> Iterator[Wall]:
        """The windows of the years from before `first` to that of `last`."""
        for year in range(first.year - 1, last.year + 1):
            start = _moment(year, self.start)
            end = _moment(year + (self.end <= self.start), self.end)
            if start < end:
                yield Wall(start, end, self.why)


def _moment(year: int, of_year: tuple[int, int, int]) -> datetime:
    month, day, minute = of_year
    try:
        return at_minute(date(year, month, day), minute)
    except ValueError:
        return at_minute(date(year, month + 1, 1), 0)  # only the 29th of February is not in every year


Rule = Weekly | Once | Yearly
