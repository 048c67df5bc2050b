"""The scopes of the manifest are enough for all that the bot does in Slack, and without each something is lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pushbot.chat.slack.outbound import history
from pushbot.chat.slack.setup.manifest import SCOPES, Part, manifest
from pushbot.errors import PushbotError
from pushbot.ports import Manner, RoomEntered
from pushbot.testing.memory_store import MemoryStore
from pushbot.views import LaneBoard
from tests.rig.slack import BOT_TOKEN, BOT_USER, Failed, SlackServer
from tests.rig.slack_listener import Listener, workspace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    Facts = dict[str, Callable[[], object]]
    """By scope, whether what needs it has come about."""

PUBLIC = {"channels:write.topic", "chat:write", "pins:write", "files:write", "commands", "channels:join"}
PRIVATE = {"groups:write.topic"}
WITH_IT = {
    "channels:history": {"im:write"},
    "channels:read": {*PUBLIC, "channels:history"},
    "chat:write": {"pins:write", "files:write", "im:write", "channels:write.topic"},
    "groups:read": {*PRIVATE, "groups:history"},
    "im:history": {"im:write"},
}
"""What else is lost with a scope, or late: one cannot pin what one may not write, nor read in a room that is not found,
and a topic waits some seconds for the lines that go before it."""
FOUND_AGAIN = "pins:read"
"""It has a test of its own."""


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with workspace() as server:
        server.add_channel("#secret", private=True)
        server.add_channel("#open", bot=False)
        server.add_group("deployers", ["ada"])
        server.app.install(manifest(Part))
        yield server


def without(slack: SlackServer, scope: str) -> None:
    slack.app.grants[BOT_TOKEN].scopes.remove(scope)


async def use(slack: SlackServer, bot: Listener) -> Facts:
    """Have the bot do what it does; what is to come of it, by the scope that it takes."""
    members = set[str]()
    slack.people.say("ada", "#push", "in public")
    slack.people.say("ada", "#secret", "in secret")
    slack.people.direct("ada", "in private")
    try:
        await slack.people.slash("ada", "#push", "/push", "by command")
    except Failed:
        assert not slack.app.may("commands")
    for room in ("#push", "#secret"):
        bot.chat.draw(room, "alice")
    bot.chat.show_board("#push", LaneBoard("web", message="a board"))
    lines = (
        ("#push", "a line", Manner(output=tuple(f"line {n}" for n in range(9)))),
        ("U0BOB", "once", Manner(id=7)),
        ("U0BOB", "once", Manner(id=7, again=True)),
    )
    for line in lines:
        bot.chat.say(*line).add_done_callback(asyncio.Future.exception)
    try:
        members |= await bot.chat.members("@deployers")
    except PushbotError:
        assert not slack.app.may("usergroups:read")
    bob = slack.im("bob")
    return {
        "channels:history": lambda: any((one.room, one.text) == ("#push", "in public") for one in bot.heard),
        "channels:join": lambda: BOT_USER in slack.space.channel("#open").members,
        "channels:read": lambda: entered(bot, "#push"),
        "channels:write.topic": lambda: slack.topic("#push") == "alice",
        "chat:write": lambda: any("a line" in text for text in slack.said("#push")),
        "commands": lambda: any(one.text == "by command" for one in bot.heard),
        "files:write": lambda: slack.files and slack.files[0].message,
        "groups:history": lambda: any(one.text == "in secret" for one in bot.heard),
        "groups:read": lambda: entered(bot, "#secret"),
        "groups:write.topic": lambda: slack.topic("#secret") == "alice",
        "im:history": lambda: any((one.room, one.text) == (None, "in private") for one in bot.heard),
        "im:write": lambda: len(slack.shown(bob)) == 1,
        "pins:write": lambda: slack.pins("#push"),
        "usergroups:read": lambda: members == {"U0ADA"},
        "users:read": lambda: bot.heard and all(one.person.name == "Ada" for one in bot.heard),
    }


def entered(bot: Listener, room: str) -> bool:
    return any(isinstance(one, RoomEntered) and one.room == room for one in bot.told)


async def come_true(slack: SlackServer, facts: Facts) -> None:
    def missing() -> list[str]:
        return [name for name, fact in facts.items() if not fact()]

    try:
        await slack.until(lambda: not missing())
    except AssertionError:
        raise AssertionError(f"lost: {missing()}") from None


@pytest.fixture
def bot(slack: SlackServer, tmp_path: Path) -> Listener:
    return Listener(slack, tmp_path, rooms=("#push", "#secret", "#open"))


def test_each_scope_is_tried() -> None:
    tried = {"channels:read", FOUND_AGAIN} | PUBLIC | PRIVATE | WITH_IT.keys() | {"im:write", "groups:history"}
    assert tried | {"usergroups:read", "users:read"} == {scope.name for scope in SCOPES}


async def test_with_all_scopes_all_works_and_none_is_refused(slack: SlackServer, bot: Listener) -> None:
    async with bot.running():
        await come_true(slack, await use(slack, bot))
    assert not [call for call in slack.calls if call.error == "missing_scope"]


@pytest.mark.parametrize("scope", [one.name for one in SCOPES if one.name != FOUND_AGAIN])
async def test_without_a_scope_something_is_lost_and_the_rest_works(
    slack: SlackServer, bot: Listener, scope: str
) -> None:
    without(slack, scope)
    async with bot.running(stuck=True):
        bot.free.set()
        facts = await use(slack, bot)
        lost = facts.pop(scope)
        await come_true(slack, {name: fact for name, fact in facts.items() if name not in WITH_IT.get(scope, ())})
        await slack.settled()
        await asyncio.sleep(0.1)
        assert not lost()


@pytest.mark.parametrize("there", [True, False])
async def test_a_board_of_long_ago_is_found_by_its_pin(
    slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, there: bool
) -> None:
    monkeypatch.setattr(history, "PAGE", 1)
    monkeypatch.setattr(history, "PAGES", 1)
    async with Listener(slack, tmp_path).running() as before:
        before.chat.show_board("#push", LaneBoard("web", message="before"))
        await slack.until(lambda: slack.pins("#push"))
    for _ in range(3):
        slack.people.say("ada", "#push", "much was said since")
    if not there:
        without(slack, FOUND_AGAIN)
    async with Listener(slack, tmp_path, MemoryStore()).running() as bot:  # that knows nothing of before
        bot.chat.show_board("#push", LaneBoard("web", message="afterwards"))
        await slack.until(lambda: any("afterwards" in slack.read(one) for one in slack.messages("#push")))
    boards = [one for one in slack.messages("#push") if one.user == BOT_USER and not one.subtype]
    assert len(boards) == (1 if there else 2)
