"""The disk of the record on its bad days: full, read-only, with something else on it, or with another bot."""

from __future__ import annotations

import hashlib
import os
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import SOON, until
from tests.e2e.made import Gate, basics, lane, noted, stage, step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.bot import BotProcess
    from tests.e2e.conftest import Bots, People
    from tests.rig.ngircd import Ngircd

pytestmark = [pytest.mark.e2e, pytest.mark.net]

CANNOT = "I cannot write my record down"


def config(port: int, folder: Path) -> str:
    """One lane whose deploy waits at a gate."""
    steps = [step("build", f'{noted(folder / "steps", "build")}\n: < "{folder / "gate"}"')]
    return basics(port) + stage("web", "live", steps) + lane("web")


@contextmanager
def small_disk(folder: Path, size: str = "1m") -> Iterator[None]:
    """A file system of its own, of that size, in `folder`. Needs the right to mount, as root has it."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, how: str) -> None:
    """Make a small disk one that can only be read, or written too."""
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)


def fill(file: Path) -> None:
    """Leave no byte free on the disk of `file`."""
    with file.open("ab", buffering=0) as filler:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    filler.write(b"x" * size)
            except OSError:
                continue


async def nothing_is_done(bot: BotProcess, irc_server: Ngircd, people: People) -> None:
    """Commands are told to be beyond the record; topic, runs and queue stay as they are."""
    carol = await people(irc_server, "carol")
    topic, trains, journal = carol.topic(), bot.trains(), bot.journal()
    for command in (".join", '.hold "fire"', ".message x", ".nevermind"):
        await carol.asks(command, CANNOT)
    for command in (".good", ".abort"):
        since = carol.mark
        carol.say(command)
        await carol.hears(CANNOT, since=since)
    await carol.asks(".status", "alice")
    assert (carol.topic(), bot.trains(), bot.journal()) == (topic, trains, journal)
    assert [run.state for run in bot.runs()] == ["running"]
    carol.leave()


async def begun(bot: BotProcess, irc_server: Ngircd, people: People) -> None:
    """A bot with a run in flight."""
    alice = await people(irc_server, "alice")
    await bot.start()
    await alice.asks(".join", "alice: You're up")
    await alice.asks(".go", "web is being deployed to live by alice")
    await until(lambda: bot.written("steps") and bot.runs()[0].state == "running", "the run at its gate")


async def recovered(bot: BotProcess, irc_server: Ngircd, people: People, gate: Gate) -> None:
    """All goes on, in the same life of the bot, and nothing was done twice."""
    dave = await people(irc_server, "dave")

    async def taken() -> bool:
        since = dave.mark
        dave.say(".join")
        await until(
            lambda: dave.said(since=since) or dave.said("dave", since=since) or "dave" in dave.topic(), "a word"
        )
        return "dave" in dave.topic()

    for _ in range(20):
        if await taken():
            break
    assert "dave" in dave.topic()
    await gate.opened()
    await dave.hears("alice: you're on live")
    await until(lambda: [run.state for run in bot.runs()] == ["succeeded"], "the end of the run on record")
    assert bot.written("steps") == ["web-1 live build web-1"]
    assert bot.lives == 1


async def test_a_full_disk(irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    bot = bots(config(irc_server.port, tmp_path))
    disk = tmp_path / "var"
    with small_disk(disk):
        await begun(bot, irc_server, people)
        filler = disk / "filler"
        fill(filler)
        bob = await people(irc_server, "bob")
        for _ in range(40):  # what is left of the log's last page takes a little yet
            since = bob.mark
            bob.say('.message "' + "x" * 300 + '"')
            bob.say(".log nothing", to="pushbot")
            await bob.hears("nothing", to="bob", since=since)
            if any(CANNOT in line for line in bob.said(since=since)):
                break
        await nothing_is_done(bot, irc_server, people)
        filler.unlink()
        await recovered(bot, irc_server, people, gate)
        assert (await bot.stop())[0] == 0


async def test_a_disk_that_takes_no_more_writes(irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    bot = bots(config(irc_server.port, tmp_path))
    await begun(bot, irc_server, people)
    before = resource.prlimit(bot.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, (0, before[1]))  # every write to a file fails (EFBIG)
    await nothing_is_done(bot, irc_server, people)
    resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, before)
    await recovered(bot, irc_server, people, gate)
    assert (await bot.stop())[0] == 0


def refused(bot: BotProcess) -> str:
    """What the bot says when it does not begin: one line, and exit code 1."""
    done = subprocess.run(
        [sys.executable, "-m", "pushbot", "run", str(bot.file)],
        cwd=bot.folder,
        capture_output=True,
        text=True,
        timeout=SOON,
        check=False,
    )
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("pushbot: ")]
    assert len(lines) == 1
    assert "Traceback" not in done.stderr
    return lines[0]


def fingerprint(folder: Path) -> dict[str, str]:
    """What is in a folder, but for the lock that says who has the database."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    }


async def test_a_read_only_disk_at_the_start(irc_server: Ngircd, bots: Bots, tmp_path: Path) -> None:
    bot = bots(config(irc_server.port, tmp_path))
    disk = tmp_path / "var"
    with small_disk(disk):
        await bot.start()
        await bot.stop()
        remount(disk, "ro")
        assert "cannot keep the database there (Read-only file system)" in refused(bot)
        remount(disk, "rw")
        await bot.start()
        assert (await bot.stop())[0] == 0


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("newer", "the database has version 4711 and this pushbot knows only up to"),
        ("other", "this is another program's database"),
        ("pages", "the database is damaged"),
        ("cut", "the database is damaged"),
        ("text", "this file is not a database"),
    ],
)
async def test_what_is_not_to_be_used_is_left_as_it_is(
    irc_server: Ngircd, bots: Bots, tmp_path: Path, kind: str, said: str
) -> None:
    bot = bots(config(irc_server.port, tmp_path))
    await bot.start()
    await bot.stop()
    path = tmp_path / "var" / "pushbot.sqlite3"
    match kind:
        case "newer":
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("PRAGMA user_version = 4711")
        case "other":
            path.unlink()
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("CREATE TABLE bookmarks (url TEXT)")
        case "pages":
            data = bytearray(path.read_bytes())
            data[4096:] = os.urandom(len(data) - 4096)
            path.write_bytes(data)
        case "cut":
            path.write_bytes(path.read_bytes()[:-20_000])
        case _:
            path.write_text("dear diary " * 1000)
    before = fingerprint(tmp_path / "var")
    assert said in refused(bot)
    assert fingerprint(tmp_path / "var") == before


async def test_a_directory_in_its_place(irc_server: Ngircd, bots: Bots, tmp_path: Path) -> None:
    bot = bots(config(irc_server.port, tmp_path))
    (tmp_path / "var" / "pushbot.sqlite3").mkdir(parents=True)
    assert "cannot keep the database there (Is a directory)" in refused(bot)
    assert (tmp_path / "var" / "pushbot.sqlite3").is_dir()


async def test_zero_bytes_are_a_new_record(irc_server: Ngircd, bots: Bots, tmp_path: Path) -> None:
    bot = bots(config(irc_server.port, tmp_path))
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "pushbot.sqlite3").touch()
    await bot.start()
    assert (await bot.stop())[0] == 0


async def test_a_log_cut_short_costs_the_last_commands_at_most(
    irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path
) -> None:
    bot = bots(config(irc_server.port, tmp_path))
    alice = await people(irc_server, "alice")
    await bot.start()
    await alice.asks(".join", "alice: You're up")
    await until(lambda: not bot.owed(), "all is said")
    log = tmp_path / "var" / "pushbot.sqlite3-wal"
    before = log.stat().st_size
    for number in range(20):
        alice.say(f'.message "{number}"')
    await until(lambda: len(bot.journal()) > 20, "all of it")
    await bot.kill()
    os.truncate(log, max(before, log.stat().st_size - 30_000))
    await bot.start()
    assert bot.trains()[0].riders == ("alice",)
    await alice.asks(".done", "Thanks for driving, alice")
    assert (await bot.stop())[0] == 0


async def test_a_second_bot_names_the_first(irc_server: Ngircd, bots: Bots, tmp_path: Path) -> None:
    bot = bots(config(irc_server.port, tmp_path))
    await bot.start()
    said = refused(bot)
    assert f"in use by another pushbot, process {bot.pid}" in said
    assert "since " in said
    assert bot.alive
    assert (await bot.stop())[0] == 0
