"""`pushbot plan`: what it says of a stage's hosts, and what `check` and `explain` say of them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from pushbot.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

PART = """\
from pydantic import BaseModel
from pushbot.ports import Traits
class Fleet:
    traits = Traits(steps=False, reverts=True, hosts=True)
    class Options(BaseModel, frozen=True, extra="forbid"):
        pass
    def __init__(self, options): ...
"""

CONFIG = """
plugin_path = ["parts"]
[chats.irc]
host = "127.0.0.1"
[lanes.web]
rooms = ["irc/#push"]
pipeline = "web"
[lanes.talk]
rooms = ["irc/#talk"]

[inventories.fleet]
on_mismatch = "{policy}"
sources = [{{ type = "file", path = "hosts" }}]
compare = [{{ type = "file", path = "cmdb", name = "cmdb" }}]

[pipelines.web.defaults]
executor = "plan_part:Fleet"
hosts.from = "fleet"
[[pipelines.web.stages]]
name = "staging"
hosts.where = {{ role = "web", region = ["lon", "dub"] }}
rollout = {{ batch = [1, "10%", "100%"], order = "region", pause = "5s", max_failures = "5%" }}
rollback = "auto"
[[pipelines.web.stages]]
name = "production"
rollout.batch = 50
steps = [{{ name = "purge", run = ["purge"], once = true }}, {{ name = "restart", run = ["restart"] }}]
[[pipelines.web.stages]]
name = "here"
executor = "local"
steps = [{{ name = "a", run = ["a"] }}]
"""

HOSTS = """\
web[001:060].lon 10.0.0.[1:60] region=lon role=web
web[001:060].dub region=dub role=web
db[1:9].nyc region=nyc role=db
"""


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "plan_part.py").write_text(PART)
    (tmp_path / "hosts").write_text(HOSTS)
    (tmp_path / "cmdb").write_text(HOSTS)
    file = tmp_path / "pushbot.toml"
    file.write_text(CONFIG.format(policy="block"))
    yield file
    sys.modules.pop("plan_part", None)


def pushbot_(*words: str | Path) -> Result:
    return CliRunner().invoke(main, list(map(str, words)))


def test_a_plan_says_how_many_which_and_in_what_order(config: Path) -> None:
    said = pushbot_("plan", config, "web", "staging")
    assert (said.exit_code, said.stderr) == (0, "")
    assert said.stdout.splitlines() == [
        "web/staging: 120 hosts (60 lon, 60 dub): hosts of fleet with role web and region lon or dub",
        "  region: 60 lon, 60 dub",
        "  role: 120 web",
        (
            "  1, then 10%, then 100% at a time, region by region, 5s between; "
            "stops when more than 5% (6) of the hosts have failed"
        ),
        "  4 batches:",
        "    1: 1 host (1 lon)",
        "    2: 12 hosts (12 lon)",
        "    3: 47 hosts (47 lon)",
        "    4: 60 hosts (60 dub)",
    ]


def test_batches_that_are_alike_are_one_line(config: Path) -> None:
    said = pushbot_("plan", config, "web", "production")
    assert said.stdout.splitlines()[-5:] == [
        "  role: 120 web, 9 db",
        "  50 at a time; stops at the first host that fails",
        "  3 batches:",
        "    1-2: 50 hosts each",
        "    3: 29 hosts",
    ]


def test_every_host_is_named_when_asked_for(config: Path) -> None:
    said = pushbot_("plan", config, "web", "production", "--hosts").stdout.splitlines()
    assert said[5:8] == ["    1: 50 hosts", "      web001.lon at 10.0.0.1", "      web002.lon at 10.0.0.2"]
    assert said[-1] == "      db9.nyc"
    assert sum(line.startswith("      ") for line in said) == 129


def test_a_plan_for_scripts(config: Path) -> None:
    said = json.loads(pushbot_("plan", config, "web", "staging", "--json").stdout)
    assert said["labels"] == {"region": {"lon": 60, "dub": 60}, "role": {"web": 120}}
    assert [len(batch) for batch in said["batches"]] == [1, 12, 47, 60]
    assert said["batches"][0] == ["web001.lon"]
    assert {name: said[name] for name in ("hosts", "pause", "max_failures", "mismatches", "blocked")} == {
        "hosts": 120,
        "pause": 5.0,
        "max_failures": 6,
        "mismatches": [],
        "blocked": None,
    }


def test_lists_that_do_not_agree_stop_it_or_are_told(config: Path) -> None:
    (config.parent / "cmdb").write_text(HOSTS + "web061.lon region=lon")
    said = pushbot_("plan", config, "web", "staging")
    assert said.exit_code == 1
    assert said.stdout.splitlines()[-1] == "  mismatch: file lacks web061.lon, which cmdb has"
    assert said.stderr.startswith("pushbot: web/staging would not start: inventory fleet: file lacks web061.lon, ")
    scripts = pushbot_("plan", config, "web", "staging", "--json")
    assert (scripts.exit_code, json.loads(scripts.stdout)["hosts"]) == (1, 120)
    config.write_text(CONFIG.format(policy="warn"))
    said = pushbot_("plan", config, "web", "staging")
    assert (said.exit_code, said.stderr) == (0, "")
    assert said.stdout.splitlines()[-1] == "  mismatch: file lacks web061.lon, which cmdb has"


def test_what_stops_a_plan(config: Path) -> None:
    (config.parent / "hosts").write_text("web1 role=web region=lon\n-oProxyCommand=x")
    said = pushbot_("plan", config, "web", "staging")
    assert (said.exit_code, said.stdout) == (1, "")
    assert "inventory fleet: file: " in said.stderr
    assert "line 2: '-oProxyCommand=x' cannot be the name of a host" in said.stderr
    (config.parent / "hosts").write_text("web1 role=web")
    said = pushbot_("plan", config, "web", "staging")
    assert (said.exit_code, said.stderr.count("\n")) == (1, 1)
    assert "no host has region 'lon'; there are none with that label" in said.stderr


def test_what_cannot_be_planned(config: Path) -> None:
    said = pushbot_("plan", config, "web", "here")
    assert (said.exit_code, said.stdout) == (
        0,
        "web/here is not for hosts, as its executor has none: `pushbot explain` tells what it does\n",
    )
    assert json.loads(pushbot_("plan", config, "web", "here", "--json").stdout)["batches"] == []
    said = pushbot_("plan", config, "wbe", "here")
    assert (said.exit_code, "has no lane 'wbe'; it has web, talk" in said.stderr) == (2, True)
    said = pushbot_("plan", config, "web", "prod")
    assert (said.exit_code, "web has no stage 'prod'; it has staging, production, here" in said.stderr) == (2, True)
    said = pushbot_("plan", config, "talk", "x")
    assert (said.exit_code, "talk has no stage 'x'; it has none" in said.stderr) == (2, True)


def test_check_and_explain_tell_the_hosts_of_a_stage(config: Path) -> None:
    checked = pushbot_("check", config).stdout
    staging = (
        "stage staging (plan_part:Fleet): no steps of its own; on hosts of fleet with role web and region lon or dub"
    )
    assert f"  {staging}\n" in checked
    assert "  stage production (plan_part:Fleet): purge, restart; on hosts of fleet\n" in checked
    assert "  stage here (local): a\n" in checked
    told = pushbot_("explain", config, "web").stdout.splitlines()
    assert (
        "    on hosts of fleet with role web and region lon or dub: 1, then 10%, then 100% at a time, "
        "region by region, 5s between; stops when more than 5% of the hosts have failed"
    ) in told
    assert (
        "    rollback by itself when it fails, then the lane is held: to the last good release, as the executor does it"
    ) in told
    assert "    do once, here: purge: purge (at most 10m00s)" in told
    assert "    no rollback: when it fails, the driver decides" in told


def test_nine_thousand_hosts(config: Path) -> None:
    text = "".join(
        f"web[0001:1000].{zone} region={zone[:3]} zone={zone} role=web\n"
        for zone in (f"{region}{letter}" for region in ("lon", "dub", "nyc") for letter in "abc")
    )
    for name in ("hosts", "cmdb"):
        (config.parent / name).write_text(text)
    by_region = 'rollout = { batch = 50, order = "region" }'
    config.write_text(CONFIG.format(policy="block").replace("rollout.batch = 50", by_region))
    command = [sys.executable, "-m", "pushbot", "plan", str(config), "web", "production"]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - began
    assert "9,000 hosts (3,000 lon, 3,000 dub, 3,000 nyc)" in done.stdout
    assert "  180 batches:" in done.stdout
    assert "    1-60: 50 hosts (50 lon) each" in done.stdout
    assert seconds < 30  # on a machine that is busy with other things; benchmarks/plan.py measures it
