"""How many connections are open at the same time: one that idles gives its place to one that is needed."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import Protocol


class Tenant(Protocol):
    """What has a place, and can be asked to leave it while it is idle."""

    def leave(self) -> None:
        """Close; the place is free after it."""
        ...


class Places:
    """`limit` places. A tenant takes one, says when it is idle and when in use, and gives it back."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0
        self._idle: OrderedDict[Tenant, None] = OrderedDict()
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Wait for a place. Whoever has been idle longest leaves first."""
        while self._taken >= self._limit:
            if self._idle:
                tenant, _ = self._idle.popitem(last=False)
                tenant.leave()
                self.free()
                continue
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._wake()
                raise
        self._taken += 1

    def free(self) -> None:
        """A place is free again."""
        self._taken -= 1
        self._wake()

    def idle(self, tenant: Tenant) -> None:
        """The tenant's connection is idle: it may be closed for whoever waits for a place."""
        self._idle[tenant] = None
        self._wake()

    def used(self, tenant: Tenant) -> None:
        """The tenant's connection is in use: it keeps its place."""
        self._idle.pop(tenant, None)

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
