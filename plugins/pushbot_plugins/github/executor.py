"""The GitHub executor: hands a run to GitHub, follows it there, stops it there.

The run's token is the number that GitHub gives the workflow run or deployment; where it could not be told one, the
name of the call, by which the run is looked for.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import structlog

from pushbot.errors import PushbotError, RunLost
from pushbot.ports import Traits
from pushbot_plugins.github.deployment import Deployment
from pushbot_plugins.github.options import GitHubOptions, Mode
from pushbot_plugins.github.rest import Rest, home_of, open_api
from pushbot_plugins.github.state import Asked
from pushbot_plugins.github.workflow import Workflow
from pushbot_plugins.remote_api import Refused, Unanswered
from pushbot_plugins.remote_run import (
    SHORTLY,
    ended,
    keep,
    kept,
    name_of,
    not_stopped,
    note,
    now,
    refuse_steps,
    to_be_stopped,
)
from pushbot_plugins.remote_words import Words, log_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pushbot.fleet.model import Tally
    from pushbot.ports import Job, Outcome
    from pushbot_plugins.remote_words import RunLog

APPEARS = 60.0
"""Seconds within which what GitHub was asked for can be seen in its lists."""
_LOOK = 1.0
LOG = structlog.get_logger()


class Way(Protocol):
    """What a mode does: see `Workflow` and `Deployment`."""

    async def ask(self, job: Job, words: Words, call: str) -> int | None: ...  # noqa: D102
    async def find(self, asked: Asked) -> int | None: ...  # noqa: D102
    def unseen(self) -> str: ...  # noqa: D102
    async def follow(self, number: int, log: RunLog, progress: Callable[[str], None]) -> Outcome: ...  # noqa: D102
    async def stop(self, number: int, why: str) -> None: ...  # noqa: D102


class GitHubExecutor:
    """Each run is a workflow run or a deployment on GitHub."""

    Options = GitHubOptions

    def __init__(self, options: GitHubOptions) -> None:
        self.options = options
        self.traits = Traits(steps=False, reverts=options.reverts)

    async def start(self, job: Job) -> str:
        """Ask GitHub for the run, once. Raises PushbotError when GitHub refuses, or cannot be reached."""
        refuse_steps(job, "github")
        words = Words(job)
        asked = Asked(call=name_of(job), begun=now())
        keep(job.directory, asked)
        async with self._way(words, SHORTLY) as way:
            try:
                number = await way.ask(job, words, asked.call)
            except (Unanswered, Refused) as error:
                if not error.begun:
                    raise
                LOG.warning("asked_and_not_answered", run=job.run, trouble=str(error))
                number = None
        if number is None:
            return asked.call
        note(job.directory, asked.model_copy(update={"number": number}))
        return str(number)

    async def wait(self, job: Job, token: str | None, progress: Callable[[str | Tally], None]) -> Outcome:
        """Follow it on GitHub. Raises RunLost when nothing there has the run's name, or it is gone."""
        asked, words = kept(job, Asked), Words(job)
        words.know(self.options.inputs.values())
        async with self._way(words, self.options.patience) as way:
            with log_of(words) as log:

                async def follow() -> Outcome:
                    number = await self._number(way, asked, token, APPEARS)
                    if number is None:
                        raise RunLost(
                            f"GitHub was asked for run {job.run}, and nothing of {self.options.repository} "
                            f"has the name {asked.call}: {way.unseen()}"
                        )
                    return await way.follow(number, log, words.telling(progress))

                async def stop() -> None:
                    number = await self._number(way, asked, token, 0.0)
                    if number is not None:
                        await way.stop(number, f"run {job.run} took longer than {job.timeout:g} s")

                return await ended(words, asked.begun, follow, stop)

    async def abort(self, job: Job, token: str | None) -> None:
        """Cancel the workflow run; a deployment gets the status `error`, which its tool has to look at."""
        asked, words = to_be_stopped(job, Asked), Words(job)
        if asked is None:
            return
        try:
            async with self._way(words, SHORTLY) as way:
                await self._stop(way, job, asked, token)
        except PushbotError:
            not_stopped(job)
            raise

    async def _stop(self, way: Way, job: Job, asked: Asked, token: str | None) -> None:
        number = await self._number(way, asked, token, job.grace)
        if number is None:
            raise PushbotError(
                f"run {job.run} cannot be stopped, as nothing of {self.options.repository} has the name "
                f"{asked.call}: {way.unseen()}"
            )
        await way.stop(number, f"run {job.run}")

    @asynccontextmanager
    async def _way(self, words: Words, patience: float) -> AsyncIterator[Way]:
        async with open_api(self.options, words, min(patience, self.options.patience)) as api:
            rest = Rest(api, home_of(self.options.repository))
            yield (Workflow if self.options.mode is Mode.WORKFLOW else Deployment)(rest, self.options)

    async def _number(self, way: Way, asked: Asked, token: str | None, within: float) -> int | None:
        """The number of what GitHub made, looked for by its name when that was not told."""
        if token is not None and token.isdecimal():
            return int(token)
        if asked.number is not None:
            return asked.number
        loop = asyncio.get_running_loop()
        until = loop.time() + within
        while (number := await way.find(asked)) is None and loop.time() < until:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(min(_LOOK, self.options.poll))
        return number
