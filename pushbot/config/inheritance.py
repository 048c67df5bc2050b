"""The stages of a pipeline as they are meant: with what `defaults` add to each, and one for each value of `each`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, TypeVar, cast

from pydantic import BaseModel, TypeAdapter, ValidationError

from pushbot.config.tables.table import keys_of
from pushbot.values import StageName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pushbot.config.problems import Key
    from pushbot.config.reading import Reading
    from pushbot.config.schema import DefaultsTable, PipelineTable, StageTable

T = TypeVar("T", bound=BaseModel)
_MERGED = frozenset({"access", "env", "links", "hosts", "where", "rollout"})
"""Tables that a stage may add to; of all else it has its own or the inherited one."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage, and where in the file it is written: `own` at `key`, the rest in the pipeline's `defaults`.

    `chosen` are the labels and values for which `each` made it.
    """

    table: StageTable
    own: StageTable
    key: Key
    defaults: DefaultsTable
    pipeline: Key
    chosen: tuple[tuple[str, str], ...] = ()

    @property
    def template(self) -> bool:
        """Whether it makes stages beside the line, as people name them."""
        return self.table.name.endswith("-*")

    def at(self, *path: str | int) -> Key:
        """Where the value that the stage has at `path` is written, or would be."""
        inherited = (*self.pipeline, "defaults")
        return (*(inherited if _says(self.defaults, path) and not _says(self.own, path) else self.key), *path)

    def whose(self, *path: str | int) -> str:
        """Which stage a problem at `path` is about, where the place in the file does not tell."""
        return "" if self.at(*path) == (*self.key, *path) else f" in stage '{self.own.name}'"

    def whole(self, reading: Reading, name: str) -> bool:
        """Whether nothing of the stage's `name` was cut out for its shape."""
        found = reading.found
        return found.whole(*self.key, name) and found.whole(*self.pipeline, "defaults", name)


def stages_of(reading: Reading, name: str, pipeline: PipelineTable) -> list[Stage]:
    """All stages of a pipeline, in order."""
    found: list[Stage] = []
    for place, own in enumerate(pipeline.stages):
        stage = Stage(
            table=_inheriting(own, pipeline.defaults),
            own=own,
            key=("pipelines", name, "stages", place),
            defaults=pipeline.defaults,
            pipeline=("pipelines", name),
        )
        if stage.table.each and stage.template:
            reading.note(stage.at("each"), f"does not go with '{own.name}', which makes stages anyway", "one of them")
        found += _of_each(reading, stage) if stage.table.each and not stage.template else [stage]
    return found


def _inheriting(own: T, other: BaseModel) -> T:
    """`own`, with what `other` says and it does not."""
    return own.model_copy(
        update={
            name: _together(name, getattr(own, name), getattr(other, name))
            if name in own.model_fields_set
            else getattr(other, name)
            for name in other.model_fields_set
        }
    )


def _together(name: str, mine: object, theirs: object) -> object:
    if name not in _MERGED:
        return mine
    if isinstance(mine, BaseModel) and isinstance(theirs, BaseModel):
        return _inheriting(mine, theirs)
    return {**cast("dict[str, object]", theirs), **cast("dict[str, object]", mine)}


def _says(table: object, path: tuple[str | int, ...]) -> bool:
    """Whether a table has something written at `path`."""
    match table:
        case BaseModel():
            name = keys_of(type(table)).get(str(path[0]), "")
            if name not in table.model_fields_set:
                return False
            return len(path) == 1 or _says(getattr(table, name), path[1:])
        case dict():
            return path[0] in table
        case _:
            return True


def _of_each(reading: Reading, stage: Stage) -> Iterator[Stage]:
    """A stage for each value, or for each pair of values of two labels, with a name, a lock and hosts of its own."""
    table = stage.table
    where = table.hosts.where if table.hosts is not None else {}
    for label, values in table.each.items():
        for value in values:
            if label in where and value not in where[label]:
                reading.note(stage.at("each", label), f"'{value}' is left out by `hosts.where.{label}`")
    for values in product(*table.each.values()):
        chosen = tuple(zip(table.each, values, strict=True))
        suffix = "".join(f"-{value}" for value in values)
        name = f"{table.name}{suffix}"
        try:
            _NAME.validate_python(name)
        except ValidationError as error:
            reading.note(stage.at("each"), f"would make a stage '{name}'", error.errors()[0]["msg"])
            return
        changes: dict[str, object] = {"name": name, "lock": table.lock and f"{table.lock}{suffix}"}
        if table.hosts is not None:
            narrowed = {**where, **{label: (value,) for label, value in chosen}}
            changes["hosts"] = table.hosts.model_copy(update={"where": narrowed})
        yield replace(stage, table=table.model_copy(update=changes), chosen=chosen)


_NAME = TypeAdapter[str](StageName)
