"""How long executors are believed: each has its time to begin a run, to stop it, and to tell how it ended.

The time limits of steps are the executor's own affair. These here are for one that hangs: a lane must be able to go on
then, with a run that nobody knows the end of.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pushbot.errors import PushbotError
from pushbot.ports import Outcome
from pushbot.queue.commands import RunState
from pushbot.queue.topic_parse import one_line
from pushbot.service.isolation import isolated
from pushbot.service.runs.jobs import ended
from pushbot.service.voice.phrases import clip

if TYPE_CHECKING:
    from collections.abc import Callable

    from pushbot.fleet.model import Tally
    from pushbot.ports import Executor, Job

BEGUN_WITHIN = 120.0
"""Seconds after which nobody waits any more for an executor to have begun a run."""
STOPPED_WITHIN = 10.0
"""Seconds beyond its stage's `grace` in which a run that is stopped should have ended."""
OVERDUE = 60.0
"""Seconds that an executor may take to tell of the end of a run when the time limit of its stage is over."""


STEP, WHY = 100, 500
"""Characters of a step's name, and of a reason or a line of output, that are kept of what an executor tells."""
TAIL = 20
"""Lines of output that are kept of it."""


def fit(text: str, limit: int) -> str:
    """What a plugin tells, on one line that is not too long."""
    return clip(one_line(text[: limit + 1]), limit)


def fitted(outcome: Outcome) -> Outcome:
    """The outcome, of which no more is kept than people can read. Raises TypeError for what is none."""
    if not isinstance(outcome, Outcome):
        raise TypeError(f"an executor told as the outcome: {type(outcome).__name__}")
    step = fit(outcome.step, STEP) if outcome.step else outcome.step
    reason = fit(outcome.reason, WHY) if outcome.reason else outcome.reason
    return replace(outcome, step=step, reason=reason, tail=tuple(fit(line, WHY) for line in outcome.tail[-TAIL:]))


@dataclass(slots=True)
class Following:
    """The runs that are waited for."""

    _until: dict[str, asyncio.Timeout] = field(default_factory=dict)

    async def began(self, executor: Executor, job: Job) -> str | None:
        """Begin the run; its token, None for an executor that takes too long: `wait` finds out what became of it."""
        with suppress(TimeoutError):
            return await isolated(executor.start(job), f"start of {job.run}", BEGUN_WITHIN)
        return None

    async def stopped(self, executor: Executor, job: Job, token: str | None) -> None:
        """Have the run stopped; from now on it has to end soon. Raises PushbotError when it cannot be."""
        try:
            await isolated(executor.abort(job, token), f"abort of {job.run}", job.grace + STOPPED_WITHIN)
        except TimeoutError:
            raise PushbotError("its executor does not say whether it stops it") from None
        if job.run in self._until:
            self._end_soon(job)

    async def ended(
        self, executor: Executor, job: Job, token: str | None, note: Callable[[str | Tally], None], *, stopping: bool
    ) -> Outcome:
        """How the run ended; lost, when that cannot be told. `stopping` is whether it was told to stop before."""

        def told(word: str | Tally) -> None:
            note(fit(word, STEP) if isinstance(word, str) else word)

        try:
            async with asyncio.timeout(job.timeout + job.grace + OVERDUE) as self._until[job.run]:
                if stopping:
                    self._end_soon(job)
                return fitted(await isolated(ended(executor, job, token, told), f"wait for {job.run}"))
        except TimeoutError:
            return Outcome(RunState.LOST, reason="its executor does not say how it ended, long after it should have")
        finally:
            del self._until[job.run]

    def _end_soon(self, job: Job) -> None:
        self._until[job.run].reschedule(asyncio.get_running_loop().time() + job.grace + STOPPED_WITHIN)
