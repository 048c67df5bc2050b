"""`pushbot init --slack`: files that work, scopes for what was asked, and the steps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from pushbot.chat.slack.setup.manifest import Part, manifest
from pushbot.cli import main
from pushbot.config import load

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

MANIFEST = "slack-manifest.json"


@pytest.fixture(autouse=True)
def _no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def pushbot_(*words: str | Path) -> Result:
    return CliRunner().invoke(main, list(map(str, words)))


def test_it_writes_what_check_accepts(tmp_path: Path) -> None:
    folder = tmp_path / "my bot"
    wrote = pushbot_("init", "--slack", folder)
    assert (wrote.exit_code, wrote.stderr) == (0, "")
    assert {file.name for file in folder.iterdir()} == {"pushbot.toml", ".gitignore", MANIFEST}
    checked = pushbot_("check", folder / "pushbot.toml")
    assert (checked.exit_code, checked.stderr) == (0, "")
    assert "lane web in slack/#push" in checked.stdout
    assert "chat slack: not looked at: The secret env:SLACK_BOT_TOKEN is missing" in checked.stdout
    config = load(folder / "pushbot.toml")
    assert [chat.name for chat in config.chats] == ["slack"]
    assert config.access.operators


def test_it_says_what_is_left_to_do_in_order(tmp_path: Path) -> None:
    said = pushbot_("init", "--slack", tmp_path).stdout
    steps = [
        "https://api.slack.com/apps",
        f"paste {tmp_path / MANIFEST}",
        "Bot User OAuth Token",
        "SLACK_BOT_TOKEN=xoxb-",
        "connections:write",
        "SLACK_APP_TOKEN=xapp-",
        "/invite @pushbot",
        "pushbot check",
        "pushbot run",
    ]
    at = [said.index(step) for step in steps]
    assert at == sorted(at)


def test_the_manifest_asks_for_no_more_than_was_asked_for(tmp_path: Path) -> None:
    pushbot_("init", "--slack", tmp_path / "plain")
    pushbot_("init", "--slack", "--with", "private-rooms", "--with", "user-groups", tmp_path / "more")
    plain, more = (json.loads((tmp_path / name / MANIFEST).read_text("utf-8")) for name in ("plain", "more"))
    assert plain == manifest()
    assert more == manifest({Part.SNIPPETS, Part.PRIVATE, Part.GROUPS})


def test_every_part_that_is_no_matter_of_course_can_be_asked_for(tmp_path: Path) -> None:
    for part in set(Part) - {Part.BASE, Part.SNIPPETS}:
        assert pushbot_("init", "--slack", "--with", part, tmp_path / part).exit_code == 0


def test_more_is_for_slack_alone(tmp_path: Path) -> None:
    said = pushbot_("init", "--with", "private-rooms", tmp_path / "bot")
    assert (said.exit_code, "--with is for --slack" in said.stderr) == (2, True)
    assert not (tmp_path / "bot").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text("mine", encoding="utf-8")
    said = pushbot_("init", "--slack", tmp_path)
    assert (said.exit_code, said.stdout) == (1, "")
    assert f"{tmp_path / MANIFEST} is there already" in said.stderr
    assert [file.name for file in tmp_path.iterdir()] == [MANIFEST]


def test_without_slack_it_is_as_ever(tmp_path: Path) -> None:
    said = pushbot_("init", tmp_path / "bot")
    assert {file.name for file in (tmp_path / "bot").iterdir()} == {"pushbot.toml", ".gitignore"}
    assert "api.slack.com" not in said.stdout
    assert "chats.irc" in (tmp_path / "bot" / "pushbot.toml").read_text("utf-8")
