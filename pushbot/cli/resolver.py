"""An event loop whose lookups of names take no threads from anything else.

asyncio asks the resolver in the few threads that it has for all that blocks, and so do aiohttp and asyncssh. A resolver
that says nothing would soon have all of them, and files, checks and runs would wait for names that they do not need.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from functools import partial
from typing import Literal

Four = tuple[Literal[socket.AddressFamily.AF_INET], socket.SocketKind, int, str, tuple[str, int]]
Six = tuple[
    Literal[socket.AddressFamily.AF_INET6],
    socket.SocketKind,
    int,
    str,
    tuple[str, int, int, int] | tuple[int, bytes],
]
Found = list[Four | Six]
Asked = tuple[bytes | str | None, bytes | str | int | None, int, int, int, int]


class Loop(asyncio.SelectorEventLoop):
    """asyncio's own loop but for `getaddrinfo`: each name has one thread at most, and the process waits for none."""

    def __init__(self) -> None:
        super().__init__()
        self._asked: dict[Asked, asyncio.Future[Found]] = {}

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - asyncio's name
        proto: int = 0,
        flags: int = 0,
    ) -> Found:
        """As in asyncio. Who asks for a name while somebody waits for it waits for the same answer."""
        asked = host, port, family, type, proto, flags
        future = self._asked.get(asked)
        if future is None:
            future = self._asked[asked] = self.create_future()
            future.add_done_callback(lambda _: self._asked.pop(asked))
            threading.Thread(target=self._ask, args=(asked, future), name=f"resolve {host!r}", daemon=True).start()
        return await asyncio.shield(future)

    def _ask(self, asked: Asked, future: asyncio.Future[Found]) -> None:
        try:
            told = partial(_tell, future, socket.getaddrinfo(*asked))
        except Exception as error:  # noqa: BLE001 - it is for who asked
            told = partial(_tell, future, error)
        with suppress(RuntimeError):  # the loop has ended
            self.call_soon_threadsafe(told)


def _tell(future: asyncio.Future[Found], found: Found | Exception) -> None:
    if future.cancelled():
        return
    if isinstance(found, Exception):
        future.set_exception(found)
        future.exception()  # nobody may be there to hear it any more
    else:
        future.set_result(found)
