"""Rooms and topics on Slack, letters over a crash, and troubles at the start: on the whole chat."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from pushbot.chat.slack import SlackChat, SlackOptions
from pushbot.clock import SystemClock
from pushbot.errors import PushbotError
from pushbot.ports import RoomEntered, TopicEdited, TopicRefused
from pushbot.service.voice.refusals import topic_refused
from tests.rig.slack import APP_TOKEN, BOT_TOKEN, BOT_USER, Http, SlackServer, Slow
from tests.rig.slack_listener import ADA, Listener

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.slack.calls import Args
    from tests.rig.slack.state import Object


# --- topics and rooms ---


async def test_a_topic_edited_by_hand_is_told_with_what_it_replaced(slack: SlackServer, bot: Listener) -> None:
    slack.people.write_topic("ada", "#push", "<princess> ada & bob")
    slack.people.write_topic("bob", "#push", "clear")
    await slack.until(lambda: len(bot.of(TopicEdited)) == 2)
    first, second = bot.of(TopicEdited)
    assert isinstance(first, TopicEdited)
    assert isinstance(second, TopicEdited)
    assert (first.text, first.before, first.person) == ("<princess> ada & bob", "", ADA)
    assert (second.text, second.before, second.person.name) == ("clear", "<princess> ada & bob", "Bob")
    assert first.id
    assert first.id != second.id


async def test_own_topics_are_not_told_but_known(slack: SlackServer, bot: Listener) -> None:
    bot.chat.draw("#push", "<princess> ada | bob")
    await slack.until(lambda: slack.topic("#push") == "<princess> ada | bob")
    slack.people.write_topic("bob", "#push", "clear")
    await slack.until(lambda: bot.of(TopicEdited))
    (edited,) = bot.of(TopicEdited)
    assert isinstance(edited, TopicEdited)
    assert (edited.before, edited.text) == ("<princess> ada | bob", "clear")


async def test_a_topic_set_while_away_is_told_with_its_setter(slack: SlackServer, tmp_path: Path) -> None:
    there = slack.space.channel("#push")
    there.topic, there.topic_by = "ada | bob &amp;amp; co", "U0ADA"
    async with Listener(slack, tmp_path).running() as bot:
        assert bot.of(RoomEntered) == [RoomEntered("slack", "#push", "ada | bob &amp; co", "Ada")]


async def test_emoji_in_an_edited_topic_are_what_the_bot_wrote(slack: SlackServer, bot: Listener) -> None:
    """Slack shows them by their names, and people leave them so, or move them about."""
    bot.chat.draw("#push", 'ada | "🎉🚀 Fay" | "🔒 Ünïcode"')
    await slack.until(lambda: slack.topic("#push") == 'ada | ":tada::rocket: Fay" | ":lock: Ünïcode"')
    slack.people.write_topic("bob", "#push", '":lock: Ünïcode" + bob | ":tada::rocket: Fay"')
    await slack.until(lambda: bot.of(TopicEdited))
    (edited,) = bot.of(TopicEdited)
    assert isinstance(edited, TopicEdited)
    assert edited.before == 'ada | "🎉🚀 Fay" | "🔒 Ünïcode"'
    assert edited.text == '"🔒 Ünïcode" + bob | "🎉🚀 Fay"'


async def test_people_mentioned_in_a_topic_are_the_same_on_a_new_link(slack: SlackServer, bot: Listener) -> None:
    slack.posts.topic(slack.space.channel("#push"), "U0ADA", "ada | <@U0BOB>")
    await slack.until(lambda: bot.of(TopicEdited))
    slack.links.reset()
    await bot.entered(2)
    assert bot.of(RoomEntered)[1:] == [RoomEntered("slack", "#push", "ada | Bob", None)]


async def test_rooms_are_found_by_id_and_keep_their_channel(slack: SlackServer, tmp_path: Path) -> None:
    rooms = ("#push", "C0WARRM1")
    bot = Listener(slack, tmp_path, rooms=rooms)
    async with bot.running():
        slack.people.rename_channel("#push", "release")
        slack.people.say("ada", "#release", ".join")
        slack.people.say("ada", "#warroom", ".good")
        assert [(one.room, one.text) for one in await bot.hears(2)] == [("#push", ".join"), ("C0WARRM1", ".good")]
    async with bot.running():
        slack.people.say("ada", "#release", ".go")
        assert [(one.room, one.text) for one in await bot.hears()] == [("#push", ".go")]


async def test_one_channel_under_two_names_is_one_room(slack: SlackServer, tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with Listener(slack, tmp_path, rooms=("#push", "C0PUSH01")).running(stuck=True) as bot:
            bot.free.set()
            await slack.until(lambda: any("same channel as #push" in str(one.get("why")) for one in logs))
            await bot.entered(1)


async def test_a_private_room_is_entered_when_the_bot_is_invited(slack: SlackServer, tmp_path: Path) -> None:
    slack.add_channel("#secret", private=True, bot=False)
    with capture_logs() as logs:
        async with Listener(slack, tmp_path, rooms=("#push", "#secret")).running(stuck=True) as bot:
            bot.free.set()
            await slack.until(lambda: any(one["event"] == "slack_room_shut" for one in logs))
            slack.people.invite("#secret")
            await bot.entered(2)
            slack.people.say("ada", "#secret", ".join")
            assert (await bot.hears())[0].room == "#secret"
    (shut,) = [one for one in logs if one["event"] == "slack_room_shut"]
    assert "/invite @pushbot" in str(shut["why"])


async def test_an_invitation_while_the_bot_looks_for_the_room_is_not_missed(slack: SlackServer, tmp_path: Path) -> None:
    slack.add_channel("#secret", private=True, bot=False)
    slack.fault("conversations.info", Slow(0.1))
    async with Listener(slack, tmp_path, rooms=("#push", "#secret")).running(stuck=True) as bot:
        bot.free.set()
        await slack.until(lambda: len(slack.called("conversations.list")) == 2)  # it has not found the room anywhere
        slack.people.invite("#secret")
        await bot.entered(2)


async def test_a_public_room_is_joined_where_the_app_may(slack: SlackServer, tmp_path: Path) -> None:
    slack.add_channel("#open", bot=False)
    async with Listener(slack, tmp_path, rooms=("#open",)).running():
        assert BOT_USER in slack.space.channel("#open").members


async def test_a_room_that_the_bot_was_removed_from_is_entered_again(slack: SlackServer, bot: Listener) -> None:
    slack.app.grants[BOT_TOKEN].scopes.discard("channels:join")
    slack.people.kick("#push")
    with capture_logs() as logs:
        await slack.until(lambda: any(one["event"] == "slack_room_shut" for one in logs))
    slack.people.invite("#push")
    await bot.entered(2)


async def test_an_archived_room_is_entered_when_it_is_back(slack: SlackServer, bot: Listener) -> None:
    with capture_logs() as logs:
        slack.people.archive("#push")
        await slack.until(lambda: any("archived" in str(one.get("why")) for one in logs))
    slack.people.archive("#push", archived=False)
    await bot.entered(2)


async def test_after_a_new_link_the_rooms_are_looked_at_again(slack: SlackServer, bot: Listener) -> None:
    slack.links.reset()
    await bot.entered(2)


async def test_a_topic_that_may_not_be_set_is_told_with_what_helps(slack: SlackServer, bot: Listener) -> None:
    slack.app.grants[BOT_TOKEN].scopes -= {"channels:write.topic", "channels:manage"}
    bot.chat.draw("#push", "ada")
    await slack.until(lambda: bot.of(TopicRefused))
    (refused,) = bot.of(TopicRefused)
    assert isinstance(refused, TopicRefused)
    assert "channels:write.topic" in topic_refused(refused.room, refused.cure)
    assert "/mode" not in topic_refused(refused.room, refused.cure)


# --- letters ---


async def test_events_that_come_twice_are_told_once(slack: SlackServer, bot: Listener) -> None:
    slack.links.twice = True
    for number in range(20):
        slack.people.say("ada", "#push", f".message {number}")
    slack.people.write_topic("ada", "#push", "clear")
    await slack.until(lambda: bot.of(TopicEdited))
    await slack.settled()
    assert [one.text for one in bot.heard] == [f".message {number}" for number in range(20)]
    assert len(bot.of(TopicEdited)) == 1


async def test_what_was_acknowledged_is_told_after_a_crash_and_said_to_be_again(
    slack: SlackServer, tmp_path: Path
) -> None:
    bot = Listener(slack, tmp_path)
    async with bot.running(stuck=True):
        slack.people.say("ada", "#push", ".join")
        slack.people.say("bob", "#push", ".join")
        await slack.until(lambda: len(slack.acked) == 2)
        assert bot.told == []
    async with bot.running():
        slack.people.say("bob", "#push", ".good")
        heard = await bot.hears(3)
        assert [(one.person.name, one.text, one.again) for one in heard] == [
            ("Ada", ".join", True),
            ("Bob", ".join", True),
            ("Bob", ".good", False),
        ]
    async with bot.running():
        assert bot.heard == []


@pytest.mark.parametrize(("ago", "late"), [(timedelta(minutes=9), False), (timedelta(minutes=11), True)])
async def test_what_waited_for_long_is_told_to_be_late(
    slack: SlackServer, tmp_path: Path, ago: timedelta, *, late: bool
) -> None:
    bot = Listener(slack, tmp_path)
    async with bot.running(stuck=True):
        slack.people.say("ada", "#push", ".go")
        await slack.until(lambda: slack.acked)
    bot.store.memory("slack").at = SystemClock().now() - ago
    async with bot.running():
        slack.people.say("bob", "#push", ".good")
        assert [(one.text, one.late) for one in await bot.hears(2)] == [(".go", late), (".good", False)]


async def test_a_hundred_commands_at_once_are_heard_in_order(slack: SlackServer, bot: Listener) -> None:
    for number in range(100):
        slack.people.say("ada", "#push", f".message {number}")
    heard = await bot.hears(100)
    assert [one.text for one in heard] == [f".message {number}" for number in range(100)]
    assert len({one.id for one in heard}) == 100


# --- troubles ---


@pytest.mark.parametrize(("token", "error"), [(BOT_TOKEN, "invalid_auth"), (APP_TOKEN, "account_inactive")])
async def test_a_token_that_is_not_taken_ends_it_at_the_start(
    slack: SlackServer, tmp_path: Path, token: str, error: str
) -> None:
    slack.app.grants[token].revoked = error
    bot = Listener(slack, tmp_path)
    await bot.store.open()
    with pytest.raises(PushbotError, match=error) as caught:
        await bot.made().run(bot.tell)
    assert token not in str(caught.value)


async def test_tokens_that_changed_places_end_it_at_the_start(slack: SlackServer, tmp_path: Path) -> None:
    bot = Listener(slack, tmp_path, options={"token": f"file:{tmp_path / 'app'}"})
    await bot.store.open()
    with pytest.raises(PushbotError, match="not_allowed_token_type") as caught:
        await bot.made().run(bot.tell)
    assert "xoxb-" in str(caught.value)


async def test_a_missing_secret_ends_it_at_the_start(slack: SlackServer, tmp_path: Path) -> None:
    bot = Listener(slack, tmp_path, options={"token": "env:PUSHBOT_NO_SUCH_TOKEN"})
    await bot.store.open()
    chat = SlackChat("slack", SlackOptions(token="env:PUSHBOT_NO_SUCH_TOKEN"), ())
    chat.memory = bot.store.memory("slack")
    with pytest.raises(PushbotError, match="PUSHBOT_NO_SUCH_TOKEN"):
        await chat.run(bot.tell)


async def test_it_waits_for_a_slack_that_is_not_there_yet(slack: SlackServer, tmp_path: Path) -> None:
    slack.fault("auth.test", Http(503), 6)
    async with Listener(slack, tmp_path).running():
        pass


def test_what_cannot_be_a_room_is_said() -> None:
    for room in ("#two words", "", "#a,b", "<#C1>"):
        with pytest.raises(PushbotError, match="cannot be a room"):
            SlackChat("slack", SlackOptions(), (room,))


# --- what is not all of Slack ---


async def test_a_stand_in_with_few_methods_and_ids_of_its_own_will_do(slack: SlackServer, tmp_path: Path) -> None:
    for method in ("users.conversations", "conversations.info", "conversations.open", "conversations.join"):
        del slack.api.methods[method]
    slack.add_user("eve", id="U_EVE")
    slack.add_channel("#war", id="C_WAR")
    async with Listener(slack, tmp_path, rooms=("#push", "C_WAR")).running() as bot:
        slack.say("eve", "C_WAR", f".kick <@{ADA.address}>", raw=True)
        slack.direct("eve", "status")
        first, second = await bot.hears(2)
        assert (first.room, first.person.address, first.text) == ("C_WAR", "U_EVE", ".kick Ada")
        assert (second.room, second.text) == (None, "status")
        await bot.chat.say("U_EVE", "hello")
        assert slack.said(slack.im("eve")) == ["hello"]
        assert slack.called("chat.postMessage")[-1].arguments["channel"] == slack.im("eve")
        bot.chat.draw("C_WAR", "eve")
        await slack.until(lambda: slack.topic("#war") == "eve")


async def test_where_nobody_is_said_to_be_a_member_the_bot_just_tries(slack: SlackServer, tmp_path: Path) -> None:
    info = slack.api.methods["conversations.info"]

    def without(args: Args) -> Object:
        answer = info(args)
        channel = answer["channel"]
        assert isinstance(channel, dict)
        return {**answer, "channel": {"id": channel["id"], "name": channel["name"]}}

    slack.api.methods["conversations.info"] = without
    async with Listener(slack, tmp_path).running() as bot:
        await bot.chat.say("#push", "hello")
        assert slack.said("#push") == ["hello"]


async def test_a_stand_in_without_lists_is_told_the_id_by_the_configuration(slack: SlackServer, tmp_path: Path) -> None:
    for method in ("users.conversations", "conversations.list", "conversations.info"):
        del slack.api.methods[method]
    slack.add_channel("#war", id="C_WAR")
    async with Listener(slack, tmp_path, rooms=("C_WAR",)).running() as bot:
        await bot.chat.say("C_WAR", "hello")
        assert slack.said("#war") == ["hello"]


@pytest.mark.parametrize("guests", [False, True])
async def test_where_nobody_is_told_of_the_configuration_says_whether_to_trust_them(
    slack: SlackServer, tmp_path: Path, *, guests: bool
) -> None:
    for method in ("users.info", "users.list"):
        del slack.api.methods[method]
    async with Listener(slack, tmp_path, options={"guests": guests}).running() as bot:
        slack.people.say("ada", "#push", ".join")
        [heard] = await bot.hears()
        assert (heard.person.name, bool(heard.person.proof)) == ("U0ADA", guests)
