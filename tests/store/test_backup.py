"""Backups beside whoever writes, and back again: whole or not at all, and nothing is ever deleted."""

# ruff: noqa: ASYNC240 - files of a few kilobytes, and nobody else in this loop

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pushbot.errors import InUse, PushbotError
from pushbot.ports import Work
from pushbot.queue.model import Queue
from pushbot.store import SqliteStore
from pushbot.store.backup import back_up, beside, kept_in, named_by, prune
from pushbot.store.restore import restore

CHILD = Path(__file__).with_name("child.py")
AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "pushbot.sqlite3"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "pushbot.toml"
    file.write_text("# the configuration")
    return file


async def make(path: Path, message: str) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.commit(Work("web", Queue(message=message, next_run=5)))
    await store.close()


async def queue_in(path: Path) -> Queue | None:
    store = SqliteStore(path)
    await store.open()
    remembered = await store.remember("web")
    await store.close()
    return remembered.queue


async def test_a_backup_beside_one_who_writes_is_of_one_moment(path: Path, config: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(CHILD), "commit", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: ASYNC220 - nobody else here
        assert process.stdout
        numbers = []
        for turn in range(5):
            for _ in range(50):
                process.stdout.readline()
            target = tmp_path / "out" / f"{turn}.sqlite3"
            found = back_up(path, config, target)
            with closing(sqlite3.connect(f"file:{target}?mode=ro", uri=True)) as copy:
                ((count, last),) = copy.execute("SELECT count(*), max(CAST(what AS INTEGER)) FROM journal")
                assert copy.execute("SELECT id FROM runs WHERE state = 'requested'").fetchall() == [(f"web-{last}",)]
                assert copy.execute("PRAGMA journal_mode").fetchone() == ("delete",)
            assert count == last == found.entries
            assert [run.id for run in found.unfinished] == [f"web-{last}"]
            numbers.append(last)
        process.kill()
    assert numbers == sorted(set(numbers))


async def test_it_is_for_the_bots_user_alone_and_leaves_nothing_else(path: Path, config: Path) -> None:
    await make(path, "kept")
    target = named_by(path.parent / "backups", AT)
    back_up(path, config, target)
    files = sorted(target.parent.iterdir())
    assert [file.name for file in files] == ["pushbot-20260105T090000Z.sqlite3", "pushbot-20260105T090000Z.toml"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert beside(target).read_text() == "# the configuration"


async def test_nothing_is_overwritten(path: Path, config: Path, tmp_path: Path) -> None:
    await make(path, "kept")
    target = tmp_path / "diary"
    target.write_text("dear diary")
    with pytest.raises(PushbotError, match="there is such a file already"):
        back_up(path, config, target)
    assert target.read_text() == "dear diary"


async def test_what_is_damaged_gives_no_backup(path: Path, config: Path, tmp_path: Path) -> None:
    await make(path, "kept")
    with closing(sqlite3.connect(path)) as connection:
        ((page,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'lanes'")
        ((size,),) = connection.execute("PRAGMA page_size")
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xee" * size)
    with pytest.raises(PushbotError, match="the database is damaged"):
        back_up(path, config, tmp_path / "out" / "copy.sqlite3")
    assert list((tmp_path / "out").iterdir()) == []


async def test_only_those_named_by_their_time_are_pruned(path: Path, config: Path, tmp_path: Path) -> None:
    await make(path, "kept")
    folder = tmp_path / "backups"
    by_hand = folder / "before-upgrade.sqlite3"
    back_up(path, config, by_hand)
    taken = [named_by(folder, AT + timedelta(days=day)) for day in range(5)]
    for target in taken:
        back_up(path, config, target)
    assert prune(folder, 2) == taken[:3]
    assert kept_in(folder) == taken[3:]
    assert sorted(folder.iterdir()) == sorted([by_hand, *taken[3:], *map(beside, [by_hand, *taken[3:]])])


async def test_what_was_backed_up_comes_back_and_what_was_there_is_kept(
    path: Path, config: Path, tmp_path: Path
) -> None:
    await make(path, "then")
    backup = tmp_path / "copy.sqlite3"
    back_up(path, config, backup)
    await make(path, "since")
    (tmp_path / "runs" / "web-41").mkdir(parents=True)
    (tmp_path / "runs" / "web-x").mkdir()
    (tmp_path / "runs" / "web-extra-77").mkdir()
    done = restore(backup, path, tmp_path / "runs", AT)
    queue = await queue_in(path)
    assert queue
    assert (queue.message, queue.next_run) == ("then", 42)
    assert done.aside == path.with_name("pushbot.sqlite3.before-restore-20260105T090000Z")
    aside = await queue_in(done.aside)
    assert aside
    assert aside.message == "since"


async def test_the_log_of_a_bot_that_was_killed_is_kept_with_its_database(
    path: Path, config: Path, tmp_path: Path
) -> None:
    await make(path, "then")
    backup = tmp_path / "copy.sqlite3"
    back_up(path, config, backup)
    with subprocess.Popen(  # noqa: ASYNC220 - nobody else here
        [sys.executable, str(CHILD), "commit", str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        for _ in range(30):
            process.stdout.readline()
        process.kill()
    assert path.with_name("pushbot.sqlite3-wal").exists()
    done = restore(backup, path, tmp_path / "runs", AT)
    assert not path.with_name("pushbot.sqlite3-wal").exists()
    queue = await queue_in(path)
    assert queue
    assert queue.message == "then"
    assert done.aside
    store = SqliteStore(done.aside)
    await store.open()
    assert len(await store.journal("web", limit=1000)) >= 29
    await store.close()


async def test_nothing_is_restored_under_a_bot(path: Path, config: Path, tmp_path: Path) -> None:
    await make(path, "then")
    backup = tmp_path / "copy.sqlite3"
    back_up(path, config, backup)
    store = SqliteStore(path)
    await store.open()
    with pytest.raises(InUse):
        restore(backup, path, tmp_path / "runs", AT)
    assert (await store.remember("web")).queue
    await store.close()
    assert sorted(file.name for file in path.parent.iterdir()) == ["pushbot.sqlite3", "pushbot.sqlite3.lock"]


@pytest.mark.parametrize("kind", ["none", "empty", "text", "other", "newer", "cut"])
async def test_a_bad_backup_changes_nothing(path: Path, config: Path, tmp_path: Path, kind: str) -> None:
    await make(path, "now")
    backup = tmp_path / "copy.sqlite3"
    match kind:
        case "empty":
            backup.touch()
        case "text":
            backup.write_text("dear diary" * 1000)
        case "other":
            with closing(sqlite3.connect(backup)) as connection:
                connection.execute("CREATE TABLE bookmarks (url TEXT)")
        case "newer":
            back_up(path, config, backup)
            with closing(sqlite3.connect(backup)) as connection:
                connection.execute("PRAGMA user_version = 4711")
        case "cut":
            back_up(path, config, backup)
            backup.write_bytes(backup.read_bytes()[:-8192])
        case _:
            pass
    before = path.read_bytes()
    with pytest.raises(PushbotError) as caught:
        restore(backup, path, tmp_path / "runs", AT)
    assert str(backup) in str(caught.value)
    assert path.read_bytes() == before
    assert not [file for file in path.parent.iterdir() if "restore" in file.name]


async def test_it_is_put_where_there_was_nothing(path: Path, config: Path, tmp_path: Path) -> None:
    await make(path, "then")
    backup = tmp_path / "copy.sqlite3"
    back_up(path, config, backup)
    elsewhere = tmp_path / "new" / "place" / "pushbot.sqlite3"
    done = restore(backup, elsewhere, tmp_path / "runs", AT)
    assert done.aside is None
    queue = await queue_in(elsewhere)
    assert queue
    assert queue.message == "then"


async def test_a_backup_that_is_not_there_is_named_as_such(path: Path, tmp_path: Path) -> None:
    await make(path, "as it is")
    before = path.read_bytes()
    with pytest.raises(PushbotError, match=r"typo\.sqlite3: there is no such file"):
        restore(tmp_path / "typo.sqlite3", path, tmp_path / "runs", AT)
    assert path.read_bytes() == before
