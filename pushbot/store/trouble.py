"""What SQLite reports, in words: the world's doing is a PushbotError that names the remedy, ours a bug."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from pathlib import Path

_WORDS = {
    sqlite3.SQLITE_FULL: "the disk is full and nothing was written; make room there",
    sqlite3.SQLITE_IOERR: "the disk fails ({error}); look at the log of the system, and move the database if need be",
    sqlite3.SQLITE_READONLY: "the database may not be written; give the bot the right to write it and its directory",
    sqlite3.SQLITE_PERM: "the database may not be opened; give the bot the right to read and write it",
    sqlite3.SQLITE_CANTOPEN: "the database cannot be opened; give the path of a file in a directory the bot may write",
    sqlite3.SQLITE_BUSY: "another program keeps the database locked; end what else has it open",
    sqlite3.SQLITE_NOTADB: "this file is not a database; name another one, or move it away",
    sqlite3.SQLITE_CORRUPT: "the database is damaged ({error}); restore a backup, or move the file away",
}
"""By primary result code (https://sqlite.org/rescode.html)."""


def explained(path: Path, error: sqlite3.Error) -> PushbotError | RuntimeError:
    """What to raise instead of `error`, which befell the database at `path`."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the upper bits only refine it
    if words := _WORDS.get(code):
        return PushbotError(f"{path}: {words.format(error=error)}")
    return RuntimeError(f"{path}: SQLite refused what pushbot asked ({error}), which is a bug in pushbot")
