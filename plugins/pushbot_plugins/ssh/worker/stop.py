"""Whether a run is to end before its time: because somebody asked for it, its time is up, or there is no point."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pushbot_plugins.ssh.worker.seams import StepFailed


class Stopped(Exception):  # noqa: N818 - it is how work ends
    """The run is to end; what was under way in a `heed` block has been cancelled."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a run ends early: on request, or because it has failed at `step`."""

    text: str
    step: str | None = None
    on_request: bool = False


ON_REQUEST = Cause("stopped on request", on_request=True)


def failed(trouble: StepFailed) -> Cause:
    """What is done once for all hosts has failed."""
    return Cause(f"{trouble.step}: {trouble}", trouble.step)


@dataclass(slots=True)
class Stop:
    """Tells all who listen that the run is to end. The first cause counts."""

    cause: Cause | None = None
    _open: set[asyncio.Timeout] = field(default_factory=set)

    def ask(self, cause: Cause) -> None:
        """Let the run end: what is in a `heed` block is cancelled now, and what enters one later does not begin."""
        if self.cause is None:
            self.cause = cause
            now = asyncio.get_running_loop().time()
            for scope in self._open:
                scope.reschedule(now)

    @asynccontextmanager
    async def heed(self) -> AsyncIterator[None]:
        """A block that ends with Stopped when the run is to end."""
        if self.cause is not None:
            raise Stopped
        scope = asyncio.timeout(None)
        try:
            async with scope:
                self._open.add(scope)
                try:
                    yield
                finally:
                    self._open.discard(scope)
        except TimeoutError:
            if scope.expired():
                raise Stopped from None
            raise
