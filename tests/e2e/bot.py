"""The bot as a process of its own: configured, started, stopped, killed, and looked into from outside.

What it remembers is read from its database with plain sqlite3, what it did from the files that its steps
wrote, and what it said from people on the server (`crowd`): nothing here shares code with the bot.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SOON = 60.0
"""Seconds within which anything that is going to happen has happened, on a machine that has much else to do."""

BROKEN = ("Traceback", "fault-", "never retrieved", "never awaited", "Task was destroyed")
"""What a log must not show at the end of a test."""


async def until(condition: Callable[[], object], what: str, within: float = SOON) -> None:
    """Wait until `condition` holds; `what` says in a failure what was waited for."""
    try:
        async with asyncio.timeout(within):
            while not condition():  # noqa: ASYNC110 - files and databases of another process tell nobody
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"not within {within:g} s: {what}") from None


@dataclass(frozen=True)
class Train:
    """A train as the record has it."""

    number: int
    riders: tuple[str, ...]
    stage: str | None
    phase: str


@dataclass
class Run:
    """A run as the record has it."""

    id: str
    train: int
    stage: str
    kind: str
    state: str
    revision: str | None
    driver: str


@dataclass
class BotProcess:
    """`pushbot run` in a folder of its own. All its lives write one log; `in_room` is its line about a room."""

    folder: Path
    config: str
    rooms: tuple[str, ...] = ("#push", "#warroom")
    in_room: str = "irc_room_entered chat=irc room={}\n"
    lives: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _began: int = field(default=0)

    def __post_init__(self) -> None:
        self.file.write_text(self.config, encoding="utf-8")

    @property
    def file(self) -> Path:
        """Its configuration."""
        return self.folder / "pushbot.toml"

    @property
    def pid(self) -> int:
        """Its process id, while it runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    # --- life and death ---

    def launch(self) -> None:
        """Start it, and do not wait."""
        assert not self.alive
        self.lives += 1
        self._began = len(self.log())
        with (self.folder / "bot.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pushbot", "run", str(self.file)],
                cwd=self.folder,
                env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def start(self) -> None:
        """Start it; returns once it is in all its rooms."""
        self.launch()
        await self.entered()

    async def entered(self) -> None:
        """Wait until it has entered all its rooms in this life."""

        def there() -> bool:
            if not self.alive:
                raise AssertionError(f"the bot ended:\n{self.log()[-3000:]}")
            log = self.log()[self._began :]
            return all(self.in_room.format(room) in log for room in self.rooms)

        await until(there, f"the bot in {self.rooms}")

    async def kill(self) -> None:
        """End it as a crash would."""
        os.kill(self.pid, signal.SIGKILL)
        await self.ended()

    async def stand_still(self) -> None:
        """Have it do nothing until it is to `go_on`, whatever comes."""
        os.kill(self.pid, signal.SIGSTOP)
        await until(lambda: ") T " in Path(f"/proc/{self.pid}/stat").read_text("utf-8"), "the bot stands still")

    def go_on(self) -> None:
        """Let it run again."""
        os.kill(self.pid, signal.SIGCONT)

    async def stop(self) -> tuple[int, float]:
        """Ask it to end; its exit code, and the seconds it took."""
        began = time.monotonic()
        os.kill(self.pid, signal.SIGTERM)
        return await self.ended(), time.monotonic() - began

    async def ended(self) -> int:
        """Wait until it has ended; its exit code."""
        await until(lambda: not self.alive, "the end of the bot")
        assert self._process is not None
        return self._process.wait()

    def clear_away(self) -> None:
        """End every process that it started or was given its folder, and itself."""
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait(SOON)
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def processes(self) -> set[int]:
        """All processes that work in the folder or were given something of it."""
        found = set[int]()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (process / "cmdline").read_bytes().decode(errors="replace")
                if str(self.folder) in words or str((process / "cwd").readlink()).startswith(str(self.folder)):
                    found.add(int(process.name))
        return found - {os.getpid()}

    # --- what it left ---

    def log(self) -> str:
        """All that it has logged, in all its lives."""
        with suppress(FileNotFoundError):
            return (self.folder / "bot.log").read_text(encoding="utf-8", errors="replace")
        return ""

    def unharmed(self) -> None:
        """Assert that nothing broke in it."""
        log = self.log()
        for word in BROKEN:
            at = log.find(word)
            assert at < 0, f"{word!r} in the log:\n{log[max(0, at - 1500) : at + 3000]}"

    def written(self, name: str) -> list[str]:
        """The lines of a file in its folder, which may not be there yet."""
        with suppress(FileNotFoundError):
            return (self.folder / name).read_text(encoding="utf-8").splitlines()
        return []

    # --- what it remembers ---

    def rows(self, sql: str, *parameters: str) -> list[tuple[str, ...]]:
        """What its database has, read by somebody else while it works."""
        path = self.folder / "var" / "pushbot.sqlite3"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=SOON)) as connection:
            return list(connection.execute(sql, parameters))

    def trains(self, lane: str = "web") -> tuple[Train, ...]:
        """The trains of a lane, as committed."""
        rows = self.rows("SELECT queue FROM lanes WHERE name = ?", lane)
        items = json.loads(rows[0][0])["items"] if rows else []
        return tuple(
            Train(item["number"], tuple(r["person"]["name"] for r in item["riders"]), item["stage"], item["phase"])
            for item in items
            if "riders" in item
        )

    def runs(self, lane: str = "web") -> list[Run]:
        """All runs of a lane, oldest first."""
        names = ("id", "train", "stage", "kind", "state", "revision", "driver")
        records = (json.loads(row[0]) for row in self.rows("SELECT record FROM runs WHERE lane = ? ORDER BY seq", lane))
        return [Run(*(record[name] for name in names)) for record in records]

    def owed(self) -> list[str]:
        """The lines that it has yet to say, or to hear that they were heard."""
        return [json.loads(row[0])["text"] for row in self.rows("SELECT record FROM lines ORDER BY id")]

    def journal(self, lane: str = "web") -> list[tuple[str, ...]]:
        """Who asked, what, and what came of it, oldest first."""
        return self.rows("SELECT who, what, outcome FROM journal WHERE lane = ? ORDER BY id", lane)
