"""Pipelines and their stages: put together from their tables, with what must fit together in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, cast

from pushbot.config.access import access_of, check_roles
from pushbot.config.calendars import hours_of
from pushbot.config.checks import checks_of, downtime_of
from pushbot.config.inheritance import stages_of
from pushbot.config.inventories import hosts_of
from pushbot.config.model import Rollback
from pushbot.plugins import Group
from pushbot.ports import Traits, traits_of
from pushbot.queue.access import Role
from pushbot.service.spec import StageSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pushbot.calendar.source import CalendarSpec
    from pushbot.config.inheritance import Stage
    from pushbot.config.reading import Reading
    from pushbot.config.schema import PipelineTable, StepTable
    from pushbot.ports import Executor, Repository, Step
    from pushbot.service.spec import HostsSpec, InventorySpec

_CHANGES_FROM = "publish"
"""The step that is taken as the first one to change something, where a stage has a step of that name."""
_LENIENT = Traits(steps=False, reverts=True)
"""Of an executor that is no good: what it would need is not known."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The stages of a lane in order, what makes others beside the line, and where its revisions come from."""

    stages: tuple[StageSpec, ...] = ()
    templates: tuple[StageSpec, ...] = ()
    repository: Repository | None = None
    branch: str | None = None


def read_pipeline(
    reading: Reading,
    name: str,
    table: PipelineTable,
    inventories: Mapping[str, InventorySpec],
    calendars: Mapping[str, CalendarSpec],
) -> Pipeline:
    """The pipeline, without what is no good in it; that is noted."""
    key = ("pipelines", name)
    whole = reading.found.whole
    if not table.stages and whole(*key, "stages"):
        reading.note((*key, "stages"), "missing", f"at least one [[pipelines.{name}.stages]]")
    if table.branch is not None and table.repository is None and whole(*key, "repository"):
        reading.note((*key, "branch"), "there is no repository to have this branch", "`repository` beside it")
    stages = stages_of(reading, name, table)
    reading.note_twice("stage", (((*stage.key, "name"), stage.table.name) for stage in stages))

    repository = None
    if table.repository is not None:
        repository = cast(
            "Repository | None", reading.built(Group.REPOSITORIES, table.repository, (*key, "repository"))
        )
    _check_templates(reading, [stage for stage in stages if stage.template])
    made = [(stage.template, _read_stage(reading, stage, inventories, calendars)) for stage in stages]
    return Pipeline(
        stages=tuple(spec for template, spec in made if spec is not None and not template),
        templates=tuple(spec for template, spec in made if spec is not None and template),
        repository=repository,
        branch=(table.branch or "main") if repository else None,
    )


def _read_stage(
    reading: Reading,
    stage: Stage,
    inventories: Mapping[str, InventorySpec],
    calendars: Mapping[str, CalendarSpec],
) -> StageSpec | None:
    table = stage.table
    executor = cast("Executor | None", reading.built(Group.EXECUTORS, table.executor, stage.at("executor")))
    _check_stage(reading, stage, _LENIENT if executor is None else traits_of(executor))
    hours = hours_of(reading, table.hours, stage.at("hours"), calendars)
    access = access_of(reading, table.access, stage.at("access"))
    if table.second is not None:
        check_roles(reading, (table.second,), stage.at("second"), frozenset(Role))
    if executor is None:
        return None
    hosts, rollout, versions = hosts_of(reading, stage, executor, inventories)
    names = [step.name for step in table.steps]
    default_from = _CHANGES_FROM if _CHANGES_FROM in names else next(iter(names), None)
    return StageSpec(
        name=table.name,
        executor=executor,
        workdir=reading.path(table.workdir),
        lock=_lock(stage),
        timeout=table.timeout,
        grace=table.grace,
        rollback_auto=table.rollback is Rollback.AUTO,
        rollback_from=table.rollback_from or default_from,
        rollback_never=table.rollback is Rollback.NEVER,
        steps=_steps(reading, table.steps),
        health=tuple(health.probe() for health in table.health),
        post=_steps(reading, table.post),
        rollback_steps=() if table.rollback is Rollback.NEVER else _steps(reading, table.rollback_steps),
        env=_environment(reading, stage, hosts),
        links=tuple(table.links.items()),
        hosts=hosts,
        rollout=rollout,
        versions=versions,
        checks=checks_of(reading, stage),
        downtime=downtime_of(reading, stage),
        hours=hours,
        access=access,
        second=None if stage.template else table.second,
        executor_name=table.executor.type,
    )


def _lock(stage: Stage) -> str:
    """The claim of a stage; that of a template ends in a star, where the name will be."""
    if stage.table.lock is None:
        return f"{stage.pipeline[-1]}/{stage.table.name}"
    return f"{stage.table.lock}-*" if stage.template else stage.table.lock


def _check_templates(reading: Reading, templates: Sequence[Stage]) -> None:
    """Note templates that could make the same stage, and those that want a second word: nobody rides there."""
    for stage in templates:
        name, at = stage.table.name, (*stage.key, "name")
        for other in (each.table.name for each in templates if each.table.name != name):
            if name.startswith(other.removesuffix("*")):
                reading.note(at, f"what '{name}' makes, '{other}' would make too", "names of which none begins another")
        if stage.own.second is not None:
            reading.note(stage.at("second"), f"does not go with '{name}': what it makes is deployed to by one person")


def _steps(reading: Reading, tables: Sequence[StepTable]) -> tuple[Step, ...]:
    return tuple(replace(table.step(), env=reading.environment(table.env)) for table in tables)


def _environment(reading: Reading, stage: Stage, hosts: HostsSpec | None) -> tuple[tuple[str, str], ...]:
    """The stage's variables; where it was made for a value of a label, those of the value are behind its own."""
    env = {f"PUSHBOT_LABEL_{label.upper()}": value for label, value in stage.chosen}
    if hosts is not None:
        for label, value, pairs in hosts.inventory.env:
            env |= dict(pairs) if (label, value) in stage.chosen else {}
    return tuple((env | dict(reading.environment(stage.table.env))).items())


def _check_stage(reading: Reading, stage: Stage, traits: Traits) -> None:
    """Note what does not fit together in one stage."""
    table, at = stage.table, stage.at
    if traits.steps and not table.steps and stage.whole(reading, "steps"):
        reading.note(at("steps"), "missing", "at least one [[pipelines.NAME.stages.steps]]")
    deploy = chain(
        ((at("steps", i, "name"), step.name) for i, step in enumerate(table.steps)),
        ((at("health", i, "name"), probe.name) for i, probe in enumerate(table.health)),
        ((at("post", i, "name"), step.name) for i, step in enumerate(table.post)),
    )
    reading.note_twice("step or health check", deploy)
    undo = ((at("rollback_steps", i, "name"), step.name) for i, step in enumerate(table.rollback_steps))
    reading.note_twice("rollback step", undo)

    undoes = traits.reverts or table.rollback_steps or not stage.whole(reading, "rollback_steps")
    if table.rollback is Rollback.AUTO and not undoes:
        what = f'is "auto", but there are no rollback_steps{stage.whose("rollback")}'
        reading.note(at("rollback"), what, '[[...rollback_steps]], or "manual"')
    names = [step.name for step in table.steps]
    if table.rollback_from is not None and table.rollback_from not in names and stage.whole(reading, "steps"):
        reading.note_unknown(at("rollback_from"), "step", table.rollback_from, names, stage.whose("rollback_from"))
