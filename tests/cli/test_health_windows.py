"""`pushbot check` holds the windows of health checks against how long they took."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from pushbot.cli.check import check
from pushbot.ports import RunRecord, Work
from pushbot.queue.commands import RunState
from pushbot.queue.model import RunKind
from pushbot.store import SqliteStore
from pushbot.testing.clock import START

if TYPE_CHECKING:
    from pathlib import Path

RUN = RunRecord(
    id="web-0",
    lane="web",
    train=1,
    stage="production",
    kind=RunKind.DEPLOY,
    state=RunState.SUCCEEDED,
    lock="web",
    driver="alice",
    riders=("alice",),
    requested_at=START,
    started_at=START,
    ended_at=START,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "pushbot.toml"
    file.write_text("""
[bot]
store = "record.db"
[chats.irc]
host = "localhost"
[roles.operator]
people = ["irc/alice"]
[lanes.web]
rooms = ["irc/#push"]
pipeline = "web"
[[pipelines.web.stages]]
name = "production"
steps = [{ name = "restart", run = ["true"] }]
health = [{ name = "up", tcp = "localhost:80", window = "30s", watch = "60s" }]
""")
    return file


async def record(folder: Path, *seconds: float, failed: int = 0) -> None:
    store = SqliteStore(folder / "record.db")
    await store.open()
    runs = [
        replace(RUN, id=f"web-{number}", took=(("restart", 1.0), ("health: up", 60 + took)))
        for number, took in enumerate(seconds)
    ]
    runs += [
        replace(RUN, id=f"web-{1000 + at}", state=RunState.FAILED, step="health: up", reason="no")
        for at in range(failed)
    ]
    await store.commit(Work("web", runs=tuple(runs)))
    await store.close()


def warned(file: Path) -> str:
    result = CliRunner().invoke(check, [str(file)])
    assert result.exit_code == 0
    return result.stderr


async def test_a_window_that_is_short_for_what_was_seen_is_warned_of(file: Path) -> None:
    await record(file.parent, *range(5, 24), 26.0, failed=2)
    assert warned(file) == ""  # a single slow one of twenty
    await record(file.parent, *range(8, 27), 29.5, failed=2)
    assert warned(file) == (
        "warning: web: stage production: health check 'up' takes up to 26 s in 95% of the last 20 good runs, and 2 runs"
        " failed there: its window of 30 s is short; 52 s would have room\n"
    )


async def test_a_few_runs_and_none_say_nothing(file: Path) -> None:
    assert warned(file) == ""
    await record(file.parent, 29.0, 29.0)
    assert warned(file) == ""


async def test_a_record_that_cannot_be_read_is_said(file: Path) -> None:
    await record(file.parent, 1.0)
    connection = sqlite3.connect(file.parent / "record.db")
    connection.execute("UPDATE runs SET record = json_set(record, '$.state', 'nowhere')")
    connection.commit()
    connection.close()
    assert "the record holds what this pushbot cannot read" in warned(file)
