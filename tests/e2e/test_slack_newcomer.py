"""Whoever sets the bot up for the first time makes mistakes: each is told in one line, and nothing else is."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.rig.slack import APP_TOKEN, BOT_TOKEN, BOT_USER

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.slack import SlackServer

pytestmark = [pytest.mark.e2e, pytest.mark.net]

CONFIG = """
[chats.slack]
api_url = "{url}"
[lanes.web]
rooms = ["slack/#push"]
"""


async def tried(slack: SlackServer, folder: Path, command: str, token: str, app_token: str) -> tuple[int, list[str]]:
    """How `pushbot run` or `check` ended with these tokens, and what it said of what is wrong."""
    file = folder / "pushbot.toml"
    file.write_text(CONFIG.format(url=slack.url), "utf-8")
    given = {"SLACK_BOT_TOKEN": token, "SLACK_APP_TOKEN": app_token}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "pushbot", command, str(file)],
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, [line for line in done.stderr.splitlines() if line]


@pytest.mark.parametrize(
    ("token", "app_token", "told"),
    [
        (APP_TOKEN, BOT_TOKEN, "cannot sign in to Slack (not_allowed_token_type): put the bot token (xoxb-)"),
        (BOT_TOKEN, BOT_TOKEN, "gets no connection to Slack (not_allowed_token_type): put an app-level token (xapp-)"),
        ("xoxb-of another app", APP_TOKEN, "The secret env:SLACK_BOT_TOKEN is no token of Slack's"),
        ("", APP_TOKEN, "The secret env:SLACK_BOT_TOKEN is missing"),
    ],
)
async def test_tokens_that_do_not_fit_are_told_of_in_one_line(
    slack: SlackServer, tmp_path: Path, token: str, app_token: str, told: str
) -> None:
    slack.add_channel("#push", members=[BOT_USER])
    code, said = await tried(slack, tmp_path, "run", token, app_token)
    assert code == 1
    assert len(said) == 1, said
    assert told in said[0]


async def test_without_socket_mode_people_are_told_to_turn_it_on(slack: SlackServer, tmp_path: Path) -> None:
    slack.add_channel("#push", members=[BOT_USER])
    slack.app.socket_mode = False
    code, (said,) = await tried(slack, tmp_path, "run", BOT_TOKEN, APP_TOKEN)
    assert code == 1
    assert "turn on Socket Mode" in said


async def test_what_is_no_token_is_a_mistake_for_check_too(slack: SlackServer, tmp_path: Path) -> None:
    code, said = await tried(slack, tmp_path, "check", "hello world", APP_TOKEN)
    assert code == 1
    mistakes = [line for line in said if not line.startswith("warning: ")]
    assert len(mistakes) == 1, said
    assert mistakes[0].startswith("mistake: chat slack: The secret env:SLACK_BOT_TOKEN is no token of Slack's")
