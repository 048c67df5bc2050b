"""A load balancer that is told by commands of the operator's, run on the bot's machine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pushbot_plugins.ssh.worker.seams import Here, HostTrouble, StepFailed

if TYPE_CHECKING:
    from pushbot_plugins.ssh.settings import Draining
    from pushbot_plugins.ssh.worker.target import Target

_LOOK = 0.5


class Commanded:
    """Runs `out`, `back` and `state`, each an argument list with names in braces filled in."""

    def __init__(self, draining: Draining, here: Here, folder: str) -> None:
        self._draining = draining
        self._here = here
        self._folder = folder

    async def out(self, target: Target) -> None:
        """Run `out`, and wait the time that open requests may take; the command may wait for them itself."""
        if trouble := await self._trouble(target, self._draining.out):
            raise HostTrouble("balancer", trouble)
        await asyncio.sleep(self._draining.drain)

    async def back(self, target: Target) -> None:
        """Run `back`, and `state` again and again until it ends well."""
        if trouble := await self._trouble(target, self._draining.back):
            raise HostTrouble("balancer", trouble)
        loop = asyncio.get_running_loop()
        until = loop.time() + self._draining.healthy_within
        while self._draining.state and (trouble := await self._trouble(target, self._draining.state)):
            if loop.time() >= until:
                raise HostTrouble("balancer", f"{trouble}, still after {self._draining.healthy_within:g} s")
            await asyncio.sleep(_LOOK)

    async def _trouble(self, target: Target, command: tuple[str, ...]) -> str | None:
        filled = [target.filled(each) for each in command]
        try:
            code = await self._here.run(
                filled, folder=self._folder, env=target.env, limit=self._draining.timeout, take=target.take
            )
        except StepFailed as trouble:
            return str(trouble)
        return f"{filled[0]} exited with {code}" if code else None
