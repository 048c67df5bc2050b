"""`pushbot check` of a configuration with Slack, against the Slack on loopback."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import structlog
from click.testing import CliRunner

from pushbot.chat.slack.setup.manifest import manifest
from pushbot.cli import check_chats, main
from pushbot.config import load
from tests.rig.slack import APP_TOKEN, BOT_TOKEN, SlackServer, Stuck

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

TOKENS = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN}
FILE = """\
[chats.slack]
api_url = "{url}"
[chats.irc]
host = "127.0.0.1"
[people.ada]
accounts = ["slack/U024ADA", "irc/ada"]
[roles.operator]
people = ["ada", "slack/U024BOB"]
{more}
[lanes.web]
rooms = ["slack/#push", "irc/#push"]
"""


@dataclass(frozen=True)
class Said:
    code: int
    out: list[str]
    err: list[str]


async def check(file: Path, *words: str, **tokens: str) -> Said:
    """What the command says; without tokens unless some are given."""
    env = dict.fromkeys(TOKENS) | tokens
    told = await asyncio.to_thread(CliRunner().invoke, main, ["check", *words, str(file)], env=env)
    return said(told.exit_code, told.stdout, told.stderr)


async def checked(file: Path, **tokens: str) -> Said:
    """The same, as a process of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SLACK_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "pushbot",
        "check",
        str(file),
        env=clean | tokens,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode is not None
    return said(process.returncode, out.decode(), err.decode())


def said(code: int, out: str, err: str) -> Said:
    assert not any(token in out + err for token in TOKENS.values())
    return Said(code, out.splitlines(), err.splitlines())


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.add_user("ada", id="U024ADA")
        server.add_user("bob", id="U024BOB")
        server.add_channel("#push")
        server.app.install(manifest())
        yield server


@pytest.fixture
def file(slack: SlackServer, tmp_path: Path) -> Path:
    return written(slack, tmp_path)


def written(slack: SlackServer, folder: Path, more: str = "") -> Path:
    file = folder / "pushbot.toml"
    file.write_text(FILE.format(url=slack.url, more=more), "utf-8")
    return file


async def test_all_is_well(file: Path) -> None:
    told = await checked(file, **TOKENS)
    assert (told.code, told.err) == (0, [])
    assert told.out[-6:] == [
        "announcements in the lanes' rooms only",
        "chat slack: signed in to Princess (https://princess.slack.com/) as pushbot",
        "chat slack: the app token gets a link (Socket Mode)",
        "chat slack: the bot is in #push",
        "chat slack: all scopes that are needed are granted",
        "chat slack: 2 people of the configuration found",
    ]


async def test_without_tokens_it_says_that_it_did_not_look(slack: SlackServer, file: Path) -> None:
    told = await check(file)
    assert (told.code, told.err) == (0, [])
    assert told.out[-2:] == [
        f"chat slack: not looked at: The secret env:{name} is missing: set the environment variable {name}."
        for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN")
    ]
    assert not slack.calls


async def test_offline_asks_nobody(slack: SlackServer, file: Path) -> None:
    told = await check(file, "--offline", **TOKENS)
    assert (told.code, told.err) == (0, [])
    assert not any("slack:" in line for line in told.out)
    assert not slack.calls


async def test_mistakes_are_told_with_what_to_do_and_the_exit_code_is_1(slack: SlackServer, tmp_path: Path) -> None:
    slack.space.channel("#push").members.remove("U024PUSHB")
    slack.app.grants[BOT_TOKEN].scopes ^= {"pins:write", "admin"}
    told = await check(written(slack, tmp_path, 'groups = ["slack/@deployers"]'), **TOKENS)
    assert told.code == 1
    invite, pins, groups, wider, deployers = told.err
    assert invite == "mistake: chat slack: the bot is not in #push: type /invite @pushbot there"
    assert pins.startswith(
        "mistake: chat slack: the scope pins:write is missing, needed to pin the board of each lane:"
    )
    assert groups.startswith("mistake: chat slack: the scope usergroups:read is missing, needed to know who is in")
    assert wider == "warning: chat slack: wider than needed here: admin; take them out of the app if you can"
    assert deployers.startswith("mistake: chat slack: user group @deployers: Slack refused usergroups.list")


async def test_a_configuration_with_mistakes_is_not_looked_at(slack: SlackServer, tmp_path: Path) -> None:
    told = await check(written(slack, tmp_path, "oops = 1"), **TOKENS)
    assert (told.code, told.out) == (2, [])
    assert not slack.calls


# --- within this process -----------------------------------------------------------------------


@pytest.fixture
def _tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, token in TOKENS.items():
        monkeypatch.setenv(name, token)


async def looked_well(file: Path) -> bool:
    return await asyncio.to_thread(check_chats.looked_well, load(file))


@pytest.mark.usefixtures("_tokens")
async def test_names_from_slack_cannot_write_to_the_terminal(
    slack: SlackServer, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slack.space.users["U024ADA"].name = "ada\x1b[31m"
    slack.space.users["U024ADA"].deleted = True
    assert not await looked_well(file)
    shown = capsys.readouterr().err
    assert "\x1b" not in shown
    assert "U024ADA (ada\\u001b[31m) is deactivated" in shown


@pytest.mark.usefixtures("_tokens")
async def test_slack_that_is_away_is_a_mistake_of_one_line(
    slack: SlackServer, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await slack.down()
    assert not await looked_well(file)
    assert capsys.readouterr().err.splitlines()[-1].startswith("mistake: chat slack: Slack cannot be reached")


@pytest.mark.usefixtures("_tokens")
async def test_it_takes_no_longer_than_it_may(
    slack: SlackServer, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check_chats, "LONGEST", 0.5)
    slack.fault("users.info", Stuck(done=False))
    assert not await looked_well(file)
    shown = capsys.readouterr()
    assert "the bot is in #push" in shown.out  # what was found before is told
    assert shown.err == "mistake: chat slack: it took more than 0.5 s; what came after that was not looked at\n"
