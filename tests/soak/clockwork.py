"""A world in which nothing takes time of its own, so that a seed plays the same days again, turn by turn.

The event loop reads the clock that is moved by hand, so that also what the bot waits for by its own watch (`asyncio.
timeout`) happens in simulated time. SQLite works between two turns of the loop, without a thread.
"""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING, Protocol, TypeVar

from pushbot.errors import PushbotError
from pushbot.store import SqliteStore
from pushbot.testing.clock import START
from pushbot.testing.memory_store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pushbot.ports import Work
    from pushbot.testing.clock import HandClock

    T = TypeVar("T")

TICK = 1e-7
"""Seconds that pass by the loop's watch with each look at it: what is due at this very moment is over at the next."""
ROOM = 2**30
"""Pages of a database on a disk that has room."""


class HandLoop(asyncio.SelectorEventLoop):
    """An event loop that goes by a `HandClock`, and does the work of threads at once."""

    def __init__(self, clock: HandClock) -> None:
        self._clock = clock
        self._looks = 0
        super().__init__()

    def time(self) -> float:
        """Seconds by the clock."""
        self._looks += 1
        return (self._clock.now() - START).total_seconds() + self._looks * TICK

    def run_in_executor(self, executor: object, func: Callable[..., T], *args: object) -> asyncio.Future[T]:
        """What `func` gives, without a thread."""
        del executor
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is for who waits
            done.set_exception(error)
        return done


class Direct:
    """As much of a connection as a store needs, on SQLite itself."""

    def __init__(self, path: Path) -> None:
        self.sqlite = sqlite3.connect(path, isolation_level=None)
        self.sqlite.execute("PRAGMA synchronous = NORMAL")

    async def execute_fetchall(self, sql: str, parameters: Iterable[str | int | None] = ()) -> list[sqlite3.Row]:
        """All rows that a statement gives."""
        return self.sqlite.execute(sql, tuple(parameters)).fetchall()

    async def close(self) -> None:
        """Let go of the file."""
        self.sqlite.close()

    def fill(self, *, full: bool) -> None:
        """Have no room for another page, or have room again."""
        pages = self.sqlite.execute("PRAGMA page_count").fetchone()[0] if full else ROOM
        self.sqlite.execute(f"PRAGMA max_page_count = {pages}")


class Reader(Protocol):
    """Who is told of each commit, between the moment at which it is made and the one at which the bot knows."""

    def committed(self, work: Work) -> None:
        """It is on record."""
        ...


class Record:
    """A `Store` on a real one, which takes turns of the loop: a crash comes before a commit, or behind it."""

    def __init__(self, store: MemoryStore | SqliteStore, reader: Reader) -> None:
        self.store, self.reader = store, reader
        self.full = False
        self.refused = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)

    async def open(self) -> None:
        """Open the real one, and have it work without its thread."""
        await self.store.open()
        if isinstance(self.store, SqliteStore) and not isinstance(self.store._connection, Direct):
            threaded = self.store._connection
            self.store._connection = Direct(self.store.path)  # type: ignore[assignment]
            if threaded is not None:
                await threaded.close()
            self.fill(full=self.full)

    async def commit(self, work: Work) -> None:
        """Commit, and tell."""
        await asyncio.sleep(0)
        try:
            await self.store.commit(work)
        except PushbotError:
            self.refused += 1
            raise
        self.reader.committed(work)
        await asyncio.sleep(0)

    def fill(self, *, full: bool) -> None:
        """The disk has no more room, or has."""
        self.full = full
        if isinstance(self.store, MemoryStore):
            self.store.trouble = PushbotError("the disk is full and nothing was written") if full else None
            return
        connection: object = self.store._connection
        if isinstance(connection, Direct):
            connection.fill(full=full)
