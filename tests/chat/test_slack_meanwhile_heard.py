"""What comes while the bot finds something out about rooms and people: the later news counts, whichever came first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from pushbot.chat.slack import api
from pushbot.chat.slack.inbound import entering, user_lookup
from pushbot.ports import Renamed, RoomEntered, TopicEdited
from tests.rig.slack import BOT_TOKEN, BOT_USER, Http, Refused, SlackServer, Slow
from tests.rig.slack_listener import Listener

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.slack.calls import Call

LATE = Slow(2.0)
"""Done at once, and answered when more has come."""


async def looked_at_anew(slack: SlackServer) -> None:
    """Have Slack say anew how it stands with the room; it is done when that is said, not when it has come."""
    before = len(looks(slack))
    slack.links.reset()
    await slack.until(lambda: len(looks(slack)) > before and slack.links.open)


def looks(slack: SlackServer) -> list[Call]:
    return [call for call in slack.called("conversations.info") if call.answer is not None]


# --- rooms ---


async def test_a_topic_that_is_written_while_the_room_is_looked_at_is_not_told_to_be_the_former(
    slack: SlackServer, bot: Listener
) -> None:
    slack.people.write_topic("ada", "#push", "first")
    await slack.until(lambda: bot.of(TopicEdited))
    slack.fault("conversations.info", LATE)
    await looked_at_anew(slack)
    slack.people.write_topic("bob", "#push", "second")
    await bot.entered(2)
    assert [one.text for one in bot.of(TopicEdited) if isinstance(one, TopicEdited)] == ["first", "second"]
    assert bot.of(RoomEntered)[1:] == [RoomEntered("slack", "#push", "second")]


async def test_a_room_that_the_bot_was_removed_from_since_it_looked_is_not_entered(
    slack: SlackServer, tmp_path: Path
) -> None:
    slack.app.grants[BOT_TOKEN].scopes.discard("channels:join")
    bot = Listener(slack, tmp_path)
    async with bot.running():
        bot.free.clear()
        slack.people.say("ada", "#push", "this takes the bot a while")
        await slack.settled()
        await looked_at_anew(slack)
        slack.space.channel("#push").members.remove(BOT_USER)  # and nobody tells
        with capture_logs() as logs:
            slack.links.reset()
            await slack.until(lambda: any(one["event"] == "slack_room_shut" for one in logs))
        bot.free.set()
        await slack.people.slash("ada", "#push", "/push", "status")
        assert (await bot.hears(2))[1].spot.startswith("slash:")
        assert len(bot.of(RoomEntered)) == 1


# --- people ---


async def test_a_rename_while_the_list_of_people_is_read_stays(slack: SlackServer, tmp_path: Path) -> None:
    slack.fault("users.list", LATE)
    async with Listener(slack, tmp_path).running() as bot:
        await slack.until(lambda: [call for call in slack.called("users.list") if call.answer is not None])
        slack.people.rename("ada", "Countess")
        await slack.until(lambda: bot.chat.person("Bob").address)  # the list has come
        slack.people.say("ada", "#push", ".join")
        assert [one.person.name for one in await bot.hears()] == ["Countess"]


async def test_a_rename_is_told_however_long_the_bot_takes(
    slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = Listener(slack, tmp_path)
    async with bot.running():
        slack.people.say("ada", "#push", ".join")
        await bot.hears()
    slack.space.user("ada").display = "Countess"  # and nobody tells
    slack.fault("users.list", Refused("missing_scope"))
    monkeypatch.setattr(user_lookup, "PATIENCE", 2.0)
    async with bot.running():
        bot.free.clear()
        slack.people.say("ada", "#push", ".join")
        await slack.until(lambda: slack.called("users.info"))
        await asyncio.sleep(2.5)
        bot.free.set()
        await bot.hears()
        assert [one.new.name for one in bot.of(Renamed) if isinstance(one, Renamed)] == ["Countess"]


async def test_a_rename_is_told_after_a_crash_on_the_way(slack: SlackServer, tmp_path: Path) -> None:
    bot = Listener(slack, tmp_path)
    async with bot.running():
        slack.people.say("ada", "#push", ".join")
        await bot.hears()
        bot.free.clear()
        slack.people.rename("ada", "Countess")
        await slack.settled()
        await asyncio.sleep(0.2)
        assert bot.of(Renamed) == []
    async with bot.running():
        await slack.until(lambda: bot.of(Renamed))


async def test_the_list_of_people_is_read_when_slack_is_well_again(
    slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "FIRST_WAIT", 0.01)
    slack.fault("users.list", Http(500), api.TRIES)
    async with Listener(slack, tmp_path).running() as bot:
        await slack.until(lambda: bot.chat.person("Bob").address)


# --- news that come late ---


@pytest.mark.parametrize("seen", [True, False])
async def test_a_topic_that_is_told_of_after_a_later_one_is_not_taken_for_the_newest(
    slack: SlackServer, bot: Listener, *, seen: bool
) -> None:
    slack.links.hold()
    slack.people.write_topic("ada", "#push", "late")
    if seen:
        slack.links.reset()
        await bot.entered(2)
    bot.chat.draw("#push", "<princess> bob")
    await slack.until(lambda: slack.topic("#push") == "<princess> bob")
    slack.links.release(backwards=True)
    slack.people.write_topic("bob", "#push", "next")
    await slack.until(lambda: bot.of(TopicEdited))
    (edited,) = bot.of(TopicEdited)
    assert isinstance(edited, TopicEdited)
    assert (edited.text, edited.before) == ("next", "<princess> bob")
    assert bot.of(RoomEntered)[1:] == [RoomEntered("slack", "#push", "late", "Ada")]


class Patient:
    """A back-off that lets nobody try again during a test."""

    def __init__(self, *_: float) -> None: ...

    def next(self) -> float:
        return 60.0

    def reset(self) -> None: ...


async def test_a_new_connection_is_no_time_to_wait(
    slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(entering, "Backoff", Patient)
    bot = Listener(slack, tmp_path)
    slack.fault("conversations.info", Http(500), api.TRIES)
    with capture_logs() as logs:
        async with bot.running(stuck=True):
            bot.free.set()
            await slack.until(lambda: any(one["event"] == "slack_rooms_not_seen" for one in logs))
            slack.links.reset()
            await bot.entered(1)
