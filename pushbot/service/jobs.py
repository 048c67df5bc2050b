"""What an executor is given for a run: the job that a record and its stage make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.ports import Job, traits_of
from pushbot.queue.model import RunKind
from pushbot.service.preparing import NOWHERE

if TYPE_CHECKING:
    from pathlib import Path

    from pushbot.ports import RunRecord
    from pushbot.service.spec import StageSpec
    from pushbot.service.targets import Targets


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
        continues=runs / record.continues if record.continues is not None else None,
    )
