"""A calendar as it is configured: its rules, and where more closed times are read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pushbot.calendar.model import Calendar


@dataclass(frozen=True, slots=True)
class Source:
    """An iCalendar file, on the disk or at a URL; `name` is what people are told of it.

    `url` may be a reference (`env:NAME`, `file:PATH`), as a calendar's address is often a secret.
    """

    name: str
    file: Path | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class CalendarSpec:
    """A calendar, its sources, and every how many seconds these are read again."""

    calendar: Calendar
    sources: tuple[Source, ...] = ()
    every: float = 900.0

    @property
    def name(self) -> str:
        """What the configuration calls it."""
        return self.calendar.name
