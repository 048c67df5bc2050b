"""The bot's side of a run that a process of its own carries out: begin that process, follow it, stop it.

All that is known of a run is in its directory (`local/supervisor/files.py`); this side remembers nothing,
so that a run begun by an earlier process of the bot is followed like any other.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

import pushbot
from pushbot.errors import PushbotError, RunLost
from pushbot.fleet.model import Tally
from pushbot.secret import own_variables
from pushbot_plugins.local.leftovers import leftovers, signal_group
from pushbot_plugins.local.supervisor.files import LOG, RunFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pushbot.ports import Job, Outcome

_LOOK = 0.1
_SETTLE = 0.01
_START_LIMIT = 60.0
_AFTER_KILL = 2.0

PACKAGES = str(Path(pushbot.__file__).parent.parent)
"""The folder in which `pushbot` itself is found."""
PLUGINS = str(Path(__file__).parent.parent)
"""The folder in which the bundled plugins are found."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Boot:
    """How the process that supervises a run is started: Python, with these flags.

    It gets `code` with these arguments: the run's directory, the number of the lock's descriptor, and `paths`. The
    process that the bot starts ends when all is ready, and a child of it goes on (`local/supervisor/detach.py`).
    `settings` are kept for it in the run's directory; `needs` are those of the bot's own secret variables that it
    gets beside what the job refers to. `offer` may find somebody who takes the run at once (its directory, the lock's
    descriptor, the environment); then nothing is started.
    """

    flags: tuple[str, ...]
    code: str
    paths: tuple[str, ...]
    settings: str | None = None
    needs: frozenset[str] = frozenset()
    offer: Callable[[Path, int, Mapping[str, str]], bool] | None = None


async def begin(job: Job, boot: Boot) -> str:
    """Begin the run; the token is its supervisor's process id, for people to see.

    Raises PushbotError when a run was begun in this directory before, or the supervisor does not start.
    """
    return await asyncio.to_thread(_begin, job, boot)


async def follow(job: Job, progress: Callable[[str | Tally], None]) -> Outcome:
    """Follow the run to its end, whoever began it; all its progress is told, from the first step on.

    Raises RunLost when the run was never begun, or when its supervisor is gone without an outcome:
    what is left of the step under way is then ended first.
    """
    files = RunFiles(job.directory)
    if not files.begun:
        raise RunLost(f"run {job.run} was not begun, as far as {job.directory} tells: look before you start it again")
    told = 0
    while True:
        alive = files.supervised()
        news, told = files.progress(told)
        for each, after in zip_longest(news, news[1:]):
            if not (isinstance(each, Tally) and isinstance(after, Tally)):
                progress(each)
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


async def stop(job: Job) -> None:
    """Ask the run's supervisor to stop. Safe to repeat, also before it has begun and after it has ended."""
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


def _begin(job: Job, boot: Boot) -> str:
    files = RunFiles(job.directory)
    try:
        lock = files.claim()
    except BlockingIOError:
        raise _begun_before(job) from None
    except OSError as error:
        raise PushbotError(f"run {job.run} cannot be begun in {job.directory} ({error.strerror})") from error
    try:
        files.put_job(job, boot.settings)
        env = environment(_variables(job), boot.needs) | {"PUSHBOT_RUN": job.run}
        if boot.offer is not None and boot.offer(job.directory, lock, env):
            return str(files.supervisor())
        done = subprocess.run(
            [sys.executable, "-I", *boot.flags, "-c", boot.code, str(job.directory), str(lock), *boot.paths],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=env,
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


def environment(pairs: Iterable[tuple[str, str]], needs: frozenset[str] = frozenset()) -> dict[str, str]:
    """The bot's own, without its own secrets (a chat's password), but those that `pairs` refer to, and `needs`."""
    referred = {text.removeprefix("env:") for _, text in pairs if text.startswith("env:")}
    withheld = own_variables() - referred - needs
    return {name: value for name, value in os.environ.items() if name not in withheld}


def _variables(job: Job) -> Iterable[tuple[str, str]]:
    """All that the operator configured for the job's commands."""
    of_steps = (step.env for step in (*job.steps, *job.post))
    return chain(job.env, *of_steps, *(host.env for host in job.hosts))


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
    """End what a killed supervisor left running."""
    loop = asyncio.get_running_loop()
    for number, patience in ((signal.SIGTERM, job.grace), (signal.SIGKILL, _AFTER_KILL)):
        groups = leftovers(files, job.run)
        if not groups:
            return
        for group in groups:
            log.warning("ending_what_a_killed_supervisor_left", run=job.run, group=group, signal=number.name)
            signal_group(group, number)
        until = loop.time() + patience
        while leftovers(files, job.run) and loop.time() < until:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(_SETTLE)
