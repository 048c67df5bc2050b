"""What is particular to the store on disk: a disk that fails, what readers see, how searches run."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import PushbotError
from pushbot.ports import Entry, Line, RunRecord, Work
from pushbot.queue.commands import RunState
from pushbot.queue.model import Queue, RunKind
from pushbot.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "pushbot.sqlite3")
    await store.open()
    yield store
    await store.close()


async def ask(store: SqliteStore, sql: str) -> list[tuple[object, ...]]:
    assert store._connection
    return [tuple(row) for row in await store._connection.execute_fetchall(sql)]


async def test_a_full_disk_is_told_in_words_and_cured_by_room(store: SqliteStore) -> None:
    await store.commit(Work("web", Queue(message="before")))
    await ask(store, "PRAGMA max_page_count = 1")
    large = Work("web", Queue(message="after"), lines=(Line(1, "irc", "#push", "reply", "x" * 100_000),))
    for careful in (False, True):
        with pytest.raises(PushbotError) as caught:
            await store.commit(Work(large.lane, large.queue, lines=large.lines, careful=careful))
        assert str(caught.value) == f"{store.path}: the disk is full and nothing was written; make room there"
        assert (await store.remember("web")).queue == Queue(message="before")
        assert list(await store.owed()) == []
    await ask(store, "PRAGMA max_page_count = 100000")
    await store.commit(large)
    assert (await store.remember("web")).queue == Queue(message="after")
    assert list(await store.owed()) == list(large.lines)


async def test_a_disk_that_may_not_be_written_is_told_in_words(store: SqliteStore) -> None:
    await ask(store, "PRAGMA query_only = 1")
    with pytest.raises(PushbotError, match="may not be written"):
        await store.commit(Work("web", Queue()))


async def test_a_lock_kept_by_another_program_is_told_in_words(store: SqliteStore) -> None:
    await ask(store, "PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(PushbotError, match="another program keeps the database locked"):
            await store.commit(Work("web", Queue()))
        other.execute("ROLLBACK")
    await store.commit(Work("web", Queue()))


async def test_a_row_written_by_somebody_else_is_told_in_words(store: SqliteStore) -> None:
    await ask(store, "INSERT INTO lanes VALUES ('web', '{\"items\": 3}', 'now')")
    with pytest.raises(PushbotError, match="did not write"):
        await store.remember("web")


async def test_a_mistake_of_ours_is_no_pushbot_error(store: SqliteStore) -> None:
    with pytest.raises(RuntimeError, match="a bug in pushbot"):
        await store._ask("SELECT nothing FROM nowhere")


async def test_careful_work_is_synced_and_the_rest_is_not_slowed(store: SqliteStore) -> None:
    seen: list[str] = []
    assert store._connection
    await store._connection.set_trace_callback(seen.append)
    async with asyncio.TaskGroup() as group:
        for careful in (True, False, True):
            group.create_task(store.commit(Work("web", Queue(), careful=careful)))
    full = False
    synced = []
    for statement, _ in groupby(seen):  # told again for each part of the trigger
        if statement.startswith("PRAGMA synchronous"):
            full = statement.endswith("FULL")
        elif statement.startswith("INSERT INTO work VALUES"):
            synced.append((full, '"careful":true' in statement))
    assert len(synced) == 3
    assert all(full for full, careful in synced if careful)
    assert await ask(store, "PRAGMA synchronous") == [(1,)]


async def test_an_operator_reads_it_with_plain_sql_while_the_bot_runs(store: SqliteStore) -> None:
    run = RunRecord(
        "web-1", "web", 1, "princess", RunKind.DEPLOY, RunState.RUNNING, "princess", "alice", ("alice",), AT
    )
    await store.commit(Work("web", Queue(), (Entry(AT, "irc/alice", ".go", "began run web-1"),), (run,)))
    with closing(sqlite3.connect(store.path)) as other:
        assert other.execute("SELECT id, stage, state, lock FROM runs").fetchall() == [
            ("web-1", "princess", "running", "princess")
        ]
        assert other.execute("SELECT at, who, what, outcome FROM journal").fetchall() == [
            ("2026-01-05T09:00:00+00:00", "irc/alice", ".go", "began run web-1")
        ]


async def test_every_search_goes_by_an_index(store: SqliteStore) -> None:
    seen: list[str] = []
    assert store._connection
    await store._connection.set_trace_callback(seen.append)
    await store.remember("web")
    await store.run("web-1")
    await store.runs("web", stage="prod", state=RunState.SUCCEEDED)
    await store.pushes("web")
    await store.push("web", 1)
    await store.journal("web")
    await store._connection.set_trace_callback(lambda _: None)
    plans = [str(row[-1]) for statement in seen for row in await ask(store, f"EXPLAIN QUERY PLAN {statement}")]
    assert len(seen) == 7
    assert [plan for plan in plans if not plan.startswith("SEARCH ")] == []


async def test_what_was_asked_before_closing_is_finished(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "pushbot.sqlite3")
    await store.open()
    async with asyncio.TaskGroup() as group:
        for number in range(1, 21):
            group.create_task(store.commit(Work("web", Queue(next_run=number), careful=number == 20)))
        await asyncio.sleep(0)  # let them ask
        group.create_task(store.close())
    await store.open()
    remembered = await store.remember("web")
    assert remembered.queue
    assert remembered.queue.next_run == 20
    await store.close()
