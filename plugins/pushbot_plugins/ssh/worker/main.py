"""Where the worker begins and ends: it detaches from the bot, carries out its run, and writes the outcome."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from pushbot.errors import PushbotError
from pushbot.ports import Outcome
from pushbot.queue.commands import RunState
from pushbot_plugins.local.supervisor.detach import adopt, detach
from pushbot_plugins.local.supervisor.environment import Unresolved
from pushbot_plugins.local.supervisor.files import RunFiles
from pushbot_plugins.local.supervisor.plain import revived
from pushbot_plugins.ssh.settings import Settings
from pushbot_plugins.ssh.warm import TAKEN, Waiting, meeting_place
from pushbot_plugins.ssh.worker import faults
from pushbot_plugins.ssh.worker.kit import assembled
from pushbot_plugins.ssh.worker.net import Network
from pushbot_plugins.ssh.worker.rollout import Rollout
from pushbot_plugins.ssh.worker.stop import ON_REQUEST, Cause, Stop

if TYPE_CHECKING:
    from typing import NoReturn

    from pushbot.ports import Job
    from pushbot_plugins.ssh.worker.kit import Kit

_COLLECTED_AFTER = (20_000, 50, 100)
"""With the state of 500 connections in memory, a collection as often as Python likes it costs 50 to 100 ms each."""
_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(directory: str, lock: int) -> NoReturn:
    """Carry out the run in `directory`; its lock is the inherited descriptor `lock` (`local/supervisor/detach.py`)."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)  # until somebody listens
    files = RunFiles(Path(directory))
    settings = settings_in(files)
    job = files.job()
    place = meeting_place(settings) if settings.connecting.keep_warm else None
    detach(files, lock)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTED_AFTER)
    uvloop.run(_Worker(settings, place).work(files, job, lock))
    os._exit(0)


@dataclass(slots=True)
class _Worker:
    """The process, for one run, or with a meeting place for as many as come."""

    settings: Settings
    place: Path | None
    stop: Stop = field(default_factory=Stop)
    _busy: bool = True

    async def work(self, files: RunFiles, job: Job, lock: int) -> None:
        """Carry the run out, and those that follow. What hangs on a host is rid of us when the connections go."""
        for number in _STOPS:
            asyncio.get_running_loop().add_signal_handler(number, self._asked_to_stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
        try:
            async with Network(self.settings.connecting) as network:
                await self._run(files, job, network)
                while self.place is not None and (following := await self._next(self.place, lock)):
                    files, job, lock = following
                    await self._run(files, job, network)
                if self.place is None:
                    os._exit(0)  # nobody need wait for farewells
        except PushbotError as error:
            files.put_outcome(Outcome(RunState.FAILED, reason=str(error), changed=False))

    async def _run(self, files: RunFiles, job: Job, network: Network) -> None:
        files.put_outcome(await carry_out(files, job, self.settings, network, self.stop))

    async def _next(self, place: Path, lock: int) -> tuple[RunFiles, Job, int] | None:
        """Let go of the run that is over, and wait for the next one."""
        self._busy = False
        os.close(lock)
        while came := await Waiting(place).next(self.settings.connecting.keep_warm):
            handed, link = came
            files = RunFiles(handed.directory)
            with closing(link):
                try:
                    job = files.job()
                    self.stop, self._busy = Stop(), True
                    adopt(files, handed.lock)
                    link.sendall(TAKEN)
                except (OSError, ValueError, KeyError, TypeError):
                    os.close(handed.lock)
                    self._busy = False
                    continue
            os.environ.clear()
            os.environ.update(handed.environment)
            return files, job, handed.lock
        return None

    def _asked_to_stop(self) -> None:
        if not self._busy:
            os._exit(0)
        self.stop.ask(ON_REQUEST)


def settings_in(files: RunFiles) -> Settings:
    """What the operator set, as it is in the run's directory."""
    return revived(Settings, json.loads(files.settings.read_bytes()))


async def carry_out(files: RunFiles, job: Job, settings: Settings, network: Network, stop: Stop) -> Outcome:
    """Carry out the run in that directory; how it ended. Whatever goes wrong is in there."""
    if files.abort_asked:
        stop.ask(ON_REQUEST)
    late = Cause(f"the run took longer than its {job.timeout:g} s")
    timer = asyncio.get_running_loop().call_later(job.timeout, stop.ask, late)
    try:
        async with assembled(files, job, settings, network.remote, stop) as kit:
            return await _watched(kit, settings.connecting.open_at_once)
    except Unresolved as trouble:
        return Outcome(RunState.FAILED, reason=str(trouble), changed=False)
    finally:
        timer.cancel()


async def _watched(kit: Kit, at_once: int) -> Outcome:
    try:
        return await Rollout(kit, at_once).carry_out()
    except Exception as error:  # noqa: BLE001 - whatever it is, the bot has to hear of it
        reason = f"{faults.told(error)}; {kit.ledger.words()}"
        return Outcome(RunState.FAILED, reason=reason, changed=kit.ledger.touched)
