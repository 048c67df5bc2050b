"""The way through jump hosts: one connection to each, which serves all hosts behind it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pushbot_plugins.ssh.worker.seams import HostTrouble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot_plugins.ssh.worker.net.wire import Dialer, Place, Wire

_REMEMBERED = 5.0
"""Seconds for which a jump host that could not be reached is not tried again: hundreds may ask for it at once."""


class Jump:
    """The last of `places`, reached through those before it. Connected when it is first asked for."""

    def __init__(self, places: Sequence[Place], dialer: Dialer) -> None:
        self._place = places[-1]
        self._dialer = dialer
        self._before = Jump(places[:-1], dialer) if len(places) > 1 else None
        self._one = asyncio.Lock()
        self._wire: Wire | None = None
        self._trouble: tuple[float, HostTrouble] | None = None

    async def wire(self) -> Wire:
        """The connection to it. Raises HostTrouble that names the jump host."""
        async with self._one:
            if self._wire is not None and not self._wire.is_closed():
                return self._wire
            now = asyncio.get_running_loop().time()
            if self._trouble is not None and now < self._trouble[0]:
                raise HostTrouble(self._trouble[1].phase, str(self._trouble[1]))
            before = await self._before.wire() if self._before is not None else None
            try:
                self._wire = await self._dialer.dial(self._place, through=before)
            except HostTrouble as trouble:
                named = HostTrouble(trouble.phase, f"the jump host {self._place}: {trouble}")
                self._trouble = asyncio.get_running_loop().time() + _REMEMBERED, named
                raise named from None
            return self._wire

    def close(self) -> list[Wire]:
        """Close it and those before it; the connections that are closing."""
        closing = self._before.close() if self._before is not None else []
        if self._wire is not None:
            self._wire.close()
            closing.append(self._wire)
        return closing
