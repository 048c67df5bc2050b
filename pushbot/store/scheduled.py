"""Backups that the bot takes by itself, in turn, whatever restarts come between."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from pushbot.errors import PushbotError
from pushbot.ports import Entry
from pushbot.store.backup import back_up, kept_in, named_by, prune

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from pushbot.ports import Clock, Timetable
    from pushbot.service.spec import BackupSpec

    Tell = Callable[[tuple[str, ...], Entry], Awaitable[None]]

LOG = structlog.get_logger()
JOB = "backup"
AGAIN_AFTER = 600.0
"""Seconds, at most, until a backup that failed is tried again."""


@dataclass(slots=True)
class Backups:
    """Copies the database `store` and the file `config` as `spec` wants it.

    `tell` says lines to operators and puts an entry into the journal.
    """

    spec: BackupSpec
    store: Path
    config: Path
    clock: Clock
    timetable: Timetable
    tell: Tell
    _failing: bool = False
    _over: bool = False

    async def run(self) -> None:
        """Take backups as they are due, until cancelled."""
        try:
            if isinstance(self.spec.every, str):
                self.timetable.every(JOB, self.spec.every, self.take)
            elif self.spec.every is not None:
                self.timetable.at(JOB, self._due(self.spec.every), self._turn)
            await asyncio.get_running_loop().create_future()
        finally:
            self._over = True
            self.timetable.cancel(JOB)

    def _due(self, every: float) -> datetime:
        """When the next one is to be taken: now, if there is none."""
        taken = kept_in(self.spec.folder)
        now = self.clock.now()
        if not taken:
            return now
        last = datetime.strptime(taken[-1].name, "pushbot-%Y%m%dT%H%M%SZ.sqlite3").replace(tzinfo=UTC)
        return min(last, now) + timedelta(seconds=every)

    async def _turn(self) -> None:
        try:
            await self.take()
        finally:
            if not self._over:
                every = float(self.spec.every or 0)
                after = min(every, AGAIN_AFTER) if self._failing else every
                self.timetable.at(JOB, self.clock.now() + timedelta(seconds=after), self._turn)

    async def take(self) -> None:
        """Take one now. When that does not work, operators hear it once, and again when it does."""
        at = self.clock.now()
        target = named_by(self.spec.folder, at)
        try:
            taken = await asyncio.to_thread(back_up, self.store, self.config, target)
            gone = await asyncio.to_thread(prune, self.spec.folder, self.spec.keep)
        except (PushbotError, OSError) as error:
            LOG.error("backup_failed", error=str(error))  # noqa: TRY400 - expected of a disk, told in words
            lines = () if self._failing else (f"No backup could be taken: {error}. I keep trying",)
            self._failing = True
            await self.tell(lines, self._entry(at, target, "failed"))
        else:
            LOG.info("backup_taken", path=str(target), entries=taken.entries, removed=[path.name for path in gone])
            lines = ("Backups are taken again",) if self._failing else ()
            self._failing = False
            await self.tell(lines, self._entry(at, target, "done"))

    def _entry(self, at: datetime, target: Path, outcome: str) -> Entry:
        return Entry(at, "bot:pushbot", f"backup to {os.fspath(target)}", outcome, "pushbot")
