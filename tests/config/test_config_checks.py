"""Checks in a configuration: theirs and inherited ones, and mistakes in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pushbot.config import ConfigErrors, load
from pushbot.service.spec import OnError, OnFail

if TYPE_CHECKING:
    from pathlib import Path

    from pushbot.service.spec import CheckSpec

START = """
[chats.irc]
host = "localhost"
[lanes.web]
rooms = ["irc/#push"]
pipeline = "web"
[pipelines.web.defaults]
steps = [{ name = "go", run = ["true"] }]
checks = [{ type = "incident" }]
[[pipelines.web.stages]]
name = "princess"
"""


def checks(folder: Path, text: str) -> list[tuple[CheckSpec, ...]]:
    file = folder / "pushbot.toml"
    file.write_text(START + text)
    (lane,) = load(file).lanes
    return [stage.checks for stage in lane.stages]


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigErrors) as errors:
        checks(folder, text)
    return [f"{problem.line}: {str(problem).partition(': ')[2]}" for problem in errors.value.problems]


def test_a_stage_has_its_own_or_those_of_the_defaults(tmp_path: Path) -> None:
    text = """
[[pipelines.web.stages]]
name = "staging"
checks = []
[[pipelines.web.stages]]
name = "production"
[[pipelines.web.stages.checks]]
name = "unit tests"
type = "command"
run = ["make", "test"]
timeout = "10m"
on_fail = "ask"
on_error = "warn"
[[pipelines.web.stages.checks]]
type = "http"
url = "http://localhost/{revision}"
json = { state = "green" }
"""
    inherited, none, own = checks(tmp_path, text)
    assert [spec.name for spec in inherited] == ["incident"]
    assert none == ()
    assert [spec.name for spec in own] == ["unit tests", "http"]
    assert (own[0].timeout, own[0].on_fail, own[0].on_error) == (600.0, OnFail.ASK, OnError.WARN)
    assert (own[1].timeout, own[1].on_fail, own[1].on_error) == (300.0, OnFail.BLOCK, OnError.BLOCK)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('{ type = "comand" }', "checks[0].type: no check is called 'comand': known are command, git, github, http,"),
        ('{ type = "command" }', "checks[0].run: missing"),
        ('{ type = "git" }', "checks[0]: found a table of nothing; expected one of `merges`, `up_to_date`,"),
        ('{ type = "incident", timout = "5m" }', "checks[0].timout: unknown key"),
        ('{ type = "incident", timeout = 0 }', "checks[0].timeout: found 0; expected a duration longer than nothing"),
        (
            '{ type = "incident", on_fail = "fail" }',
            "checks[0].on_fail: found 'fail'; expected 'block',",
        ),
        (
            '{ type = "incident" }, { type = "incident" }',
            "checks[0].name: missing; expected a name, as",
        ),
        (
            '{ type = "incident", name = "A" }, { type = "incident", name = "a" }',
            "checks[1].name: there is already a check 'A'",
        ),
        ('{ type = "http", url = "localhost" }', "checks[0].url: found a text; expected a URL that begins"),
        (
            '{ type = "github", repository = "a/b", token = "s3cret" }',
            "checks[0].token: found a text; expected a reference to a secret, env:NAME or file:PATH",
        ),
    ],
)
def test_mistakes_are_told_where_they_are(tmp_path: Path, table: str, told: str) -> None:
    first = problems(tmp_path, f"checks = [{table}]\n")[0]
    assert "s3cret" not in first
    assert first.startswith(f"12: pipelines.web.stages[0].{told}")
