"""HAProxy by its runtime socket (its management guide, section 9.3, "Unix Socket commands").

Out is `drain`, which gives a server no new sessions except those of clients that cookies or tables tie to it; once its
sessions are over, or the time for that is, `maint` keeps those clients away as well. Back is `ready`, and then HAProxy
has to see the server UP by checks of its own. Several HAProxies with the same backend are all told.
"""

from __future__ import annotations

import asyncio
import csv
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot_plugins.ssh.worker.seams import HostTrouble

if TYPE_CHECKING:
    from pushbot_plugins.ssh.settings import Draining
    from pushbot_plugins.ssh.worker.target import Target

_NAME = re.compile(r"[A-Za-z0-9_.:-]+")
_LOOK = 0.1
_LARGEST = 16 * 2**20
_QUIET_LOOKS = 2
_AT_ONCE = 8
"""Connections: HAProxy takes ten at the same time, if not told otherwise (`maxconn` of `stats socket`)."""


class HaProxy:
    """One or several HAProxies in front of the hosts."""

    def __init__(self, draining: Draining) -> None:
        self._draining = draining
        self._sockets = [_Socket(address, draining.timeout) for address in draining.sockets]

    async def out(self, target: Target) -> None:
        """Drain it everywhere, wait for its sessions, and close it to the rest."""
        server = self._server(target)
        loop = asyncio.get_running_loop()
        for each in self._sockets:
            await each.set(server, "drain")
        since, quiet = loop.time(), 0
        while quiet < _QUIET_LOOKS and loop.time() < since + self._draining.drain:
            rows = [await each.row(server, loop.time()) for each in self._sockets]
            quiet = quiet + 1 if all(row.sessions == 0 for row in rows) else 0
            await asyncio.sleep(_LOOK)
        for each in self._sockets:
            await each.set(server, "maint")

    async def back(self, target: Target) -> None:
        """Open it everywhere, also when one of them cannot be told, and wait until all see it UP."""
        server = self._server(target)
        loop = asyncio.get_running_loop()
        troubles = []
        for each in self._sockets:
            try:
                await each.set(server, "ready")
            except HostTrouble as trouble:
                troubles.append(trouble)
        if troubles:
            raise troubles[0]
        until = loop.time() + self._draining.healthy_within
        for each in self._sockets:
            while not (row := await each.row(server, loop.time())).well:
                if loop.time() >= until:
                    raise HostTrouble(
                        "balancer",
                        f"HAProxy at {each.address} sees {server} {row.status}, "
                        f"still after {self._draining.healthy_within:g} s",
                    )
                await asyncio.sleep(_LOOK)

    def _server(self, target: Target) -> str:
        """BACKEND/SERVER. What HAProxy would not take for a name never gets near its socket."""
        names = target.filled(self._draining.backend), target.filled(self._draining.server)
        for name in names:
            if not _NAME.fullmatch(name):
                raise HostTrouble("balancer", f"{name!r} is no name that HAProxy may have for a backend or a server")
        return "/".join(names)


@dataclass(frozen=True, slots=True)
class _Row:
    """What HAProxy says of one server."""

    status: str
    sessions: int

    @property
    def well(self) -> bool:
        """UP with all its checks passed ("UP 1/3" is a server on its way), or not checked at all."""
        return self.status in {"UP", "no check"}


@dataclass(slots=True)
class _Socket:
    """One HAProxy. Its statistics are asked for once for all hosts that want to know at the same time.

    A few connections are open at once, as it takes few. When it gives no answer, nobody else waits for one that long.
    """

    address: str
    timeout: float
    _asked: float = -1.0
    _rows: dict[str, _Row] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    _silent_until: float = -1.0

    async def set(self, server: str, state: str) -> None:
        """Put BACKEND/SERVER into that state; HAProxy says nothing when it did."""
        if said := (await self._say(f"set server {server} state {state}")).strip():
            raise HostTrouble("balancer", f"HAProxy at {self.address} on {server} {state}: {said[:200]}")

    async def row(self, server: str, since: float) -> _Row:
        """How the server was at `since` (the loop's time) or later."""
        async with self._turn:
            if self._asked < since:
                asked = asyncio.get_running_loop().time()
                self._rows = _read(await self._say("show stat -1 4 -1"))  # a frontend may have the backend's name
                self._asked = asked
        row = self._rows.get(server)
        if row is None:
            raise HostTrouble("balancer", f"HAProxy at {self.address} has no server {server}")
        return row

    async def _say(self, command: str) -> str:
        loop = asyncio.get_running_loop()
        async with self._room:
            if loop.time() < self._silent_until:
                raise self._silent()
            try:
                async with asyncio.timeout(self.timeout):
                    return await self._exchange(command)
            except TimeoutError:
                self._silent_until = loop.time() + self.timeout
                raise self._silent() from None
            except OSError as error:
                why = error.strerror or str(error)
                raise HostTrouble("balancer", f"HAProxy at {self.address} cannot be told: {why}") from None

    def _silent(self) -> HostTrouble:
        return HostTrouble("balancer", f"HAProxy at {self.address} gave no answer within {self.timeout:g} s")

    async def _exchange(self, command: str) -> str:
        if self.address.startswith("/"):
            reader, writer = await asyncio.open_unix_connection(self.address)
        else:
            host, _, port = self.address.rpartition(":")
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        try:
            writer.write(f"{command}\n".encode())
            answer = bytearray()
            while len(answer) < _LARGEST and (data := await reader.read(2**16)):
                answer += data
            return answer.decode(errors="replace")
        finally:
            writer.close()


def _read(table: str) -> dict[str, _Row]:
    """What it says of all its servers, by BACKEND/SERVER."""
    return {
        f"{row['pxname']}/{row['svname']}": _Row(row["status"], int(row["scur"] or 0) + int(row["qcur"] or 0))
        for row in csv.DictReader(table.removeprefix("# ").splitlines())
    }
