"""Backups: a copy of the record, taken beside a running bot, with the configuration beside it; checked, and put back.

A backup is an SQLite file of its own, `NAME.sqlite3`, and the configuration of that moment, `NAME.toml`. Both are for
the bot's user alone. SQLite's backup interface (https://sqlite.org/backup.html) copies all pages in one read
transaction: the bot goes on writing meanwhile, and the copy is the record as it was at one moment.
"""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushbot.errors import PushbotError
from pushbot.store.reading import looked_into
from pushbot.store.rows import RUN
from pushbot.store.trouble import explained

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from pushbot.ports import RunRecord

_TIMED = re.compile(r"pushbot-\d{8}T\d{6}Z\.sqlite3")


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database holds, in short: how many entries its journal has, when the last was made, unfinished runs."""

    entries: int
    last_at: str | None
    unfinished: tuple[RunRecord, ...]


def named_by(folder: Path, at: datetime) -> Path:
    """The path of a backup taken `at` (in UTC) where no other name is given."""
    return folder / f"pushbot-{at:%Y%m%dT%H%M%SZ}.sqlite3"


def kept_in(folder: Path) -> list[Path]:
    """The backups in `folder` that are named by their time, oldest first; none where they cannot be looked for."""
    with suppress(OSError):
        return sorted(path for path in folder.iterdir() if _TIMED.fullmatch(path.name))
    return []


def back_up(store: Path, config: Path, target: Path) -> Contents:
    """Copy the database `store` to `target`, and the file `config` beside it; both are there whole or not at all.

    Raises PushbotError when there is no database, `target` is there already, the disk does not take it, or the copy
    is no good. Blocks for as long as the disk takes: call it in a thread from within a bot.
    """
    if target.exists():
        raise PushbotError(f"{target}: there is such a file already; a backup does not take the place of anything")
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(part, b"")
        try:
            _copy(store, part)
            found = contents(part)
            _place(part, config.read_bytes(), beside(target))
            _sync(part)
            part.rename(target)
            _sync(target.parent)
        finally:
            for left in (part, part.with_name(f"{part.name}-journal")):
                left.unlink(missing_ok=True)
    except OSError as error:
        raise PushbotError(f"{target}: no backup could be written ({error.strerror or error})") from error
    except sqlite3.Error as error:
        raise explained(store, error) from error
    return found


def prune(folder: Path, keep: int) -> list[Path]:
    """Delete all but the newest `keep` backups that are named by their time; gives those that went."""
    gone = kept_in(folder)[:-keep] if keep > 0 else []
    for path in gone:
        path.unlink(missing_ok=True)
        beside(path).unlink(missing_ok=True)
    return gone


def beside(backup: Path) -> Path:
    """Where the configuration that belongs to a backup is."""
    return backup.with_name(f"{backup.name.removesuffix('.sqlite3')}.toml")


def contents(path: Path) -> Contents:
    """What is in a database, after looking through all of it for damage.

    Raises PushbotError when it is damaged, another program's, of a newer pushbot, or not there.
    """
    try:
        with closing(looked_into(path)) as connection:
            ((found, *_), *_) = connection.execute("PRAGMA quick_check").fetchall()
            if found != "ok":
                raise PushbotError(f"{path}: the database is damaged ({found}); take another backup")
            ((entries, last_at),) = connection.execute("SELECT count(*), max(at) FROM journal")
            runs = connection.execute("SELECT record FROM runs WHERE state IN ('requested', 'running') ORDER BY seq")
            return Contents(entries, last_at, tuple(RUN.read(record) for (record,) in runs))
    except sqlite3.Error as error:
        raise explained(path, error) from error


def _copy(store: Path, part: Path) -> None:
    """All pages of `store`, as of one moment, into the empty file `part`, which then needs no other file beside it."""
    with closing(looked_into(store)) as source, closing(sqlite3.connect(part)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")


def _place(part: Path, data: bytes, target: Path) -> None:
    """Put `data` into the file `target`, whole or not at all."""
    temporary = part.with_name(f".{target.name}.part")
    _write(temporary, data)
    _sync(temporary)
    temporary.rename(target)


def _write(path: Path, data: bytes) -> None:
    """A new file for this user alone."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
        file.write(data)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
