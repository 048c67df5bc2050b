"""Whole processes: killed in the middle of it, kept apart from each other, and free to end."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import PushbotError
from pushbot.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator

CHILD = Path(__file__).with_name("child.py")
ENDS_WITHIN = 60.0  # seconds; it takes a fraction of one


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pushbot.sqlite3"


@contextmanager
def child(mode: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """A child process that has the store open, killed at the end."""
    command = [sys.executable, str(CHILD), mode, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "open\n"
            yield process
        finally:
            process.kill()


async def committed(path: Path) -> int:
    """The number of the last work in the record, once it is sure that every part of it says the same."""
    store = SqliteStore(path)
    await store.open()
    try:
        (newest,) = await store.journal("web", limit=1)
        number = int(newest.what)
        remembered = await store.remember("web")
        assert remembered.queue
        assert remembered.queue.next_run == number
        assert remembered.queue.message == "x" * (number % 7) * 3000
        assert [run.id for run in remembered.runs] == [f"web-{number}"]
        assert [line.id for line in await store.owed()] == [number]
        assert await store.last_line() == number
        assert [push.number for push in await store.pushes("web", limit=1)] == [number]
        assert len(await store.journal("web", limit=10**6)) == number
        return number
    finally:
        await store.close()


async def test_after_kill_9_the_record_is_that_of_the_last_commit_or_the_one_under_way(path: Path) -> None:
    chance = Random(20260105)  # noqa: S311 - when to kill, told the same to every run
    told = 0
    for _ in range(6):
        with child("commit", path) as process:
            assert process.stdout
            for _ in range(chance.randint(1, 120)):
                process.stdout.readline()
            process.kill()
            rest = [line for line in process.stdout.read().split("\n")[:-1] if line]
        kept = await committed(path)
        assert kept > told
        if rest:
            assert kept - int(rest[-1]) in (0, 1)
        told = kept


async def test_a_second_process_is_refused_and_told_who_is_there(path: Path) -> None:
    store = SqliteStore(path)
    with child("hold", path) as process:
        with pytest.raises(PushbotError) as caught:
            await store.open()
        assert str(caught.value).startswith(
            f"{path}: the database is in use by another pushbot, process {process.pid} on {socket.gethostname()} since "
        )
        process.kill()
        process.wait()
        await store.open()  # the kernel has let go
        await store.close()


async def test_a_second_store_in_the_same_process_is_refused_until_the_first_is_closed(path: Path) -> None:
    first, second = SqliteStore(path), SqliteStore(path)
    await first.open()
    with pytest.raises(PushbotError, match="in use"):
        await second.open()
    assert await first.last_line() == 0
    await first.close()
    await second.open()
    await second.close()


async def test_a_child_process_that_outlives_the_bot_does_not_keep_the_claim(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False):  # noqa: ASYNC220 - nobody else in this loop
        await store.close()
        await store.open()
        assert await store.last_line() == 0
        await store.close()


def test_a_process_that_did_not_close_its_store_ends_all_the_same(path: Path) -> None:
    with child("leave", path) as process:
        assert process.communicate(timeout=ENDS_WITHIN) == ("", "")
        assert process.returncode == 0
