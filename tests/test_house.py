"""The house rules that no tool checks: options are documented, plugins load, files stay small."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pytest
from pydantic import BaseModel, TypeAdapter

from pushbot.config import load
from pushbot.config.schema import (
    AnnounceTable,
    BotTable,
    ChatTable,
    FileTable,
    HealthTable,
    LaneTable,
    PipelineTable,
    StageTable,
    StepTable,
)
from pushbot.config.tables.access import PersonTable, RoleTable
from pushbot.config.tables.backup import BackupTable
from pushbot.config.tables.calendars import CalendarTable
from pushbot.config.tables.checks import CheckTable
from pushbot.config.tables.hosts import HostsTable, InventoryTable, RolloutTable, SourceTable, VersionsTable
from pushbot.config.tables.oncall import OncallTable
from pushbot.config.tables.table import keys_of
from pushbot.config.tables.web import AutoTable, HookTable, WebTable
from pushbot.plugins import Group, known, load_plugin

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "config" / "pushbot.example.toml"
FILE_LIMIT = 300

SECTIONS: dict[str, type[BaseModel]] = {
    "Top of the file": FileTable,
    "`[bot]`": BotTable,
    "`[backup]`": BackupTable,
    "`[chats.NAME]`": ChatTable,
    "`[announce]`": AnnounceTable,
    "`[oncall]`": OncallTable,
    "`[lanes.NAME]`": LaneTable,
    "`[people.NAME]`": PersonTable,
    "`[roles.NAME]`": RoleTable,
    "`[calendars.NAME]`": CalendarTable,
    "`[inventories.NAME]`": InventoryTable,
    "`[[inventories.NAME.sources]]`": SourceTable,
    **{f"Inventory `{name}`": load_plugin(Group.INVENTORIES, name).Options for name in known(Group.INVENTORIES)},
    "`[pipelines.NAME]`": PipelineTable,
    "`[[pipelines.NAME.stages]]`": StageTable,
    "`[lanes.NAME.auto]`": AutoTable,
    "`[web]`": WebTable,
    "`[hooks.NAME]`": HookTable,
    "`hosts` of a stage": HostsTable,
    "`rollout` of a stage": RolloutTable,
    "`versions` of a stage": VersionsTable,
    "`[[pipelines.NAME.stages.checks]]`": CheckTable,
    "`[[pipelines.NAME.stages.steps]]`": StepTable,
    "`[[pipelines.NAME.stages.health]]`": HealthTable,
    "Options of `irc`": load_plugin(Group.CHATS, "irc").Options,
    "Options of `slack`": load_plugin(Group.CHATS, "slack").Options,
    "Options of `git`": load_plugin(Group.REPOSITORIES, "git").Options,
}
"""Headings of docs/configuration.md, and the models whose keys stand below them."""

MUST = {"stages", "sources"}
"""Lists that may not be empty, which their model leaves to the loader to say."""


def _documented() -> dict[str, dict[str, str]]:
    """The keys and defaults below each heading of docs/configuration.md."""
    sections: dict[str, dict[str, str]] = {}
    rows: dict[str, str] = {}
    for line in (ROOT / "docs" / "configuration.md").read_text("utf-8").splitlines():
        if heading := re.match(r"##+ (.*)", line):
            rows = sections.setdefault(heading[1], {})
        elif row := re.match(r"\| `(\w+)` \| (.*?) \| ", line):
            rows[row[1]] = row[2]
    return {heading: rows for heading, rows in sections.items() if rows}


def test_every_table_is_documented_and_nothing_else() -> None:
    assert _documented().keys() == SECTIONS.keys()


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_option_is_documented_with_its_default(heading: str) -> None:
    model, rows = SECTIONS[heading], _documented()[heading]
    assert sorted(rows) == sorted(keys_of(model))
    for name, field in keys_of(model).items():
        right = _agrees(rows[name], name, model.model_fields[field])
        assert right, f"{heading}: {name} is said to be {rows[name]} by default"


def _agrees(said: str, name: str, field: FieldInfo) -> bool:
    if said == "must":
        return field.is_required() or name in MUST
    if said == "none":
        return not field.is_required() and (field.default is None or isinstance(field.default, BaseModel | dict))
    value = tomllib.loads(f"x = {said.strip('`')}")["x"]
    kind: object = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    adapter = TypeAdapter[object](kind)  # type: ignore[arg-type]
    return bool(adapter.validate_python(value) == field.default)


def _used(table: object) -> set[str]:
    """Every key that stands anywhere in a table."""
    match table:
        case dict():
            return set(table) | {key for each in table.values() for key in _used(each)}
        case list():
            return {key for each in table for key in _used(each)}
        case _:
            return set()


def test_the_example_is_right_and_has_every_option() -> None:
    assert len(load(EXAMPLE).lanes) == 3
    used = _used(tomllib.loads(EXAMPLE.read_text("utf-8")))
    assert {name for model in SECTIONS.values() for name in keys_of(model)} <= used


def test_the_example_shows_the_defaults_where_it_says_so() -> None:
    data = tomllib.loads(EXAMPLE.read_text("utf-8"))
    assert BotTable.model_validate(data["bot"]).model_copy(update={"url": None, "syslog": None}) == BotTable()
    announced = AnnounceTable.model_validate(data["announce"])
    assert (set(announced.warroom), announced.lane) == (set(AnnounceTable().warroom), AnnounceTable().lane)


@pytest.mark.parametrize("group", Group)
def test_every_entry_point_loads(group: Group) -> None:
    assert known(group)
    for name in known(group):
        assert load_plugin(group, name).Options.model_config.get("extra") == "forbid"


def test_the_executor_in_the_docs_is_the_one_that_is_tested() -> None:
    example = (ROOT / "tests" / "plugins" / "example_executor.py").read_text("utf-8")
    assert f"```python\n{example}```" in (ROOT / "docs" / "plugins.md").read_text("utf-8")


def test_the_architecture_says_what_each_file_towards_slack_does() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8").split("### The same on Slack")[1].split("\n#")[0]
    for folder in ("inbound", "outbound"):
        table = page.split(f"| file of `{folder}/` |")[1].split("\n\n")[0].strip()
        told = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])}
        files = {path.stem for path in (ROOT / "pushbot" / "chat" / "slack" / folder).glob("*.py")} - {"__init__"}
        assert told == files


def test_the_layers_in_the_docs_are_those_that_are_checked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    layers = next(each["layers"] for each in project["tool"]["importlinter"]["contracts"] if each["type"] == "layers")
    written = " > ".join(layers).replace("pushbot.", "")
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert f"`{written}`" in page.replace("\n", " ")


def test_the_unit_starts_what_the_docs_install() -> None:
    unit = (ROOT / "config" / "pushbot.service").read_text("utf-8")
    install = (ROOT / "docs" / "operations.md").read_text("utf-8").split("## Install")[1].split("\n## ")[0]
    command = re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    state = re.search(r"^StateDirectory=(.*)$", unit, re.MULTILINE)
    assert command
    assert state
    assert f"    {command[1]}\n" in install
    assert f"ln -sT /var/lib/{state[1]} " in install


def test_no_file_is_long() -> None:
    files = [path for folder in ("pushbot", "plugins") for path in (ROOT / folder).rglob("*.py")]
    assert files
    lengths = {path.relative_to(ROOT): len(path.read_text("utf-8").splitlines()) for path in files}
    assert not {path: lines for path, lines in lengths.items() if lines > FILE_LIMIT}


def test_no_two_test_files_have_one_name() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names)), "pytest imports them by their names alone"


def test_ci_runs_what_people_run() -> None:
    assert (ROOT / ".ci" / "run").read_text("utf-8").rstrip().endswith("exec make test")
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
