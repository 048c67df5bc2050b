"""Builds that go by themselves, as they are configured: `[lanes.NAME.auto]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pushbot.config import load
from pushbot.config.problems import ConfigErrors
from pushbot.service.spec import AutoSpec

if TYPE_CHECKING:
    from pathlib import Path

REPOSITORY = 'repository = { type = "git", url = "../app" }'
CONFIG = """\
[chats.irc]
host = "localhost"
[lanes.web]
rooms = ["irc/#push"]
pipeline = "web"
[lanes.web.auto]
stage = "{stage}"
poll = "1m"
[pipelines.web]
{repository}
[[pipelines.web.stages]]
name = "staging"
steps = [{{ name = "publish", run = ["true"] }}]
"""


def test_what_goes_is_the_branch_that_a_go_means_too(tmp_path: Path) -> None:
    file = tmp_path / "pushbot.toml"
    file.write_text(CONFIG.format(stage="staging", repository=REPOSITORY), encoding="utf-8")
    (lane,) = load(file).lanes
    assert (lane.auto, lane.branch) == (AutoSpec("staging", poll=60), "main")


@pytest.mark.parametrize(
    ("stage", "repository", "problem"),
    [
        (
            "staging",
            "",
            "6: lanes.web.auto: pipeline 'web' has no `repository`; expected one, for revisions to come from",
        ),
        ("stagign", REPOSITORY, "7: lanes.web.auto.stage: there is no stage 'stagign'; did you mean 'staging'?"),
    ],
)
def test_it_has_somewhere_to_come_from_and_to_go(tmp_path: Path, stage: str, repository: str, problem: str) -> None:
    file = tmp_path / "pushbot.toml"
    file.write_text(CONFIG.format(stage=stage, repository=repository), encoding="utf-8")
    with pytest.raises(ConfigErrors) as caught:
        load(file)
    assert [str(each) for each in caught.value.problems] == [f"{file}:{problem}"]
