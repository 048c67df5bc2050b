"""A run that a service carries out, as its executor keeps it: what is filled in, its log, its files, its time limit.

In the run's directory are, beside what the service's executor adds: `remote.json`, which the executor writes before
and after it asks for anything; `abort`, that the run shall stop; `outcome.json`, once it has ended;
`output.log`, secrets masked.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ValidationError

from pushbot.errors import PushbotError, RunLost
from pushbot.ports import Outcome
from pushbot.queue.commands import RunState
from pushbot.secret import REFERENCE, resolve_secret
from pushbot.values import Url, expected
from pushbot_plugins.local.supervisor.files import RunFiles
from pushbot_plugins.local.supervisor.output import Log
from pushbot_plugins.remote_api import one_line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from pathlib import Path

    from pushbot.ports import Job

M = TypeVar("M", bound=BaseModel)
FACTS = ("run", "kind", "lane", "stage", "revision", "previous_revision", "branch", "driver", "riders")
"""What a template may name in braces; other names are those of variables in the stage's `env`."""
_NAME = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_LEAST = 30.0


def naming(*names: str) -> Callable[[str], str]:
    """A check of a template: whether what it names in braces is a fact, one of `names`, or written in capitals."""

    def check(text: str) -> str:
        known = (*names, *FACTS)
        unknown = [name for name in _NAME.findall(text) if name.islower() and name not in known]
        if unknown:
            raise expected(f"{{{'}, {'.join(known)}}} or a variable of the stage's env, and not {{{unknown[0]}}}")
        return text

    return check


Template = Annotated[str, AfterValidator(naming())]
"""A text with `{revision}` and the like in it; or a reference (`env:NAME`, `file:PATH`) to a secret."""


def _address(url: str) -> str:
    if "@" in url.partition("://")[2].partition("/")[0] or "?" in url or "#" in url:
        raise expected("a URL without a user, a question mark or a hash: secrets are given by reference")
    return url


Address = Annotated[Url, AfterValidator(_address)]
"""Where a service is."""


def now() -> float:
    """Seconds since 1970: what has to be the same for the processes before and after a restart."""
    return time.time()  # noqa: TID251 - executors are given no clock


@dataclass(slots=True)
class Words:
    """What is filled into the templates of one job. `secrets` are all values that came from references so far.

    Raises PushbotError when a reference in the stage's `env` leads nowhere.
    """

    job: Job
    secrets: set[str] = field(default_factory=set)
    _values: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        facts = {name.removeprefix("PUSHBOT_").lower(): value for name, value in self.job.facts().items()}
        self._values = {name: self.secret(value) for name, value in self.job.env} | facts

    def secret(self, text: str) -> str:
        """What a reference leads to, and any other text as it is."""
        if not re.match(REFERENCE, text):
            return text
        value = resolve_secret(text)
        self.secrets.add(value)
        return value

    def fill(self, template: str, quote: Callable[[str], str] = str, more: Mapping[str, str] | None = None) -> str:
        """The template with the facts and `more` filled in, each through `quote`; values are not looked at again.

        Raises PushbotError for a name that there is nothing for.
        """

        def word(match: re.Match[str]) -> str:
            try:
                return quote(values[match[1]])
            except KeyError:
                known = ", ".join(sorted(values))
                raise PushbotError(
                    f"there is nothing to fill in for {match[0]} on stage {self.job.stage}; there are {known}"
                ) from None

        values = self._values | dict(more or {})
        if re.match(REFERENCE, template):
            return self.secret(template)
        return _NAME.sub(word, template)


def refuse_steps(job: Job, executor: str) -> None:
    """Raises PushbotError for a job with something that only an executor of steps can do."""
    parts = {"steps": job.steps, "health": job.health, "post": job.post, "hosts": job.hosts}
    given = [name for name, part in parts.items() if part]
    if given:
        raise PushbotError(
            f"the {executor} executor cannot do the {' and '.join(given)} of stage {job.stage}: "
            "take them out, or put them into a stage of their own"
        )


@contextlib.contextmanager
def log_of(job: Job, secrets: set[str]) -> Iterator[Log]:
    """The run's output.log, added to. Raises PushbotError when it cannot be opened."""
    try:
        log = Log(RunFiles(job.directory).log, secrets)
    except OSError as error:
        raise PushbotError(f"the log of run {job.run} cannot be written: {error.strerror}") from error
    try:
        yield log
    finally:
        log.end()
        log.close()


def keep(directory: Path, what: BaseModel) -> None:
    """Make `what` the run's remote.json, whole or not at all, also when the power fails.

    Raises PushbotError when the disk does not take it.
    """
    put(directory / "remote.json", what.model_dump_json().encode())


def put(path: Path, data: bytes) -> None:
    """Write a file, for its owner alone, whole or not at all. Raises PushbotError when the disk does not take it."""
    draft = path.with_name(f".{path.name}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise PushbotError(f"{path} cannot be written: {error.strerror}") from error


def kept(job: Job, kind: type[M]) -> M:
    """What the run's remote.json holds. Raises RunLost when there is none: the run was not begun."""
    try:
        return kind.model_validate_json((job.directory / "remote.json").read_bytes())
    except FileNotFoundError:
        raise RunLost(
            f"run {job.run} was not begun, as far as {job.directory} tells: look before you start it again"
        ) from None
    except (OSError, ValidationError) as error:
        raise RunLost(f"{job.directory / 'remote.json'} cannot be read: {error}") from None


async def ended(
    job: Job, begun: float, follow: Callable[[], Awaitable[Outcome]], stop: Callable[[], Awaitable[object]]
) -> Outcome:
    """How the run ended: what is in outcome.json, else what `follow` gives, which is then put there.

    A run that was begun `job.timeout` seconds ago (or, after a long absence of the bot, is not over within
    half a minute) is stopped, given `job.grace` to end, and has failed. Raises what `follow` and `stop` raise.
    """
    files = RunFiles(job.directory)
    outcome = files.outcome()
    if outcome is not None:
        return outcome
    left = begun + job.timeout - now()
    try:
        async with asyncio.timeout(left if left > 0 else _LEAST) as limit:
            outcome = await follow()
    except TimeoutError:
        if not limit.expired():
            raise
        await stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(job.grace):
                await follow()
        outcome = Outcome(RunState.FAILED, "time limit", f"it was not over within {job.timeout:g} s, and was stopped")
    outcome = replace(outcome, tail=tuple(map(one_line, outcome.tail)))
    try:
        files.put_outcome(outcome)
    except OSError as error:
        raise PushbotError(f"the outcome of run {job.run} cannot be written: {error.strerror}") from error
    return outcome
