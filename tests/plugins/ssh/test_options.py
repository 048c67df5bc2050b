"""What an operator may write for the ssh executor, and what the docs say of it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from pushbot.config import load
from pushbot_plugins.ssh.options import ArtifactOptions, BalancerOptions, RelayOptions, ReleaseOptions, SshOptions
from pushbot_plugins.ssh.settings import Connecting, Layout, Settings, Way, variables_of

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "fleets.md").read_text("utf-8")
TABLES: dict[str, type[BaseModel]] = {
    "ssh": SshOptions,
    "balancer": BalancerOptions,
    "release": ReleaseOptions,
    "artifact": ArtifactOptions,
    "relays": RelayOptions,
}
REST = """
[bot]
store = "x.sqlite3"
[chats.irc]
host = "irc.example.org"
[lanes.web]
rooms = ["irc/#push"]
pipeline = "web"
"""


def documented(table: str) -> dict[str, str]:
    section = re.split(r"^##+ .*$", PAGE.partition(f"### Options of `{table}`\n")[2], flags=re.MULTILINE)[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \| ", section, flags=re.MULTILINE))


@pytest.mark.parametrize("table", TABLES)
def test_every_option_is_documented_with_its_default(table: str) -> None:
    fields, rows = TABLES[table].model_fields, documented(table)
    assert sorted(rows) == sorted(fields)
    for name, field in fields.items():
        assert agrees(rows[name], field), f"{name} of {table} is said to be {rows[name]} by default"


def agrees(said: str, field: FieldInfo) -> bool:
    if said in {"must", "none"}:
        return field.is_required() if said == "must" else field.default is None
    value = tomllib.loads(f"x = {said.strip('`')}")["x"]
    if not value and not isinstance(value, bool):
        return not field.default
    kind: object = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return bool(TypeAdapter[object](kind).validate_python(value) == field.default)  # type: ignore[arg-type]


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    lines = PAGE.partition("    [inventories.fleet]")[2].partition("\n## ")[0].splitlines()
    example = "[inventories.fleet]\n" + "\n".join(line[4:] for line in lines)
    file = tmp_path / "pushbot.toml"
    file.write_text(example + REST)
    (stage,) = load(file).lanes[0].stages
    assert stage.reverts
    assert stage.hosts


def test_what_is_left_out_has_its_default() -> None:
    home = str(Path.home())
    assert SshOptions().settings() == Settings(connecting=Connecting(known_hosts=(f"{home}/.ssh/known_hosts",)))


def test_all_of_it_reaches_the_worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CACHE_DIRECTORY", raising=False)
    options = SshOptions.model_validate(
        {
            "keys": ["~/.ssh/deploy"],
            "passphrase": "env:PASSPHRASE",
            "jump": "a@b:22, [::1]:22",
            "connect_timeout": "1m",
            "output_limit": "2 MiB",
            "balancer": {
                "type": "http",
                "out": "http://lb/{host}/off",
                "back": ["http://lb/{host}/on"],
                "headers": {"Authorization": "env:LB_TOKEN"},
            },
            "release": {
                "root": "/srv/{host}/app",
                "repository": "r",
                "layout": "yin-yang",
                "free": "1GiB",
                "subfolder": "a/b/",
            },
            "relays": [{"host": "relay", "where": {"zone": ["a", "b"], "region": "lon"}}],
        }
    )
    settings = options.settings()
    assert settings.connecting.keys == (str(Path("~/.ssh/deploy").expanduser()),)
    assert (settings.connecting.connect_timeout, settings.output_limit) == (60.0, 2 * 2**20)
    assert settings.draining
    assert (settings.draining.way, settings.draining.out) == (Way.HTTP, ("http://lb/{host}/off",))
    assert settings.draining.headers == (("Authorization", "env:LB_TOKEN"),)
    assert settings.releasing
    assert (settings.releasing.layout, settings.releasing.free) == (Layout.YIN_YANG, 2**30)
    assert (settings.releasing.cache, settings.releasing.subfolder) == (str(tmp_path / "pushbot" / "releases"), "a/b")
    assert settings.relays[0].where == (("region", ("lon",)), ("zone", ("a", "b")))
    assert variables_of(settings) == {"PASSPHRASE", "LB_TOKEN"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"keys": ["deploy"]}, 'a path that begins with "/"'),
        ({"passphrase": "hunter2"}, "pattern"),
        ({"jump": "a b"}, r"\[USER@\]HOST"),
        ({"port": 70000}, "65535"),
        ({"output_limit": "lots"}, "a size"),
        ({"connect_timeout": 0}, "longer than nothing"),
        ({"balancer": {"type": "haproxy", "backend": "web"}}, "`sockets` beside type 'haproxy'"),
        ({"balancer": {"type": "file", "out": ["/x"], "back": ["y"]}}, "no `back`"),
        ({"balancer": {"type": "file", "out": ["x"]}}, "one path on the hosts"),
        ({"balancer": {"type": "http", "out": ["ftp://x"], "back": ["http://y"]}}, "URLs that begin with http"),
        ({"balancer": {"type": "http", "out": ["http://x"], "back": ["http://y"], "healthy": "UP"}}, "`state` beside"),
        (
            {"balancer": {"type": "http", "out": ["http://x"], "back": ["http://y"], "headers": {"A": "b\nc"}}},
            "one line",
        ),
        ({"release": {"root": "/srv/app"}}, "either `repository` or `artifact`"),
        ({"release": {"root": "srv", "repository": "r"}}, "a path on the hosts"),
        ({"release": {"root": "/srv/../etc", "repository": "r"}}, "a path on the hosts"),
        ({"release": {"root": "/srv/app", "repository": "r", "shared": ["../x"]}}, "a path inside the release"),
        ({"release": {"root": "/srv/app", "repository": "r", "needs": ["java 17"]}}, 'such as "java>=17"'),
        ({"release": {"root": "/srv/app", "artifact": {"urls": ["x"], "sha256": "0" * 64}}}, "an http"),
        (
            {"release": {"root": "/srv/app", "artifact": {"urls": ["https://ci:hunter2@x/y"], "sha256": "0" * 64}}},
            "without a user",
        ),
        ({"release": {"root": "/srv/app", "artifact": {"urls": ["/x"], "sha256": "abc"}}}, "64 hexadecimal digits"),
        ({"relays": [{"host": "relay"}]}, "`release` beside `relays`"),
        ({"keyz": []}, "Extra inputs"),
    ],
)
def test_mistakes_are_said(given: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SshOptions.model_validate(given)
