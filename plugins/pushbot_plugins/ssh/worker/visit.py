"""One host's turn: out of the balancer, switched, its steps, its health, and back; or as it was before.

What goes wrong before anything is changed costs nothing: the host goes back into the balancer. After that it goes back
to the release that was live, with the same steps and the same checks. Where that does not work, or there is nothing to
go back to, it stays out of the balancer, and is named: a host is never half and half and in use.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot.queue.model import RunKind
from pushbot_plugins.ssh.worker import faults, steps
from pushbot_plugins.ssh.worker.ledger import Failure
from pushbot_plugins.ssh.worker.seams import HostTrouble, StepFailed
from pushbot_plugins.ssh.worker.stop import Stopped, failed
from pushbot_plugins.ssh.worker.target import reverted

if TYPE_CHECKING:
    from collections.abc import Callable

    from pushbot.ports import Step

    from .kit import Kit
    from .recipe import Recipe, Release
    from .seams import Remote
    from .target import Target

_LIMIT = 60.0
"""Seconds for what takes milliseconds on a host that is well."""


@dataclass(slots=True)
class Visit:
    """One host's turn. `begins` is told the name of each step as it begins."""

    kit: Kit
    remote: Remote
    begins: Callable[[str], None]
    _step: str = "look"
    _before: Release | None = None
    _out: bool = False
    _changed: bool = False
    _trouble: str = field(default="", init=False)

    async def go(self) -> None:
        """Do all that is to be done there. What goes wrong is in the ledger, and raises nothing."""
        kit, host, stopped = self.kit, self.remote.host, False
        kit.ledger.begun(host)
        try:
            async with kit.stop.heed():
                await self._forward()
        except Stopped:
            self._trouble, stopped = "the run was stopped", True
        except StepFailed as trouble:  # what is done once for all hosts, when the first of them needs it
            kit.stop.ask(failed(trouble))
            self._trouble, stopped = str(trouble), True
        except HostTrouble as trouble:
            self._trouble = str(trouble)
        except Exception as error:  # noqa: BLE001 - the others go on, and this host must not stay half and half
            self._trouble = faults.told(error)
        else:
            kit.ledger.finish(host)
            kit.report.note("done", host)
            kit.report.forget(host)
            return
        kit.report.note(f"{self._step}: {self._trouble}", host)
        broken = await self._restored()
        if stopped and broken is None:
            kit.ledger.leave([host])
            return
        reason = f"{self._trouble}; {broken}" if broken else self._trouble
        kit.ledger.fail(Failure(host, self._step, reason, broken=broken is not None))

    async def _forward(self) -> None:
        kit, target = self.kit, self.kit.target(self.remote)
        if kit.recipe is None:
            await self._reach()
        else:
            self._at("look")
            standing = await kit.recipe.look(self.remote)
            self._before = standing.live
            if kit.job.kind is RunKind.ROLLBACK and standing.done and await self._well(target):
                return
        await self._take_out(target)
        self._changed = True
        kit.ledger.switching(self.remote.host)
        if kit.recipe is not None:
            self._at("switch")
            await kit.recipe.switch(self.remote)
        await self._bring_up(target, tuple(step for step in kit.job.steps if not step.once))
        for step in kit.job.post:
            if not step.once:
                self._at(step.name)
                await steps.on_host(step, target, kit.report)
        if kit.recipe is not None:
            self._at("mark good")
            await kit.recipe.good(self.remote)

    async def _reach(self) -> None:
        """Raise the trouble of a host that cannot be reached before anything is done about it."""
        try:
            await self.remote.run(":", limit=_LIMIT, take=_nobody)
        except HostTrouble as trouble:
            self._step = trouble.phase
            raise

    async def _well(self, target: Target) -> bool:
        """Whether it is healthy as it is, and in the balancer."""
        try:
            await self._check(target)
            if self.kit.balancer is not None:
                await self.kit.balancer.back(target)
        except HostTrouble:
            return False
        return True

    async def _take_out(self, target: Target) -> None:
        if self.kit.balancer is not None and not self._out:
            self._at("drain")
            self._out = True
            await self.kit.balancer.out(target)

    async def _bring_up(self, target: Target, to_run: tuple[Step, ...]) -> None:
        """Steps, health, and back into the balancer."""
        for step in to_run:
            self._at(step.name)
            await steps.on_host(step, target, self.kit.report)
        await self._check(target)
        await self._put_back(target)

    async def _check(self, target: Target) -> None:
        for probe in self.kit.job.health:
            self._at(f"health: {probe.name}")
            await self.kit.health.check(probe, target)

    async def _put_back(self, target: Target) -> None:
        if self.kit.balancer is not None and self._out:
            self._at("back in the balancer")
            await self.kit.balancer.back(target)
            self._out = False

    async def _restored(self) -> str | None:
        """Bring the host back to what it was before: None when it is, or in words how it stands instead."""
        failed_at, self.begins = self._step, _nobody
        stays = "stays out of the balancer" if self.kit.balancer is not None else "is left as it is"
        try:
            async with asyncio.timeout(self.kit.revert_within):
                if not self._changed:
                    await self._put_back(self.kit.target(self.remote))
                elif self.kit.recipe is None:
                    return stays
                else:
                    await self._revert(self.kit.recipe)
        except HostTrouble as trouble:
            return f"{stays}: {self._step}: {trouble}"
        except TimeoutError:
            return f"{stays}: it could not be brought back within {self.kit.revert_within:g} s"
        except Exception as error:  # noqa: BLE001 - as above
            return f"{stays}: {faults.told(error)}"
        finally:
            self._step = failed_at
        return None

    async def _revert(self, recipe: Recipe) -> None:
        """Back to the release that was live, steps and health again. Raises HostTrouble."""
        kit = self.kit
        before = self._before
        if kit.job.kind is RunKind.ROLLBACK and (before is None or not before.good):
            raise HostTrouble("going back", "what was live before is what was to be got rid of")
        kit.report.note("going back", self.remote.host)
        await self._take_out(kit.target(self.remote))
        self._at("going back")
        changed = await recipe.back(self.remote)
        if not changed and (before is None or not before.good):
            raise HostTrouble("going back", "there is no release known to go back to")
        live = (await recipe.look(self.remote)).live  # it may be one that was live before `before`
        target = kit.target(self.remote, reverted(kit.surroundings.facts, live.revision if live is not None else ""))
        await self._bring_up(target, tuple(step for step in kit.job.steps if not step.once))

    def _at(self, step: str) -> None:
        self._step = step
        self.begins(step)


def _nobody(_told: object) -> None:
    """Nobody is told."""
