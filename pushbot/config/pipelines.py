"""Pipelines and their stages: put together from their tables, with what must fit together in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, cast

from pushbot.config.model import Rollback
from pushbot.plugins import Group
from pushbot.service.spec import StageSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.config.problems import Key
    from pushbot.config.reading import Reading
    from pushbot.config.schema import PipelineTable, StageTable, StepTable
    from pushbot.ports import Executor, Repository, Step

_CHANGES_FROM = "publish"
"""The step that is taken as the first one to change something, where a stage has a step of that name."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The stages of a lane in order, and where its revisions come from."""

    stages: tuple[StageSpec, ...] = ()
    repository: Repository | None = None
    branch: str | None = None


def read_pipeline(reading: Reading, name: str, table: PipelineTable) -> Pipeline:
    """The pipeline, without what is no good in it; that is noted."""
    key = ("pipelines", name)
    whole = reading.found.whole
    if not table.stages and whole(*key, "stages"):
        reading.note((*key, "stages"), "missing", f"at least one [[pipelines.{name}.stages]]")
    if table.branch is not None and table.repository is None and whole(*key, "repository"):
        reading.note((*key, "branch"), "there is no repository to have this branch", "`repository` beside it")
    reading.note_twice("stage", (((*key, "stages", i, "name"), stage.name) for i, stage in enumerate(table.stages)))

    repository = None
    if table.repository is not None:
        repository = cast(
            "Repository | None", reading.built(Group.REPOSITORIES, table.repository, (*key, "repository"))
        )
    stages = (_read_stage(reading, name, stage, (*key, "stages", i)) for i, stage in enumerate(table.stages))
    return Pipeline(
        stages=tuple(stage for stage in stages if stage is not None),
        repository=repository,
        branch=(table.branch or "main") if repository else None,
    )


def _read_stage(reading: Reading, pipeline: str, table: StageTable, key: Key) -> StageSpec | None:
    _check_stage(reading, table, key)
    executor = cast("Executor | None", reading.built(Group.EXECUTORS, table.executor, (*key, "executor")))
    if executor is None:
        return None
    names = [step.name for step in table.steps]
    default_from = _CHANGES_FROM if _CHANGES_FROM in names else next(iter(names), None)
    return StageSpec(
        name=table.name,
        executor=executor,
        workdir=reading.path(table.workdir),
        lock=table.lock or f"{pipeline}/{table.name}",
        timeout=table.timeout,
        grace=table.grace,
        rollback_auto=table.rollback is Rollback.AUTO,
        rollback_from=table.rollback_from or default_from,
        steps=_steps(reading, table.steps),
        health=tuple(health.probe() for health in table.health),
        post=_steps(reading, table.post),
        rollback_steps=() if table.rollback is Rollback.NEVER else _steps(reading, table.rollback_steps),
        env=reading.environment(table.env),
        links=tuple(table.links.items()),
    )


def _steps(reading: Reading, tables: Sequence[StepTable]) -> tuple[Step, ...]:
    return tuple(replace(table.step(), env=reading.environment(table.env)) for table in tables)


def _check_stage(reading: Reading, table: StageTable, key: Key) -> None:
    """Note what does not fit together in one stage."""
    whole = reading.found.whole
    if not table.steps and whole(*key, "steps"):
        reading.note((*key, "steps"), "missing", "at least one [[pipelines.NAME.stages.steps]]")
    deploy = chain(
        (((*key, "steps", i, "name"), step.name) for i, step in enumerate(table.steps)),
        (((*key, "health", i, "name"), probe.name) for i, probe in enumerate(table.health)),
        (((*key, "post", i, "name"), step.name) for i, step in enumerate(table.post)),
    )
    reading.note_twice("step or health check", deploy)
    undo = (((*key, "rollback_steps", i, "name"), step.name) for i, step in enumerate(table.rollback_steps))
    reading.note_twice("rollback step", undo)

    if table.rollback is Rollback.AUTO and not table.rollback_steps and whole(*key, "rollback_steps"):
        reading.note(
            (*key, "rollback"), 'is "auto", but there are no rollback_steps', '[[...rollback_steps]], or "manual"'
        )
    names = [step.name for step in table.steps]
    if table.rollback_from is not None and table.rollback_from not in names and whole(*key, "steps"):
        reading.note_unknown((*key, "rollback_from"), "step", table.rollback_from, names)
