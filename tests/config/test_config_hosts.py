"""Hosts in a configuration: inventories, the stages that are for them, and what stages inherit."""
# ruff: noqa: E501 - a problem is one line

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pushbot.config import ConfigErrors, load
from pushbot.fleet.model import ALL, AT_ONCE, Amount, Look, Rollout, VersionProbe
from pushbot.service.runs.targets import gather
from pushbot.service.spec import Mismatch, VersionSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pushbot.config import Config

PART = """\
from pydantic import BaseModel
from pushbot.ports import Traits
class Fleet:
    traits = Traits(steps=False, reverts=True, hosts=True)
    class Options(BaseModel, frozen=True, extra="forbid"):
        user: str = "deploy"
    def __init__(self, options):
        self.options = options
    async def start(self, job): ...
    async def wait(self, job, token, progress): ...
    async def abort(self, job, token): ...
    async def versions(self, hosts, probe): ...
class Blind(Fleet):
    versions = None
class Remote(Fleet):
    traits = Traits(steps=False)
"""

HEAD = """\
plugin_path = ["parts"]
[chats.irc]
host = "localhost"
[lanes.web]
rooms = ["irc/#push"]
pipeline = "web"
"""

FLEET = (
    HEAD
    + """
[inventories.fleet]
on_mismatch = "warn"
[[inventories.fleet.sources]]
type = "list"
hosts = ["web[1:2].lon role=web", "db1.lon role=db"]
labels = { region = "lon" }
[[inventories.fleet.sources]]
type = "list"
name = "dublin"
hosts = ["web[1:3].dub role=web region=dub"]
[[inventories.fleet.compare]]
type = "file"
path = "cmdb/hosts"
[inventories.fleet.env.region.lon]
API = "https://lon.example"
KEY = "file:keys/lon"
[inventories.fleet.env.region.dub]
API = "https://dub.example"
"""
)

MATRIX = (
    HEAD
    + """
[inventories.fleet]
sources = [{ type = "list", hosts = ["[a,b].[lon,dub,nyc,tor,chi,bos]"] }, { type = "file", path = "hosts" }]
[pipelines.web.defaults]
executor = "config_hosts_part:Fleet"
hosts.from = "fleet"
each.region = ["lon", "dub", "nyc", "tor", "chi", "bos"]
[[pipelines.web.stages]]
name = "staging"
[[pipelines.web.stages]]
name = "production"
"""
)


@pytest.fixture
def read(tmp_path: Path) -> Iterator[Callable[[str], Config]]:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "config_hosts_part.py").write_text(PART, encoding="utf-8")

    def reading(text: str) -> Config:
        file = tmp_path / "pushbot.toml"
        file.write_text(text, encoding="utf-8")
        return load(file)

    yield reading
    sys.modules.pop("config_hosts_part", None)


@pytest.fixture
def told(read: Callable[[str], Config]) -> Callable[[str], list[str]]:
    def problems(text: str) -> list[str]:
        with pytest.raises(ConfigErrors) as caught:
            read(text)
        return [str(problem).partition("pushbot.toml:")[2].strip() for problem in caught.value.problems]

    return problems


STAGES = """
[pipelines.web.defaults]
executor = { type = "config_hosts_part:Fleet", user = "release" }
hosts = { from = "fleet", where = { role = "web" } }
rollout = { batch = [1, "10%", "100%"], order = "region", max_failures = "5%" }
versions = { http = "http://{address}:8000/version", pattern = "rev=(.*)", every = "1m" }
env = { COLOR = "blue", SIZE = "1" }
timeout = "5m"
rollback = "auto"
steps = [{ name = "purge", run = ["purge"], once = true }, { name = "restart", run = ["restart"] }]

[[pipelines.web.stages]]
name = "canary"
hosts = { where = { region = "lon" } }
rollout = { batch = 1 }
env = { SIZE = "2" }

[[pipelines.web.stages]]
name = "everywhere"
versions = { file = "/srv/VERSION" }
steps = []
rollback = "never"
timeout = "1h"

[[pipelines.web.stages]]
name = "here"
executor = "local"
rollback = "manual"
"""


async def test_an_inventory_is_ready_to_be_asked(read: Callable[[str], Config], tmp_path: Path) -> None:
    stage = read(FLEET + STAGES).lanes[0].stages[0]
    assert stage.hosts is not None
    inventory = stage.hosts.inventory
    assert (inventory.name, inventory.mismatch) == ("fleet", Mismatch.WARN)
    assert [source.name for source in inventory.sources] == ["list", "dublin"]
    assert [source.name for source in inventory.compare] == ["file"]
    assert inventory.env == (
        ("region", "lon", (("API", "https://lon.example"), ("KEY", f"file:{tmp_path / 'keys' / 'lon'}"))),
        ("region", "dub", (("API", "https://dub.example"),)),
    )
    (tmp_path / "cmdb").mkdir()
    (tmp_path / "cmdb" / "hosts").write_text("web[1:2].lon\ndb1.lon\nweb[1:2].dub\n")
    found = await gather(stage.hosts)
    assert [host.name for host in found.hosts] == ["web1.lon", "web2.lon"]
    assert found.mismatches == ("file lacks web3.dub, which list and dublin has",)
    assert dict(found.hosts[0].env)["API"] == "https://lon.example"


def test_stages_inherit_key_by_key(read: Callable[[str], Config]) -> None:
    canary, everywhere, here = read(FLEET + STAGES).lanes[0].stages
    assert canary.hosts is not None
    assert canary.hosts.selection.where == (("role", ("web",)), ("region", ("lon",)))
    five = Amount(5, percent=True)
    assert canary.rollout == Rollout((Amount(1),), order="region", max_failures=five)
    assert canary.env == (("COLOR", "blue"), ("SIZE", "2"))
    assert [(step.name, step.once) for step in canary.steps] == [("purge", True), ("restart", False)]
    assert (canary.timeout, canary.rollback_auto, canary.rollback_never) == (300, True, False)
    probe = VersionProbe(Look.HTTP, "http://{address}:8000/version", pattern="rev=(.*)")
    assert canary.versions == VersionSpec(probe, 60.0)
    assert vars(canary.executor)["options"].user == "release"

    assert everywhere.hosts is not None
    assert everywhere.hosts.selection.where == (("role", ("web",)),)
    assert everywhere.rollout == Rollout((Amount(1), Amount(10, percent=True), ALL), "region", 0.0, five)
    assert everywhere.versions == VersionSpec(VersionProbe(Look.FILE, "/srv/VERSION"), 300.0)
    assert (everywhere.steps, everywhere.timeout) == ((), 3600)
    assert (everywhere.rollback_auto, everywhere.rollback_never, everywhere.reverts) == (False, True, False)
    assert everywhere.executor is canary.executor

    assert (here.hosts, here.rollout, here.versions) == (None, AT_ONCE, None)
    assert here.lock == "web/here"


def test_two_stages_in_six_regions_take_ten_lines(read: Callable[[str], Config]) -> None:
    matrix = MATRIX.removeprefix(HEAD).strip().splitlines()
    assert len(matrix) == 10
    stages = read(MATRIX).lanes[0].stages
    regions = ["lon", "dub", "nyc", "tor", "chi", "bos"]
    assert [stage.name for stage in stages] == [
        f"{name}-{region}" for name in ("staging", "production") for region in regions
    ]
    assert [stage.lock for stage in stages] == [f"web/{stage.name}" for stage in stages]
    assert [stage.hosts and stage.hosts.selection.where for stage in stages[:2]] == [
        (("region", ("lon",)),),
        (("region", ("dub",)),),
    ]


def test_a_stage_of_each_value_has_what_belongs_to_the_value(read: Callable[[str], Config], tmp_path: Path) -> None:
    text = (
        FLEET
        + """
[[pipelines.web.stages]]
name = "web"
executor = "config_hosts_part:Fleet"
hosts = { from = "fleet", where = { region = ["lon", "dub"], role = "web" } }
each = { region = ["dub", "lon"], role = ["web"] }
lock = "the web"
env = { API = "mine" }
[[pipelines.web.stages]]
name = "dns"
each = { region = "lon" }
steps = [{ name = "point", run = ["point"] }]
"""
    )
    dub, lon, dns = read(text).lanes[0].stages
    assert (dub.name, dub.lock) == ("web-dub-web", "the web-dub-web")
    assert lon.hosts is not None
    assert lon.hosts.selection.where == (("region", ("lon",)), ("role", ("web",)))
    assert dict(lon.env) == {
        "PUSHBOT_LABEL_REGION": "lon",
        "PUSHBOT_LABEL_ROLE": "web",
        "API": "mine",
        "KEY": f"file:{tmp_path / 'keys' / 'lon'}",
    }
    assert (dns.name, dns.env, dns.hosts) == ("dns-lon", (("PUSHBOT_LABEL_REGION", "lon"),), None)


def test_one_fault_in_the_defaults_is_told_once_and_there(told: Callable[[str], list[str]]) -> None:
    assert told(MATRIX.replace('hosts.from = "fleet"', 'hosts.from = "fleat"')) == [
        "12: pipelines.web.defaults.hosts.from: there is no inventory 'fleat'; did you mean 'fleet'?"
    ]
    (problem,) = told(MATRIX.replace(":Fleet", ":Fleat"))
    assert problem.startswith("11: pipelines.web.defaults.executor.type: plugin 'config_hosts_part:Fleat': ")
    assert told(FLEET + STAGES.replace('rollback = "manual"\n', "")) == [
        (
            "34: pipelines.web.defaults.rollback: is \"auto\", but there are no rollback_steps in stage 'here'; "
            'expected [[...rollback_steps]], or "manual"'
        )
    ]
    assert told(FLEET + STAGES + 'rollback_from = "x"\n' + '[[pipelines.web.stages]]\nname = "b"\ntimeout = "x"') == [
        "54: pipelines.web.stages[2].rollback_from: there is no step 'x'; expected one of purge, restart",
        (
            "57: pipelines.web.stages[3].timeout: found 'x'; expected a duration: seconds as a number, or a text such as "
            '"500ms", "125s", "2m", "1h30m"'
        ),
    ]


STAGE = """
[[pipelines.web.stages]]
name = "princess"
executor = "{executor}"
{more}
"""


def on(more: str, executor: str = "config_hosts_part:Fleet") -> str:
    return FLEET + STAGE.format(executor=executor, more=more)


HOSTS = 'hosts.from = "fleet"\n'


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (on(""), ["hosts: missing; expected the inventory of its hosts, for the executor 'config_hosts_part:Fleet'"]),
        (
            on("hosts = {}"),
            ["hosts.from: missing; expected the inventory of its hosts, for the executor 'config_hosts_part:Fleet'"],
        ),
        (on('hosts.from = "flete"'), ["hosts.from: there is no inventory 'flete'; did you mean 'fleet'?"]),
        (on('hosts = { form = "fleet" }'), ["hosts.form: unknown key; did you mean 'from'?"]),
        (
            on(HOSTS + "hosts.where.role = []"),
            ["hosts.where.role: found an empty list; expected a list with something in it, each once"],
        ),
        (
            on(HOSTS + 'hosts.where.role = ["a;b"]'),
            [
                "hosts.where.role[0]: found 'a;b'; expected at most 64 letters, digits, '.', '_' and '-', beginning with a letter or digit"
            ],
        ),
        (
            on(HOSTS + 'hosts.where."a b" = "x"'),
            [
                "hosts.where.\"a b\": found 'a b'; expected at most 40 letters, digits and '_', beginning with a letter, and neither 'host' nor 'address'"
            ],
        ),
        (on(HOSTS + "rollout.batch = 0"), ["rollout.batch[0]: found 0; expected at least one host"]),
        (
            on(HOSTS + 'rollout.batch = [1, "110%"]'),
            ["rollout.batch[1]: found '110%'; expected so many hosts, as 3, or a share of them, as \"25%\""],
        ),
        (
            on(HOSTS + "rollout.max_failures = true"),
            ['rollout.max_failures: found true; expected so many hosts, as 3, or a share of them, as "25%"'],
        ),
        (on(HOSTS + "rollout.batches = 3"), ["rollout.batches: unknown key; did you mean 'batch'?"]),
        (
            on(HOSTS + 'versions = { http = "http://{host}/", file = "/x" }'),
            ["versions: found a table of http, file; expected one of `http`, `command` and `file`"],
        ),
        (
            on(HOSTS + 'versions = { file = "x" }'),
            ['versions: found a table of file; expected a `file` on the hosts that begins with "/"'],
        ),
        (
            on(HOSTS + 'versions = { file = "/x", pattern = "(" }'),
            [
                "versions: found a table of file, pattern; expected a `pattern` that is a regular expression (missing ), unterminated subpattern at position 0)"
            ],
        ),
        (
            on(HOSTS + 'versions = { file = "/x" }', "config_hosts_part:Blind"),
            [
                "versions: the executor 'config_hosts_part:Blind' cannot ask hosts for their version; expected no `versions` here"
            ],
        ),
        (
            on(HOSTS + 'each.region = ["lon"]\nhosts.where.region = "dub"'),
            ["each.region: 'lon' is left out by `hosts.where.region`"],
        ),
        (
            on(HOSTS + 'each.region = ["lon", "lon"]'),
            ["each.region: found a list; expected a list with something in it, each once"],
        ),
        (
            on(HOSTS + f'each.region = ["{"x" * 40}"]'),
            [
                f"each: would make a stage 'princess-{'x' * 40}'; expected a name of at most 40 letters, digits, '_', '.' and '-', not ending in '...'"
            ],
        ),
        (
            on(
                'each.region = "lon"\n'
                + HOSTS
                + '[[pipelines.web.stages]]\nname = "princess-LON"\nsteps = [{ name = "a", run = ["a"] }]'
            ),
            [
                "stages[1].name: there is already a stage 'princess-lon'; expected names that differ in more than capitals"
            ],
        ),
        (
            on(
                HOSTS + 'rollout.batch = 1\nversions.file = "/x"\nsteps = [{ name = "a", run = ["a"], once = true }]',
                "local",
            ),
            [
                "hosts: the executor 'local' is not for hosts; expected no `hosts` here",
                "rollout: the executor 'local' is not for hosts; expected no `rollout` here",
                "versions: the executor 'local' is not for hosts; expected no `versions` here",
                "steps[0].once: the executor 'local' is not for hosts; expected no `once`: each step is run once",
            ],
        ),
        (
            on('rollback = "auto"', "config_hosts_part:Remote"),
            ['rollback: is "auto", but there are no rollback_steps; expected [[...rollback_steps]], or "manual"'],
        ),
        (on("", "local"), ["steps: missing; expected at least one [[pipelines.NAME.stages.steps]]"]),
    ],
)
def test_what_does_not_fit_in_a_stage(told: Callable[[str], list[str]], text: str, problems: list[str]) -> None:
    found = [
        problem.partition(": ")[2].removeprefix("pipelines.web.").removeprefix("stages[0].") for problem in told(text)
    ]
    assert found == problems


def test_steps_are_for_executors_that_ask_for_them(read: Callable[[str], Config]) -> None:
    assert read(on("", "config_hosts_part:Remote")).lanes[0].stages[0].steps == ()


@pytest.mark.parametrize(
    ("inventory", "problem"),
    [
        ("", "7: inventories.x.sources: missing; expected at least one [[inventories.x.sources]]"),
        ("sources = []", "8: inventories.x.sources: missing; expected at least one [[inventories.x.sources]]"),
        ("sources = [{}]", "8: inventories.x.sources[0].type: missing"),
        (
            'sources = [{ type = "fil" }]',
            "8: inventories.x.sources[0].type: no inventory is called 'fil': known are command, dns, file, http, list, or write module:Class; did you mean 'file'?",
        ),
        ('sources = [{ type = "file" }]', "8: inventories.x.sources[0].path: missing"),
        (
            'sources = [{ type = "file", path = "x", pat = 1 }]',
            "8: inventories.x.sources[0].pat: unknown key; did you mean 'path'?",
        ),
        (
            'sources = [{ type = "list", hosts = ["web[1:"] }]',
            "8: inventories.x.sources[0]: inventory 'list' cannot be made: entry 1: 'web[1:' has a bracket without its other half",
        ),
        (
            'sources = [{ type = "list", hosts = [], labels = { "a b" = "c" } }]',
            "8: inventories.x.sources[0].labels: found a table of a b; expected 'a b' cannot be a label: that is at most 40 letters, digits and '_', beginning with a letter, and neither 'host' nor 'address'",
        ),
        (
            'sources = [{ type = "list", hosts = [] }]\ncompare = [{ type = "list", name = "List", hosts = [] }]',
            "9: inventories.x.compare[0].name: there is already a list 'list'; expected names that differ in more than capitals",
        ),
        (
            'sources = [{ type = "list", hosts = [] }]\non_mismatch = "blok"',
            "9: inventories.x.on_mismatch: found 'blok'; expected 'block' or 'warn'; did you mean 'block'?",
        ),
        (
            'sources = [{ type = "list", hosts = [] }]\nenv.region.lon = { PUSHBOT_X = "s3cret" }',
            "9: inventories.x.env.region.lon.PUSHBOT_X: found a text; expected the name of an environment variable; those that begin with PUSHBOT_ are set by the bot",
        ),
        (
            'sources = [{ type = "list", hosts = [] }]\nenv.region.".." = { X = "s3cret" }',
            "9: inventories.x.env.region.\"..\": found a text; expected at most 64 letters, digits, '.', '_' and '-', beginning with a letter or digit",
        ),
    ],
)
def test_what_is_wrong_with_an_inventory(told: Callable[[str], list[str]], inventory: str, problem: str) -> None:
    text = HEAD.replace('pipeline = "web"', "") + f"[inventories.x]\n{inventory}\n"
    assert told(text) == [problem]


def test_lists_of_one_kind_are_told_apart_by_number(read: Callable[[str], Config]) -> None:
    text = (
        HEAD
        + """
[inventories.x]
sources = [{ type = "list", hosts = ["a"] }, { type = "file", path = "b", name = "ours" }]
compare = [{ type = "list", hosts = ["a"] }, { type = "dns", names = ["a"] }]
[[pipelines.web.stages]]
name = "all"
executor = "config_hosts_part:Fleet"
hosts.from = "x"
"""
    )
    spec = read(text).lanes[0].stages[0].hosts
    assert spec is not None
    sources = (*spec.inventory.sources, *spec.inventory.compare)
    assert [source.name for source in sources] == ["list 1", "ours", "list 2", "dns"]
