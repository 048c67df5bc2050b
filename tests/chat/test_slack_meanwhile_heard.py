"""What comes while the bot finds something out about rooms and people: the later news counts, whichever came first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from pushbot.ports import RoomEntered, TopicEdited
from tests.rig.slack import BOT_TOKEN, BOT_USER, SlackServer, Slow
from tests.rig.slack_listener import Listener

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.slack.calls import Call

LATE = Slow(0.5)
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
