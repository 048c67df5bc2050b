"""The Kubernetes executor: changes workloads of a cluster, follows their rollout, puts back what was before.

The run's token says what was changed: NAMESPACE/NAME/GENERATION of each workload. In the cluster the run is known by
an annotation, so that it is found again when the bot ended before it had the token.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog
from pydantic import BaseModel

from pushbot.errors import PushbotError, RunLost
from pushbot.ports import Outcome, Traits
from pushbot.queue.commands import RunState
from pushbot_plugins.kubernetes import cluster
from pushbot_plugins.kubernetes.access import access
from pushbot_plugins.kubernetes.change import Change, Part
from pushbot_plugins.kubernetes.cluster import Cluster, Denied
from pushbot_plugins.kubernetes.follow import Follow
from pushbot_plugins.kubernetes.objects import RUN
from pushbot_plugins.kubernetes.options import KubernetesOptions
from pushbot_plugins.kubernetes.rollout import standing
from pushbot_plugins.local.supervisor.files import RunFiles
from pushbot_plugins.remote_api import Refused, Unanswered
from pushbot_plugins.remote_line import one_line
from pushbot_plugins.remote_run import SHORTLY, ended, keep, kept, name_of, not_stopped, note, now, refuse_steps
from pushbot_plugins.remote_words import Words, log_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pushbot.fleet.model import Tally
    from pushbot.ports import Job

LOG = structlog.get_logger()
_NO_ENTRY, _MISSING = 401, 404
_FRESH = 60.0


class Begun(BaseModel):
    """What is kept of a run (`remote.json`), before the cluster is changed and after.

    `call` is the run's name there; `failure` what the cluster said when it refused the change half way.
    """

    call: str
    begun: float
    parts: list[Part]
    changed: bool = False
    failure: str | None = None


class KubernetesExecutor:
    """Each run is a change of workloads in a cluster, and over when that is rolled out."""

    Options = KubernetesOptions

    def __init__(self, options: KubernetesOptions) -> None:
        self.options = options
        self.traits = Traits(steps=False, reverts=options.reverts)

    async def start(self, job: Job) -> str:
        """Change the cluster. Raises PushbotError when it refuses or cannot be reached, and nothing was changed."""
        refuse_steps(job, "kubernetes")
        words = Words(job)
        async with self._cluster(job, words, SHORTLY) as found:
            change = Change(found, self.options, job, words, name_of(job))
            manifests = await change.wanted()
            parts = await change.parts(manifests)
            await change.rehearse(manifests)
            begun = Begun(call=change.call, begun=now(), parts=parts)
            keep(job.directory, begun)
            try:
                changed = begun.model_copy(update={"parts": await change.make(parts, manifests), "changed": True})
            except PushbotError as error:
                if isinstance(error, Unanswered | Refused) and error.begun:
                    LOG.warning("asked_and_not_answered", run=job.run, trouble=str(error))
                    changed = begun
                elif len(manifests) + len(parts) > 1:  # some of it may be done
                    changed = begun.model_copy(update={"failure": str(error)})
                else:
                    raise
        note(job.directory, changed)
        return ",".join(f"{part.namespace}/{part.name}/{part.generation}" for part in changed.parts) or change.call

    async def wait(self, job: Job, token: str | None, progress: Callable[[str | Tally], None]) -> Outcome:  # noqa: ARG002
        """Follow the rollout. Raises RunLost when the cluster shows no change by this run."""
        begun, words = kept(job, Begun), Words(job)
        loop = asyncio.get_running_loop()

        async def follow() -> Outcome:
            while True:
                since = loop.time()
                try:
                    return await self._follow(job, words, begun, progress)
                except Denied as error:
                    if error.status != _NO_ENTRY or loop.time() - since < _FRESH:
                        raise
                    LOG.info("credentials_renewed", run=job.run)  # tokens of a cluster live for an hour or so

        async def stop() -> None:
            await self._undo(job, words, begun)

        return await ended(words, begun.begun, follow, stop)

    async def abort(self, job: Job, token: str | None) -> None:  # noqa: ARG002
        """Put back what was before, unless it is rolled out already. Raises PushbotError when that cannot be done."""
        files = RunFiles(job.directory)
        if files.outcome() is not None:
            return
        try:
            begun, words = kept(job, Begun), Words(job)
        except RunLost:
            return  # the cluster was not changed
        asked_before = files.abort_asked
        try:
            files.put_abort()  # from here on who follows the run does not find that it went well
        except OSError as error:
            raise PushbotError(f"run {job.run} cannot be stopped: {job.directory} ({error.strerror})") from error
        stopped = False
        try:
            if asked_before or not await self._is_over(job, words, begun):
                await self._undo(job, words, begun)
                stopped = True
        finally:
            if not (stopped or asked_before):
                not_stopped(job)

    async def _follow(self, job: Job, words: Words, begun: Begun, progress: Callable[[str | Tally], None]) -> Outcome:
        async with self._cluster(job, words, self.options.patience) as found:
            with log_of(words) as log:
                if begun.failure is not None:
                    return Outcome(RunState.FAILED, "apply", one_line(begun.failure))
                if not begun.changed:
                    await self._find(job, found, begun)
                follow = Follow(found, job, begun.call, begun.parts, self.options.poll, log, words.telling(progress))
                return await follow.to_the_end()

    async def _find(self, job: Job, found: Cluster, begun: Begun) -> None:
        """Raises RunLost for a run that began to change the cluster, and did not get through with that."""
        for part in begun.parts:
            try:
                workload = await found.workload(part.ref)
            except Denied as error:
                if error.status != _MISSING:
                    raise
                raise RunLost(f"run {job.run} may have begun, and there is no {part.ref}") from None
            if workload.metadata.annotations.get(RUN) != begun.call:
                raise RunLost(
                    f"run {job.run} was about to change {part.ref}, which says nothing of it: "
                    f"see kubectl rollout history {part.kind}/{part.name} -n {part.namespace}"
                )
        if not begun.parts:
            raise RunLost(f"run {job.run} was about to apply manifests that are of no workload: look at what is there")

    async def _is_over(self, job: Job, words: Words, begun: Begun) -> bool:
        async with self._cluster(job, words, SHORTLY) as found:
            for part in begun.parts:
                workload = await found.workload(part.ref)
                mine = workload.metadata.annotations.get(RUN) == begun.call
                if mine and not standing(part.kind, workload).over:
                    return False
        return True

    async def _undo(self, job: Job, words: Words, begun: Begun) -> None:
        async with self._cluster(job, words, SHORTLY) as found:
            change = Change(found, self.options, job, words, begun.call)
            for part in begun.parts:
                await change.undo(part)

    @asynccontextmanager
    async def _cluster(self, job: Job, words: Words, patience: float) -> AsyncIterator[Cluster]:
        way, options = await access(self.options, job, words), self.options
        limits = replace(cluster.LIMITS, answer=options.answer, patience=min(patience, options.patience))
        async with cluster.open_cluster(way, limits, words.secrets) as api:
            yield Cluster(api)
