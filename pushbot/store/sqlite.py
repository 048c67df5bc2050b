"""The record in one SQLite file: a commit is one statement, and all reads give values of `pushbot.ports`.

How the tables look is in `migrations/`, how values become JSON in `rows.py`, and why it is so in
docs/adr/0004-sqlite-with-plain-sql.md.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from pushbot.errors import PushbotError
from pushbot.ports import Remembered
from pushbot.store.chat_memory import SqliteMemory
from pushbot.store.claim import claim
from pushbot.store.opening import opened
from pushbot.store.rows import ENTRY, INCIDENT, LINE, PERSON, PUSH, QUEUE, RUN, WORK, Document
from pushbot.store.trouble import explained

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import aiosqlite

    from pushbot.ports import Entry, IncidentRecord, Line, PersonRecord, PushRecord, RunRecord, Work
    from pushbot.queue.commands import RunState

T = TypeVar("T")


class SqliteStore:
    """The Store of `pushbot.ports` in the file `path`, beside which `PATH.lock` tells which process has it open.

    Missing directories are made. Any method but `open` and `close` raises RuntimeError while it is
    not open, and PushbotError, naming the file and the remedy, when the disk or the file fails.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: aiosqlite.Connection | None = None
        self._claim: int | None = None
        self._synced = asyncio.Lock()

    async def open(self) -> None:
        """Open or make the database, claim it for this process and bring it to this version."""
        claimed = claim(self.path)
        try:
            self._connection = await opened(self.path)
        except sqlite3.Error as error:
            os.close(claimed)
            raise explained(self.path, error) from error
        except BaseException:
            os.close(claimed)
            raise
        self._claim = claimed

    async def close(self) -> None:
        """Finish what was begun and close; safe to repeat, and to call when `open` failed."""
        async with self._synced:
            connection, self._connection = self._connection, None
            claimed, self._claim = self._claim, None
            try:
                if connection:
                    await connection.close()
            finally:
                if claimed is not None:
                    os.close(claimed)

    async def remember(self, lane: str) -> Remembered:
        """The lane's queue and its unfinished runs, oldest first."""
        queues = await self._read(QUEUE, "SELECT queue FROM lanes WHERE name = ?", lane)
        runs = await self._read(
            RUN, "SELECT record FROM runs WHERE lane = ? AND state IN ('requested', 'running') ORDER BY seq", lane
        )
        return Remembered(queues[0] if queues else None, runs)

    async def unfinished(self) -> Sequence[RunRecord]:
        """The unfinished runs of all lanes, oldest first."""
        return await self._read(RUN, "SELECT record FROM runs WHERE state IN ('requested', 'running') ORDER BY seq")

    async def commit(self, work: Work) -> None:
        """Write all of it or nothing.

        RuntimeError tells a bug: two unfinished runs with one lock, or a line's id given twice.
        """
        document = WORK.write(work)
        if not work.careful:
            await self._ask("INSERT INTO work VALUES (?)", document)
            return
        async with self._synced:  # or one that is done would take the care away from another under way
            await self._ask("PRAGMA synchronous = FULL")
            try:
                await self._ask("INSERT INTO work VALUES (?)", document)
            finally:
                await self._ask("PRAGMA synchronous = NORMAL")

    async def owed(self) -> Sequence[Line]:
        """The lines not yet confirmed, oldest first."""
        return await self._read(LINE, "SELECT record FROM lines ORDER BY id")

    async def last_line(self) -> int:
        """The highest line id ever given, or 0."""
        rows = await self._ask("SELECT seq FROM sqlite_sequence WHERE name = 'lines'")
        return int(rows[0][0]) if rows else 0

    async def run(self, run_id: str) -> RunRecord | None:
        """The run of that id."""
        found = await self._read(RUN, "SELECT record FROM runs WHERE id = ?", run_id)
        return found[0] if found else None

    async def runs(
        self, lane: str, *, stage: str | None = None, state: RunState | None = None, limit: int = 20
    ) -> Sequence[RunRecord]:
        """The lane's runs, newest first in the order in which they were first committed."""
        return await self._read(
            RUN,
            # what equals NULL is not known, so None looks for all
            "SELECT record FROM runs WHERE lane = ? AND ifnull(stage = ?, true) AND ifnull(state = ?, true)"
            " ORDER BY seq DESC LIMIT ?",
            lane,
            stage,
            state,
            limit,
        )

    async def pushes(self, lane: str, *, limit: int = 20) -> Sequence[PushRecord]:
        """The lane's pushes, newest first in the order in which they were first committed."""
        return await self._read(PUSH, "SELECT record FROM pushes WHERE lane = ? ORDER BY seq DESC LIMIT ?", lane, limit)

    async def push(self, lane: str, number: int) -> PushRecord | None:
        """The lane's push of that number."""
        found = await self._read(PUSH, "SELECT record FROM pushes WHERE lane = ? AND number = ?", lane, number)
        return found[0] if found else None

    async def journal(self, lane: str, *, limit: int = 50) -> Sequence[Entry]:
        """The lane's journal, newest first."""
        return await self._read(
            ENTRY, "SELECT record FROM journal WHERE lane = ? ORDER BY id DESC LIMIT ?", lane, limit
        )

    async def incidents(self, *, limit: int = 20) -> Sequence[IncidentRecord]:
        """The incidents, newest first."""
        return await self._read(INCIDENT, "SELECT record FROM incidents ORDER BY number DESC LIMIT ?", limit)

    async def people(self) -> Sequence[PersonRecord]:
        """All that is remembered of people, by key."""
        return await self._read(PERSON, "SELECT record FROM people ORDER BY key")

    async def delivered(self, delivery: str) -> bool:
        """Whether what has that id was taken within the last 90 days."""
        return bool(await self._ask("SELECT 1 FROM deliveries WHERE id = ?", delivery))

    def memory(self, chat: str) -> SqliteMemory:
        """The drawer of the chat of that name."""
        return SqliteMemory(chat, self._ask)

    async def _read(self, document: Document[T], sql: str, *parameters: str | int | None) -> tuple[T, ...]:
        rows = await self._ask(sql, *parameters)
        try:
            return tuple(document.read(row[0]) for row in rows)
        except ValidationError as error:
            raise PushbotError(
                f"{self.path}: the database holds what this pushbot did not write ({error.errors()[0]['msg']});"
                " restore a backup, or move the file away"
            ) from error

    async def _ask(self, sql: str, *parameters: str | int | None) -> list[sqlite3.Row]:
        """One statement, one trip to the thread that SQLite runs on."""
        if self._connection is None:
            raise RuntimeError(f"{self.path}: the store is not open")
        try:
            return list(await self._connection.execute_fetchall(sql, parameters))
        except sqlite3.Error as error:
            raise explained(self.path, error) from error
