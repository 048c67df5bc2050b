"""What is measured with: a real ngircd without flood limits, bots as processes, people with raw sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.rig.ngircd import Ngircd

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
PATIENCE = 10.0
"""Seconds after which something that should have come is taken for broken."""

CONFIG = """
[bot]
guide = false
commands_per_minute = 0
store = "record/pushbot.sqlite3"
runs = "record/runs"

[chats.irc]
host = "127.0.0.1"
port = {port}
identity = "nick"
lines_per_second = 0   # the server has no limit either
{chat}

[lanes.web]
rooms = ["irc/#push"]
pipeline = "web"

[[pipelines.web.stages]]
name = "princess"
executor = "dryrun"
steps = [{{ name = "publish", run = ["true"] }}]

[[pipelines.web.stages]]
name = "production"
executor = "dryrun"
steps = [{{ name = "publish", run = ["true"] }}]
"""


class Person:
    """Somebody on IRC, with a socket that neither waits to send (Nagle) nor to acknowledge (delayed ACK).

    With `ordinary` the kernel may acknowledge up to 40 ms late, as it does for people's own clients. A server
    that leaves Nagle's algorithm on, as ngircd does, then keeps what comes in a second piece until that.
    """

    def __init__(self, port: int, nick: str, *rooms: str, ordinary: bool = False) -> None:
        self.nick = nick
        self._ordinary = ordinary
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        self._lines: list[bytes] = []
        self.send(f"NICK {nick}\r\nUSER {nick} 0 * :{nick}")
        self.expect(rb"^:\S+ (376|422) ")
        for room in rooms:
            self.send(f"JOIN {room}")
            self.expect(rb"^:\S+ 366 ")

    def send(self, line: str) -> None:
        self._socket.sendall(line.encode() + b"\r\n")

    def say(self, to: str, text: str) -> None:
        self.send(f"PRIVMSG {to} :{text}")

    def line(self, within: float = PATIENCE) -> bytes | None:
        """The next line, or None when there was none in time; PINGs are answered."""
        end = time.perf_counter() + within
        while not self._lines:
            left = end - time.perf_counter()
            if left <= 0:
                return None
            self._receive(left)
        line = self._lines.pop(0)
        if line.startswith(b"PING "):
            self.send(line.replace(b"PING", b"PONG", 1).decode())
        return line

    def _receive(self, within: float) -> None:
        self._socket.settimeout(within)
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            return
        if not self._ordinary:  # the kernel goes back by itself, so it is told after each read
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        if not data:
            raise ConnectionError(f"{self.nick} was disconnected")
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._lines += [line.rstrip(b"\r") for line in lines]

    def expect(self, pattern: bytes, within: float = PATIENCE) -> re.Match[bytes]:
        """The next line in which `pattern` is found; those before it are passed over."""
        end = time.perf_counter() + within
        while (line := self.line(end - time.perf_counter())) is not None:
            if found := re.search(pattern, line):
                return found
        raise TimeoutError(f"{self.nick} waited {within:g} s in vain for {pattern.decode()}")

    def fence(self) -> None:
        """Read all that the server has for us up to now."""
        self.send("PING :fence")
        self.expect(rb"^:\S+ PONG .*fence$")

    def close(self) -> None:
        self._socket.close()


@dataclass
class Bot:
    """A bot's process: `started` is the seconds that it took from its start to being in its room."""

    process: subprocess.Popen[bytes]
    started: float = 0.0

    def memory(self) -> float:
        """Resident memory in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) / 1024

    def processor(self) -> float:
        """Seconds of a processor that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class Rig:
    """A server and all that runs on it, which ends with the `with` block."""

    server: Ngircd = field(default_factory=Ngircd)
    _ends: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _started: int = 0

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as ends:
            ends.callback(self.server.close)
            asyncio.run(self.server.start())
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def person(self, nick: str, *rooms: str, ordinary: bool = False) -> Person:
        person = Person(self.server.port, nick, *rooms, ordinary=ordinary)
        self._ends.callback(person.close)
        return person

    def pushbot(self, chat: str = "") -> Bot:
        """A new pushbot with an empty record, in #push; `chat` are more lines for `[chats.irc]`.

        The first thing it does there, a little later, is to change the empty topic to `clear`.
        """
        folder = self._folder()
        config = folder / "pushbot.toml"
        config.write_text(CONFIG.format(port=self.server.port, chat=chat), encoding="utf-8")
        return self._start("pushbot", "#push", "-m", "pushbot", "run", str(config))

    def bare(self) -> Bot:
        """A new bare bot, in #bare."""
        return self._start("barebot", "#bare", str(HERE / "bare_bot.py"), "127.0.0.1", str(self.server.port), "#bare")

    def _folder(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="pushbot-bench-"))
        self._ends.callback(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def _start(self, nick: str, room: str, *arguments: str) -> Bot:
        self._started += 1
        log = self._folder() / "log"
        with self._watching(room) as witness, log.open("wb") as out:
            began = time.perf_counter()
            bot = Bot(subprocess.Popen([sys.executable, *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=out))
            self._ends.callback(bot.stop)
            try:
                witness.expect(rb"^:%s!\S+ JOIN " % nick.encode())
            except TimeoutError:
                raise RuntimeError(f"{nick} did not come:\n{log.read_text('utf-8', 'replace')}") from None
            bot.started = time.perf_counter() - began
        return bot

    @contextlib.contextmanager
    def _watching(self, room: str) -> Iterator[Person]:
        witness = Person(self.server.port, f"witness{self._started}", room)
        try:
            yield witness
        finally:
            witness.close()


def median(values: list[float]) -> float:
    """The value in the middle."""
    return percentile(values, 50)


def percentile(values: list[float], percent: float) -> float:
    """The value below which so many percent of `values` lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]
