"""People with raw sockets who hear everything all the time, and write down what they saw."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.e2e.bot import SOON, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.rig.ngircd import Ngircd


@dataclass(frozen=True)
class Spoken:
    """A line that somebody said to a room or a person."""

    by: str
    to: str
    text: str


@dataclass
class Member(asyncio.Protocol):
    """Somebody on the server. `shown` are the topics that rooms showed, in order; `heard` what was said."""

    nick: str
    lines: list[str] = field(default_factory=list)
    heard: list[Spoken] = field(default_factory=list)
    shown: list[tuple[str, str]] = field(default_factory=list)
    connected: bool = False
    _rest: bytes = b""
    _transport: asyncio.WriteTransport | None = None

    # --- doing ---

    async def sign_on(self, server: Ngircd, *rooms: str) -> None:
        """Connect, sign on and enter rooms; also after the server went away."""
        loop = asyncio.get_running_loop()
        start, self._rest = len(self.lines), b""
        await loop.create_connection(lambda: self, server.host, server.port)
        self.send(f"NICK {self.nick}", "USER rig 0 * :somebody")
        await self.gets(lambda line: " 376 " in line or " 422 " in line, since=start)
        for room in rooms:
            self.send(f"JOIN {room}")
            await self.gets(f" 366 {self.nick} {room} ", since=start)

    def send(self, *lines: str | bytes) -> None:
        """Send lines as they are, in one write."""
        assert self._transport is not None
        data = b"".join((line if isinstance(line, bytes) else line.encode()) + b"\r\n" for line in lines)
        self._transport.write(data)

    def say(self, text: str, to: str = "#push") -> None:
        """Say one line."""
        self.send(f"PRIVMSG {to} :{text}")

    def leave(self) -> None:
        """Go without a word."""
        if self._transport is not None:
            self._transport.abort()

    # --- hearing ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The server is there."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport, self.connected = transport, True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        """The server has gone."""
        self.connected = False

    def data_received(self, data: bytes) -> None:
        """The server said something."""
        *whole, self._rest = (self._rest + data).split(b"\r\n")
        for line in whole:
            self._take(line.decode("utf-8", "replace"))

    def _take(self, line: str) -> None:
        self.lines.append(line)
        source, _, rest = line.partition(" ") if line.startswith(":") else ("", "", line)
        by = source[1:].partition("!")[0]
        words, _, text = rest.partition(" :")
        match words.split():
            case ["PING", *_]:
                self.send("PONG " + rest[len("PING ") :])
            case ["PRIVMSG", to]:
                self.heard.append(Spoken(by, to, text))
            case ["TOPIC", room]:
                self.shown.append((room, text))
            case ["332", _, room]:
                self.shown.append((room, text))
            case ["NICK"] if by == self.nick:
                self.nick = text
            case _:
                pass

    # --- what was seen ---

    def topic(self, room: str = "#push") -> str:
        """What the room shows now, as far as this member saw."""
        return next((text for where, text in reversed(self.shown) if where == room), "")

    def topics(self, room: str = "#push") -> list[str]:
        """All that the room has shown, in order."""
        return [text for where, text in self.shown if where == room]

    def said(self, to: str = "#push", by: str = "pushbot", since: int = 0) -> list[str]:
        """What the bot (or somebody else) said there since the mark."""
        return [spoken.text for spoken in self.heard[since:] if (spoken.by, spoken.to) == (by, to)]

    @property
    def mark(self) -> int:
        """A point in what was heard; see `hears`."""
        return len(self.heard)

    async def gets(self, wanted: Callable[[str], bool] | str, *, since: int = 0, within: float = SOON) -> str:
        """The first line of the server since then that `wanted` accepts, or that contains it."""
        accepts = wanted if callable(wanted) else lambda line: wanted in line
        found: list[str] = []

        def come() -> bool:
            found[:] = [line for line in self.lines[since:] if accepts(line)]
            return bool(found)

        try:
            await until(come, f"{self.nick} gets {wanted!r}", within)
        except AssertionError as error:
            raise AssertionError(f"{error}, but:\n" + "\n".join(self.lines[since:][-40:])) from None
        return found[0]

    async def catches_up(self) -> None:
        """Hear all that the server had to say up to now: a PING and its PONG are the fence."""
        since = len(self.lines)
        self.send("PING :now")
        await self.gets(" PONG ", since=since)

    async def hears(self, text: str, *, since: int = 0, to: str = "#push", within: float = SOON) -> str:
        """The first line of the bot since the mark that contains `text`."""

        def heard() -> str | None:
            return next((line for line in self.said(to, since=since) if text in line), None)

        try:
            await until(heard, f"{self.nick} hears {text!r} in {to}", within)
        except AssertionError as error:
            raise AssertionError(f"{error}, but:\n" + "\n".join(self.said(to, since=since)[-40:])) from None
        return heard() or ""

    async def sees(self, wanted: Callable[[str], bool] | str, *, room: str = "#push", within: float = SOON) -> str:
        """The topic, once it is that, or is as `wanted` says."""
        accepts = wanted if callable(wanted) else lambda topic: topic == wanted
        try:
            await until(lambda: accepts(self.topic(room)), f"{self.nick} sees {wanted!r} in {room}", within)
        except AssertionError as error:
            raise AssertionError(f"{error}, but {self.topics(room)[-10:]}") from None
        return self.topic(room)

    async def asks(self, text: str, answer: str, *, to: str = "#push", within: float = SOON) -> str:
        """Say it, and hear the bot's line with `answer` after that."""
        since = self.mark
        self.say(text, to)
        return await self.hears(answer, since=since, to=to if to.startswith("#") else self.nick, within=within)
