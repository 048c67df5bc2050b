"""The other side of signing on: a server's and its services' part in capabilities and SASL, written from the RFCs."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot.chat.irc import IrcChat
from pushbot.errors import PushbotError
from tests.rig.bot import Bot
from tests.rig.scripted import NAME

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.rig.scripted import Peer

FULL = 400


async def negotiate(peer: Peer, offer: str, *more: str) -> list[str]:
    """Answer CAP LS with `offer`, the last of all lines, grant what is asked for; what was asked for."""
    await peer.want("CAP LS 302")
    lines = [*more, offer]
    peer.send(*(f":{NAME} CAP * LS {'' if at == len(lines) - 1 else '* '}:{line}" for at, line in enumerate(lines)))
    asked = (await peer.want("CAP REQ")).partition(":")[2]
    peer.send(f":{NAME} CAP * ACK :{asked}")
    return asked.split()


async def mechanism(peer: Peer) -> str:
    """The mechanism that the bot begins with."""
    return (await peer.want("AUTHENTICATE ")).partition(" ")[2]


async def said(peer: Peer) -> bytes:
    """What the bot says in one or more AUTHENTICATE, put together; each but the last is full."""
    text = ""
    while len(piece := await mechanism(peer)) == FULL:
        text += piece
    return base64.b64decode(text + ("" if piece == "+" else piece), validate=True)


def challenge(peer: Peer, data: bytes) -> None:
    """Send a challenge in pieces."""
    text = base64.b64encode(data).decode()
    pieces = [text[at : at + FULL] for at in range(0, len(text), FULL)]
    if not pieces or len(pieces[-1]) == FULL:
        pieces.append("+")
    peer.send(*(f"AUTHENTICATE {piece}" for piece in pieces))


async def let_in(peer: Peer, room: str = "#push") -> None:
    """Say that the login went well, and sign the bot on."""
    peer.send(f":{NAME} 900 pushbot a!b@c bot :You are now logged in", f":{NAME} 903 pushbot :Success")
    await peer.want("CAP END")
    peer.greet()
    await peer.want(f"JOIN {room}")
    peer.let_in(room)


async def rest(peer: Peer, within: float = 20.0) -> list[str]:
    """All that the bot said on this connection, once it has hung up."""
    async with asyncio.timeout(within):
        with suppress(ConnectionResetError):  # which is how the kernel hangs up when it had more for the bot
            while line := await peer.reader.readline():
                peer.lines.append(line.decode().rstrip("\r\n"))
    return peer.lines


@dataclass
class ScramServer:
    """An account's SCRAM-SHA-256 (RFC 5802), with which a test may do wrong things.

    It keeps what a server keeps, the stored key and the server key, and never the password.
    """

    user: str
    password: str = field(repr=False)
    iterations: int = 4096
    salt: bytes = field(default_factory=lambda: os.urandom(16))
    _spoken: list[str] = field(default_factory=list)

    async def first(self, peer: Peer, *, nonce: str | None = None, extra: str = "") -> None:
        """Take the bot's name and nonce, and send ours; `nonce` in place of one that goes on from the bot's."""
        peer.send("AUTHENTICATE +")
        words = (await said(peer)).decode()
        assert words.startswith("n,,"), words
        bare = words.removeprefix("n,,")
        name, theirs = bare.split(",")
        assert name == f"n={self.user}", name
        whole = theirs.removeprefix("r=") + "its-own-part" if nonce is None else nonce
        salt = base64.b64encode(self.salt).decode()
        ours = f"r={whole},s={salt},i={self.iterations}{extra}"
        self._spoken = [bare, ours]
        challenge(peer, ours.encode())

    async def proved(self, peer: Peer) -> bool:
        """Whether the bot's proof is right."""
        final = (await said(peer)).decode()
        bare, _, proof = final.rpartition(",p=")
        assert bare.startswith("c=biws,r="), bare
        self._spoken.append(bare)
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), self.salt, self.iterations)
        stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
        mask = hmac.digest(stored, ",".join(self._spoken).encode(), "sha256")
        key = bytes(left ^ right for left, right in zip(base64.b64decode(proof), mask, strict=True))
        return hashlib.sha256(key).digest() == stored

    @property
    def signature(self) -> bytes:
        """The server's own proof."""
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), self.salt, self.iterations)
        key = hmac.digest(salted, b"Server Key", "sha256")
        return hmac.digest(key, ",".join(self._spoken).encode(), "sha256")

    def sign(self, peer: Peer, signature: bytes | None = None) -> None:
        """Send the server's proof, or another."""
        words = base64.b64encode(self.signature if signature is None else signature).decode()
        challenge(peer, f"v={words}".encode())


@dataclass
class Reason:
    """Why the chat gave up."""

    words: str = ""


@asynccontextmanager
async def turned_away(port: int, host: str, **options: object) -> AsyncIterator[Reason]:
    """A chat that gives up at its first start while the block plays the server; the reason is there after it."""
    model = IrcChat.Options.model_validate({"host": host, "port": port, **options})
    bot = Bot(IrcChat("irc", model, ["#push"]))
    reason = Reason()

    async def run() -> None:
        try:
            await bot.chat.run(bot.tell)
        except PushbotError as error:
            reason.words = str(error)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(run())
        try:
            yield reason
            async with asyncio.timeout(60):
                await asyncio.shield(task)
        finally:
            task.cancel()
    assert reason.words
