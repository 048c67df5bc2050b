"""A network between the bot and a server that a test can cut at any moment, while the server goes on."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass
class Proxy:
    """Passes everything on between whoever connects to `port` and the server at `target`."""

    target: int
    port: int = 0
    _ends: set[asyncio.StreamWriter] = field(default_factory=set)

    async def came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._ends |= ends
        async with asyncio.TaskGroup() as group:
            group.create_task(_pass_on(reader, far_writer))
            group.create_task(_pass_on(far_reader, writer))
        self._ends -= ends

    def cut(self) -> None:
        """Break all connections, with what is on its way."""
        for end in self._ends:
            end.transport.abort()


async def _pass_on(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            to.write(data)
    to.transport.abort()


@asynccontextmanager
async def proxy(target: int) -> AsyncIterator[Proxy]:
    """A proxy to the server on that port of loopback."""
    made = Proxy(target)
    server = await asyncio.start_server(made.came, "127.0.0.1", 0)
    made.port = int(server.sockets[0].getsockname()[1])
    try:
        yield made
    finally:
        server.close()
        made.cut()
        await asyncio.sleep(0)
