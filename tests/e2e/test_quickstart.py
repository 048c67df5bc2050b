"""The quickstart as a newcomer has it: real processes, a push to the end, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from tests.rig.bot import until
from tests.rig.client import Person
from tests.rig.ngircd import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.net]

CONFIG = Path(__file__).parents[2] / "config"
SOON = 60.0


@dataclass
class Home:
    """A folder with the quickstart's configuration in it, and ports that are free."""

    folder: Path
    ports: tuple[int, int, int] = field(default_factory=lambda: (free_port(), free_port(), free_port()))

    def command(self, *options: str) -> list[str]:
        moved = ",".join(f"{old}={new}" for old, new in zip((6667, 8001, 8002), self.ports, strict=True))
        return [sys.executable, "-m", "pushbot", "quickstart", "--ports", moved, *options]

    def ask(self, *options: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run it to its end, which has to come soon."""
        environment = {**os.environ, **({"PATH": path} if path else {})}
        return subprocess.run(
            self.command(*options),
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SOON,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def processes(self) -> set[int]:
        """All processes that work in the folder or were given something of it."""
        found = set[int]()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (process / "cmdline").read_bytes().decode(errors="replace")
                if str(self.folder) in words or str((process / "cwd").readlink()).startswith(str(self.folder)):
                    found.add(int(process.name))
        return found

    def one(self, word: str) -> int:
        """The process of the folder with `word` as a word of its command line."""
        return next(pid for pid in self.processes() if word in _words(pid).split("\0"))

    async def served(self, stage: int) -> str:
        """What the app on the first or second stage answers."""
        return await asyncio.to_thread(self._served, self.ports[stage])

    def _served(self, port: int) -> str:
        with urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return str(answer.read().decode())

    async def log_says(self, text: str) -> None:
        log = self.folder / "var" / "log" / "bot.log"
        await until(lambda: log.exists() and text in log.read_text(), within=SOON)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    shutil.copytree(CONFIG, tmp_path / "config")
    file = tmp_path / "config" / "quickstart.toml"
    file.write_text(file.read_text().replace('window = "5s"', 'window = "500ms"'))
    found = Home(tmp_path)
    yield found
    for pid in found.processes():  # what a test that failed has left
        os.kill(pid, signal.SIGKILL)


@asynccontextmanager
async def running(home: Home, *options: str, end: signal.Signals = signal.SIGINT) -> AsyncIterator[Person]:
    """The quickstart without a terminal, and somebody in #push; ended by a signal, after which nothing may be left."""
    output = home.folder / "output"
    (home.folder / "var" / "log" / "bot.log").unlink(missing_ok=True)
    with output.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *home.command(*options), cwd=home.folder, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        await home.log_says("room=#warroom")
        alice = await Person.connect("127.0.0.1", home.ports[0], "alice", "#push", "#warroom")
        try:
            yield alice
        finally:
            await alice.close()
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(end)
        code = await process.wait()
    assert code == (-end if end is signal.SIGKILL else 0), output.read_text()
    assert end is signal.SIGKILL or home.processes() == set()
    assert "Traceback" not in output.read_text()


async def push(alice: Person, *, to_the_end: bool = True) -> None:
    """`.join`, `.go`, `.good`: what a newcomer types."""
    for said, answered in ((".join", "You're up"), (".go", "you're on princess"), (".good", "everyone is ready")):
        alice.say("#push", said)
        await alice.expect(answered, within=SOON)
    if to_the_end:
        for said, answered in ((".go", "you're on production"), (".done", "Thanks for driving")):
            alice.say("#push", said)
            await alice.expect(answered, within=SOON)


async def test_a_newcomers_first_pushes(home: Home) -> None:
    async with running(home) as alice:
        await push(alice)
        for stage, name in enumerate(("princess", "production"), start=1):
            assert "Hello from #push" in (found := await home.served(stage))
            assert name in found
        said = await asyncio.to_thread(home.ask, "--commit", "Zweite Fassung 🚂")
        assert said.stdout.startswith("version 4 is committed as ")
        await push(alice, to_the_end=False)
        assert "Zweite Fassung 🚂" in await home.served(1)
        assert "Hello from #push" in await home.served(2)
        text = (home.folder / "output").read_text()
        assert f"curl http://127.0.0.1:{home.ports[1]}/" in text
        assert "room=#push" in text  # the bot's log is streamed
    async with running(home, end=signal.SIGTERM) as alice:  # the next day: the queue and the apps are there again
        alice.send("TOPIC #push")
        await alice.expect("<princess> alice")
        assert "Zweite Fassung" in await home.served(1)
        assert "Hello from #push" in await home.served(2)


async def test_a_broken_version_is_rolled_back(home: Home) -> None:
    async with running(home, "--irc-server", "miniircd") as alice:
        await push(alice)
        await asyncio.to_thread(home.ask, "--commit", "It was fine here", "--broken")
        alice.say("#push", ".join")
        await alice.expect("You're up")
        alice.say("#push", ".go")
        await alice.expect("failed on princess at health", within=SOON)
        await alice.expect("back on", within=SOON)
        assert "Hello from #push" in await home.served(1)


async def test_who_is_killed_comes_back_or_is_cleared_away(home: Home) -> None:
    async with running(home, end=signal.SIGKILL) as alice:
        await push(alice, to_the_end=False)
        os.kill(home.one("run"), signal.SIGKILL)
        await alice.expect(":pushbot!", within=SOON)
        await alice.expect(lambda line: line.startswith(":pushbot!") and " JOIN " in line, within=SOON)
        assert "is started again" in (home.folder / "output").read_text()
    assert len(home.processes()) >= 3  # the quickstart itself was killed, and could not clear up
    async with running(home, end=signal.SIGHUP) as alice:
        assert "ended 3 processes that an earlier quickstart" in (home.folder / "output").read_text()
        alice.send("TOPIC #push")
        await alice.expect("<princess> alice*")
        second = await asyncio.to_thread(home.ask)
        assert second.returncode == 1
        assert "a quickstart is running in" in second.stderr


async def test_ending_in_the_middle_of_a_deploy_leaves_nothing(home: Home) -> None:
    file = home.folder / "config" / "quickstart.toml"
    file.write_text(file.read_text().replace('"python", "build.py"', '"sleep", "60"'))
    async with running(home) as alice:
        alice.say("#push", ".join")
        await alice.expect("You're up")
        alice.say("#push", ".go")
        await until(lambda: any("sleep" in _words(pid) for pid in home.processes()), within=SOON)


async def test_in_a_terminal_there_is_a_chat_screen(home: Home) -> None:
    terminal, end = pty.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            *home.command(), cwd=home.folder, stdin=end, stdout=end, stderr=end, env={**os.environ, "TERM": "xterm"}
        )
        os.close(end)
        shown = bytearray()
        asyncio.get_running_loop().add_reader(terminal, lambda: shown.extend(_read(terminal)))
        await until(lambda: b"connected as alice" in shown and b"Welcome" in shown, within=SOON)
        await home.log_says("room=#warroom")
        os.write(terminal, b".join\r")
        await until(lambda: b"You're up" in shown, within=SOON)
        os.write(terminal, b"\x03")
        async with asyncio.timeout(SOON):
            assert await process.wait() == 0
    finally:
        asyncio.get_running_loop().remove_reader(terminal)
        os.close(terminal)
    assert home.processes() == set()


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_port_in_use_is_one_line_that_names_the_remedy(home: Home, which: int) -> None:
    port = home.ports[which]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        said = home.ask()
    assert said.returncode == 1
    assert len(said.stderr.splitlines()) == 1
    assert f"port {port}, wanted for" in said.stderr
    assert f"ss -ltnp 'sport = :{port}'" in said.stderr
    assert f"PUSHBOT_PORTS={port}=" in said.stderr
    assert home.processes() == set()


def test_what_is_missing_is_one_line_that_names_the_package(home: Home) -> None:
    said = home.ask(path=str(home.folder))
    assert said.returncode == 1
    assert said.stderr == "pushbot: git is not installed here; install it with `apt-get install git`\n"
    (home.folder / "config" / "quickstart.toml").unlink()
    said = home.ask()
    assert said.returncode == 1
    assert "go to the folder of a checkout" in said.stderr


def _words(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


def _read(terminal: int) -> bytes:
    """What there is to read; a terminal whose other end has gone gives an error."""
    with suppress(OSError):
        return os.read(terminal, 65536)
    return b""
