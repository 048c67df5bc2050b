"""All hosts of a run, and what they share: keys, known_hosts, jump hosts, and bounds on connections."""

from __future__ import annotations

import asyncio
import resource
from typing import TYPE_CHECKING, Self

from pushbot.errors import PushbotError
from pushbot_plugins.ssh.worker.net.jump import Jump
from pushbot_plugins.ssh.worker.net.places import Places
from pushbot_plugins.ssh.worker.net.remote import Reached
from pushbot_plugins.ssh.worker.net.wire import Dialer, Place
from pushbot_plugins.ssh.worker.seams import HostTrouble

if TYPE_CHECKING:
    from types import TracebackType

    from pushbot.fleet.model import Host
    from pushbot_plugins.ssh.settings import Connecting
    from pushbot_plugins.ssh.worker.net.wire import Wire
    from pushbot_plugins.ssh.worker.seams import Remote

_OTHER_FILES = 100
"""Descriptors kept for what is no connection."""
_FAREWELL = 5.0
"""Seconds that connections are given to close."""


class Network:
    """Where `Remote`s come from: `async with Network(connecting) as net: await net.remote(host).run(…)`.

    On entry, keys and known_hosts are read (PushbotError when they cannot be), on exit every connection is closed.
    """

    def __init__(self, connecting: Connecting) -> None:
        self._connecting = connecting
        self._places = Places(_open_files(connecting.open_at_once))
        self._at_once = asyncio.Semaphore(connecting.at_once)
        self._remotes: dict[Host, Reached] = {}
        self._dialer: Dialer | None = None
        self._jump: Jump | None = None

    async def __aenter__(self) -> Self:
        """Read what all connections share."""
        how = self._connecting
        self._dialer = await Dialer.load(how)
        if how.jump is not None:
            try:
                places = [Place.parse(each.strip(), 22, how.jump_user or how.user) for each in how.jump.split(",")]
            except ValueError:
                raise PushbotError(f"The jump host {how.jump!r} is none: write [USER@]HOST[:PORT].") from None
            self._jump = Jump(places, self._dialer)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection. What still runs on a host is ended there."""
        closing = [wire for remote in self._remotes.values() if (wire := remote.close()) is not None]
        if self._jump is not None:
            closing += self._jump.close()
        if self._dialer is not None:
            self._dialer.close()
        try:
            async with asyncio.timeout(_FAREWELL):
                for wire in closing:
                    await wire.wait_closed()
        except TimeoutError:
            for wire in closing:
                wire.abort()

    def remote(self, host: Host) -> Remote:
        """The host as commands see it, the same each time."""
        if host not in self._remotes:
            self._remotes[host] = Reached(host, self._dial, self._places, self._at_once, self._connecting.login_timeout)
        return self._remotes[host]

    async def _dial(self, host: Host) -> Wire:
        if self._dialer is None:
            raise RuntimeError("the network has not been entered")
        try:
            place = Place.parse(host.reached_at, self._connecting.port, self._connecting.user)
        except ValueError:
            raise HostTrouble("connect", f"its address {host.reached_at!r} is none: write HOST or HOST:PORT") from None
        through = await self._jump.wire() if self._jump is not None else None
        return await self._dialer.dial(place, host.name, through)


def _open_files(wanted: int) -> int:
    """How many connections this process may have open, after raising its limit as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - _OTHER_FILES))
