"""Committed commands a second through a lane's mailbox, with the real record on disk and a chat in memory."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import Figure, Peer
from pushbot.clock import SystemClock
from pushbot.log import set_up
from pushbot.queue.commands import Join, Nevermind, Whoami
from pushbot.queue.model import Person
from pushbot.service.asks import Ask, Origin
from pushbot.service.lane.conductor import Conductor
from pushbot.service.lane.draft import Surroundings
from pushbot.service.lane.runbook import Outputs, Runbook
from pushbot.service.speaker import Speaker
from pushbot.service.spec import Announce, LaneSpec, Room
from pushbot.service.topics import Topics
from pushbot.store import SqliteStore
from pushbot.testing.chat import ChatServer, FakeChat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pushbot.ports import Notice, RunRecord
    from pushbot.service.snapshot import Progress

BUSY = 6000
"""Commands that people put faster than they are done: the conductor commits those that wait together."""
ALONE = 1500
"""Commands of which each is put when the one before has been committed."""
RIDERS = 20
ROOM = Room("irc", "#push")


class NoRuns:
    """No command here starts a run."""

    progress: Mapping[str, Progress] = {}

    def begin(self, record: RunRecord) -> None:
        raise NotImplementedError(record.id)

    def abort(self, run: str) -> None:
        raise NotImplementedError(run)


class Lane:
    """A lane at work in this process. A question is answered after all that was put before is committed."""

    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore(folder / "pushbot.sqlite3")
        self._chat = FakeChat("irc", ChatServer(), (ROOM.name,))
        chats, clock, lane = {"irc": self._chat}, SystemClock(), LaneSpec("web", (ROOM,))
        self._speaker = Speaker(chats, self.store, clock)
        around = Surroundings(lane, Announce(), chats, Runbook(), Outputs(folder))
        topics = Topics(chats, (lane,))
        self._conductor = Conductor(around, self.store, clock, self._speaker, topics, NoRuns(), self._answered)
        self._answer = asyncio.Event()
        self._put = 0

    def start(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        parts = (self._chat.run(self._tell), self._speaker.run(), self._conductor.run())
        return [group.create_task(part) for part in parts]

    async def _tell(self, notice: Notice) -> None:
        """What people say comes another way here."""

    def _answered(self, *_: object) -> None:
        self._answer.set()

    async def command(self) -> None:
        """Put the next command: one after the other all get on, then all get off, and so on."""
        turn, number = divmod(self._put, RIDERS)
        self._put += 1
        person = Person("irc", f"nick:rider{number}", f"rider{number}", proof="the benchmark")
        what, text = (Nevermind(), ".nevermind") if turn % 2 else (Join(), ".join")
        await self._conductor.put(Ask(what, person, text, Origin("irc", ROOM.name)))

    async def committed(self) -> None:
        """Return when all that was put has been committed."""
        self._answer.clear()
        await self._conductor.put(Ask(Whoami(), Person("irc", "nick:who", "who"), ".whoami"))
        await self._answer.wait()


def measure() -> list[Figure]:
    """Committed commands a second through a conductor with the real store."""
    with tempfile.TemporaryDirectory(prefix="pushbot-bench-") as name:
        with (Path(name) / "log").open("w") as log, contextlib.redirect_stderr(log):
            set_up()  # the bot's log is part of what it costs
            busy, alone = asyncio.run(_commands(Path(name)))
        floor = _transactions(Path(name) / "floor.sqlite3", 3000)
    peer = Peer("plain sqlite3 transactions", floor)
    return [
        Figure("as they come", busy, "/s", peer, at_least=1500),
        Figure("each waiting for the one before", alone, "/s", peer),
    ]


async def _commands(folder: Path) -> tuple[float, float]:
    """Committed commands a second: as they come, and one at a time. All of them are in the journal then."""
    lane = Lane(folder)
    await lane.store.open()
    try:
        async with asyncio.TaskGroup() as group:
            tasks = lane.start(group)
            began = time.perf_counter()
            for _ in range(BUSY):
                await lane.command()
            await lane.committed()
            half = time.perf_counter()
            for _ in range(ALONE):
                await lane.command()
                await lane.committed()
            end = time.perf_counter()
            journal = await lane.store.journal("web", limit=2 * (BUSY + ALONE))
            assert [e.outcome for e in journal if e.what != ".whoami"] == ["done"] * (BUSY + ALONE), (
                "commands are missing"
            )
            for task in tasks:
                task.cancel()
    finally:
        await lane.store.close()
    return BUSY / (half - began), ALONE / (end - half)


def _transactions(path: Path, count: int) -> float:
    """Transactions a second that sqlite3 does by itself, with a write-ahead log as pushbot has it."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("CREATE TABLE journal (id INTEGER PRIMARY KEY, record TEXT NOT NULL)")
    began = time.perf_counter()
    for number in range(count):
        connection.execute("INSERT INTO journal (record) VALUES (?)", (f"{number}: somebody said something" * 10,))
    seconds = time.perf_counter() - began
    connection.close()
    return count / seconds
