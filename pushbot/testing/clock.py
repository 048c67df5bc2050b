"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""Monday morning, when nothing has been pushed yet."""


class HandClock:
    """A `Clock` driven by hand: `now()` is what it was told, `sleep()` returns once `advance()` got that far.

    `watchers` are called whenever it was moved.
    """

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []
        self.watchers: list[Callable[[], None]] = []

    def now(self) -> datetime:
        """The time it was set to, in UTC."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Return when the clock has been advanced by `seconds`; at once for zero or less."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + timedelta(seconds=seconds), waiting))
        await waiting

    @property
    def sleepers(self) -> int:
        """How many `sleep` calls are waiting, so that a test can tell that it is time to `advance`."""
        return sum(not waiting.done() for _, waiting in self._sleepers)

    def advance(self, seconds: float) -> None:
        """Move on by `seconds` and wake whose time has come, the earliest first; they run at the next `await`."""
        self._now += timedelta(seconds=seconds)
        due = sorted((each for each in self._sleepers if each[0] <= self._now), key=lambda each: each[0])
        self._sleepers = [each for each in self._sleepers if each[0] > self._now]
        for _, waiting in due:
            if not waiting.done():
                waiting.set_result(None)
        self._moved()

    def jump(self, seconds: float) -> None:
        """Be set to another time, later or earlier, without any having passed: who sleeps has as long to go."""
        by = timedelta(seconds=seconds)
        self._now += by
        self._sleepers = [(at + by, waiting) for at, waiting in self._sleepers]
        self._moved()

    def _moved(self) -> None:
        for watcher in tuple(self.watchers):
            watcher()
