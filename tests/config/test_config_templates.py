"""Stages beside the line in a configuration: a template, what it makes, and what does not go with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pushbot.cli.check import summary
from pushbot.cli.explain import of_lane
from pushbot.config import Config, ConfigErrors, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Read = Callable[[str], Config]

HEAD = """\
[chats.irc]
host = "localhost"
[lanes.web]
rooms = ["irc/#push"]
pipeline = "site"
[pipelines.site.defaults]
grace = "9s"
steps = [{ name = "publish", run = ["true"] }]
"""
LINE = """
[[pipelines.site.stages]]
name = "staging-qa"
"""
TEMPLATE = """
[[pipelines.site.stages]]
name = "staging-*"
links = { site = "http://{name}.example/{stage}" }
access = { deploy = ["anyone"] }
"""


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def config(text: str) -> Config:
        file = tmp_path / "pushbot.toml"
        file.write_text(text, encoding="utf-8")
        return load(file)

    return config


def test_a_template_is_no_stage_and_makes_them(read: Read) -> None:
    (lane,) = read(HEAD + LINE + TEMPLATE).lanes
    assert [stage.name for stage in lane.stages] == ["staging-qa"]
    ann = lane.stage("staging-ann")
    assert ann is not None
    assert (ann.name, ann.called, ann.lock, ann.grace) == ("staging-ann", "ann", "site/staging-ann", 9.0)
    assert ann.links == (("site", "http://ann.example/staging-ann"),)
    assert lane.stage("staging-*") is None
    assert lane.stage("staging-../x") is None
    own = lane.stage("staging-qa")
    assert own is not None
    assert (own.called, lane.beside("staging-qa")) == ("", None)


def test_a_lock_of_its_own_becomes_one_for_each(read: Read) -> None:
    (lane,) = read(HEAD + TEMPLATE + 'lock = "box"\n').lanes
    ann = lane.stage("staging-ann")
    assert (ann.lock if ann else "", lane.stages) == ("box-ann", ())


def test_it_is_shown(read: Read) -> None:
    config = read(HEAD + LINE + TEMPLATE)
    assert "  stage staging-* (local): publish" in summary(config)
    lines = list(of_lane(config.lanes[0]))
    assert "  Beside the line: .deploy REF to staging-NAME, for anybody who names one." in lines


def test_a_second_word_of_the_defaults_is_for_the_line_alone(read: Read) -> None:
    (lane,) = read(HEAD.replace("grace", 'second = "operator"\ngrace') + LINE + TEMPLATE).lanes
    ann = lane.stage("staging-ann")
    assert (lane.stages[0].second, ann.second if ann else "") == ("operator", None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (TEMPLATE + 'each = { region = ["lon"] }\n', "each: does not go with 'staging-*', which makes stages anyway"),
        (
            TEMPLATE + 'second = "operator"\n',
            "second: does not go with 'staging-*': what it makes is deployed to by one",
        ),
        (
            TEMPLATE + TEMPLATE.replace("staging-*", "staging-a-*"),
            "what 'staging-a-*' makes, 'staging-*' would make too",
        ),
        (TEMPLATE + TEMPLATE, "there is already a stage 'staging-*'"),
        *(
            (TEMPLATE.replace("staging-*", name), f"name: found '{name}'; expected a template's name")
            for name in ("*", "-*", "staging*", "Staging-*", "st.aging-*", "stag*ing-*", "../-*", "a" * 32 + "-*")
        ),
        (LINE.replace("staging-qa", "stag*ing"), "name: found 'stag*ing'; expected a name"),
    ],
)
def test_what_is_no_template(read: Read, text: str, problem: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        read(HEAD + text)
    (told,) = caught.value.problems
    assert problem in str(told)
