"""A load balancer whose own health check looks for a file on the host, which exists while the host is out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pushbot_plugins.ssh.worker.seams import HostTrouble

if TYPE_CHECKING:
    from pushbot_plugins.ssh.settings import Draining
    from pushbot_plugins.ssh.worker.target import Target

_OUT = 'mkdir -p -- "$(dirname -- "$1")" && : > "$1"'
_BACK = 'rm -f -- "$1"'


class Filed:
    """Makes the file and removes it. Nobody tells what the balancer thinks, so `drain` is waited in full."""

    def __init__(self, draining: Draining) -> None:
        self._draining = draining

    async def out(self, target: Target) -> None:
        """Make the file, and wait for the balancer to look and for open requests to be over."""
        await self._run(target, _OUT, "cannot be made")
        await asyncio.sleep(self._draining.drain)

    async def back(self, target: Target) -> None:
        """Remove the file."""
        await self._run(target, _BACK, "cannot be removed")

    async def _run(self, target: Target, script: str, trouble: str) -> None:
        path = target.filled(self._draining.out[0])
        limit = self._draining.timeout
        if await target.remote.run(script, arguments=(path,), limit=limit, take=target.take) != 0:
            raise HostTrouble("balancer", f"{path} {trouble}")
