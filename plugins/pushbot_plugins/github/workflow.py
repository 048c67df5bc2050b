"""A workflow of GitHub Actions as a stage: dispatched, found, followed by jobs and steps, cancelled.

After docs.github.com/rest/actions: "Create a workflow dispatch event" (with `return_run_details`, which a GitHub
Enterprise Server before 3.21 does not know), "List workflow runs for a workflow", "Get a workflow run", "List jobs for
a workflow run", "Download job logs for a workflow run" and "Cancel a workflow run".
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import BaseModel

from pushbot.errors import PushbotError, RunLost
from pushbot.ports import Outcome
from pushbot.queue.commands import RunState
from pushbot_plugins.github.rest import message, refusal
from pushbot_plugins.remote_api import Refused
from pushbot_plugins.remote_line import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from pushbot.ports import Job
    from pushbot_plugins.github.options import GitHubOptions
    from pushbot_plugins.github.rest import Rest
    from pushbot_plugins.github.state import Asked
    from pushbot_plugins.remote_words import RunLog, Words

LAST_LINES = 200
"""Lines of a failed job's log that are kept in output.log."""
LOG_TRIES = 4
_KEPT = 256 * 2**10
_FAILED_LOGS = 3
_LOG_WITHIN = 60.0
_CLOCKS_APART = 900.0
_REFUSED = (400, 422)
_CONFLICT = 409
_GONE = 404
_FINE = frozenset({"success", "skipped", "neutral", "cancelled"})
_STAMP = re.compile(rb"(?m)^(?:\xef\xbb\xbf)?\d{4}-\d\d-\d\dT[\d:.]+Z (?:##\[(?:group|endgroup|command)\])?")
_WAITING = {
    "queued": "waiting for a runner",
    "waiting": "waiting for an approval on GitHub",
    "pending": "waiting for other runs of the workflow",
    "requested": "waiting for a runner",
}


class _Dispatched(BaseModel):
    workflow_run_id: int


class _Run(BaseModel):
    id: int
    status: str
    conclusion: str | None = None
    html_url: str = ""
    display_title: str = ""


class _Step(BaseModel):
    name: str
    number: int
    status: str
    conclusion: str | None = None


class _Job(BaseModel):
    id: int
    name: str
    status: str
    conclusion: str | None = None
    steps: tuple[_Step, ...] = ()


@dataclass(slots=True)
class Workflow:
    """What `mode = "workflow"` does."""

    rest: Rest
    options: GitHubOptions
    _told: set[tuple[int, int]] = field(default_factory=set)

    async def ask(self, job: Job, words: Words, call: str) -> int | None:  # noqa: ARG002 - the words know the job
        """Dispatch the workflow; the run's id, None when GitHub does not tell it.

        Raises Unanswered when it is not known whether there is a run now, and Refused when there is none.
        """
        ref = words.fill(self.options.ref)
        inputs = {name: words.fill(text) for name, text in self.options.inputs.items()}
        if self.options.run_input:
            inputs[self.options.run_input] = call
        asked = {"ref": ref, "inputs": inputs}
        path = f"actions/workflows/{self.options.workflow}/dispatches"
        body = json.dumps(asked | {"return_run_details": True}).encode()
        answer = await self.rest.post(path, body, ok=(200, 204, *_REFUSED))
        if answer.status in _REFUSED and "return_run_details" in message(answer):
            answer = await self.rest.post(path, json.dumps(asked).encode(), ok=(200, 204))
        if answer.status in _REFUSED:
            raise refusal(answer)
        return answer.read(_Dispatched).workflow_run_id if answer.body else None

    async def find(self, asked: Asked) -> int | None:
        """The id of the run whose name has the name of the call in it, among those made since."""
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(asked.begun - _CLOCKS_APART))
        runs = await self.rest.pages(
            f"actions/workflows/{self.options.workflow}/runs",
            _Run,
            "workflow_runs",
            event="workflow_dispatch",
            created=f">={since}",
        )
        return next((run.id for run in runs if asked.call in run.display_title), None)

    def unseen(self) -> str:
        """What to do about a run that cannot be found."""
        return f"look at its runs, and give the workflow a run-name with ${{{{ inputs.{self.options.run_input} }}}}"

    async def follow(self, number: int, log: RunLog, progress: Callable[[str], None]) -> Outcome:
        """Tell each step as it begins, to the end of the run."""
        stood = ""
        while True:
            run = await self._run(number)
            if run.status in _WAITING and run.status != stood:
                progress(_WAITING[run.status])
            stood = run.status
            jobs = await self.rest.pages(f"actions/runs/{number}/jobs", _Job, "jobs", filter="latest")
            for job in jobs:
                for step in _begun(job):
                    if (job.id, step.number) not in self._told:
                        self._told.add((job.id, step.number))
                        line = one_line(f"{job.name}: {step.name} {step.number}/{len(job.steps)}", 120)
                        log.once(line)
                        progress(line)
            if run.status == "completed":
                return await self._outcome(run, jobs, log)
            await asyncio.sleep(self.options.poll)

    async def stop(self, number: int, why: str) -> None:  # noqa: ARG002 - a workflow run is cancelled without words
        """Cancel the run, unless it is over. Raises PushbotError when GitHub does not."""
        try:
            await self.rest.post(f"actions/runs/{number}/cancel", b"", ok=(202,), again=True)
        except Refused as error:
            if error.status != _CONFLICT or (await self._run(number)).status != "completed":
                raise

    async def _run(self, number: int) -> _Run:
        try:
            return await self.rest.get(f"actions/runs/{number}", _Run)
        except Refused as error:
            if error.status != _GONE:
                raise
            raise RunLost(f"workflow run {number} of {self.options.repository} is no longer there") from None

    async def _outcome(self, run: _Run, jobs: tuple[_Job, ...], log: RunLog) -> Outcome:
        where, failed = one_line(run.html_url, 200), list[tuple[_Job, _LastLines]]()
        if run.conclusion not in {"success", "cancelled"}:
            broken = [job for job in jobs if job.conclusion is not None and job.conclusion not in _FINE]
            failed = [(job, await self._last_lines(job)) for job in broken[:_FAILED_LOGS]]
        # From here on nothing is waited for: what is written now is not written again by whoever comes after.
        log.once(one_line(f"workflow run {run.id} ended: {run.conclusion} {where}"))
        if run.conclusion == "success":
            return Outcome(RunState.SUCCEEDED)
        if run.conclusion == "cancelled":
            return Outcome(RunState.CANCELLED, reason=f"workflow run {run.id} was cancelled: {where}")
        step, tail = "workflow", tuple[str, ...]()
        for job, last in failed:
            lines = last.put(log, one_line(f"the last lines of {job.name}"))
            if job is failed[0][0]:
                steps = (each.name for each in job.steps if each.conclusion not in {None, *_FINE})
                step, tail = one_line(": ".join((job.name, *steps)), 100), lines
        return Outcome(
            RunState.FAILED, step, one_line(f"workflow run {run.id} ended with {run.conclusion}: {where}"), tail
        )

    async def _last_lines(self, job: _Job) -> _LastLines:
        """The end of a job's log. How the run ended does not hang on it."""
        found = _LastLines()
        try:
            async with asyncio.timeout(_LOG_WITHIN):
                for _ in range(LOG_TRIES):  # it is there only a moment after the job's end
                    if await self.rest.elsewhere(f"actions/jobs/{job.id}/logs", found.take, self.options):
                        break
                    await asyncio.sleep(self.options.poll)
        except PushbotError as error:
            found.trouble = f"its log cannot be had: {error}"
        except TimeoutError:
            found.trouble = f"the rest of its log did not come within {_LOG_WITHIN:g} s"
        return found


@dataclass(slots=True)
class _LastLines:
    """The end of a log as it comes, and what is wrong with it."""

    trouble: str | None = None
    _kept: bytearray = field(default_factory=bytearray)
    _cut: bool = False

    def take(self, piece: bytes) -> None:
        self._kept += piece
        self._cut = self._cut or len(self._kept) > _KEPT
        del self._kept[:-_KEPT]

    def put(self, log: RunLog, title: str) -> tuple[str, ...]:
        """Put them into the run's log; the last ones of them."""
        kept = bytes(self._kept)
        if self._cut:  # a line whose beginning is not there may begin in a secret
            kept = kept.partition(b"\n")[2]
        lines = _STAMP.sub(b"", kept).replace(b"##[error]", b"Error: ").splitlines(keepends=True)[-LAST_LINES:]
        log.begin(title)
        if self.trouble is not None:
            log.note(self.trouble)
        log.take(b"".join(lines))
        log.end()
        return log.tail()


def _begun(job: _Job) -> list[_Step]:
    return [
        step
        for step in job.steps
        if step.status == "in_progress" or (step.status == "completed" and step.conclusion != "skipped")
    ]
