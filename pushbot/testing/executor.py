"""An executor whose runs do what the test says."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot.errors import PushbotError, RunLost
from pushbot.fleet.model import HostVersion
from pushbot.ports import Outcome, Traits
from pushbot.queue.commands import RunState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pushbot.fleet.model import Host, Tally, VersionProbe
    from pushbot.ports import Job


@dataclass(slots=True)
class HandRun:
    """One run that was begun: its job, and how it ended once it has."""

    job: Job
    outcome: Outcome | None = None
    lost: str | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)
    listeners: list[Callable[[str | Tally], None]] = field(default_factory=list)


class HandExecutor:
    """An `Executor` driven by hand: runs begin, and wait until the test says how they end.

    It outlives the bot as a real one does, so a bot that comes back finds its runs again. `starts` counts
    the starts of each run: more than one is what must never be. `trouble` is raised by the next starts,
    `stubborn` when a run is to be stopped; `when_stopped` is what is said of one that was. `told` is what hosts
    say of their versions, by name; who is not in it gives no answer, and neither does anybody while `answering`
    is cleared. `looks` counts how often they were asked.
    """

    traits = Traits()

    def __init__(self) -> None:
        self.runs: dict[str, HandRun] = {}
        self.starts: Counter[str] = Counter()
        self.trouble: PushbotError | None = None
        self.stubborn: PushbotError | None = None
        self.when_stopped: str | None = None
        self.told: dict[str, HostVersion] = {}
        self.looks = 0
        self.answering = asyncio.Event()
        self.answering.set()
        self._open = asyncio.Event()
        self._open.set()

    # --- what the bot asks ---

    async def start(self, job: Job) -> str:
        """Begin a run; takes a few turns of the event loop, as a real one takes time."""
        await self._open.wait()
        if self.trouble is not None:
            raise self.trouble
        self.starts[job.run] += 1
        if self.starts[job.run] > 1:
            raise AssertionError(f"{job.run} was started a second time")
        self.runs[job.run] = HandRun(job)
        await asyncio.sleep(0)
        return f"token of {job.run}"

    async def wait(self, job: Job, token: str | None, progress: Callable[[str | Tally], None]) -> Outcome:
        """Wait until the test says how the run ended."""
        run = self.runs.get(job.run)
        if run is None:
            raise RunLost("nothing is known of it" if token is None else f"there is no {token}")
        run.listeners.append(progress)
        try:
            await run.over.wait()
        finally:
            run.listeners.remove(progress)
        if run.outcome is None:
            raise RunLost(run.lost or "")
        return run.outcome

    async def abort(self, job: Job, token: str | None) -> None:  # noqa: ARG002 - the port's
        """The run is stopped, if it is under way."""
        if self.stubborn is not None:
            raise self.stubborn
        run = self.runs.get(job.run)
        if run is not None and not run.over.is_set():
            self._end(run, Outcome(RunState.CANCELLED, reason=self.when_stopped))

    async def versions(self, hosts: Sequence[Host], probe: VersionProbe) -> tuple[HostVersion, ...]:  # noqa: ARG002 - the port's
        """What each host was last said to run."""
        self.looks += 1
        await self.answering.wait()
        silent = (HostVersion(host.name, None, "connection refused") for host in hosts)
        return tuple(self.told.get(one.host, one) for one in silent)

    # --- what the test says ---

    @property
    def under_way(self) -> tuple[str, ...]:
        """The runs that were begun and have not ended."""
        return tuple(name for name, run in self.runs.items() if not run.over.is_set())

    def succeed(self, run: str | None = None, note: str | None = None) -> None:
        """The run (by default the only one under way) succeeds, but for what `note` says."""
        self._end(self._named(run), Outcome(RunState.SUCCEEDED, reason=note))

    def cancel(self, reason: str, run: str | None = None) -> None:
        """Somebody stops the run, but not by the bot."""
        self._end(self._named(run), Outcome(RunState.CANCELLED, reason=reason))

    def fail(
        self,
        step: str | None = None,
        reason: str | None = None,
        tail: tuple[str, ...] = (),
        run: str | None = None,
        *,
        changed: bool | None = None,
    ) -> None:
        """The run fails at `step`."""
        self._end(self._named(run), Outcome(RunState.FAILED, step, reason, tail, changed))

    def lose(self, reason: str = "its host is gone", run: str | None = None) -> None:
        """Nobody will ever know how the run ended."""
        lost = self._named(run)
        lost.lost = reason
        lost.over.set()

    def report(self, how_far: str | Tally, run: str | None = None) -> None:
        """The run has come to that step, or so far over its hosts."""
        for listener in self._named(run).listeners:
            listener(how_far)

    def runs_on(self, version: str | None, *hosts: str, trouble: str | None = None) -> None:
        """These hosts run that version; None: they give no answer, for that trouble."""
        self.told.update({host: HostVersion(host, version, trouble) for host in hosts})

    def stall(self) -> None:
        """From now on `start` does not return."""
        self._open.clear()

    def resume(self) -> None:
        """Let the starts go on that were stalled."""
        self._open.set()

    def _named(self, run: str | None) -> HandRun:
        if run is not None:
            return self.runs[run]
        if len(self.under_way) != 1:
            raise AssertionError(f"wanted one run under way, there are: {', '.join(self.under_way) or 'none'}")
        return self.runs[self.under_way[0]]

    def _end(self, run: HandRun, outcome: Outcome) -> None:
        run.outcome = outcome
        run.over.set()
