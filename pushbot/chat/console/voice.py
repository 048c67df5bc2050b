"""One connection to the IRC server, under one nick: it speaks, and tells what it hears; it comes back when cut off."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pushbot.chat.console.wire import Message, clean, parse, pieces

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_CONNECT: Final = 10.0
_SILENCE: Final = 300.0  # servers ask for a sign of life more often than that
_BUFFER: Final = 65536
_PAUSE: Final = (0.2, 5.0)
_WAITING: Final = 20
_NICK_TAKEN: Final = "433"
_QUIET: Final = {"402", "421", "422"}  # no motd and the like are nothing to tell a person


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody spoke in `where`: a room, or the nick that was spoken to in private."""

    where: str
    who: str
    text: str


@dataclass(frozen=True, slots=True)
class TopicIs:
    """The topic of a room, as found or as just changed."""

    room: str
    text: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something a person should know: who came and went, how the connection is."""

    text: str
    room: str | None = None


Sound = Said | TopicIs | Remark


class Voice:
    """A nick on the server. `ears` makes it tell of the rooms; others tell only what concerns themselves."""

    def __init__(
        self, host: str, port: int, nick: str, rooms: tuple[str, ...], tell: Callable[[Sound], None], *, ears: bool
    ) -> None:
        self.nick = nick
        self._ready = False
        self._waiting = deque[str](maxlen=_WAITING)
        self._address = (host, port)
        self._rooms = rooms
        self._tell = tell
        self._ears = ears
        self._writer: asyncio.StreamWriter | None = None
        self._refused = False

    async def run(self) -> None:
        """Connect, and come back whenever cut off; ends when the server refuses the nick of a second voice."""
        pause, told = _PAUSE[0], False
        while not self._refused:
            try:
                await self._session()
            except OSError as error:
                if not told:
                    where = "{}:{}".format(*self._address)
                    self._tell(
                        Remark(f"{self.nick}: no connection to {where} ({str(error) or 'no answer'}); trying on")
                    )
                told = True
            if self._ready:
                pause, told = _PAUSE[0], False
                self._ready = False
            if not self._refused:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _PAUSE[1])

    def say(self, to: str, text: str) -> None:
        """Say `text` to a room or a nick, at once or as soon as there is a connection (the last 20 lines)."""
        for piece in pieces(text):
            line = f"PRIVMSG {to} :{piece}"
            if self._ready:
                self._send(line)
            else:
                self._waiting.append(line)

    def quit(self) -> None:
        """Sign off, if there is a connection."""
        self._send("QUIT :bye")

    def _send(self, line: str) -> None:
        if self._writer and not self._writer.is_closing():
            self._writer.write(f"{line}\r\n".encode())

    async def _session(self) -> None:
        """One connection, from its beginning to its end."""
        async with asyncio.timeout(_CONNECT):
            reader, self._writer = await asyncio.open_connection(*self._address)
        try:
            self._send(f"NICK {self.nick}")
            self._send(f"USER {self.nick[:9]} 0 * :{self.nick}")
            async for line in _lines(reader):
                message = parse(line)
                if message:
                    self._hear(message)
                if self._refused:
                    return
            raise ConnectionResetError("the server closed the connection")
        finally:
            self._writer.close()
            self._writer = None

    def _hear(self, message: Message) -> None:
        """Act on one line from the server."""
        match message.command:
            case "PING":
                self._send(f"PONG :{message.param(-1)}")
            case "001":
                self.nick = clean(message.param(0)) or self.nick
                self._ready = True
                self._send(f"JOIN {','.join(self._rooms)}")
                while self._waiting:
                    self._send(self._waiting.popleft())
                self._tell(Remark(f"connected as {self.nick}"))
            case "432" | "433" if not self._ready:
                self._nick_refused(message)
            case "NICK" if message.source == self.nick:
                self.nick = clean(message.param(0))
            case "KICK" if message.param(1) == self.nick:
                self._tell(Remark(f"{self.nick} was kicked by {message.source}; joining again", message.param(0)))
                self._send(f"JOIN {message.param(0)}")
            case "PRIVMSG" | "NOTICE":
                self._heard_words(message)
            case command if command.isdigit() and command[0] in "45" and command not in _QUIET:
                self._tell(Remark(f"{self.nick}: {clean(' '.join(message.params[1:]))}"))
            case _:
                self._overhear(message)

    def _nick_refused(self, message: Message) -> None:
        """Take another nick, or end, when the one wanted is somebody else's or none at all."""
        taken = message.command == _NICK_TAKEN
        if self._ears and taken:
            self._tell(Remark(f"the nick {self.nick} is in use; trying {self.nick}_"))
            self.nick += "_"
            self._send(f"NICK {self.nick}")
            return
        why = "is in use by somebody else" if taken else "is not allowed by the server"
        self._tell(Remark(f"the nick {self.nick} {why}; choose another"))
        self._refused = True

    def _heard_words(self, message: Message) -> None:
        """Tell what was said: in private always, in a room if this is the voice that listens."""
        where, text = message.param(0), message.param(1)
        in_room = where.lower() in {room.lower() for room in self._rooms}
        if not message.person or (in_room and not self._ears):
            return
        if text.startswith("\x01ACTION "):
            text = f"* {message.source} {text[8:]}"
        elif text.startswith("\x01"):
            return
        self._tell(Said(where.lower() if in_room else self.nick, message.source, clean(text)))

    def _overhear(self, message: Message) -> None:
        """Tell of topics, and of who comes and goes, if this is the voice that listens."""
        if not self._ears:
            return
        who, first = message.source, clean(message.param(0))
        match message.command:
            case "332":
                self._tell(TopicIs(message.param(1).lower(), clean(message.param(2))))
            case "331":
                self._tell(TopicIs(message.param(1).lower(), ""))
            case "TOPIC":
                self._tell(TopicIs(message.param(0).lower(), clean(message.param(1))))
            case "JOIN" if who != self.nick:
                self._tell(Remark(f"{who} has come", first))
            case "PART":
                self._tell(Remark(f"{who} has left", first))
            case "QUIT":
                self._tell(Remark(f"{who} has gone", self._rooms[0]))
            case "NICK":
                self._tell(Remark(f"{who} is now {first}", self._rooms[0]))
            case "KICK":
                self._tell(Remark(f"{clean(message.param(1))} was kicked by {who}", first))
            case _:
                pass


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The lines that come in; what has no end after 64 KiB is dropped."""
    rest = b""
    while True:
        async with asyncio.timeout(_SILENCE):
            data = await reader.read(_BUFFER)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        rest = rest if len(rest) < _BUFFER else b""
        for line in lines:
            yield line
