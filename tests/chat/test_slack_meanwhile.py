"""What comes while the bot waits for an answer of Slack's, and makes that answer old: none of it is lost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pushbot.chat.slack import api
from pushbot.clock import SystemClock
from pushbot.ports import Manner
from pushbot.queue.model import Person
from pushbot.service.speaker import Speaker
from pushbot.testing.memory_store import MemoryStore
from pushbot.views import HomeView
from tests.chat.slack_desk import PUSH, desk
from tests.rig.slack import BOT_TOKEN, Http, Lost, SlackServer, Slow, Stuck

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pushbot.chat.slack.outbound.writer import Writer

POST, TOPIC, INFO = "chat.postMessage", "conversations.setTopic", "conversations.info"
ALICE = Person("slack", "user:U0ALICE", "alice", "Slack user U0ALICE", "U0ALICE")
LOG = tuple(f"line {number}" for number in range(9))
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


# --- lines, and people's own pages ---


@pytest.mark.parametrize("below", [True, False])
async def test_the_end_of_a_log_follows_a_line_whose_answer_got_lost(slack: SlackServer, *, below: bool) -> None:
    thread = slack.people.say("alice", PUSH, ".go") if below else ""
    async with desk(slack) as bot:
        slack.fault(POST, Lost(done=True))
        await bot.said(bot.say("it failed", Manner(output=LOG, spot=thread)))
        await slack.until(lambda: slack.files and slack.files[0].message)
    assert slack.files[0].thread == (thread or slack.messages(PUSH)[0].ts)


async def test_the_end_of_a_log_waits_for_slack(slack: SlackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "FIRST_WAIT", 0.01)
    async with desk(slack) as bot:
        slack.fault("files.getUploadURLExternal", Http(500), api.TRIES)
        await bot.said(bot.say("it failed", Manner(output=LOG)))
        await slack.until(lambda: slack.files and slack.files[0].message)
        assert len(slack.messages(PUSH, slack.messages(PUSH)[0].ts)) == 2


async def test_what_one_person_is_told_while_the_bot_ends_is_told_as_what_may_be_said_again(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        slack.fault("chat.postEphemeral", Stuck(done=True))
        line = bot.say("alice: no", Manner(whom="U0ALICE", alone=True, id=5))
        await slack.until(lambda: slack.ephemerals("alice"))
    async with bot.api, asyncio.TaskGroup() as group:
        task = group.create_task(bot.writer.run(bot.memory))
        await bot.said(line)
        task.cancel()
    assert slack.ephemerals("alice") == ["alice: no", "(maybe again) alice: no"]


async def test_a_page_that_is_to_be_as_it_was_is_written_where_that_is_not_sure(
    slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "FIRST_WAIT", 0.01)
    async with desk(slack) as bot:
        bot.writer.show_home("U0ALICE", HomeView(ALICE, mine=("first",)))
        await slack.until(lambda: "first" in str(slack.home("alice")))
        slack.fault("views.publish", Lost(done=True), api.TRIES)
        bot.writer.show_home("U0ALICE", HomeView(ALICE, mine=("second",)))
        await slack.until(lambda: len(slack.called("views.publish")) > api.TRIES)
        bot.writer.show_home("U0ALICE", HomeView(ALICE, mine=("first",)))
        await slack.until(lambda: "first" in str(slack.home("alice")))


@dataclass
class Mouth:
    """A chat, as far as it says lines."""

    writer: Writer
    recalls: bool = True

    def say(self, to: str, text: str, manner: Manner) -> asyncio.Future[None]:
        return self.writer.say(to, text, manner)


@pytest.mark.parametrize("done", [True, False])
async def test_lines_keep_their_order_when_another_configuration_comes_while_one_is_sent(
    slack: SlackServer, *, done: bool
) -> None:
    store = MemoryStore()
    await store.open()
    async with desk(slack) as bot:
        speaker = Speaker({"slack": Mouth(bot.writer)}, store, SystemClock())  # type: ignore[dict-item]
        slack.fault(POST, Stuck(done))
        lines = [speaker.line("slack", PUSH, "news", f"line {number}") for number in range(5)]
        speaker.hand(lines[:1])
        await slack.until(lambda: slack.called(POST))
        speaker.hand(lines[1:])
        memory = bot.memory
    async with desk(slack, memory) as bot:
        speaker.move({"slack": Mouth(bot.writer)})  # type: ignore[dict-item]
        await slack.until(lambda: "line 4" in "\n".join(slack.said(PUSH)))
    assert "\n".join(slack.said(PUSH)).splitlines() == [f"line {number}" for number in range(5)]
