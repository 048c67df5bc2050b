"""One run followed through Jenkins: from the queue to its build, through the build to its result."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import structlog
from pydantic import BaseModel

from pushbot.errors import RunLost
from pushbot.ports import Outcome
from pushbot.queue.commands import RunState
from pushbot_plugins.jenkins.console import Console, Mark
from pushbot_plugins.local.supervisor.files import RunFiles
from pushbot_plugins.remote_api import Refused, Unanswered
from pushbot_plugins.remote_line import one_line
from pushbot_plugins.remote_run import not_stopped, note

if TYPE_CHECKING:
    from collections.abc import Callable

    from pushbot.ports import Job
    from pushbot_plugins.jenkins.server import Build, Server
    from pushbot_plugins.remote_words import RunLog

LOG = structlog.get_logger()
_LOOKS = 3


class State(BaseModel, frozen=True):
    """How far a run is, as `remote.json` keeps it: begun when (seconds since 1970), which job, item and build.

    `call` is its name there, by which it is found without these. `offset` and `taken` are how much of
    the console is in the log (see `Mark`), which had `logged` bytes then, `trouble` why it was not begun after all.
    """

    call: str
    begun: float
    path: str
    item: int | None = None
    number: int | None = None
    offset: int = 0
    taken: int = 0
    logged: int | None = None
    trouble: str | None = None


async def stop(server: Server, state: State) -> None:
    """Stop it where it is; what left the queue at this moment is stopped as a build."""
    number = state.number
    if number is None and state.item is not None:
        await server.cancel(state.item)
        item = await server.item(state.item)
        number = item.executable.number if item and item.executable else None
        if item is None:
            build = await server.built(lambda build: build.queue_id == state.item)
            number = build.number if build else None
    if number is not None:
        await server.stop(number)


@dataclass(slots=True)
class Following:
    """One pair of eyes on the run. `marker` is the parameter that holds its name there, where the job has it."""

    server: Server
    job: Job
    state: State
    log: RunLog
    progress: Callable[[str], None]
    poll: float
    marker: str
    unstable: RunState = RunState.FAILED
    _stopped: bool = False

    async def to_the_end(self) -> Outcome:
        """How it ended. Raises RunLost when Jenkins has no trace of it."""
        if self.state.trouble is not None:
            return Outcome(RunState.FAILED, reason=self.state.trouble)
        if self.state.item is None and self.state.number is None:
            await self._search()
        if self.state.number is None:
            unbuilt = await self._through_the_queue()
            if unbuilt is not None:
                return unbuilt
        return await self._through_the_build()

    async def stop(self) -> None:
        """Stop it where it is."""
        await stop(self.server, self.state)

    async def _search(self) -> None:
        """Find a run that was asked for without an answer, by its name among the parameters."""
        for look in range(_LOOKS):
            if look:
                await asyncio.sleep(self.poll)
            item = await self.server.queued(lambda item: item.has(self.marker, self.state.call))
            if item is not None:
                self._note(item=item.id)
                return
            build = await self.server.built(lambda build: build.has(self.marker, self.state.call))
            if build is not None:
                self._note(item=build.queue_id, number=build.number)
                return
        raise RunLost(
            f"run {self.job.run} was asked of {self.server.api.at(self.server.path)}, and it is not known whether "
            f"Jenkins took it: no build there has {self.state.call} as {self.marker}; look before you start it again"
        )

    async def _through_the_queue(self) -> Outcome | None:
        """None when it has become a build."""
        number = self.state.item
        assert number is not None  # noqa: S101 - `_search` saw to it
        while True:
            item = await self.server.item(number)
            if item is None:
                build = await self.server.built(lambda build: build.queue_id == number)
                if build is not None:
                    self._note(number=build.number)
                    return None
                if self._asked_to_stop:
                    return Outcome(RunState.CANCELLED, reason="it was taken off Jenkins' queue")
                raise RunLost(
                    f"Jenkins has forgotten queue item {number} of run {self.job.run}, and has no build of it: "
                    f"look at {self.server.api.at(self.server.path)}"
                )
            if item.executable is not None:
                self._note(number=item.executable.number)
                return None
            if item.cancelled:
                return Outcome(RunState.CANCELLED, reason="it was taken off Jenkins' queue")
            self.progress(f"waits in Jenkins: {one_line(item.why or 'no reason given', 150)}")
            await self._stop_if_asked()
            await asyncio.sleep(self.poll)

    async def _through_the_build(self) -> Outcome:
        number = self.state.number
        assert number is not None  # noqa: S101 - it is no longer in the queue
        self.progress(f"build {number}")
        mark = Mark(self.state.offset, self.state.taken)
        console = Console(
            self.server, number, self.log, mark, lambda mark: self._note(**asdict(mark), logged=self.log.size)
        )
        while True:
            build = await self.server.build(number)
            if build is None:
                raise RunLost(f"{self.server.page(number)} was deleted before it ended: look what became of it")
            await self._read(console)
            if not build.building and build.result:
                break
            await self._stop_if_asked()
            await asyncio.sleep(self.poll)
        await self._read_the_rest(console)
        return self._outcome(build)

    def _outcome(self, build: Build) -> Outcome:
        match build.result:
            case "SUCCESS":
                state = RunState.SUCCEEDED
            case "UNSTABLE":
                state = self.unstable
            case "ABORTED":
                state = RunState.CANCELLED
            case _:
                state = RunState.FAILED
        if state is RunState.SUCCEEDED:
            return Outcome(state)
        reason = f"it ended as {one_line(build.result or '', 30)}: {self.server.page(build.number)}"
        return Outcome(state, f"build {build.number}", reason, self.log.tail())

    async def _read(self, console: Console) -> bool:
        """Read on in the console; whether more may come."""
        try:
            return await console.read()
        except (Refused, Unanswered) as error:
            LOG.info("console_not_read", run=self.job.run, trouble=str(error))
            return True

    async def _read_the_rest(self, console: Console) -> None:
        for _ in range(_LOOKS):
            if not await self._read(console):
                break
            await asyncio.sleep(self.poll)
        else:
            self.log.note(f"the rest of the output could not be read: {self.server.page(console.number)}console")
        self.log.end()

    @property
    def _asked_to_stop(self) -> bool:
        return RunFiles(self.job.directory).abort_asked

    async def _stop_if_asked(self) -> None:
        """Stop it, once; for when it could not yet be stopped, or another process was asked to."""
        if self._asked_to_stop and not self._stopped:
            self._stopped = True
            try:
                await self.stop()
            except Refused as error:  # who asked for it was told; the build goes on
                self._stopped = False
                not_stopped(self.job)
                self.log.note(f"it could not be stopped: {error}")

    def _note(self, **known: int) -> None:
        """Remember how far it is, also on disk."""
        self.state = self.state.model_copy(update=known)
        note(self.job.directory, self.state)
