"""Where the worker begins and ends: it detaches from the bot, carries out its run, and writes the outcome."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from pushbot.errors import PushbotError
from pushbot.ports import Outcome
from pushbot.queue.commands import RunState
from pushbot_plugins.local.supervisor.detach import detach
from pushbot_plugins.local.supervisor.environment import Unresolved
from pushbot_plugins.local.supervisor.files import RunFiles
from pushbot_plugins.local.supervisor.plain import revived
from pushbot_plugins.ssh.settings import Settings
from pushbot_plugins.ssh.worker.kit import assembled
from pushbot_plugins.ssh.worker.net import Network
from pushbot_plugins.ssh.worker.rollout import Rollout
from pushbot_plugins.ssh.worker.stop import ON_REQUEST, Cause, Stop

if TYPE_CHECKING:
    from typing import NoReturn

    from pushbot.ports import Job
    from pushbot_plugins.ssh.worker.kit import Kit

_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(directory: str, lock: int) -> NoReturn:
    """Carry out the run in `directory`; its lock is the inherited descriptor `lock` (`local/supervisor/detach.py`)."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)  # until somebody listens
    files = RunFiles(Path(directory))
    settings = settings_in(files)
    job = files.job()
    detach(files, lock)
    uvloop.run(_work(files, job, settings))
    os._exit(1)


async def _work(files: RunFiles, job: Job, settings: Settings) -> None:
    """Carry the run out and end the process: who hangs on a host is rid of it when the connections go."""
    stop = Stop()
    loop = asyncio.get_running_loop()
    for number in _STOPS:
        loop.add_signal_handler(number, stop.ask, ON_REQUEST)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    try:
        async with Network(settings.connecting) as network:
            files.put_outcome(await carry_out(files, job, settings, network, stop))
            os._exit(0)
    except PushbotError as error:
        files.put_outcome(Outcome(RunState.FAILED, reason=str(error), changed=False))
        os._exit(0)


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
        sys.excepthook(type(error), error, error.__traceback__)
        reason = f"its worker could not go on: {type(error).__name__}: {error}; {kit.ledger.words()}"
        return Outcome(RunState.FAILED, reason=reason, changed=kit.ledger.touched)
