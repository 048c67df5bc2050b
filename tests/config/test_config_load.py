"""What a configuration means once it is read."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pushbot.config import Config, OnStop, load
from pushbot.config.lines import line_of
from pushbot.ports import Probe, ProbeKind, Step
from pushbot.service.spec import News, Room
from pushbot.values import seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]

SHORT = """\
plugin_path = ["parts"]
[bot]
store = "../record.sqlite3"
url = "https://push.example.org/"
[chats.work]
type = "irc"
host = "localhost"
tls_ca = "tls/ca.pem"
sasl_password = "file:tls/sasl"
[announce]
rooms = ["work/#warroom"]
lane = ["uhoh"]
[pipelines.web]
repository = { type = "git", url = "../app.git", cache = "mirror.git" }
[[pipelines.web.stages]]
name = "princess"
executor = { type = "config_load_part:Quiet", tool = ["./deploy", "plain"] }
rollback = "auto"
env = { TOKEN = "file:token", COLOR = "blue" }
steps = [
    { name = "build", script = "make", timeout = "1m30s", after = "125s" },
    { name = "publish", run = ["./publish"], retries = 2, env = { A = "1" } },
    { name = "restart", run = ["./restart"] },
]
health = [{ name = "up", tcp = "127.0.0.1:80" }, { name = "ok", command = ["./ok"], expect = "{revision}", watch = 2 }]
rollback_steps = [{ name = "back", run = ["./back"] }]
[lanes.web]
rooms = ["work/#push"]
pipeline = "web"
[lanes.other]
rooms = ["work/#push", "work/#other"]
config = true
"""

PART = """\
from pydantic import BaseModel
class Quiet:
    class Options(BaseModel, frozen=True, extra="forbid"):
        tool: tuple[str, ...]
    def __init__(self, options):
        self.options = options
"""


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Config]:
    (tmp_path / "etc" / "parts").mkdir(parents=True)
    (tmp_path / "etc" / "parts" / "config_load_part.py").write_text(PART, encoding="utf-8")
    (tmp_path / "etc" / "pushbot.toml").write_text(SHORT, encoding="utf-8")
    yield load(tmp_path / "etc" / "pushbot.toml")
    del sys.modules["config_load_part"]


def test_paths_are_seen_from_the_file(config: Config, tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    assert config.bot.store == tmp_path / "record.sqlite3"
    assert config.bot.runs == etc / "var" / "runs"
    assert (config.bot.on_stop, config.bot.url) == (OnStop.LEAVE, "https://push.example.org")
    stage = config.lanes[0].stages[0]
    assert stage.workdir == etc
    assert stage.env == (("TOKEN", f"file:{etc / 'token'}"), ("COLOR", "blue"))
    options = dict(config.chats[0].options)
    assert (options["tls_ca"], options["sasl_password"]) == (etc / "tls" / "ca.pem", f"file:{etc / 'tls' / 'sasl'}")
    assert vars(stage.executor)["options"].tool == (str(etc / "deploy"), "plain")


def test_paths_do_not_depend_on_where_the_bot_is_started(tmp_path: Path, config: Config) -> None:
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        again = load(Path("etc/pushbot.toml"))
    finally:
        os.chdir(before)
    assert again.bot == config.bot


def test_lanes_are_ready_for_the_service(config: Config) -> None:
    web, other = config.lanes
    assert (web.name, web.rooms, web.max_riders, web.branch) == ("web", (Room("work", "#push"),), 8, "main")
    assert web.repository is not None
    assert (other.stages, other.repository, other.branch, other.config) == ((), None, None, True)
    stage = web.stages[0]
    assert (stage.lock, stage.rollback_auto, stage.rollback_from, stage.timeout) == (
        "web/princess",
        True,
        "publish",
        3600,
    )
    assert stage.steps[:2] == (
        Step(name="build", script="make", timeout=90.0, after=125.0),
        Step(name="publish", run=("./publish",), retries=2, env=(("A", "1"),)),
    )
    assert stage.health == (
        Probe(ProbeKind.TCP, "up", "127.0.0.1:80"),
        Probe(ProbeKind.COMMAND, "ok", run=("./ok",), expect="{revision}", watch=2.0),
    )
    assert config.announce.warroom == frozenset(News)
    assert config.announce.lane == {News.UHOH}


def test_a_chat_is_built_with_every_room_that_is_named(config: Config) -> None:
    (part,) = config.chats
    assert (part.name, part.rooms) == ("work", ("#push", "#other", "#warroom"))
    assert part.build().name == "work"


def test_a_stage_that_never_rolls_back_has_nothing_to_do_it_with(config: Config) -> None:
    config.file.write_text(SHORT.replace('"auto"', '"never"'), encoding="utf-8")
    stage = load(config.file).lanes[0].stages[0]
    assert (stage.rollback_auto, stage.rollback_steps) == (False, ())


@pytest.mark.parametrize(
    ("text", "number"),
    [(0, 0), (1.5, 1.5), ("500ms", 0.5), ("125s", 125), ("2m", 120), ("1h30m", 5400), ("1d", 86400), ("0.5s", 0.5)],
)
def test_durations(text: object, number: float) -> None:
    assert seconds(text) == number


@pytest.mark.parametrize(
    "text", ["", "1", "s", "1 s", "-1s", -1, True, None, float("nan"), "1e3s", "\u0661s", [], "9" * 400 + "s"]
)
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(Exception, match="a duration"):
        seconds(text)


@pytest.mark.parametrize("look", ['http = "http://{address}:{port}/{revision}"', 'tcp = "{address}:{port}"'])
def test_where_a_health_check_looks_may_be_filled_in_for_each_host(tmp_path: Path, look: str) -> None:
    file = tmp_path / "pushbot.toml"
    file.write_text(
        f"""
        [chats.irc]
        host = "localhost"
        [lanes.web]
        rooms = ["irc/#push"]
        pipeline = "web"
        [[pipelines.web.stages]]
        name = "live"
        steps = [{{ name = "a", run = ["true"] }}]
        health = [{{ name = "up", {look} }}]
        """
    )
    (probe,) = load(file).lanes[0].stages[0].health
    assert probe.target == look.split('"')[1]


def test_lines_are_found_in_tables_lists_and_inline() -> None:
    text = "a = 1\n[[x.s]]\nn = 1\n[[x.s]]\nn = 2\n[[x.s.t]]\n'q w' = { e = 1 }\n[ y . \"z\" ]\nk.l = 3\n"
    assert line_of(text, ("a",)) == 1
    assert line_of(text, ("x", "s", 1, "n")) == 5
    assert line_of(text, ("x", "s", 1, "t", 0, "q w", "e")) == 7
    assert line_of(text, ("y", "z", "k", "l")) == 9
    assert line_of(text, ("x", "s", 0, "missing")) == 2
    assert line_of(text, ("nowhere",)) is None


@pytest.mark.parametrize("name", ["pushbot.example.toml", "quickstart.toml"])
def test_our_own_configurations_are_right(name: str) -> None:
    assert load(ROOT / "config" / name).lanes
