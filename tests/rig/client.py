"""Somebody with a raw socket: the tests' own people on IRC. It shares no code with the bot."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WITHIN = 60.0
"""Seconds that `expect` waits when nothing else is said."""


@dataclass
class Person:
    """One client. Every line it gets is kept in `lines`, in order and without line endings; `raw` has the bytes.

    `expect` starts looking after the last line it found, so that a test reads as a story.
    """

    nick: str
    lines: list[str] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    _seen: int = 0
    _reader: asyncio.StreamReader | None = None
    _writer: asyncio.StreamWriter | None = None

    @classmethod
    async def connect(
        cls, host: str, port: int, nick: str, *rooms: str, password: str | None = None, user: str | None = None
    ) -> Person:
        """Connect, sign on as `nick` (and `user` name, if another) and enter `rooms`."""
        person = cls(nick)
        person._reader, person._writer = await asyncio.open_connection(host, port, limit=1 << 20)
        person.send(*([f"PASS {password}"] if password else []), f"NICK {nick}", f"USER {user or nick} 0 * :{nick}")
        await person.expect(lambda line: " 376 " in line or " 422 " in line)
        for room in rooms:
            await person.join(room)
        return person

    def send(self, *lines: str | bytes) -> None:
        """Send lines as they are, in one write."""
        assert self._writer is not None
        data = b"".join((line if isinstance(line, bytes) else line.encode()) + b"\r\n" for line in lines)
        self._writer.write(data)

    def say(self, to: str, text: str) -> None:
        """Say one line to a room or a person."""
        self.send(f"PRIVMSG {to} :{text}")

    async def join(self, room: str) -> None:
        """Enter a room; returns once inside."""
        self.send(f"JOIN {room}")
        await self.expect(lambda line: f" 366 {self.nick} {room} " in line)

    async def expect(self, wanted: Callable[[str], bool] | str, within: float = WITHIN) -> str:
        """The next line that `wanted` accepts (or that contains it), waiting for it for `within` seconds."""
        accepts = wanted if callable(wanted) else lambda line: wanted in line
        start = self._seen
        try:
            async with asyncio.timeout(within):
                while True:
                    while self._seen < len(self.lines):
                        self._seen += 1
                        if accepts(self.lines[self._seen - 1]):
                            return self.lines[self._seen - 1]
                    await self._more()
        except TimeoutError:
            got = "\n  ".join(self.lines[start:]) or "(nothing)"
            what = repr(wanted) if isinstance(wanted, str) else "such a line"
            raise AssertionError(f"{self.nick} did not get {what} within {within} s, but:\n  {got}") from None

    async def _more(self) -> None:
        assert self._reader is not None
        line = await self._reader.readline()
        if not line:
            raise AssertionError(f"{self.nick} was disconnected: {self.lines[-3:]}")
        self.raw.append(line)
        self.times.append(time.monotonic())
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        self.lines.append(text)
        if text.startswith("PING "):
            self.send("PONG " + text[5:])

    async def drain(self) -> list[str]:
        """All that the server had to say up to now: a PING and its PONG are the fence."""
        start = self._seen
        mark = f"fence-{time.monotonic_ns()}"
        self.send(f"PING :{mark}")
        await self.expect(mark)
        return self.lines[start : self._seen - 1]

    async def close(self) -> None:
        """Leave without a word."""
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None
