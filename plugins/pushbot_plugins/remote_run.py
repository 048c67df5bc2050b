"""A run that a service carries out, as its executor keeps it: its name there, its files, its time limit, its end.

In the run's directory are, beside what the service's executor adds: `remote.json`, which the executor writes before
and after it asks for anything; `abort`, that the run shall stop; `outcome.json`, once it has ended;
`output.log`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import structlog
from pydantic import BaseModel, ValidationError

from pushbot.errors import PushbotError, RunLost
from pushbot.ports import Outcome
from pushbot.queue.commands import RunState
from pushbot_plugins.local.supervisor.files import RunFiles
from pushbot_plugins.remote_line import one_line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from pushbot.ports import Job
    from pushbot_plugins.remote_words import Words

M = TypeVar("M", bound=BaseModel)
LOG = structlog.get_logger()
SHORTLY = 30.0
"""Seconds that a service is asked again when somebody waits for the answer: as a run begins, or is stopped."""
_LEAST = 30.0


def name_of(job: Job) -> str:
    """What the run is called where it runs: ids of runs begin anew with a new record of the bot, and this does not."""
    return f"{job.run}-{secrets.token_hex(4)}"


def now() -> float:
    """Seconds since 1970: what has to be the same for the processes before and after a restart."""
    return time.time()  # noqa: TID251 - executors are given no clock


def refuse_steps(job: Job, executor: str) -> None:
    """Raises PushbotError for a job with something that only an executor of steps can do."""
    parts = {"steps": job.steps, "health": job.health, "post": job.post, "hosts": job.hosts}
    given = [name for name, part in parts.items() if part]
    if given:
        raise PushbotError(
            f"the {executor} executor cannot do the {' and '.join(given)} of stage {job.stage}: "
            "take them out, or put them into a stage of their own"
        )


def keep(directory: Path, what: BaseModel) -> None:
    """Make `what` the run's remote.json, whole or not at all, also when the power fails.

    Raises PushbotError when the disk does not take it.
    """
    put(directory / "remote.json", what.model_dump_json().encode())


def note(directory: Path, what: BaseModel) -> None:
    """As `keep`, of a run that goes on already: a disk that is full makes it harder to find again, and never lost."""
    try:
        keep(directory, what)
    except PushbotError as error:
        LOG.warning("not_kept", trouble=str(error))


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


def to_be_stopped(job: Job, kind: type[M]) -> M | None:
    """Put down that the run shall stop, for who follows it; what is kept of it, None when there is nothing to stop.

    Raises PushbotError when it cannot be put down.
    """
    files = RunFiles(job.directory)
    try:
        files.put_abort()
    except OSError as error:
        raise PushbotError(f"run {job.run} cannot be stopped: {job.directory} ({error.strerror})") from error
    if files.outcome() is not None:
        return None
    try:
        return kept(job, kind)
    except RunLost:
        return None  # nobody was asked for anything


def not_stopped(job: Job) -> None:
    """Take back that the run shall stop: that was refused, and it goes on."""
    (job.directory / "abort").unlink(missing_ok=True)


async def ended(
    words: Words, begun: float, follow: Callable[[], Awaitable[Outcome]], stop: Callable[[], Awaitable[object]]
) -> Outcome:
    """How the run ended: what is in outcome.json, else what `follow` gives, which is then put there.

    A run that failed after it was asked to stop is cancelled. One that was begun `job.timeout` seconds ago (or, after
    a long absence of the bot, is not over within half a minute) is stopped, given `job.grace` to end, and has
    failed. Raises what `follow` and `stop` raise.
    """
    job = words.job
    files = RunFiles(job.directory)
    outcome = files.outcome()
    if outcome is not None:
        return outcome
    left = min(begun + job.timeout - now(), job.timeout)  # clocks may be set back
    try:
        async with asyncio.timeout(left if left > 0 else _LEAST) as limit:
            outcome = await follow()
        if outcome.state is RunState.FAILED and files.abort_asked:
            outcome = replace(outcome, state=RunState.CANCELLED)
    except TimeoutError:
        if not limit.expired():
            raise
        await stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(job.grace):
                await follow()
        outcome = Outcome(RunState.FAILED, "time limit", f"it was not over within {job.timeout:g} s, and was stopped")
    outcome = _fit_to_be_told(outcome, words)
    try:
        files.put_outcome(outcome)
    except OSError as error:  # it has ended all the same
        LOG.warning("outcome_not_kept", run=job.run, trouble=error.strerror)
    return outcome


def _fit_to_be_told(outcome: Outcome, words: Words) -> Outcome:
    """The same with each line of its tail on one line, and no secret in it."""
    return replace(
        outcome,
        step=outcome.step and words.hidden(outcome.step),
        reason=outcome.reason and words.hidden(outcome.reason),
        tail=tuple(one_line(words.hidden(line)) for line in outcome.tail),
    )
