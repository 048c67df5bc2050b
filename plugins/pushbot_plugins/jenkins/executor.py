"""The jenkins executor: a run is a build of a job, asked for, waited for in the queue, followed and stopped.

`remote.json` in the run's directory says how far it is: asked for, in the queue as item N, building as number N,
and how much of the console was read. So whoever waits, also after a restart, goes on from there.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path  # noqa: TC003 - an option's type
from typing import TYPE_CHECKING, Annotated, Literal
from xml.etree import ElementTree as ET

import structlog
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pushbot.errors import PushbotError, RunLost
from pushbot.ports import Outcome, Traits
from pushbot.queue.commands import RunState
from pushbot.secret import REFERENCE
from pushbot.values import Duration, Flag, Text, TimeLimit, expected
from pushbot_plugins.jenkins.borrowed import Borrowed
from pushbot_plugins.jenkins.follow import Following, State, stop
from pushbot_plugins.jenkins.server import Server, path_of
from pushbot_plugins.remote_api import Api, Limits, Refused, Unanswered, trusting
from pushbot_plugins.remote_run import SHORTLY, ended, keep, kept, name_of, note, now, refuse_steps, to_be_stopped
from pushbot_plugins.remote_words import Address, Template, Words, log_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pushbot.fleet.model import Tally
    from pushbot.ports import Job

LOG = structlog.get_logger()
UNANSWERED = "unanswered"
"""The token of a run of which Jenkins did not say whether it took it."""


def _path(path: str) -> str:
    try:
        ET.Element("project").findall(path)
    except (SyntaxError, KeyError):
        raise expected('a path to elements of config.xml, such as ".//hudson.plugins.git.BranchSpec/name"') from None
    return path


class JenkinsExecutor:
    """Has runs carried out by a job of Jenkins. Rolling back is building the older revision."""

    class Options(BaseModel):
        """Which job, as whom, and with what."""

        model_config = ConfigDict(frozen=True, extra="forbid")

        url: Address
        user: Text
        token: str = Field(pattern=REFERENCE)
        job: Template
        parameters: dict[str, Template] = {}
        run_parameter: str = "PUSHBOT_RUN"
        config: dict[Annotated[str, AfterValidator(_path)], Template] = {}
        unstable: Literal["failed", "succeeded"] = "failed"
        reverts: Flag = True
        poll: TimeLimit = 2.0
        answer: TimeLimit = 30.0
        patience: Duration = 300.0
        ca: Path | None = None

    def __init__(self, options: Options) -> None:
        self.options = options
        self.traits = Traits(steps=False, reverts=options.reverts)

    async def start(self, job: Job) -> str:
        """Ask for the build; the token is the address of its place in Jenkins' queue.

        Raises PushbotError when Jenkins does not take it, or the job is not as the options say; its configuration
        is then as it was.
        """
        refuse_steps(job, "jenkins")
        words = Words(job)
        path = path_of(self.options.job, words.fill)
        async with self._server(words, path, min(self.options.patience, SHORTLY)) as server:
            state = State(call=name_of(job), begun=now(), path=path, logged=0)
            values = await self._values(server, words, state.call)
            config = {place: words.fill(value) for place, value in self.options.config.items()}
            keep(job.directory, state)
            borrowed = Borrowed(server, job)
            try:
                if config:
                    await borrowed.change(config)
                item = await _begun(server, values)
            except PushbotError as error:
                try:
                    await _undo(borrowed, error)
                except Unanswered:  # then it is for `wait` to put the configuration back
                    note(job.directory, state.model_copy(update={"trouble": str(error)}))
                    return UNANSWERED
                raise
            if item is None:
                return UNANSWERED
            note(job.directory, state.model_copy(update={"item": item}))
            return server.item_page(item)

    async def wait(self, job: Job, token: str | None, progress: Callable[[str | Tally], None]) -> Outcome:  # noqa: ARG002
        """Follow the run through the queue and its build, the console going to output.log.

        Raises RunLost when it was not begun, or Jenkins has neither queue item nor build of it; PushbotError when
        Jenkins does not answer for `patience` (with a changed configuration: the stage's time limit), or lets
        the user in no more. Else the job's configuration is then as it was; when somebody else has changed it
        meanwhile it is not, and the reason says so, of a run that succeeded too.
        """
        state, words = kept(job, State), Words(job)
        patience = max(self.options.patience, job.timeout) if self.options.config else self.options.patience
        async with self._server(words, state.path, patience) as server:
            words.know((*self.options.parameters.values(), *self.options.config.values()))
            with log_of(words, state.logged) as log:
                options, tell = self.options, words.telling(progress)
                following = Following(
                    server, job, state, log, tell, options.poll, options.run_parameter, RunState(options.unstable)
                )
                borrowed = Borrowed(server, job)
                try:
                    outcome = await ended(words, state.begun, following.to_the_end, following.stop)
                except PushbotError as error:
                    await _undo(borrowed, error)
                    raise
                trouble = await borrowed.put_back()
                if trouble is None:
                    return outcome
                log.note(trouble)
                LOG.warning("configuration_not_put_back", run=job.run, job=state.path, saved=str(borrowed.before))
                return replace(outcome, reason=f"{outcome.reason}; and {trouble}" if outcome.reason else trouble)

    async def abort(self, job: Job, token: str | None) -> None:  # noqa: ARG002
        """Take the run off the queue, or stop its build; `wait` does it when neither is known yet. Safe to repeat."""
        state = to_be_stopped(job, State)
        if state is not None:
            async with self._server(Words(job), state.path, min(self.options.patience, SHORTLY)) as server:
                await stop(server, state)

    @contextlib.asynccontextmanager
    async def _server(self, words: Words, path: str, patience: float) -> AsyncIterator[Server]:
        options = self.options
        limits = Limits(answer=options.answer, patience=patience, first=min(options.poll, 0.5))
        user = (options.user, words.secret(options.token))
        async with Api(
            "Jenkins", options.url, user=user, tls=trusting(options.ca), hide=words.secrets, limits=limits
        ) as api:
            yield Server(api, path)

    async def _values(self, server: Server, words: Words, call: str) -> dict[str, str] | None:
        """The parameters of the build; None when the job takes none. Jenkins itself drops unknown ones silently."""
        info = await server.job()
        page = server.api.at(server.path)
        if not info.buildable:
            raise PushbotError(f"{page} is disabled, or is no job that can be built: enable it in Jenkins")
        known = info.parameters
        unknown = [name for name in self.options.parameters if name not in (known or ())]
        if unknown:
            raise PushbotError(f"{page} has no parameter {unknown[0]}: it has {', '.join(known or ()) or 'none'}")
        if known is None:
            return None
        own = {self.options.run_parameter: call} if self.options.run_parameter in known else {}
        return own | {name: words.fill(value) for name, value in self.options.parameters.items()}


async def _begun(server: Server, values: dict[str, str] | None) -> int | None:
    """The queue item; None when Jenkins may have taken it and did not say so."""
    try:
        return await server.begin(values)
    except (Unanswered, Refused) as error:
        if error.begun:
            return None
        raise


async def _undo(borrowed: Borrowed, cause: PushbotError) -> None:
    """Put the configuration back. Raises what `cause` is, with more to say, when somebody else has changed it."""
    trouble = await borrowed.put_back()
    if trouble is not None:
        kind = RunLost if isinstance(cause, RunLost) else PushbotError
        raise kind(f"{cause}; and {trouble}") from cause
