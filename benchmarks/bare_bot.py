"""The peer: the least bot that the `irc` package makes. It answers `!x` with a new topic and stores nothing.

Started as `python bare_bot.py HOST PORT ROOM`. Acknowledges what it reads at once, as pushbot does:
else the kernel's delayed acknowledgement (40 ms) would be what is measured.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

from irc.client_aio import AioReactor


async def serve(host: str, port: int, room: str) -> None:
    """Join `room` and answer every `!` with another topic, until the link ends."""
    reactor = AioReactor(loop=asyncio.get_running_loop())
    server = reactor.server()
    changes = 0

    def acknowledge(*_: Any) -> None:
        link = server.transport.get_extra_info("socket")
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def answer(_: Any, event: Any) -> None:
        nonlocal changes
        if event.arguments[0] == "!x":
            changes += 1
            server.topic(room, f"topic {changes}")

    reactor.add_global_handler("all_raw_messages", acknowledge)
    reactor.add_global_handler("endofmotd", lambda *_: server.join(room))
    reactor.add_global_handler("nomotd", lambda *_: server.join(room))
    reactor.add_global_handler("pubmsg", answer)
    await server.connect(host, port, "barebot")  # asyncio itself sets TCP_NODELAY
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
