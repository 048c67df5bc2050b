"""Mistakes in a configuration: all at once, each where it is, with what would be right."""
# ruff: noqa: E501 - a problem is one line

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushbot.config import ConfigErrors, load
from pushbot.config.shape import salvage

if TYPE_CHECKING:
    from collections.abc import Callable

MANY = """\
plugin_path = ["nowhere"]

[bot]
on_stop = "leav"
log_formatt = "json"

[chats.irc]
host = "localhost"
password = "hunter2"

[announce]
rooms = ["irx/#warroom"]
warroom = ["deploy_start"]

[pipelines.web]
branch = "main"

[[pipelines.web.stages]]
name = "princess"
timeout = "soon"
rollback = "auto"
env = { TOKEN = 3 }
[[pipelines.web.stages.steps]]
name = "build"
[[pipelines.web.stages.steps]]
name = "publish"
run = "make publish"
[[pipelines.web.stages.health]]
name = "up"
tcp = "localhost"
status = 300

[[pipelines.web.stages]]
name = "Princess"
executor = "locl"
rollback_from = "bild"
[[pipelines.web.stages.steps]]
name = "build"
run = ["make"]
script = "make"
[[pipelines.web.stages.post]]
run = ["true"]

[lanes."a b"]
rooms = ["irc/#push"]

[lanes.web]
rooms = ["irc/#Push"]
max_riders = "8"
pipeline = "wbe"

[lanes.empty]
rooms = []
"""

TOLD = """\
1: plugin_path[0]: there is no folder {folder}/nowhere
4: bot.on_stop: found 'leav'; expected 'leave', 'abort' or 'drain'; did you mean 'leave'?
5: bot.log_formatt: unknown key; did you mean 'log_format'?
9: chats.irc.password: found a text; expected a reference to a secret, env:NAME or file:PATH
12: announce.rooms[0]: there is no chat 'irx'; did you mean 'irc'?
13: announce.warroom[0]: found 'deploy_start'; expected 'deploy_started', 'deploy_succeeded', 'deploy_failed', \
'deploy_stopped', 'rollback', 'hold', 'unhold', 'uhoh', 'hotfix', 'mismatch', 'drift', 'build_failed', 'lock' or 'override'; did you mean 'deploy_started'?
16: pipelines.web.branch: there is no repository to have this branch; expected `repository` beside it
20: pipelines.web.stages[0].timeout: found 'soon'; expected a duration: seconds as a number, or a text such as \
"500ms", "125s", "2m", "1h30m"
21: pipelines.web.stages[0].rollback: is "auto", but there are no rollback_steps; expected [[...rollback_steps]], \
or "manual"
22: pipelines.web.stages[0].env.TOKEN: found a number; expected a text in quotes
23: pipelines.web.stages[0].steps[0]: found a table of name; expected either `run`, a list of arguments, or \
`script`, a text for /bin/sh
27: pipelines.web.stages[0].steps[1].run: found 'make publish'; expected a list
30: pipelines.web.stages[0].health[0].tcp: found 'localhost'; expected HOST:PORT, such as "127.0.0.1:80"
34: pipelines.web.stages[1].name: there is already a stage 'princess'; expected names that differ in more than capitals
35: pipelines.web.stages[1].executor.type: no executor is called 'locl': known are dryrun, github, http, jenkins, kubernetes, \
local, ssh, or write module:Class; did you mean 'local'?
37: pipelines.web.stages[1].steps[0]: found a table of name, run, script; expected either `run`, a list of \
arguments, or `script`, a text for /bin/sh
41: pipelines.web.stages[1].post[0].name: missing
44: lanes."a b": found 'a b'; expected a name of at most 40 letters, digits, '_', '.' and '-'
49: lanes.web.max_riders: found '8'; expected a whole number
50: lanes.web.pipeline: there is no pipeline 'wbe'; did you mean 'web'?
53: lanes.empty.rooms: found an empty list; expected a list with something in it
"""


@pytest.fixture
def told(tmp_path: Path) -> Callable[[str], list[str]]:
    """The problems of a configuration of that text, as lines without the file's name."""

    def problems(text: str) -> list[str]:
        file = tmp_path / "pushbot.toml"
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigErrors) as caught:
            load(file)
        return [str(problem).removeprefix(f"{file}:").strip() for problem in caught.value.problems]

    return problems


STAGE = """\
[chats.irc]
host = "localhost"
[lanes.web]
rooms = ["irc/#push"]
pipeline = "web"
[[pipelines.web.stages]]
name = "princess"
{stage}
[[pipelines.web.stages.steps]]
name = "build"
run = ["true"]
{step}
"""


def test_tells_every_mistake_at_once(told: Callable[[str], list[str]], tmp_path: Path) -> None:
    assert told(MANY) == TOLD.format(folder=tmp_path).splitlines()


def test_a_misplaced_secret_is_never_repeated(told: Callable[[str], list[str]]) -> None:
    assert "hunter2" not in "\n".join(told(MANY))
    assert "hunter2" not in "\n".join(told('[chats.irc]\nhost = "x"\npasword = "hunter2"\n'))
    assert "s3cret" not in "\n".join(told(STAGE.format(stage='env = { "a b" = "s3cret" }', step="")))


def test_what_was_cut_for_its_shape_causes_no_second_complaint(told: Callable[[str], list[str]]) -> None:
    text = STAGE.format(stage='rollback = "auto"\nrollback_from = "build"\nrollback_steps = 3', step="retries = -1")
    assert told(text) == [
        "10: pipelines.web.stages[0].rollback_steps: found 3; expected a list",
        "14: pipelines.web.stages[0].steps[0].retries: found -1; expected greater than or equal to 0",
    ]
    assert told('pipelines = 3\n[chats.irc]\nhost = "h"\n[lanes.web]\nrooms = ["irc/#a"]\npipeline = "web"\n') == [
        "1: pipelines: found 3; expected a table"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "lanes: missing; expected at least one [lanes.NAME]"),
        ("[bot\n", "1: not TOML: Expected ']' at the end of a table declaration (at line 1, column 5)"),
        ('a = 1\na = "', "not TOML: Unterminated string (at end of document)"),
        ("[lanes.web]\n", "1: lanes.web.rooms: missing"),
        (
            '[lanes.web]\nrooms = ["#push"]',
            "2: lanes.web.rooms[0]: found '#push'; expected CHAT/ROOM, such as \"irc/#push\"",
        ),
        (
            '[lanes.web]\nrooms = ["irc/#push"]',
            "2: lanes.web.rooms[0]: there is no chat 'irc'; expected a table for it: there is no chat at all",
        ),
        (
            '[chats.irx]\nhost = "h"\n[lanes.web]\nrooms = ["irx/#push"]',
            "1: chats.irx.type: no chat is called 'irx': known are irc, slack, or write module:Class; did you mean 'irc'?",
        ),
        (
            '[chats.irc]\nhost = "h"\nport = "x"\n[lanes.web]\nrooms = ["irc/#push"]',
            "3: chats.irc.port: found a text; expected a valid integer, unable to parse string as an integer",
        ),
        (
            '[chats.irc]\nhost = "h"\nsasl = "plain"\n[lanes.web]\nrooms = ["irc/#push"]',
            "1: chats.irc: sasl = 'plain' needs sasl_user and sasl_password",
        ),
        (
            '[chats.irc]\nhost = "h"\n[lanes.web]\nrooms = ["irc/push"]',
            "1: chats.irc: 'push' cannot be a room of the chat 'irc': on IRC a room begins with # and has no space or comma.",
        ),
        (
            '[chats.irc]\nhost = "h"\n[lanes.web]\nrooms = ["irc/#a", "irc/#a"]',
            "4: lanes.web.rooms[1]: 'irc/#a' is named twice",
        ),
        (
            '[chats.irc]\nhost = "h"\n[lanes.a]\nrooms = ["irc/#a"]\n[lanes.b]\nrooms = ["irc/#A"]',
            "6: lanes.b.rooms[0]: 'irc/#A' is written 'irc/#a' elsewhere; expected one spelling for one room",
        ),
        (
            '[chats.irc]\nhost = "h"\n[lanes.web]\nrooms = ["irc/#a"]\n[lanes.Web]\nrooms = ["irc/#a"]',
            "5: lanes.Web: there is already a lane 'web'; expected names that differ in more than capitals",
        ),
        (
            '[chats.irc]\nhost="h"\n[lanes.a]\nrooms=["irc/#a"]\nconfig=true\n[lanes.b]\nrooms=["irc/#a"]\nconfig=true',
            "8: lanes.b.config: lane 'a' already takes .join config in 'irc/#a'",
        ),
        (
            STAGE.format(
                stage="",
                step='[[pipelines.web.stages.health]]\nname = "up"\ntcp = "localhost:1"\ninterval = "20s"\npasses = 3',
            ),
            "12: pipelines.web.stages[0].health[0]: found a table of name, tcp, interval, passes; expected a `window` long enough for 3 `passes`, one every 20 s",
        ),
        (
            STAGE.format(stage='lock = ""', step=""),
            "8: pipelines.web.stages[0].lock: found ''; expected a name of one line, at most 60 characters",
        ),
        (
            STAGE.format(
                stage="", step='[[pipelines.web.stages]]\nname = "prod..."\nsteps = [{name = "a", run = ["true"]}]'
            ),
            "13: pipelines.web.stages[1].name: found 'prod...'; expected a name of at most 40 letters, digits, '_', '.' and '-', not ending in '...'",
        ),
        ("a = " + "[" * 100_000, "too many lists or tables within each other"),
        (
            STAGE.format(stage="timeout = inf", step=""),
            '8: pipelines.web.stages[0].timeout: found inf; expected a duration: seconds as a number, or a text such as "500ms", "125s", "2m", "1h30m"',
        ),
        (
            STAGE.format(stage='timeout = "0s"', step=""),
            "8: pipelines.web.stages[0].timeout: found '0s'; expected a duration longer than nothing",
        ),
        (
            STAGE.format(stage='rollback_from = "bild"', step=""),
            "8: pipelines.web.stages[0].rollback_from: there is no step 'bild'; did you mean 'build'?",
        ),
        (
            STAGE.format(stage="env = { PUSHBOT_RUN = 'x' }", step=""),
            "8: pipelines.web.stages[0].env.PUSHBOT_RUN: found a text; expected the name of an environment variable; those that begin with PUSHBOT_ are set by the bot",
        ),
        (
            STAGE.format(stage="", step='[[pipelines.web.stages.post]]\nname = "build"\nrun = ["true"]'),
            "13: pipelines.web.stages[0].post[0].name: there is already a step or health check 'build'; expected names that differ in more than capitals",
        ),
        (
            STAGE.format(stage="executor = { type = 'local', shel = 1 }", step=""),
            "8: pipelines.web.stages[0].executor.shel: unknown key; expected no options here",
        ),
        (STAGE.format(stage="executor = 3", step=""), "8: pipelines.web.stages[0].executor: found 3; expected a table"),
        (
            STAGE.format(stage='executor = "local\\u0000"', step=""),
            "8: pipelines.web.stages[0].executor.type: found 'local\\x00'; expected a text without NUL characters",
        ),
        (STAGE.format(stage="executor = {}", step=""), "8: pipelines.web.stages[0].executor.type: missing"),
    ],
)
def test_one_mistake_is_one_line(told: Callable[[str], list[str]], text: str, problem: str) -> None:
    assert told(text) == [problem]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "none.toml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigErrors, match=f"{path}: cannot be read: {words}"):
            load(path)
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"# a\n# caf\xe9\n")
    with pytest.raises(ConfigErrors, match=f"{latin}:2: not UTF-8"):
        load(latin)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "stages", "steps", "run", "rooms", "env", "health", "executor", "type", "a b", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["bot", "chats", "lanes", "pipelines", "announce", "x"]), VALUES))
def test_whatever_the_shape_something_can_be_salvaged(data: dict[str, object]) -> None:
    found = salvage(data, Path("x.toml"))
    assert bool(found.problems) == bool(found.cut)
