"""`pushbot audit`: what it tells of the journal, to whom, and what it does when it cannot."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import structlog
from click.testing import CliRunner

from pushbot.cli import main
from pushbot.ports import Entry, Work
from pushbot.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

AT = datetime(2026, 1, 5, 9, 0, 0, 250_000, tzinfo=UTC)
ENTRIES = (
    ("web", Entry(AT, "account:alice", ".join", "done", "alice", "account alice", "irc/#push")),
    ("web", Entry(AT + timedelta(hours=1), "nick:bob", ".go", "not_trusted", "B|ob", "", "irc/#push")),
    (
        "api",
        Entry(AT + timedelta(hours=2), "account:alice", ".status", "answered", "Alice_", "account alice", "irc/al"),
    ),
    ("", Entry(AT + timedelta(hours=3), "bot:pushbot", "config loaded", "done", "pushbot")),
)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture
async def config(tmp_path: Path) -> Path:
    """A configuration beside whose record is as a bot left it."""
    file = tmp_path / "pushbot.toml"
    file.write_text('[chats.irc]\nhost = "127.0.0.1"\n[lanes.web]\nrooms = ["irc/#push"]\n')
    store = SqliteStore(tmp_path / "var" / "pushbot.sqlite3")
    await store.open()
    for lane, entry in ENTRIES:
        await store.commit(Work(lane, entries=(entry,)))
    await store.close()
    return file


def audited(config: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["audit", str(config), *words])


def told(config: Path, *words: str) -> list[str]:
    result = audited(config, *words)
    assert result.exit_code == 0, result.output
    return [json.loads(line)["what"] for line in result.output.splitlines()]


def test_each_line_is_one_object_with_all_that_is_known(config: Path) -> None:
    first, *others = audited(config).output.splitlines()
    assert json.loads(first) == {
        "id": 1,
        "at": "2026-01-05T09:00:00.250Z",
        "lane": "web",
        "who": "account:alice",
        "name": "alice",
        "proof": "account alice",
        "where": "irc/#push",
        "what": ".join",
        "outcome": "done",
    }
    assert [json.loads(line)["id"] for line in others] == [2, 3, 4]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--person", "alice"), [".join"]),
        (("--person", "ALICE_"), [".status"]),
        (("--person", "account:alice"), [".join", ".status"]),
        (("--lane", "web"), [".join", ".go"]),
        (("--lane", ""), ["config loaded"]),
        (("--outcome", "not_trusted"), [".go"]),
        (("--since", "2026-01-05T10:00"), [".go", ".status", "config loaded"]),
        (("--since", "2026-01-05T11:00+01:00", "--until", "2026-01-05 11:00:00.250"), [".go"]),
        (("--until", "2026-01-05"), []),
        (("--since", "1d"), []),
        (("--since", "36500d"), [".join", ".go", ".status", "config loaded"]),
    ],
)
def test_what_is_wanted_can_be_said(config: Path, words: tuple[str, ...], expected: list[str]) -> None:
    assert told(config, *words) == expected


@pytest.mark.parametrize("time", ["yesterday", "2026-13-01", "", "-3d", "9999999999999d"])
def test_a_time_that_is_none_is_wrong_usage(config: Path, time: str) -> None:
    result = audited(config, "--since", time)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_people_get_a_line_each(config: Path) -> None:
    assert audited(config, "--text", "--lane", "web").output.splitlines() == [
        "2026-01-05T09:00:00.250Z  web irc/#push  alice (account:alice, account alice): .join  -> done",
        "2026-01-05T10:00:00.250Z  web irc/#push  B|ob (nick:bob): .go  -> not_trusted",
    ]


@pytest.mark.parametrize("form", ["--json", "--text"])
def test_nothing_in_the_words_steers_a_terminal_or_ends_a_line(config: Path, form: str) -> None:
    path = config.parent / "var" / "pushbot.sqlite3"
    hostile = '\x1b[2J\r\n\x00\x9b\u2028\u202e\u2066{}"\\'
    record = {"at": AT.isoformat(), "who": hostile, "what": hostile, "outcome": hostile, "name": hostile}
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO journal (lane, record) VALUES (?, ?)", (hostile, json.dumps(record)))
    lines = audited(config, form).output.split("\n")
    assert len(lines) == len(ENTRIES) + 2
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", "".join(lines))
    if form == "--json":
        assert json.loads(lines[-2])["what"] == hostile


def test_no_record_is_told(config: Path) -> None:
    (config.parent / "var" / "pushbot.sqlite3").unlink()
    result = audited(config)
    assert result.exit_code == 1
    assert "there is no database" in result.output


def test_another_programs_database_is_told(config: Path) -> None:
    path = config.parent / "var" / "pushbot.sqlite3"
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    result = audited(config)
    assert result.exit_code == 1
    assert "another program's database" in result.output


def test_what_is_no_entry_is_told(config: Path) -> None:
    path = config.parent / "var" / "pushbot.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        record = '{"at": "soon", "who": "x", "what": "y", "outcome": "z"}'
        connection.execute("INSERT INTO journal (lane, record) VALUES ('web', ?)", (record,))
    result = audited(config)
    assert result.exit_code == 1
    assert "the journal holds what this pushbot cannot read" in result.output


def command(config: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "pushbot", "audit", str(config), *words]


def test_a_reader_who_goes_away_is_no_error_to_tell(config: Path) -> None:
    path = config.parent / "var" / "pushbot.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
            " INSERT INTO journal (lane, record) SELECT lane, record FROM n, journal WHERE journal.id = 1"
        )
    with subprocess.Popen(command(config), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""


async def test_it_follows_a_bot_at_work_until_told_to_stop(config: Path) -> None:
    store = SqliteStore(config.parent / "var" / "pushbot.sqlite3")
    await store.open()
    with subprocess.Popen(  # noqa: ASYNC220 - nobody else in this loop
        command(config, "--follow", "--lane", "web"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        assert [json.loads(process.stdout.readline())["what"] for _ in range(2)] == [".join", ".go"]
        for number in range(3):
            await store.commit(Work("web", entries=(Entry(AT, "a", f".{number}", "done"),)))
            assert json.loads(process.stdout.readline())["what"] == f".{number}"
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == ""
        assert process.wait() == 0
    await store.close()
