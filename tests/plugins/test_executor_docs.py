"""docs/executors.md has every option of the executors it is about, with its default, and an example that loads."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pytest
from pydantic import TypeAdapter

from pushbot.plugins import Group, load_plugin

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

TEXT = (Path(__file__).parents[2] / "docs" / "executors.md").read_text("utf-8")
SECTIONS = dict(zip(*[iter(re.split(r"^### Options of `(\w+)`$", TEXT, flags=re.MULTILINE)[1:])] * 2, strict=True))


@pytest.mark.parametrize("name", SECTIONS)
def test_every_option_is_documented_with_its_default(name: str) -> None:
    fields = load_plugin(Group.EXECUTORS, name).Options.model_fields
    table = re.split(r"^##", SECTIONS[name], flags=re.MULTILINE)[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \| ", table, flags=re.MULTILINE))
    assert sorted(rows) == sorted(fields)
    assert {name: said for name, said in rows.items() if not _agrees(said, fields[name])} == {}


def _agrees(said: str, option: FieldInfo) -> bool:
    match said:
        case "must":
            return option.is_required()
        case "none":
            return not option.is_required() and option.default is None
        case _:
            value: object = tomllib.loads(f"x = {said.strip('`')}")["x"]
            kind: object = Annotated[option.annotation, *option.metadata] if option.metadata else option.annotation
            adapter = TypeAdapter[object](kind)  # type: ignore[arg-type]
            return not option.is_required() and adapter.validate_python(value) == option.default


@pytest.mark.parametrize("name", SECTIONS)
def test_the_example_is_right(name: str) -> None:
    section = TEXT.partition(f"\n## `{name}`\n")[2]
    example = "".join(f"{line[4:]}\n" for line in section.partition("\n### ")[0].splitlines() if line[:4] == "    ")
    (stage,) = tomllib.loads(example)["pipelines"]["web"]["stages"]
    given = dict(stage["executor"])
    assert given.pop("type") == name
    load_plugin(Group.EXECUTORS, name).Options.model_validate(given)
