"""The checks of a stage, made from their tables."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, cast

from pushbot.config.table import PluginTable
from pushbot.plugins import Group
from pushbot.service.spec import CheckSpec, OnError, OnFail
from pushbot.values import Label, TimeLimit  # noqa: TC001 - pydantic reads them

if TYPE_CHECKING:
    from pushbot.config.inheritance import Stage
    from pushbot.config.reading import Reading
    from pushbot.ports import Check


class CheckTable(PluginTable):
    """`[[pipelines.NAME.stages.checks]]`; all other keys are options of the plugin."""

    name: Label | None = None
    timeout: TimeLimit = 300.0
    on_fail: OnFail = OnFail.BLOCK
    on_error: OnError = OnError.BLOCK


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
