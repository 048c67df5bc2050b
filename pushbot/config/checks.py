"""What keeps a run of a stage from beginning: its checks, made from their tables, and its budget of down time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, cast

from pushbot.plugins import Group
from pushbot.service.spec import CheckSpec, DowntimeSpec

if TYPE_CHECKING:
    from pushbot.config.inheritance import Stage
    from pushbot.config.reading import Reading
    from pushbot.ports import Check


def checks_of(reading: Reading, stage: Stage) -> tuple[CheckSpec, ...]:
    """What looks at a change before it goes to the stage; a check that is no good is left out, and noted."""
    tables = stage.table.checks
    plain = Counter(table.type for table in tables if table.name is None)
    names = [table.name or table.type for table in tables]
    for place, table in enumerate(tables):
        if table.name is None and plain[table.type] > 1:
            reading.note(stage.at("checks", place, "name"), "missing", f"a name, as there are several '{table.type}'")
    given = [place for place, table in enumerate(tables) if table.name is not None or plain[table.type] == 1]
    reading.note_twice("check", ((stage.at("checks", place, "name"), names[place]) for place in given))
    made = [
        (name, table, cast("Check | None", reading.built(Group.CHECKS, table, stage.at("checks", place))))
        for place, (name, table) in enumerate(zip(names, tables, strict=True))
    ]
    return tuple(
        CheckSpec(name, check, table.timeout, table.on_fail, table.on_error)
        for name, table, check in made
        if check is not None
    )


def downtime_of(reading: Reading, stage: Stage) -> DowntimeSpec | None:
    """The stage's budget of down time; a name that no step has, or half a budget, is noted."""
    table = stage.table
    if table.downtime_budget is None:
        if table.downtime:
            reading.note(stage.at("downtime_budget"), "missing", 'how long these steps may take a day, such as "20s"')
        return None
    if table.hosts is not None:
        reading.note(stage.at("downtime_budget"), "steps on hosts are not measured", "no `downtime_budget` here")
        return None
    if not table.downtime:
        reading.note(stage.at("downtime"), "missing", "the steps and health checks during which the stage is down")
    known = [step.name for step in (*table.steps, *table.post, *table.rollback_steps)]
    known += [probe.name for probe in table.health]
    for place, name in enumerate(table.downtime):
        if name not in known and all(stage.whole(reading, each) for each in ("steps", "health", "post")):
            reading.note_unknown(stage.at("downtime", place), "step or health check", name, known)
    return DowntimeSpec(table.downtime, table.downtime_budget)
