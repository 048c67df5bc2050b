"""Following a rollout to its end: the feeds of all its workloads, judged together."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot.errors import PushbotError
from pushbot.ports import Outcome
from pushbot.queue.commands import RunState
from pushbot_plugins.kubernetes.cluster import Denied
from pushbot_plugins.kubernetes.feed import Feed
from pushbot_plugins.kubernetes.objects import CAUSE, RUN
from pushbot_plugins.kubernetes.rollout import standing, tally, troubles
from pushbot_plugins.local.supervisor.files import RunFiles
from pushbot_plugins.remote_line import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from pushbot.fleet.model import Tally
    from pushbot.ports import Job
    from pushbot_plugins.kubernetes.change import Part
    from pushbot_plugins.kubernetes.cluster import Cluster, Ref
    from pushbot_plugins.kubernetes.objects import Workload
    from pushbot_plugins.kubernetes.rollout import Trouble
    from pushbot_plugins.remote_words import RunLog

STEP = "rollout"
"""What people are told a run failed at."""
_NO_ENTRY, _FORBIDDEN = 401, 403


@dataclass(slots=True)
class Follow:
    """The rollout of `parts` by the run that is `call` in the cluster."""

    cluster: Cluster
    job: Job
    call: str
    parts: list[Part]
    poll: float
    log: RunLog
    progress: Callable[[str | Tally], None]
    _told: str = ""
    _known: dict[Ref, list[Trouble]] = field(default_factory=dict)
    _looked: float = float("-inf")
    _may_see_pods: bool = True

    async def to_the_end(self) -> Outcome:
        """How it ended. Raises PushbotError when the cluster cannot be asked."""
        if not self.parts:
            return Outcome(RunState.SUCCEEDED)
        self.progress(STEP)
        changed = asyncio.Event()
        feeds = [Feed(self.cluster, part.ref, self.poll, changed) for part in self.parts]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(feed.run()) for feed in feeds]
            ended = await self._judge(feeds, changed)
            for task in tasks:
                task.cancel()
        if isinstance(ended, PushbotError):
            raise ended
        return ended

    async def _judge(self, feeds: list[Feed], changed: asyncio.Event) -> Outcome | PushbotError:
        """The end, or the trouble that keeps us from seeing it; not raised, as a task group would wrap it."""
        while True:
            changed.clear()
            try:
                if ended := await self._look(feeds):
                    return ended
            except PushbotError as error:
                return error
            try:
                async with asyncio.timeout(self.poll):
                    await changed.wait()
            except TimeoutError:
                continue

    async def _look(self, feeds: list[Feed]) -> Outcome | None:
        for part, feed in zip(self.parts, feeds, strict=True):
            if ended := self._broken_off(part, feed):
                return ended
        now = [(part, feed.now) for part, feed in zip(self.parts, feeds, strict=True) if feed.now is not None]
        if len(now) < len(feeds):
            return None
        stands = [standing(part.kind, workload, part.stale) for part, workload in now]
        seen = all(part.generation <= workload.metadata.generation for part, workload in now)
        over = seen and all(one.over for one in stands)
        if not over:
            await self._look_at_pods(now)
        broken = sum(len(each) for each in self._known.values())
        self._tell(tally(stands, 0 if over else broken))
        for (part, _), one in zip(now, stands, strict=True):
            if one.stuck:
                return await self._stuck(part, f"{one.done} of {one.total} pods up")
        return Outcome(RunState.SUCCEEDED) if over and not RunFiles(self.job.directory).abort_asked else None

    def _broken_off(self, part: Part, feed: Feed) -> Outcome | None:
        """The end of a run whose workload is no longer there, or no longer as the run made it.

        Raises PushbotError when the cluster cannot be asked.
        """
        if feed.trouble is not None:
            raise feed.trouble
        if feed.deleted:
            return self._failed(f"{part.ref} was deleted")
        return self._left(part, feed.now) if feed.now is not None else None

    def _left(self, part: Part, workload: Workload) -> Outcome | None:
        """The end of a run whose change is no longer what the workload is."""
        if workload.metadata.annotations.get(RUN) == self.call:
            return None
        now = one_line(workload.metadata.annotations.get(CAUSE, "") or "something else", 150)
        if RunFiles(self.job.directory).abort_asked:
            return Outcome(RunState.CANCELLED, STEP, f"{part.ref} goes back to what it was ({now})")
        return self._failed(f"{part.ref} was changed by somebody else before it was through: {now}")

    async def _look_at_pods(self, now: list[tuple[Part, Workload]]) -> None:
        """What keeps pods from coming up, looked up now and then, and said when it is new."""
        loop = asyncio.get_running_loop()
        if not self._may_see_pods or loop.time() - self._looked < self.poll / 2:
            return
        self._looked = loop.time()
        for part, workload in now:
            try:
                pods = await self.cluster.pods(part.ref, workload)
            except Denied as error:
                if error.status == _NO_ENTRY:
                    raise
                if error.status == _FORBIDDEN:
                    self._may_see_pods = False
                    self.log.note(f"pods are not looked at: {error}")
                return  # how far it is does not hang on them
            found = troubles(workload.spec.template.spec, pods)
            said = {(one.pod, one.reason) for one in self._known.get(part.ref, [])}
            self._known[part.ref] = found
            for one in found:
                if (one.pod, one.reason) not in said:
                    self._note(str(one))
                    self.progress(one_line(str(one), 120))

    def _tell(self, how_far: Tally) -> None:
        if str(how_far) != self._told:
            self._note(f"pods: {how_far}")
            self._told = str(how_far)
            self.progress(how_far)

    def _note(self, text: str) -> None:
        """A line for the log; what a bot before this one has put there is not news at the first look."""
        (self.log.note if self._told else self.log.once)(text)

    async def _stuck(self, part: Part, how_far: str) -> Outcome:
        """The cluster has given the rollout up: why, as far as its pods tell."""
        self._looked = float("-inf")
        await self._look_at_pods([(part, await self.cluster.workload(part.ref))])
        found = self._known.get(part.ref, [])
        tail: tuple[str, ...] = ()
        culprit = next((one for one in found if one.crashed), found[0] if found else None)
        if culprit is not None and culprit.container is not None:
            said, trouble = await self._last_words(part, culprit.pod, culprit.container, previous=culprit.crashed)
            self.log.begin(f"the last lines of {culprit.pod}, container {culprit.container}")
            if trouble is not None:
                self.log.note(trouble)
            self.log.take(said)
            self.log.end()
            tail = self.log.tail()
        why = f"{part.ref} exceeded its progress deadline with {how_far}"
        return self._failed("; ".join((why, *map(str, found[:3]))), tail)

    async def _last_words(self, part: Part, pod: str, container: str, *, previous: bool) -> tuple[bytes, str | None]:
        """What a container said last, or why that cannot be had."""
        try:
            return await self.cluster.last_words(part.namespace, pod, container, previous=previous), None
        except PushbotError as error:
            return b"", str(error)

    def _failed(self, reason: str, tail: tuple[str, ...] = ()) -> Outcome:
        return Outcome(RunState.FAILED, STEP, one_line(reason, 500), tail)
