"""One link of Socket Mode, and what is delivered through it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from tests.rig.slack.state import Object


@dataclass(frozen=True)
class Ack:
    """What came of an envelope: acknowledged with a `payload` or without, or `error` as people are shown it."""

    payload: Object | None = None
    error: str = ""


@dataclass(eq=False)
class Delivery:
    """Something to be delivered, through one envelope or, when repeated, more."""

    kind: str
    payload: Object
    accepts: bool = False
    attempt: int = 0
    reason: str = ""
    envelopes: list[str] = field(default_factory=list)
    link: Link | None = None
    ack: Ack | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    timer: asyncio.TimerHandle | None = None
    then: Callable[[Object], None] | None = None
    """Called with the payload of the acknowledgement, if it has one."""

    @property
    def event(self) -> Object:
        """The event in it; empty for what is none."""
        inner = self.payload.get("event")
        return inner if isinstance(inner, dict) else {}


@dataclass(eq=False)
class Link:
    """One WebSocket connection of the app."""

    number: int
    socket: web.WebSocketResponse
    request: web.Request
    out: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    leaving: bool = False
    dead: bool = False
    received: list[str] = field(default_factory=list)
    """Texts the app sent."""
    pings: int = 0

    def send(self, what: Object) -> None:
        self.out.put_nowait(json.dumps(what))

    def reset(self) -> None:
        """The TCP connection is gone at once (RST)."""
        transport = self.request.transport
        if transport is not None:
            connection = transport.get_extra_info("socket")
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()

    def die(self) -> None:
        """TCP stays up; nothing is read, written or answered any more."""
        self.dead = True
        transport = self.request.transport
        if isinstance(transport, asyncio.ReadTransport):
            transport.pause_reading()


def goodbye(reason: str) -> Object:
    """The message that tells a link to leave."""
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-rig-1"}}


async def write(link: Link) -> None:
    """Send what is to be sent, in order, until the connection is gone."""
    with contextlib.suppress(ConnectionError):
        while True:
            text = await link.out.get()
            if not link.dead:
                await link.socket.send_str(text)
