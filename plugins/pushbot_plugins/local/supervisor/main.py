"""Where the supervisor begins and ends: it detaches from the bot, carries out its job, and writes the outcome."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pushbot.ports import Outcome
from pushbot.queue.commands import RunState

from .detach import detach
from .environment import Environment, Unresolved
from .files import RunFiles
from .output import Log
from .processes import Attention, adopt_orphans
from .run import Failed, Run, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from pushbot.ports import Job, Probe


def main(directory: str, lock: int) -> NoReturn:
    """Supervise the run in `directory`, whose lock is the inherited descriptor `lock`.

    The process that the bot started ends as soon as all is ready (`detach.py`).
    """
    files = RunFiles(Path(directory))
    attention = Attention()
    job = files.job()
    check = _checker() if job.health else None
    detach(files, lock)
    adopt_orphans()
    outcome = _supervise(job, files, attention, check)
    files.put_outcome(outcome)
    os._exit(0)


def _checker() -> Callable[[Run, Probe], None]:
    """The health checks cost 25 ms to load; a job without any should not wait for them."""
    from .health import check  # noqa: PLC0415

    return check


def _supervise(job: Job, files: RunFiles, attention: Attention, check: Callable[[Run, Probe], None] | None) -> Outcome:
    until = time.monotonic() + job.timeout
    try:
        environment = Environment(job)
    except Unresolved as trouble:
        return Outcome(RunState.FAILED, reason=str(trouble))
    log = Log(files.log, environment.secrets)
    run = Run(job, files, attention, environment, log, until)
    attention.stopping = attention.stopping or files.abort_asked
    try:
        for step in job.steps:
            run.step(step)
        if check:
            for probe in job.health:
                check(run, probe)
        for step in job.post:
            run.step(step)
    except Failed as trouble:
        log.note(str(trouble))
        return Outcome(RunState.FAILED, run.place, str(trouble), log.tail())
    except Stopped:
        log.note("stopped on request")
        return Outcome(RunState.CANCELLED, run.place, "stopped on request", log.tail())
    except Exception as error:  # noqa: BLE001 - whatever it is, the bot has to hear of it
        sys.excepthook(type(error), error, error.__traceback__)
        return Outcome(RunState.FAILED, run.place, f"its supervisor could not go on: {type(error).__name__}: {error}")
    return Outcome(RunState.SUCCEEDED)
