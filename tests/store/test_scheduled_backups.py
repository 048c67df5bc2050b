"""The bot takes backups by itself: in turn over restarts, so many kept, and trouble told once."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from pushbot.service.spec import BackupSpec
from pushbot.store import SqliteStore
from pushbot.store.backup import kept_in
from pushbot.store.scheduled import Backups
from pushbot.testing.clock import HandClock
from pushbot.testing.timetable import HandTimetable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pushbot.ports import Entry

DAY = 86400.0


class Rig:
    """A record, and what operators heard of its backups."""

    def __init__(self, tmp_path: Path) -> None:
        self.clock = HandClock()
        self.path, self.folder, self.config = tmp_path / "record", tmp_path / "backups", tmp_path / "pushbot.toml"
        self.config.write_text("# nothing")
        self.heard: list[str] = []
        self.entries: list[Entry] = []

    async def tell(self, lines: tuple[str, ...], entry: Entry) -> None:
        self.heard += lines
        self.entries.append(entry)

    @asynccontextmanager
    async def running(self, every: float | str, keep: int = 7) -> AsyncIterator[None]:
        timetable = HandTimetable(self.clock)
        spec = BackupSpec(self.folder, keep, every)
        backups = Backups(spec, self.path, self.config, self.clock, timetable, self.tell)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(timetable.run()), group.create_task(backups.run())]
            yield
            for task in tasks:
                task.cancel()

    async def taken(self, count: int) -> list[str]:
        """The names of the backups, once so many entries were made."""
        async with asyncio.timeout(60):
            while len(self.entries) < count:  # noqa: ASYNC110 - a thread of the code under test tells nobody
                await asyncio.sleep(0.005)
        return [path.name for path in kept_in(self.folder)]


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path)
    store = SqliteStore(made.path)
    await store.open()
    await store.close()
    return made


async def test_the_first_is_taken_at_once_and_the_next_in_turn_also_after_a_restart(rig: Rig) -> None:
    async with rig.running(DAY):
        assert await rig.taken(1) == ["pushbot-20260105T090000Z.sqlite3"]
    rig.clock.advance(DAY / 2)
    async with rig.running(DAY):
        rig.clock.advance(DAY / 2 - 1)
        await asyncio.sleep(0.05)
        assert len(rig.entries) == 1
        rig.clock.advance(1)
        assert await rig.taken(2) == ["pushbot-20260105T090000Z.sqlite3", "pushbot-20260106T090000Z.sqlite3"]
    assert {(entry.who, entry.outcome) for entry in rig.entries} == {("bot:pushbot", "done")}
    assert rig.heard == []


async def test_so_many_are_kept(rig: Rig) -> None:
    async with rig.running(3600.0, keep=2):
        await rig.taken(1)
        for turn in range(3):
            rig.clock.advance(3600)
            names = await rig.taken(turn + 2)
    assert names == ["pushbot-20260105T110000Z.sqlite3", "pushbot-20260105T120000Z.sqlite3"]


async def test_a_crontab_is_kept_to(rig: Rig) -> None:
    async with rig.running("0 3 * * *"):
        await asyncio.sleep(0.01)
        assert rig.entries == []
        rig.clock.advance(18 * 3600)
        assert await rig.taken(1) == ["pushbot-20260106T030000Z.sqlite3"]


async def test_trouble_is_told_once_and_its_end_too(rig: Rig) -> None:
    rig.folder.write_text("in the way")
    async with rig.running(DAY):
        async with asyncio.timeout(60):
            while len(rig.entries) < 3:
                rig.clock.advance(600)
                await asyncio.sleep(0.02)
        assert len(rig.heard) == 1
        assert rig.heard[0].startswith("No backup could be taken: ")
        rig.folder.unlink()
        async with asyncio.timeout(60):
            while rig.entries[-1].outcome != "done":
                rig.clock.advance(600)
                await asyncio.sleep(0.02)
    assert rig.heard[1:] == ["Backups are taken again"]
    assert {entry.outcome for entry in rig.entries} == {"failed", "done"}
