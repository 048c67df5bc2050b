"""The bot's side of the local executor: begin a run's supervisor, follow it, stop it.

All that is known of a run is in its directory (`supervisor/files.py`); this side remembers nothing,
so that a run begun by an earlier process of the bot is followed like any other.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from pydantic import BaseModel, ConfigDict

import pushbot
from pushbot.errors import PushbotError, RunLost
from pushbot.secret import own_variables
from pushbot_plugins.local.leftovers import leftover, signal_group
from pushbot_plugins.local.supervisor.files import LOG, RunFiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from pushbot.ports import Job, Outcome

_LOOK = 0.1
_SETTLE = 0.01
_START_LIMIT = 60.0
_AFTER_KILL = 2.0
_BOOT = "import sys; sys.path += sys.argv[3:]; from supervisor.main import main; main(sys.argv[1], int(sys.argv[2]))"
_PATH = (str(Path(__file__).parent), str(Path(pushbot.__file__).parent.parent))

log = structlog.get_logger()


class LocalExecutor:
    """Carries out runs on the bot's own machine, each under a supervisor process that outlives the bot."""

    class Options(BaseModel):
        """There is nothing to set."""

        model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, options: Options) -> None:
        self.options = options

    async def start(self, job: Job) -> str:
        """Begin the run; the token is its supervisor's process id, for people to see.

        Raises PushbotError when a run was begun in this directory before, or the supervisor does not start.
        """
        return await asyncio.to_thread(_start, job)

    async def wait(self, job: Job, token: str | None, progress: Callable[[str], None]) -> Outcome:  # noqa: ARG002
        """Follow the run to its end, whoever began it; all its progress is told, from the first step on.

        Raises RunLost when the run was never begun, or when its supervisor is gone without an outcome:
        what is left of the step under way is then ended first.
        """
        files = RunFiles(job.directory)
        if not files.begun:
            raise RunLost(
                f"run {job.run} was not begun, as far as {job.directory} tells: look before you start it again"
            )
        told = 0
        while True:
            alive = files.supervised()
            news = files.progress()[told:]
            for text in news:
                progress(text)
            told += len(news)
            if not alive:
                break
            await _end_of(files.supervisor())
        outcome = files.outcome()
        if outcome is None:
            await _clear(files, job)
            raise RunLost(
                f"run {job.run} lost its supervisor process before it ended (killed, disk full, machine restarted): "
                f"see {job.directory / LOG} for how far it came"
            )
        return outcome

    async def abort(self, job: Job, token: str | None) -> None:  # noqa: ARG002
        """Ask the run to stop: its process group gets TERM, and KILL when `grace` is over. Safe to repeat."""
        files = RunFiles(job.directory)
        try:
            files.put_abort()
        except OSError as error:
            raise PushbotError(f"run {job.run} cannot be stopped: {job.directory} ({error.strerror})") from error
        while files.supervised():
            supervisor = files.supervisor()
            if supervisor is not None:
                _terminate(files, supervisor)
                return
            await asyncio.sleep(_SETTLE)


def _start(job: Job) -> str:
    files = RunFiles(job.directory)
    try:
        lock = files.claim()
    except BlockingIOError:
        raise _begun_before(job) from None
    except OSError as error:
        raise PushbotError(f"run {job.run} cannot be begun in {job.directory} ({error.strerror})") from error
    try:
        files.put_job(job)
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _BOOT, str(job.directory), str(lock), *_PATH],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**_environment(job), "PUSHBOT_RUN": job.run},
            pass_fds=(lock,),
            start_new_session=True,
            timeout=_START_LIMIT,
            check=False,
        )
    except FileExistsError:
        raise _begun_before(job) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PushbotError(f"run {job.run} cannot be begun in {job.directory}: {error}") from error
    finally:
        os.close(lock)
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise PushbotError(f"the supervisor of run {job.run} did not start ({last}): is {sys.executable} still whole?")
    return str(files.supervisor())


def _environment(job: Job) -> dict[str, str]:
    """The bot's own, without its own secrets (a chat's password), unless the job refers to one by name."""
    pairs = (*job.env, *(pair for step in (*job.steps, *job.post) for pair in step.env))
    withheld = own_variables() - {text.removeprefix("env:") for _, text in pairs if text.startswith("env:")}
    return {name: value for name, value in os.environ.items() if name not in withheld}


def _begun_before(job: Job) -> PushbotError:
    return PushbotError(f"run {job.run} has been begun in {job.directory} before, and a run is begun only once")


async def _end_of(process: int | None) -> None:
    """Return when the process has ended (pidfd_open(2)), or after a short while."""
    try:
        pidfd = None if process is None else os.pidfd_open(process)
    except (OSError, AttributeError):
        pidfd = None
    if pidfd is None:
        await asyncio.sleep(_SETTLE)
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(pidfd, ended.set)
    try:
        async with asyncio.timeout(_LOOK):
            await ended.wait()
    except TimeoutError:
        return
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)


def _terminate(files: RunFiles, supervisor: int) -> None:
    """Send TERM to the supervisor, and to nobody else: a pidfd stays with its process."""
    try:
        pidfd = os.pidfd_open(supervisor)
    except ProcessLookupError:
        return
    try:
        if files.supervised():
            signal.pidfd_send_signal(pidfd, signal.SIGTERM)
    except ProcessLookupError:
        return
    finally:
        os.close(pidfd)


async def _clear(files: RunFiles, job: Job) -> None:
    """End the step that a killed supervisor left running."""
    loop = asyncio.get_running_loop()
    for number, patience in ((signal.SIGTERM, job.grace), (signal.SIGKILL, _AFTER_KILL)):
        group = leftover(files, job.run)
        if group is None:
            return
        log.warning("ending_what_a_killed_supervisor_left", run=job.run, group=group, signal=number.name)
        signal_group(group, number)
        until = loop.time() + patience
        while leftover(files, job.run) is not None and loop.time() < until:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(_SETTLE)
