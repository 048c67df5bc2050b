"""What an executor is given for a run, the job that a record and its stage make; and how it is waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.errors import PushbotError, RunLost
from pushbot.ports import Job, Outcome, traits_of
from pushbot.queue.commands import RunState
from pushbot.queue.model import RunKind
from pushbot.service.runs.preparing import NOWHERE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pushbot.fleet.model import Tally
    from pushbot.ports import Executor, RunRecord
    from pushbot.service.runs.targets import Targets
    from pushbot.service.spec import StageSpec


def job_of(record: RunRecord, stage: StageSpec, runs: Path, targets: Targets = NOWHERE) -> Job:
    """The job of a run, whose directory is below `runs`; without targets, as after a restart, it has no hosts."""
    rollback = record.kind is RunKind.ROLLBACK
    own_steps = rollback and (stage.rollback_steps or not traits_of(stage.executor).reverts)
    return Job(
        run=record.id,
        kind=record.kind,
        lane=record.lane,
        stage=record.stage,
        revision=record.revision,
        previous=record.previous,
        branch=record.ref,
        driver=record.driver,
        riders=record.riders,
        directory=runs / record.id,
        workdir=stage.workdir,
        steps=stage.rollback_steps if own_steps else stage.steps,
        health=stage.health,
        post=() if rollback else stage.post,
        env=stage.env,
        timeout=stage.timeout,
        grace=stage.grace,
        hosts=targets.hosts,
        rollout=stage.rollout,
        called=stage.called,
        continues=runs / record.continues if record.continues is not None else None,
    )


async def ended(executor: Executor, job: Job, token: str | None, note: Callable[[str | Tally], None]) -> Outcome:
    """How the run ended; lost, when that cannot be told."""
    try:
        return await executor.wait(job, token, note)
    except RunLost as error:
        return Outcome(RunState.LOST, reason=str(error))
    except PushbotError as error:
        return Outcome(RunState.LOST, reason=f"I lost sight of it: {error}")
