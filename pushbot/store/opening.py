"""How a database is opened: looked at first, then set up, brought to this version and checked."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from threading import Thread
from typing import TYPE_CHECKING

import aiosqlite

from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

APPLICATION_ID = 1886745448
"""What marks a file as ours, set by the first migration."""

BUSY_TIMEOUT = 5.0
"""Seconds to wait for somebody who looks into the database with another program."""

CHECKED = ("lanes", "lines", "runs", "pushes", "incidents", "people")
"""The tables looked through for damage at each start; not the journal, which grows for ever."""


@dataclass(frozen=True, slots=True)
class Migration:
    """The SQL that brings a database of version `number - 1` to version `number`."""

    number: int
    sql: str


def migrations() -> tuple[Migration, ...]:
    """All that this bot knows, in order, from `migrations/NNNN_title.sql`."""
    folder = resources.files("pushbot.store") / "migrations"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return tuple(Migration(int(file.name[:4]), file.read_text(encoding="utf-8")) for file in files)


async def opened(path: Path) -> aiosqlite.Connection:
    """A connection to the database at `path`, ready for use.

    Raises PushbotError when the database is newer than this bot, another program's, or damaged,
    and sqlite3.Error for what SQLite itself finds wrong.
    """
    connection = await _unopened(path)
    try:
        known = migrations()
        version = await _version(connection, path, known[-1].number)
        await _set_up(connection, path)
        await migrate(connection, known[version:])
        await _check(connection, path)
    except BaseException:
        await connection.close()
        raise
    return connection


async def migrate(connection: aiosqlite.Connection, pending: Sequence[Migration]) -> None:
    """Apply `pending` in order, each in a transaction of its own that also sets the version."""
    for migration in pending:
        await connection.executescript(
            f"BEGIN IMMEDIATE;\n{migration.sql}\nPRAGMA user_version = {migration.number};\nCOMMIT;"
        )


def _unopened(path: Path) -> aiosqlite.Connection:
    """A connection whose thread does not keep the process from ending when nobody closed it.

    aiosqlite has no option for that, but a thread is daemonic when the thread that makes it is.
    Being stopped at any moment is what the database withstands anyway.
    """
    made: list[aiosqlite.Connection] = []

    def make() -> None:
        made.append(aiosqlite.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None))

    maker = Thread(target=make, daemon=True)
    maker.start()
    maker.join()
    return made[0]


async def _version(connection: aiosqlite.Connection, path: Path, known: int) -> int:
    """The version of the database, nothing written yet; 0 for a new one."""
    rows = await connection.execute_fetchall(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)"
        " FROM pragma_application_id, pragma_user_version"
    )
    ((application, version, objects),) = rows
    expect_ours(path, application if objects else APPLICATION_ID, version, known)
    return int(version)


def expect_ours(path: Path, application: int, version: int, known: int) -> None:
    """Raise PushbotError when the database is of a version above `known`, or another program's."""
    if version > known:
        raise PushbotError(
            f"{path}: the database has version {version} and this pushbot knows only up to {known};"
            " start the newer pushbot that wrote it, or restore a backup from before"
        )
    if application != APPLICATION_ID:
        raise PushbotError(f"{path}: this is another program's database; give pushbot a file of its own")


async def _set_up(connection: aiosqlite.Connection, path: Path) -> None:
    """Set what holds for the connection: see docs/adr/0004-sqlite-with-plain-sql.md for why."""
    ((mode,),) = await connection.execute_fetchall("PRAGMA journal_mode = WAL")
    if mode != "wal":
        raise PushbotError(
            f"{path}: SQLite cannot keep a write-ahead log there; put the database in a file on a local disk"
        )
    await connection.execute_fetchall("PRAGMA synchronous = NORMAL")


async def _check(connection: aiosqlite.Connection, path: Path) -> None:
    for table in CHECKED:
        ((found, *_), *_) = await connection.execute_fetchall(f"PRAGMA quick_check({table})")
        if found != "ok":
            raise PushbotError(f"{path}: the database is damaged ({found}); restore a backup, or move the file away")
