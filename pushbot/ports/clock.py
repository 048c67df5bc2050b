"""Time, as the core asks for it: what it is, and what is to be done when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime


class Clock(Protocol):
    """The time, so that tests can drive it by hand."""

    def now(self) -> datetime:
        """The present, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return `seconds` later."""
        ...


class Timetable(Protocol):
    """What is to be done at a time. Nothing of it is kept: whoever needs a job puts it up anew at start.

    A job has the place of one of the same name. What goes wrong in a job is logged, and costs nothing else.
    """

    async def run(self) -> None:
        """Have things done as they are due, until cancelled."""
        ...

    def at(self, name: str, when: datetime, act: Callable[[], Awaitable[None]]) -> None:
        """Have `act` done when the wall clock shows `when`, at once if that is over."""
        ...

    def every(self, name: str, often: float | str, act: Callable[[], Awaitable[None]]) -> None:
        """Have `act` done every so many seconds, or as the five fields of a crontab say, in UTC.

        Turns that were missed are made up for by one. Raises PushbotError for fields that cannot be read.
        """
        ...

    def cancel(self, name: str) -> None:
        """Forget the job of that name, if there is one."""
        ...
