"""Putting a backup back: nothing is deleted, and no run that came after the backup is mistaken for a new one."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushbot.errors import PushbotError
from pushbot.store.backup import Contents, contents
from pushbot.store.claim import claim
from pushbot.store.reading import looked_into
from pushbot.store.trouble import explained

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

WITH_IT = ("-wal", "-shm")
"""What SQLite keeps beside a database while it is open, or after a crash: it belongs to that very file."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back, and where what stood there is kept now; None when there was nothing."""

    contents: Contents
    aside: Path | None


def restore(backup: Path, store: Path, runs: Path, at: datetime) -> Restored:
    """Make the database in `backup` that at `store`, and number its next runs after those in the folder `runs`.

    Raises InUse when a bot has `store` open, and PushbotError when the backup is no good or the disk does not take
    it: then all is as it was.
    """
    if not backup.is_file():
        raise PushbotError(f"{backup}: there is no such file; backups end in .sqlite3")
    found = contents(backup)
    there = store.exists()
    claimed = claim(store)
    part = store.with_name(f".{store.name}.restored")
    try:
        part.unlink(missing_ok=True)
        _copy(backup, part, runs)
        if there:
            shutil.copymode(store, part)
            if os.geteuid() == 0:
                os.chown(part, store.stat().st_uid, store.stat().st_gid)
        aside = _set_aside(store, at) if store.stat().st_size else None
        part.rename(store)
        _sync(store.parent)
    except OSError as error:
        raise PushbotError(f"{store}: the backup could not be put there ({error.strerror or error})") from error
    except sqlite3.Error as error:
        raise explained(part, error) from error
    finally:
        for left in (part, part.with_name(f"{part.name}-journal")):
            left.unlink(missing_ok=True)
        os.close(claimed)
    return Restored(found, aside)


def _copy(backup: Path, part: Path, runs: Path) -> None:
    """The backup, whole and written through to the disk, with the numbers of runs that are still free."""
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(looked_into(backup)) as source, closing(sqlite3.connect(part, isolation_level=None)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        copy.execute("PRAGMA synchronous = FULL")
        for (lane,) in copy.execute("SELECT name FROM lanes").fetchall():
            copy.execute(
                "UPDATE lanes SET queue = json_set(queue, '$.next_run', max(json_extract(queue, '$.next_run'), ?))"
                " WHERE name = ?",
                (_used(runs, lane) + 1, lane),
            )
        if copy.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise PushbotError(f"{part}: the copy is damaged; look at the disk")


def _used(runs: Path, lane: str) -> int:
    """The highest number of a run of `lane` that has a folder: its files must not be taken for those of another."""
    numbers = [0]
    with suppress(FileNotFoundError, NotADirectoryError):
        for folder in runs.iterdir():
            name, _, number = folder.name.rpartition("-")
            if name == lane and number.isascii() and number.isdigit():
                numbers.append(int(number))
    return max(numbers)


def _set_aside(store: Path, at: datetime) -> Path:
    """Move the present database away, with what SQLite keeps beside it."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(store)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what is still in the log belongs into the file
    aside = store.with_name(f"{store.name}.before-restore-{at:%Y%m%dT%H%M%SZ}")
    if aside.exists():
        raise PushbotError(f"{aside}: there is such a file already; wait a second and try again")
    for suffix in (*WITH_IT, ""):
        with suppress(FileNotFoundError):
            store.with_name(store.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
