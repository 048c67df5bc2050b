"""What comes while the bot waits for an answer of Slack's, and makes that answer old: none of it is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chat.slack_desk import PUSH, desk
from tests.rig.slack import BOT_TOKEN, SlackServer, Slow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOPIC, INFO = "conversations.setTopic", "conversations.info"
LATE = Slow(0.5)
"""Done at once, and answered when more has come."""


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.add_user("alice", id="U0ALICE")
        server.add_channel(PUSH, id="C0PUSH")
        yield server


# --- topics ---


async def test_a_refusal_from_before_the_room_was_entered_shuts_no_topic(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.topic_is(PUSH, "")
        scopes = slack.app.grants[BOT_TOKEN].scopes
        slack.app.grants[BOT_TOKEN].scopes = scopes - {"channels:write.topic", "channels:manage"}
        slack.fault(TOPIC, LATE)
        bot.writer.draw(PUSH, "alice")
        await slack.until(lambda: slack.called(TOPIC))
        slack.app.grants[BOT_TOKEN].scopes = scopes
        bot.writer.found(PUSH)
        await slack.until(lambda: slack.topic(PUSH) == "alice")
    assert bot.refused == []


@pytest.mark.parametrize("asked", [TOPIC, INFO])
async def test_a_topic_that_is_written_by_hand_meanwhile_is_put_right(slack: SlackServer, asked: str) -> None:
    there = slack.space.channel(PUSH)
    async with desk(slack) as bot:
        if asked == TOPIC:
            bot.writer.topic_is(PUSH, "")
        else:
            there.topic = "alice"
        slack.fault(asked, LATE)
        bot.writer.draw(PUSH, "alice")
        await slack.until(lambda: slack.called(asked) and slack.topic(PUSH) == "alice")
        there.topic = "by hand"
        bot.writer.topic_is(PUSH, "by hand")
        bot.writer.draw(PUSH, "alice")
        await slack.until(lambda: slack.topic(PUSH) == "alice")
