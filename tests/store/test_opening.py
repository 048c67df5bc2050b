"""A database is made, taken up again, brought forward, or refused in words that name the remedy."""

# ruff: noqa: ASYNC240 - files of a few kilobytes, and nobody else in this loop

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import aiosqlite
import pytest

from pushbot.errors import PushbotError
from pushbot.ports import Work
from pushbot.queue.model import Queue
from pushbot.store import SqliteStore
from pushbot.store.opening import APPLICATION_ID, Migration, migrate, migrations

SCHEMA = Path(__file__).with_name("schema.sql")
QUEUE = Queue(message="kept", next_train=7)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pushbot.sqlite3"


async def make(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.commit(Work("web", QUEUE))
    await store.close()


async def refusal(path: Path) -> str:
    store = SqliteStore(path)
    with pytest.raises(PushbotError) as caught:
        await store.open()
    await store.close()
    return str(caught.value)


def schema(path: Path) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master ORDER BY type, name")
        return [(kind, name, " ".join(sql.split())) for kind, name, sql in rows]


async def test_the_migrated_schema_is_the_written_one(tmp_path: Path, path: Path) -> None:
    await make(path)
    written = tmp_path / "written.sqlite3"
    with closing(sqlite3.connect(written)) as connection:
        connection.executescript(SCHEMA.read_text(encoding="utf-8"))
    assert schema(path) == schema(written)


async def test_the_file_says_whose_it_is_and_of_which_version(path: Path) -> None:
    await make(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("PRAGMA user_version").fetchone() == (migrations()[-1].number,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_migrations_are_numbered_without_a_gap() -> None:
    numbers = [migration.number for migration in migrations()]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_a_migration_that_fails_changes_nothing_and_the_ones_before_it_stay(path: Path) -> None:
    await make(path)
    known = len(migrations())
    pending = (
        Migration(known + 1, "CREATE TABLE plans (id INTEGER); -- fine"),
        Migration(known + 2, "CREATE TABLE more (id INTEGER);\nINSERT INTO nowhere VALUES (1);"),
    )
    async with aiosqlite.connect(path, isolation_level=None) as connection:
        with pytest.raises(sqlite3.OperationalError, match="nowhere"):
            await migrate(connection, pending)
    with closing(sqlite3.connect(path)) as plain:
        assert plain.execute("PRAGMA user_version").fetchone() == (known + 1,)
    names = {name for _, name, _ in schema(path)}
    assert "plans" in names
    assert "more" not in names


async def test_a_newer_one_is_refused_with_both_versions_and_left_alone(path: Path) -> None:
    await make(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 4711")
    before = path.read_bytes()
    words = await refusal(path)
    assert str(path) in words
    assert "version 4711" in words
    assert f"up to {migrations()[-1].number};" in words
    assert path.read_bytes() == before


async def test_another_programs_database_is_refused_and_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    before = path.read_bytes()
    assert "another program's" in await refusal(path)
    assert path.read_bytes() == before


async def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.write_text("dear diary, " * 1000)
    words = await refusal(path)
    assert words.startswith(f"{path}: this file is not a database; ")
    assert path.read_text() == "dear diary, " * 1000


@pytest.mark.parametrize("table", ["lanes", "lines", "runs", "runs_unfinished", "pushes"])
async def test_damage_is_noticed_at_the_start(path: Path, table: str) -> None:
    await make(path)
    with closing(sqlite3.connect(path)) as connection:
        ((page,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,))
        ((size,),) = connection.execute("PRAGMA page_size")
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xee" * size)
    words = await refusal(path)
    assert words.startswith(f"{path}: the database is damaged (")
    assert "restore a backup" in words


async def test_a_file_cut_short_is_noticed_at_the_start(path: Path) -> None:
    await make(path)
    os.truncate(path, path.stat().st_size // 2)
    assert "the database is damaged (" in await refusal(path)


async def test_missing_directories_are_made(tmp_path: Path) -> None:
    path = tmp_path / "var" / "lib" / "pushbot.sqlite3"
    await make(path)
    assert path.is_file()


async def test_a_place_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    words = await refusal(tmp_path / "file" / "var" / "pushbot.sqlite3")
    assert words.startswith(f"{tmp_path}/file/var/pushbot.sqlite3: cannot keep the database there (Not a directory); ")


async def test_a_place_where_no_file_can_be_made_is_refused() -> None:
    words = await refusal(Path("/proc/self/pushbot.sqlite3"))
    assert words.startswith("/proc/self/pushbot.sqlite3: cannot keep the database there (")


async def test_a_directory_in_its_place_is_refused(path: Path) -> None:
    path.mkdir()
    assert (await refusal(path)).startswith(f"{path}: cannot keep the database there (Is a directory); ")


async def test_a_place_without_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "write-ahead log" in await refusal(Path(":memory:"))


async def test_a_store_that_was_refused_opens_once_the_cause_is_gone(path: Path) -> None:
    path.mkdir()
    store = SqliteStore(path)
    with pytest.raises(PushbotError):
        await store.open()
    path.rmdir()
    await store.open()
    await store.commit(Work("web", QUEUE))
    await store.close()
