"""The one door: what comes in, and what is said when it cannot."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoints, entry_points
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from pushbot import plugins
from pushbot.config import ConfigErrors, load
from pushbot.errors import PushbotError
from pushbot.plugins import Group, load_plugin, read_options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GOOD = """\
from pydantic import BaseModel
from door_neighbour import WORD
class Good:
    class Options(BaseModel, extra="forbid"):
        size: int = 1
    def __init__(self, options):
        self.options = options
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    for name, text in {
        "door_good": GOOD,
        "door_neighbour": "WORD = 1",
        "door_boom": "x = 1\n1 / 0\n",
        "door_syntax": "x = (\n",
        "door_needs": "import door_nowhere\n",
        "door_exit": "raise SystemExit(3)",
        "door_bare": "class Bare: pass",
        "colorsys": "class Mine: pass",
    }.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    before, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    assert sys.path == before
    for name in set(sys.modules) - modules:
        if name.startswith("door_"):
            del sys.modules[name]


def test_a_class_from_a_folder_comes_in_with_its_neighbours(folder: Path) -> None:
    plugin = load_plugin(Group.EXECUTORS, "door_good:Good", [folder])
    assert read_options(plugin, {"size": 3}).model_dump() == {"size": 3}
    with pytest.raises(ValidationError, match="sice"):
        read_options(plugin, {"sice": 3})


def test_what_is_installed_comes_in_by_name() -> None:
    assert load_plugin(Group.EXECUTORS, "dryrun") is load_plugin(
        Group.EXECUTORS, "pushbot_plugins.dryrun:DryRunExecutor"
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dryrum", r"no executor is called 'dryrum': known are dryrun, .*; did you mean 'dryrun'\?"),
        ("door_good:God", r"door_good.py has no 'God'; did you mean 'Good'\?"),
        ("door_boom:A", r"cannot be imported: .*/door_boom.py:2: ZeroDivisionError: division by zero"),
        ("door_syntax:A", r"cannot be imported: .*/door_syntax.py:1: SyntaxError"),
        (
            "door_needs:A",
            r"cannot be imported: .*/door_needs.py:1: ModuleNotFoundError: No module named 'door_nowhere'",
        ),
        ("door_exit:A", r"cannot be imported: .*/door_exit.py:1: SystemExit: 3"),
        ("door_none:A", "there is no module 'door_none', neither on plugin_path nor installed"),
        ("door_bare:Bare", "is not a class with a pydantic model named Options"),
        ("colorsys:Mine", r"colorsys.py has the name of another module \(.*\); rename it"),
        ("a-b:C", "is not of the form module:Class"),
        ("a:", "is not of the form module:Class"),
    ],
)
def test_what_cannot_come_in_is_told_in_words(folder: Path, name: str, words: str) -> None:
    with pytest.raises(PushbotError, match=words):
        load_plugin(Group.EXECUTORS, name, [folder])


def test_a_file_is_read_with_one_look_at_what_is_installed_and_the_next_time_with_another(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = list[str]()

    def look(group: str) -> EntryPoints:
        looks.append(group)
        return entry_points(group=group)

    monkeypatch.setattr(plugins, "entry_points", look)
    stages = "".join(
        f'[[pipelines.web.stages]]\nname = "{name}"\nexecutor = "{name}"\nsteps = [{{ name = "x", run = ["true"] }}]\n'
        for name in ("dryrun", "later")
    )
    lane = '[chats.irc]\nhost = "localhost"\n[lanes.web]\nrooms = ["irc/#push"]\npipeline = "web"\n'
    file = tmp_path_factory.mktemp("config") / "pushbot.toml"
    file.write_text(lane + stages, "utf-8")
    with pytest.raises(ConfigErrors, match="no executor is called 'later'"):
        load(file)
    assert looks == ["pushbot.chats", "pushbot.executors"]

    monkeypatch.syspath_prepend(folder)
    package = folder / "later-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: later\nVersion: 1.0\n", "utf-8")
    (package / "entry_points.txt").write_text("[pushbot.executors]\nlater = door_good:Good\n", "utf-8")
    assert load(file).lanes[0].stages[1].name == "later"
    assert looks == ["pushbot.chats", "pushbot.executors"] * 2
    monkeypatch.undo()
