"""The topic of a channel on Slack: each write is a line that everybody sees, so there are few, and none is old."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from pushbot.chat.slack import SlackChat, SlackOptions
from pushbot.chat.slack.blocks.text import escaped, size
from pushbot.chat.slack.outbound.topic import LIMIT
from pushbot.queue.model import Person, Queue, Rider, Train
from pushbot.queue.topic import render
from pushbot.service.spec import LaneSpec, Room
from pushbot.service.topics import Topics
from tests.chat.slack_desk import PUSH, desk, quiet
from tests.rig.slack import Limited, SlackServer, Slow, Stuck

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.rig.slack import Fault
    from tests.rig.slack.calls import Call

METHOD = "conversations.setTopic"
INTERVAL = 0.6
"""Seconds between two topics here."""


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.add_channel(PUSH, id="C0PUSH")
        yield server


def written(slack: SlackServer) -> list[Call]:
    """The calls that made a topic."""
    return [call for call in slack.called(METHOD) if call.ok]


@pytest.mark.parametrize("fault", [Limited(1), Slow(0.5)])
async def test_topics_keep_their_distance_whatever_befalls_one(slack: SlackServer, fault: Fault) -> None:
    async with desk(slack, interval=INTERVAL) as bot:
        bot.writer.topic_is(PUSH, "clear")
        slack.fault(METHOD, fault)
        bot.writer.draw(PUSH, "alice")
        await slack.until(lambda: slack.called(METHOD))
        bot.writer.draw(PUSH, "alice + bob")
        await slack.until(lambda: slack.topic(PUSH) == "alice + bob")
        bot.writer.draw(PUSH, "alice + bob + cid")
        await slack.until(lambda: slack.topic(PUSH) == "alice + bob + cid")
    ends = fault.seconds if isinstance(fault, Slow) else 0
    gaps = [after.at - before.at for before, after in pairwise(written(slack))]
    assert gaps[0] >= INTERVAL + ends
    assert min(gaps) >= INTERVAL


async def test_what_is_old_when_slack_lets_it_pass_is_not_written(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.topic_is(PUSH, "clear")
        slack.fault(METHOD, Limited(1))
        bot.writer.draw(PUSH, "alice")
        await slack.until(lambda: slack.called(METHOD))
        bot.writer.draw(PUSH, "alice + bob")
        await slack.until(lambda: slack.topic(PUSH) == "alice + bob")
    assert [call.arguments["topic"] for call in written(slack)] == ["alice + bob"]


async def test_emoji_that_slack_shows_by_their_names_are_not_written_again(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.topic_is(PUSH, '":tada: Fay" | ":x: Ünïcode"')
        bot.writer.draw(PUSH, '"🎉 Fay" | "❌ Ünïcode"')
        await quiet(slack)
        assert not slack.called(METHOD)
        bot.writer.draw(PUSH, '"🎉 Fay" | "❌ Unïcode"')
        await slack.until(lambda: slack.topic(PUSH) == '":tada: Fay" | ":x: Unïcode"')


async def test_another_emoji_is_another_topic(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.topic_is(PUSH, '":tada: Fay"')
        bot.writer.draw(PUSH, '"🎉 Fay"')
        await quiet(slack)
        bot.writer.draw(PUSH, '"❌ Fay"')
        await slack.until(lambda: slack.topic(PUSH) == '":x: Fay"')
        await slack.until(lambda: bot.writer.topic_meant(PUSH, ":x:") == "❌")
        bot.writer.topic_is(PUSH, '":tada: Fay"')
        assert bot.writer.topic_meant(PUSH, ":tada:") == "🎉"
        bot.writer.draw(PUSH, '"❌ Fay"')
        await slack.until(lambda: len(written(slack)) == 2)


async def test_emoji_are_known_before_slack_has_answered(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.topic_is(PUSH, "clear")
        slack.fault(METHOD, Stuck(done=True))
        bot.writer.draw(PUSH, '"🎉 Fay"')
        await slack.until(lambda: slack.topic(PUSH) == '":tada: Fay"')
        bot.writer.topic_is(PUSH, '":tada: Fay"', own=True)
        assert bot.writer.topic_meant(PUSH, 'bob | ":tada: Fay"') == 'bob | "🎉 Fay"'


async def test_a_restart_writes_no_sooner(slack: SlackServer) -> None:
    for topic in ("alice", "alice + bob"):
        async with desk(slack, interval=INTERVAL) as bot:
            bot.writer.draw(PUSH, topic)
            await slack.until(lambda topic=topic: slack.topic(PUSH) == topic)  # type: ignore[misc]
    first, second = written(slack)
    assert second.at - first.at >= INTERVAL


@pytest.mark.parametrize("letter", ["n", "ж", "名", "😀", "&"])
def test_a_topic_has_as_much_as_there_is_room_for_in_every_script(letter: str) -> None:
    """Slack counts characters: names in other scripts are no longer than Latin ones, and markup is, as it is sent."""
    chat, room = SlackChat("slack", SlackOptions(), (PUSH,)), Room("slack", PUSH)
    lane = LaneSpec("web", (room,))
    topics, trains = Topics({"slack": chat}, (lane,)), list[Train]()
    for number in range(60):
        rider = Rider(Person("slack", f"user:U{number}", f"{letter * 6}{number:02}"))
        trains.append(Train((rider,), number=number + 1))
        topics.show(lane, Queue(tuple(trains)))
        whole = render(Queue(tuple(trains)))
        if size(escaped(whole)) < LIMIT:
            assert topics.drawn(room) == whole
    one_more = size(escaped(f' | "{letter * 6}00"')) + len(" | +40 trains (40)")
    assert LIMIT - one_more < size(escaped(topics.drawn(room))) <= LIMIT
