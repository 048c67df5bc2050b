"""A timetable for a clock that is moved by hand."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot.schedule import next_time

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from pushbot.testing.clock import HandClock

    Act = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class HandTimetable:
    """A `Timetable` whose work is begun when the clock has been moved there, in the order of time."""

    clock: HandClock
    _jobs: dict[str, tuple[datetime, float | str | None, Act]] = field(default_factory=dict)
    _running: bool = False
    _at_work: set[asyncio.Future[None]] = field(default_factory=set)

    async def run(self) -> None:
        """Have things done as the clock is moved, until cancelled."""
        self._running = True
        self.clock.watchers.append(self._look)
        try:
            self._look()
            await asyncio.get_running_loop().create_future()
        finally:
            self._running = False
            self.clock.watchers.remove(self._look)
            self._jobs.clear()
            for work in self._at_work:
                work.cancel()

    def at(self, name: str, when: datetime, act: Act) -> None:
        """Have `act` done at `when`."""
        self._jobs[name] = when, None, act
        self._look()

    def every(self, name: str, often: float | str, act: Act) -> None:
        """Have `act` done again and again."""
        self._jobs[name] = next_time(often, self.clock.now()), often, act

    def cancel(self, name: str) -> None:
        """Forget the job of that name."""
        self._jobs.pop(name, None)

    @property
    def planned(self) -> dict[str, datetime]:
        """What is to be done when."""
        return {name: when for name, (when, _, _) in self._jobs.items()}

    def _look(self) -> None:
        now = self.clock.now()
        due = sorted((when, name) for name, (when, _, _) in self._jobs.items() if when <= now)
        for _, name in due if self._running else ():
            _, often, act = self._jobs.pop(name)
            if often is not None:
                self._jobs[name] = next_time(often, now), often, act
            work = asyncio.ensure_future(act())
            self._at_work.add(work)
            work.add_done_callback(self._at_work.discard)
