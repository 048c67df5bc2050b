"""The dry-run executor: writes what would be done to the run's output.log, and does none of it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from pushbot.errors import PushbotError, RunLost
from pushbot.ports import Outcome
from pushbot.queue.commands import RunState

if TYPE_CHECKING:
    from collections.abc import Callable

    from pushbot.ports import Job, Probe, Step


class DryRunExecutor:
    """Every run succeeds at once. Of the environment only names are written, never values."""

    class Options(BaseModel):
        """There is nothing to set."""

        model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, options: Options) -> None:
        self.options = options

    async def start(self, job: Job) -> str:
        """Write the log. Raises PushbotError when that cannot be done."""
        parts = (*map(_step, job.steps), *map(_probe, job.health), *map(_step, job.post))
        names = " ".join([*job.facts(), *(name for name, _ in job.env)])
        lines = (f"dry run of {job.run}: {job.kind} {job.stage} {job.revision or ''}", f"environment: {names}", *parts)
        try:
            (job.directory / "output.log").write_text("".join(f"{line}\n" for line in lines), "utf-8")
        except OSError as error:
            raise PushbotError(f"the dry run of {job.run} cannot be written: {error}") from error
        return job.run

    async def wait(self, job: Job, token: str | None, progress: Callable[[str], None]) -> Outcome:  # noqa: ARG002
        """The run has succeeded if there is a log of it. Raises RunLost when there is none."""
        if not (job.directory / "output.log").exists():
            raise RunLost(f"the dry run of {job.run} was not begun: there is no log in {job.directory}")
        names = [step.name for step in (*job.steps, *job.post)]
        names[len(job.steps) : len(job.steps)] = [f"health: {probe.name}" for probe in job.health]
        for number, name in enumerate(names, 1):
            progress(f"{name} {number}/{len(names)}")
        return Outcome(RunState.SUCCEEDED)

    async def abort(self, job: Job, token: str | None) -> None:
        """Nothing to stop: the run was over when `start` returned."""


def _step(step: Step) -> str:
    names = "".join(f" {name}=..." for name, _ in step.env)
    what = shlex.join(step.run) if step.script is None else f"/bin/sh -e -c {shlex.quote(step.script)}"
    return f"step {step.name}:{names} {what} (after {step.after:g} s, {step.timeout:g} s a try, retries {step.retries})"


def _probe(probe: Probe) -> str:
    what = shlex.join(probe.run) if probe.run else probe.target
    return f"health {probe.name}: {probe.kind} {what} ({probe.passes} in a row within {probe.window:g} s)"
