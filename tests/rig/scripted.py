"""A server that a test plays by hand, for what ngircd does not do: SASL, account tags, misbehaviour."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

NAME = "irc.script.test"
ISUPPORT = "CASEMAPPING=rfc1459 CHANTYPES=# NICKLEN=20 TOPICLEN=300 PREFIX=(ov)@+ CHANMODES=beI,k,l,imnpst"


@dataclass
class Peer:
    """The server's end of one connection. `want` reads on until a line begins as asked."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    lines: list[str] = field(default_factory=list)
    confirmed: int = 0

    def send(self, *lines: str | bytes) -> None:
        """Send lines as they are."""
        for line in lines:
            self.writer.write((line if isinstance(line, bytes) else line.encode()) + b"\r\n")

    async def want(self, start: str, within: float = 60.0) -> str:
        """The next line that begins with `start`; those before it are passed over, and kept in `lines`."""
        before = len(self.lines)
        try:
            async with asyncio.timeout(within):
                while line := await self.reader.readline():
                    self.lines.append(line.decode().rstrip("\r\n"))
                    if self.lines[-1].startswith(start):
                        return self.lines[-1]
        except TimeoutError:
            raise AssertionError(f"no {start!r} within {within} s, but {self.lines[before:]}") from None
        raise AssertionError(f"the bot hung up before {start!r}: {self.lines[before:]}")

    async def confirm(self) -> None:
        """Answer the bot's confirming PINGs that came so far, waiting for one if none did."""
        if not any(line.startswith("PING :pushbot-") for line in self.lines[self.confirmed :]):
            await self.want("PING :pushbot-")
        for line in self.lines[self.confirmed :]:
            if line.startswith("PING :pushbot-"):
                self.send(f":{NAME} PONG {NAME} :{line.partition(':')[2]}")
        self.confirmed = len(self.lines)

    async def welcome(self, *rooms: str, caps: str = "", nick: str = "pushbot", isupport: str = ISUPPORT) -> None:
        """Sign the bot on with `caps` and let it in to `rooms`, which are empty of topics."""
        await self.want("CAP LS")
        self.send(f":{NAME} CAP * LS :{caps}")
        if caps:
            asked = (await self.want("CAP REQ")).partition(":")[2]
            self.send(f":{NAME} CAP {nick} ACK :{asked}")
        await self.want("CAP END")
        self.greet(nick, isupport)
        for room in rooms:
            await self.want("JOIN")
            self.let_in(room, nick=nick)

    def greet(self, nick: str = "pushbot", isupport: str = ISUPPORT) -> None:
        """Say what a server says once somebody is signed on."""
        self.send(f":{NAME} 001 {nick} :Welcome", f":{NAME} 005 {nick} {isupport} :are supported by this server")
        self.send(f":{NAME} 422 {nick} :No message of the day")

    def let_in(self, room: str, topic: str = "", nick: str = "pushbot") -> None:
        """Answer the bot's JOIN."""
        self.send(f":{nick}!~pushbot@host.test JOIN {room}")
        if topic:
            self.send(f":{NAME} 332 {nick} {room} :{topic}", f":{NAME} 333 {nick} {room} alice!a@b 1700000000")
        self.send(f":{NAME} 353 {nick} = {room} :@{nick}", f":{NAME} 366 {nick} {room} :End of /NAMES list")

    def close(self) -> None:
        """Hang up."""
        self.writer.transport.abort()


@dataclass
class Scripted:
    """The listening side; `accept` gives the next connection."""

    port: int = 0
    peers: asyncio.Queue[Peer] = field(default_factory=asyncio.Queue)
    _all: list[Peer] = field(default_factory=list)

    async def accept(self, within: float = 60.0) -> Peer:
        """The next connection of the bot."""
        async with asyncio.timeout(within):
            return await self.peers.get()

    def came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        self._all.append(peer)
        self.peers.put_nowait(peer)

    def close(self) -> None:
        for peer in self._all:
            peer.close()


@asynccontextmanager
async def scripted(port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[Scripted]:
    """A server on that port, or a free one, that says only what the test lets it say."""
    script = Scripted()
    server = await asyncio.start_server(script.came, "127.0.0.1", port, ssl=tls)
    script.port = int(server.sockets[0].getsockname()[1])
    try:
        yield script
    finally:
        server.close()
        script.close()
