"""How Slack comes in: only for who asks for it, and with a plain word where its packages are missing."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from pushbot.chat.slack import SlackChat, SlackOptions
from pushbot.chat.slack.options import token_at
from pushbot.errors import PushbotError
from pushbot.plugins import Group, load_plugin
from pushbot.ports import Displays, Measuring, Remembering, recalls
from pushbot.queue.model import Person
from pushbot.queue.refusals import Code, Refusal
from pushbot.service.voice.refusals import refused

if TYPE_CHECKING:
    from pathlib import Path


def python(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def test_it_is_a_chat_that_shows_and_remembers() -> None:
    assert load_plugin(Group.CHATS, "slack") is SlackChat
    chat = SlackChat("slack", SlackOptions(), ("#push", "C024BE91L", "push"))
    assert isinstance(chat, Displays)
    assert isinstance(chat, Remembering)
    assert recalls(chat)
    assert chat.fold("@Ada  Lovelace") == "ada lovelace"
    assert chat.topic_limit("#push") < 250
    assert isinstance(chat, Measuring)
    for widest in ("x" * 249, "名" * 249, "&" * 49, "😀" * 124):
        assert chat.topic_fits("#push", widest)
        assert not chat.topic_fits("#push", widest + 2 * widest[0])


def test_nobody_else_pays_for_it() -> None:
    script = "import sys, pushbot.__main__, pushbot.app.bot; print([m for m in sys.modules if 'slack' in m])"
    assert python(script) == "[]"


def test_a_missing_package_is_said_plainly() -> None:
    script = """
import sys
sys.modules["slack_bolt"] = None
from pushbot.errors import PushbotError
from pushbot.plugins import Group, load_plugin
try:
    load_plugin(Group.CHATS, "slack")
except PushbotError as error:
    print(error)
"""
    said = python(script)
    assert "plugin 'pushbot.chat.slack:SlackChat': Slack needs the package slack-bolt" in said
    # by this Python, and never by name from PyPI: the pushbot there is somebody else's
    assert said.endswith(f"In the folder of pushbot's source: {sys.executable} -m pip install '.[slack]'")


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": "xoxb-1-2-3"},
        {"app_token": "xapp-1"},
        {"command": "push"},
        {"api_url": "ftp://slack.com/"},
        {"api_url": "http://slack.example/api/"},
        {"api_url": "http://127.0.0.1.example/api/"},
        {"api_url": "https://slack.com@evil.example/api/"},
        {"reconnect_min": 5.0, "reconnect_max": 1.0},
        {"ping_interval": 0},
        {"tokne": "env:X"},
    ],
)
def test_options_that_cannot_be_are_mistakes(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SlackOptions.model_validate(wrong)


def test_a_guest_is_told_what_would_help() -> None:
    guest = Person("slack", "user:U1", "Eve")
    said = refused(guest, Refusal(Code.NOT_IDENTIFIED, subject=guest.key))
    assert said.startswith("Eve: here only full members of the workspace are taken at their word")
    assert "guests = true" in said
    assert "NickServ" not in said


def test_an_address_may_lack_its_last_slash() -> None:
    assert SlackOptions(api_url="http://127.0.0.1:8080/api").api_url == "http://127.0.0.1:8080/api/"


@pytest.mark.parametrize("text", ["xoxb-1\n\n", "xoxb-1 x", "xoxb-1\r\nHost: evil", "xoxb-\u00e4", " "])
def test_what_cannot_be_a_token_is_told_without_telling_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_bytes(text.encode())
    with pytest.raises(PushbotError, match="no token of Slack's") as told:
        token_at(f"file:{tmp_path / 'token'}")
    assert "xoxb" not in str(told.value)
