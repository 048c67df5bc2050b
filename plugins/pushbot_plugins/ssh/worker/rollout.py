"""The order of a run over its hosts: what is done once, what for all at the same time, then batch by batch.

Once: the release is made. All hosts: it is copied there, and they are looked at (preflight). Then the steps that are
run once and stand before the first step for hosts. The batches, each host of which has its turn (`visit.py`), with the
pause between them; too many failures, and no further host is begun. The other steps that are run once. Cleaning up.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING

from pushbot.fleet.batches import batches
from pushbot.ports import Outcome
from pushbot.queue.commands import RunState
from pushbot.queue.model import RunKind
from pushbot_plugins.ssh.worker import faults, steps
from pushbot_plugins.ssh.worker.ledger import Failure
from pushbot_plugins.ssh.worker.seams import HostTrouble, StepFailed
from pushbot_plugins.ssh.worker.stop import Stopped, failed
from pushbot_plugins.ssh.worker.visit import Visit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from pushbot.fleet.model import Host
    from pushbot.ports import Step
    from pushbot_plugins.ssh.worker.kit import Kit
    from pushbot_plugins.ssh.worker.recipe import Recipe
    from pushbot_plugins.ssh.worker.seams import Remote

_TAIL = 5


@dataclass(slots=True)
class Rollout:
    """One run. `at_once` bounds the hosts that are dealt with at the same time."""

    kit: Kit
    at_once: int
    _begun: set[str] = field(default_factory=set)
    _once: bool = False

    async def carry_out(self) -> Outcome:
        """Do it all, and say how it ended."""
        job = self.kit.job
        todo = [host for host in job.hosts if host.name not in self.kit.before.hosts]
        if len(todo) < len(job.hosts):
            self.kit.report.note(f"{len(job.hosts) - len(todo)} of {len(job.hosts)} hosts were done before")
        try:
            async with self.kit.stop.heed():
                await self._prepare(todo)
            await self._batches(todo)
            if not self.kit.ledger.spent:
                async with self.kit.stop.heed():
                    await self._finish()
        except Stopped:
            pass
        except StepFailed as trouble:
            self.kit.stop.ask(failed(trouble))
        gone = {failure.host.name for failure in self.kit.ledger.failures} | self._begun
        self.kit.ledger.leave(host for host in todo if host.name not in gone)
        return self._outcome()

    async def _prepare(self, todo: Sequence[Host]) -> None:
        """Have the release on the hosts, and run the steps that come before them all."""
        job, recipe = self.kit.job, self.kit.recipe
        if recipe is not None:
            if job.kind is not RunKind.ROLLBACK:
                await recipe.prepare()
            self.kit.report.step("copy")
            await self._each(todo, lambda remote: self._ship(recipe, remote))
            self.kit.report.step("preflight")
        if not self.kit.ledger.spent:
            await self._run_once(takewhile(lambda step: step.once, job.steps))

    async def _ship(self, recipe: Recipe, remote: Remote) -> None:
        try:
            await recipe.ship(remote)
            return
        except HostTrouble as trouble:
            failure = Failure(remote.host, trouble.phase, str(trouble))
        except StepFailed:
            raise
        except Exception as error:  # noqa: BLE001 - the others go on
            failure = Failure(remote.host, "copy", faults.told(error))
        self.kit.report.note(f"{failure.step}: {failure.reason}", remote.host)
        self.kit.ledger.fail(failure)

    async def _batches(self, todo: Sequence[Host]) -> None:
        """Each batch after the other, without the hosts that are done or have failed already."""
        job, ledger, stop = self.kit.job, self.kit.ledger, self.kit.stop
        failed = {failure.host.name for failure in ledger.failures}
        names = {host.name for host in todo} - failed
        turns = [[host for host in batch if host.name in names] for batch in batches(job.hosts, job.rollout)]
        turns = [batch for batch in turns if batch]
        for number, batch in enumerate(turns, 1):
            if ledger.spent or stop.cause is not None:
                return
            await self._batch(batch, f" (batch {number}/{len(turns)})" if len(turns) > 1 else "")
            if number < len(turns) and not ledger.spent:
                async with stop.heed():
                    await asyncio.sleep(job.rollout.pause)

    async def _batch(self, batch: Sequence[Host], suffix: str) -> None:
        told: set[str] = set()

        def begins(step: str) -> None:
            if step not in told:
                told.add(step)
                self.kit.report.step(step + suffix)

        async def visit(remote: Remote) -> None:
            self._begun.add(remote.host.name)
            await Visit(self.kit, remote, begins).go()

        await self._each(batch, visit)

    async def _finish(self) -> None:
        """The steps that are run once after all hosts, and cleaning up, which fails no run."""
        job, recipe = self.kit.job, self.kit.recipe
        leading = len(list(takewhile(lambda step: step.once, job.steps)))
        await self._run_once(step for step in (*job.steps[leading:], *job.post) if step.once)
        if recipe is None:
            return
        self.kit.report.step("clean up")
        failed = {failure.host.name for failure in self.kit.ledger.failures}
        await self._each(
            [host for host in job.hosts if host.name in self._begun - failed],
            lambda remote: self._clean(recipe, remote),
        )

    async def _clean(self, recipe: Recipe, remote: Remote) -> None:
        try:
            await recipe.clean(remote)
        except HostTrouble as trouble:
            self.kit.report.note(f"clean up: {trouble}", remote.host)
        except Exception as error:  # noqa: BLE001 - all that matters is done
            self.kit.report.note(f"clean up: {faults.told(error)}", remote.host)

    async def _run_once(self, to_run: Iterable[Step]) -> None:
        """Run these on the bot's machine; those that an earlier run has done are not run again."""
        for step in to_run:
            if step.name in self.kit.before.once:
                self.kit.report.note(f"{step.name}: was done before")
                continue
            self.kit.report.step(step.name)
            self._once = True
            env = self.kit.surroundings.here(step)
            await steps.here(step, self.kit.here, env, str(self.kit.job.workdir), self.kit.report)
            self.kit.ledger.once(step.name)

    async def _each(self, hosts: Iterable[Host], work: Callable[[Remote], Awaitable[None]]) -> None:
        """Do it for all of them at the same time, as far as that is allowed; no more once the run is to end."""
        turn = asyncio.Semaphore(self.at_once)

        async def one(host: Host) -> None:
            async with turn:
                if not (self.kit.ledger.spent or self.kit.stop.cause is not None):
                    await work(self.kit.reach(host))

        try:
            async with asyncio.TaskGroup() as group:
                for host in hosts:
                    group.create_task(one(host))
        except* StepFailed as troubles:
            first: BaseException = troubles
            while isinstance(first, BaseExceptionGroup):
                first = first.exceptions[0]
            raise first from None

    def _outcome(self) -> Outcome:
        ledger, cause = self.kit.ledger, self.kit.stop.cause
        changed = True if ledger.touched else None if self._once else False
        words = ledger.words()
        if cause is not None:
            state = RunState.CANCELLED if cause.on_request else RunState.FAILED
            host = None if cause.step else next((failure.host for failure in ledger.failures), None)
            return Outcome(state, cause.step, f"{cause.text}; {words}", self._tail(host), changed)
        if not ledger.failures:
            return Outcome(RunState.SUCCEEDED, changed=changed)
        first = ledger.failures[0]
        if ledger.spent or not ledger.done:
            return Outcome(RunState.FAILED, first.step, words, self._tail(first.host), changed)
        return Outcome(RunState.SUCCEEDED, reason=words, changed=changed)

    def _tail(self, host: Host | None) -> tuple[str, ...]:
        """The last lines of a host, or of the bot's machine, each with its name."""
        lines = self.kit.report.tail(host)[-_TAIL:]
        return tuple(f"{host.name}: {line}" for line in lines) if host is not None else lines
