"""docs/checks.md has every option of the bundled checks, with its default, and an example that loads."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pytest
from pydantic import TypeAdapter

from pushbot.config.tables.table import keys_of
from pushbot.plugins import Group, known, load_plugin

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

TEXT = (Path(__file__).parents[3] / "docs" / "checks.md").read_text("utf-8")
SECTIONS = dict(zip(*[iter(re.split(r"^### Options of `(\w+)`$", TEXT, flags=re.MULTILINE)[1:])] * 2, strict=True))


def test_every_bundled_check_is_documented() -> None:
    assert SECTIONS.keys() == known(Group.CHECKS).keys()


@pytest.mark.parametrize("name", SECTIONS)
def test_every_option_is_documented_with_its_default(name: str) -> None:
    options = load_plugin(Group.CHECKS, name).Options
    table = re.split(r"^##", SECTIONS[name], flags=re.MULTILINE)[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \| ", table, flags=re.MULTILINE))
    keys = keys_of(options)
    assert sorted(rows) == sorted(keys)
    wrong = {key: said for key, said in rows.items() if not _agrees(said, options.model_fields[keys[key]])}
    assert wrong == {}


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


def test_the_example_is_right() -> None:
    example = "".join(f"{line[4:]}\n" for line in TEXT.partition("As the room")[0].splitlines() if line[:4] == "    ")
    (stage,) = tomllib.loads(example)["pipelines"]["web"]["stages"]
    for check in stage["checks"]:
        own = {key: value for key, value in check.items() if key not in ("type", "name", "timeout", "on_fail")}
        load_plugin(Group.CHECKS, check["type"]).Options.model_validate(own)
