"""The http executor: a run is begun by one signed POST, followed by asking for its state, stopped by another POST.

The POST carries a key that is kept before it is sent, so that it is safe to repeat. What the service
answered is kept before anything is waited for; whoever waits, also after a restart, asks at the same place.
"""

from __future__ import annotations

import contextlib
from pathlib import Path  # noqa: TC003 - an option's type
from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import urljoin, urlsplit

import structlog
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from pushbot.errors import PushbotError
from pushbot.ports import Traits
from pushbot.queue.commands import RunState
from pushbot.secret import REFERENCE
from pushbot.values import Duration, Flag, TimeLimit, expected
from pushbot_plugins.http.follow import Following, Places, State, stop
from pushbot_plugins.http.service import Service, Told, order_for
from pushbot_plugins.remote_api import Api, Limits, Refused, Unanswered, trusting
from pushbot_plugins.remote_line import one_line
from pushbot_plugins.remote_run import SHORTLY, ended, keep, kept, name_of, note, now, refuse_steps, to_be_stopped
from pushbot_plugins.remote_words import Address, Template, Words, log_of, naming

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pushbot.fleet.model import Tally
    from pushbot.ports import Job, Outcome

LOG = structlog.get_logger()
UNANSWERED = "unanswered"
"""The token of a run of which the service did not say whether it took it, or where to ask for it."""
_LARGEST = 2**20
_ENDS = {"succeeded": RunState.SUCCEEDED, "failed": RunState.FAILED, "cancelled": RunState.CANCELLED}

Place = Annotated[str, AfterValidator(naming("id", "key", "seen"))]


class HttpExecutor:
    """Has runs carried out by a service of your own."""

    class Options(BaseModel):
        """Where it is, the secret shared with it, and its words."""

        model_config = ConfigDict(frozen=True, extra="forbid")

        url: Address
        secret: str = Field(pattern=REFERENCE)
        token: str | None = Field(None, pattern=REFERENCE)
        parameters: dict[str, Template] = {}
        status: Place | None = None
        abort: Place | None = None
        states: dict[str, Literal["running", "succeeded", "failed", "cancelled"]] = {}
        reverts: Flag = True
        poll: TimeLimit = 2.0
        answer: TimeLimit = 30.0
        patience: Duration = 300.0
        ca: Path | None = None

        @model_validator(mode="after")
        def _of_one_origin(self) -> Self:
            for place in (self.status, self.abort):
                if place is not None and urlsplit(urljoin(self.url, place))[:2] != urlsplit(self.url)[:2]:
                    raise expected(f"{place} on the host of url, {self.url}: the signature is for that one alone")
            return self

    def __init__(self, options: Options) -> None:
        self.options = options
        self.traits = Traits(steps=False, reverts=options.reverts)
        self._places = Places(options.url, options.status, options.abort)
        named = {word: RunState(state) for word, state in options.states.items()}
        self._ends = {word: state for word, state in (_ENDS | named).items() if state.final}

    async def start(self, job: Job) -> str:
        """Tell the service to begin; the token is the run's id there, or the address at which it is asked for.

        Repeated with the same key for half a minute while the service gives no answer. Raises PushbotError
        when it cannot be reached or refuses.
        """
        refuse_steps(job, "http")
        words = Words(job)
        parameters = {name: words.fill(value) for name, value in self.options.parameters.items()}
        state = State(begun=now(), key=name_of(job), logged=0)
        keep(job.directory, state)
        async with self._service(words, min(self.options.patience, SHORTLY)) as service:
            try:
                answer = await service.post(self.options.url, order_for(job, state.key, parameters), state.key)
            except (Unanswered, Refused) as error:
                if error.begun:
                    return UNANSWERED
                raise
        try:
            told = answer.read(Told) if answer.body.strip() else Told()
        except PushbotError as error:  # it may have begun all the same
            LOG.warning("answer_not_read", run=job.run, trouble=str(error))
            told = Told()
        location = answer.headers.get("Location")
        note(job.directory, state.model_copy(update={"id": told.id, "location": location}))
        return one_line(told.id or location or UNANSWERED)

    async def wait(self, job: Job, token: str | None, progress: Callable[[str | Tally], None]) -> Outcome:  # noqa: ARG002
        """Ask how the run goes until it has ended, its log lines going to output.log.

        Raises RunLost when it was not begun, or the service cannot be asked or does not know it; PushbotError when
        the service does not answer for `patience`, or refuses.
        """
        state, words = kept(job, State), Words(job)
        words.know(self.options.parameters.values())
        async with self._service(words, self.options.patience) as service:
            with log_of(words, state.logged) as log:
                tell = words.telling(progress)
                following = Following(self._places, self._ends, self.options.poll, service, words, state, log, tell)
                return await ended(words, state.begun, following.to_the_end, following.stop)

    async def abort(self, job: Job, token: str | None) -> None:  # noqa: ARG002
        """Tell the service to stop the run; `wait` does it when it is not known yet what to stop. Safe to repeat.

        Raises PushbotError when there is no `abort` in the options.
        """
        state = to_be_stopped(job, State)
        if state is not None:
            words = Words(job)
            async with self._service(words, min(self.options.patience, SHORTLY)) as service:
                await stop(self._places, service, words, state)

    @contextlib.asynccontextmanager
    async def _service(self, words: Words, patience: float) -> AsyncIterator[Service]:
        options = self.options
        limits = Limits(answer=options.answer, patience=patience, first=min(options.poll, 0.5), body=_LARGEST)
        key = words.secret(options.secret)
        headers = {"Authorization": f"Bearer {words.secret(options.token)}"} if options.token else {}
        async with Api(
            "the service", options.url, headers=headers, tls=trusting(options.ca), hide=words.secrets, limits=limits
        ) as api:
            yield Service(api, key)
