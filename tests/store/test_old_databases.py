"""A database that an earlier pushbot wrote is taken up with all that is in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pushbot.ports import Entry, Work
from pushbot.queue.commands import RunState
from pushbot.queue.model import Hold, Person, RunKind, Train
from pushbot.store import SqliteStore
from pushbot.store.opening import migrations

VERSION_1 = Path(__file__).with_name("version1.sql")
SCHEMA = Path(__file__).with_name("schema.sql")
AT = datetime(2026, 1, 5, 9, 0, 0, 250, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of version 1, as it was left by a bot that was killed."""
    path = tmp_path / "pushbot.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1.read_text(encoding="utf-8"))
    return path


async def test_all_that_was_in_it_is_there(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    known = await store.remember("web")
    assert known.queue
    hold, train, *_ = known.queue.items
    assert hold == Hold('fire "drill"')
    assert isinstance(train, Train)
    assert (train.driver, train.message, train.number) == (
        Person("irc", "account:alice", "alice"),
        "zażółć 🚂",
        12,
    )
    assert [one.number for one in known.queue.aside] == [14]
    assert (known.queue.next_train, known.queue.next_run, known.queue.locks) == (15, 36, ())
    assert [(run.id, run.state) for run in known.runs] == [("web-34", RunState.REQUESTED)]
    before = await store.run("web-33")
    assert before
    assert (before.kind, before.token, before.continues, before.hosts) == (RunKind.ROLLBACK, "4711", "web-33", 120)
    assert before.ended_at == AT + timedelta(seconds=2)
    assert [(push.number, push.riders, push.people) for push in await store.pushes("web")] == [
        (11, ("alice", "B|ob"), ()),
        (12, ("alice", "B|ob"), ()),
    ]
    assert [line.id for line in await store.owed()] == [7]
    assert await store.last_line() == 9
    assert list(await store.journal("web")) == [
        Entry(AT, "control/uid:0", ".go", "not_head"),
        Entry(AT, "irc/alice", '.join "with; DROP TABLE lanes"', "joined train 12"),
    ]
    await store.close()


async def test_it_goes_on_from_there(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    (run,) = (await store.remember("web")).runs
    await store.commit(Work("web", entries=(Entry(AT, "a", ".go", "done", "al", "p", "w"),), runs=(run,)))
    await store.commit(Work("web", runs=(replace(run, state=RunState.LOST),)))
    assert (await store.remember("web")).runs == ()
    assert (await store.journal("web", limit=1))[0].name == "al"
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (migrations()[-1].number,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_its_schema_is_then_that_of_a_new_one(path: Path, tmp_path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.close()
    written = tmp_path / "written.sqlite3"
    schemas = []
    for each in (path, written):
        with closing(sqlite3.connect(each)) as connection:
            if each == written:
                connection.executescript(SCHEMA.read_text(encoding="utf-8"))
            rows = connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master ORDER BY type, name")
            schemas.append([(kind, name, " ".join(sql.split())) for kind, name, sql in rows])
    assert schemas[0] == schemas[1]


async def test_nothing_in_the_journal_can_be_changed_or_deleted(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        for attempt in (
            "DELETE FROM journal",
            "DELETE FROM journal WHERE id = 2",
            "UPDATE journal SET record = json_set(record, '$.who', 'nobody')",
            "UPDATE journal SET lane = 'api' WHERE id = 1",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="the journal only grows"):
                connection.execute(attempt)
        assert connection.execute("SELECT count(*) FROM journal").fetchone() == (3,)
