"""The journal as others read it: beside a running bot, without a claim, and without holding it up."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from pydantic import ValidationError

from pushbot.errors import PushbotError
from pushbot.store.opening import BUSY_TIMEOUT, expect_ours, migrations
from pushbot.store.rows import ENTRY
from pushbot.store.trouble import explained

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from pushbot.ports import Entry

LOOK_EVERY = 0.25
"""Seconds between two looks for what is new."""
AT_ONCE = 500
"""Entries read in one transaction: a slow reader must not keep the write-ahead log from being cleared."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: of times from `since` to before `until`, of one lane ("" is the bot's own), with that outcome.

    `person` is a key (`account:alice`) or the name that somebody was called by, capitals aside.
    """

    since: datetime | None = None
    until: datetime | None = None
    person: str | None = None
    lane: str | None = None
    outcome: str | None = None

    def takes(self, lane: str, entry: Entry) -> bool:
        """Whether `entry`, of `lane`'s journal, is one of them."""
        return (
            (self.since is None or entry.at >= self.since)
            and (self.until is None or entry.at < self.until)
            and (self.person is None or self.person == entry.who or self.person.casefold() == entry.name.casefold())
            and self.outcome in (None, entry.outcome)
            and self.lane in (None, lane)
        )


@dataclass(frozen=True, slots=True)
class Written:
    """An entry as it stands in the journal: `number` is never given twice, and none is ever missing."""

    number: int
    lane: str
    entry: Entry


@dataclass(slots=True)
class Journal:
    """The journal in the database at `path`."""

    path: Path
    _last: int = field(default=0)

    def entries(self, wanted: Wanted, *, follow: bool = False) -> Iterator[Written]:
        """Those that are wanted, oldest first; with `follow` those to come too, for ever.

        Raises PushbotError when the database is not there, not pushbot's, or cannot be read.
        """
        try:
            with closing(looked_into(self.path)) as connection:
                while True:
                    while found := self._some(connection):
                        yield from (each for each in found if wanted.takes(each.lane, each.entry))
                    if not follow:
                        return
                    time.sleep(LOOK_EVERY)
        except sqlite3.Error as error:
            raise explained(self.path, error) from error

    def _some(self, connection: sqlite3.Connection) -> list[Written]:
        """The next entries, wanted or not."""
        rows = connection.execute(
            "SELECT id, lane, record FROM journal WHERE id > ? ORDER BY id LIMIT ?", (self._last, AT_ONCE)
        ).fetchall()
        if rows:
            self._last = rows[-1][0]
        try:
            return [Written(number, lane, ENTRY.read(record)) for number, lane, record in rows]
        except ValidationError as error:
            raise PushbotError(f"{self.path}: the journal holds what this pushbot cannot read ({error})") from error


def looked_into(path: Path) -> sqlite3.Connection:
    """A connection to a pushbot's database that changes nothing in it.

    Raises PushbotError when there is none, or it is another program's or a newer pushbot's, and sqlite3.Error.
    """
    if not path.is_file():
        raise PushbotError(f"{path}: there is no database; has the bot run with this configuration?")
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY_TIMEOUT)
    try:
        ((application, version),) = connection.execute(
            "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version"
        )
        expect_ours(path, application, version, migrations()[-1].number)
    except BaseException:
        connection.close()
        raise
    return connection
