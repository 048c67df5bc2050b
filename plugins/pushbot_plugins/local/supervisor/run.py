"""A run under way: its steps with their tries, and the waits between them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .processes import Attention, Cause, Command, End, NotStarted, follow, spawn

if TYPE_CHECKING:
    from collections.abc import Callable

    from pushbot.ports import Job, Step

    from .environment import Environment
    from .files import RunFiles
    from .output import Log


class Failed(Exception):  # noqa: N818 - it is how a run ends
    """The run has failed; the text is the reason."""


class Stopped(Exception):  # noqa: N818 - it is how a run ends
    """The run was asked to stop."""


@dataclass(slots=True)
class Run:
    """What steps and probes need. `place` is the one under way, `until` the end of the run's time (monotonic)."""

    job: Job
    files: RunFiles
    attention: Attention
    environment: Environment
    log: Log
    until: float
    place: str | None = None
    _count: int = 0

    def begin(self, place: str) -> None:
        """Tell, and log, which step or probe begins now."""
        self.heed()
        self.place = place
        self._count += 1
        job = self.job
        label = f"{place} {self._count}/{len(job.steps) + len(job.health) + len(job.post)}"
        self.files.put_progress(label)
        self.log.begin(label)

    def heed(self) -> None:
        """Raise Stopped when the run was asked to stop."""
        if self.attention.stopping:
            raise Stopped

    def pause(self, seconds: float) -> None:
        """Let time pass. Raises Stopped, and Failed when the run's time is up."""
        until = min(time.monotonic() + seconds, self.until)
        self.heed()
        while (left := until - time.monotonic()) > 0:
            self.attention.wait(left)
            self.heed()
        self._bound()

    def step(self, step: Step) -> None:
        """Run a step, again if need be. Raises Failed or Stopped."""
        self.begin(step.name)
        self.pause(step.after)
        trouble = self._try(step)
        for number in range(2, step.retries + 2):
            if trouble is None:
                return
            self.log.note(trouble)
            self.pause(step.retry_delay)
            self.log.begin(f"{step.name}, try {number} of {step.retries + 1}")
            trouble = self._try(step)
        if trouble is not None:
            raise Failed(f"{trouble}, in the last of {step.retries + 1} tries" if step.retries else trouble)

    def execute(self, work: Command | Callable[[], int], limit: float, take: Callable[[bytes], None]) -> End:
        """Run one process to its end, within `limit` seconds and the run's time.

        Raises NotStarted when there is no such command, Stopped, and Failed when the run's time is up.
        """
        until = min(time.monotonic() + limit, self.until)
        try:
            child = spawn(work, self.files.group)
            end = follow(child, self.attention, take, until=until, grace=self.job.grace)
        finally:
            self.files.group.unlink(missing_ok=True)
        if end.survived:
            self.log.note(f"process group {child.pid} could not be ended whole: see whose processes are left in it")
        if end.cause is Cause.STOPPED:
            raise Stopped
        if end.cause is Cause.TOO_LONG:
            self._bound()
        return end

    def _try(self, step: Step) -> str | None:
        """Run the step once; what went wrong, if anything did."""
        arguments = step.run if step.script is None else ("/bin/sh", "-e", "-c", step.script, step.name)
        if not arguments:
            raise Failed(f"step {step.name} has nothing to run: give it `run` or `script`")
        command = Command(arguments, self.environment.of(step), self.job.workdir)
        try:
            end = self.execute(command, step.timeout, self.log.take)
        except NotStarted as trouble:
            return f"step {step.name} could not be started: {trouble}"
        finally:
            self.log.end()
        if end.output_held:
            self.log.note(
                f"a process that step {step.name} left running still has its output open, which is closed now: "
                "redirect the output of what is to go on running"
            )
        if end.cause is Cause.TOO_LONG:
            return f"step {step.name} ran longer than its {step.timeout:g} s"
        return None if end.well else f"step {step.name} {end.words()}"

    def _bound(self) -> None:
        if time.monotonic() >= self.until:
            raise Failed(f"the run took longer than its {self.job.timeout:g} s")
