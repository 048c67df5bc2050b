"""Boards and pushes to which something happens while the bot waits for Slack's answer about them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

import pytest

from pushbot.errors import PushbotError
from pushbot.ports import Manner
from pushbot.queue.model import Person
from pushbot.views import LaneBoard, PushEnd, PushView
from tests.chat.slack_desk import PUSH, desk, quiet
from tests.rig.slack import BOT_USER, Refused, SlackServer, Slow, Stuck

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.rig.slack import Message

ALICE = Person("slack", "user:U0ALICE", "alice", "Slack user U0ALICE", "U0ALICE")
TRIP = PushView("web", 1, ALICE, (), (), datetime(2026, 11, 21, 12, tzinfo=UTC))
OVER = replace(TRIP, end=PushEnd.DONE, ended_at=TRIP.began_at)
BELOW = Manner(push="web/1")
BOARD = LaneBoard("web", message="first")
POST, UPDATE = "chat.postMessage", "chat.update"
NO_THREAD = Refused("thread_not_found")
LATE = Slow(1.0)
"""Done at once, and answered when more has come."""


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.add_user("alice", id="U0ALICE")
        server.add_channel(PUSH, id="C0PUSH")
        yield server


def views(slack: SlackServer) -> list[Message]:
    return [one for one in slack.messages(PUSH) if "key" in str(one.metadata)]


async def done(slack: SlackServer, method: str, count: int = 1) -> None:
    """Return when Slack has done what it was called for so often, whether or not it has said so."""
    await slack.until(lambda: sum(call.answer is not None for call in slack.called(method)) >= count)


@pytest.mark.parametrize("before", [True, False])
async def test_a_push_that_is_put_back_while_it_is_edited_stays_the_one(slack: SlackServer, *, before: bool) -> None:
    async with desk(slack) as bot:
        bot.writer.show_push(PUSH, TRIP)
        await bot.said(bot.say("beside it"))
        channel, (old,) = slack.space.channel(PUSH), views(slack)
        if before:
            slack.posts.delete(channel, old)
        slack.fault(UPDATE, LATE)
        bot.writer.show_push(PUSH, replace(TRIP, riders=(replace(ALICE, name="bob"),)))
        await done(slack, UPDATE)
        if not before:
            slack.posts.delete(channel, old)
        slack.fault(POST, NO_THREAD)
        await bot.said(bot.say("two", BELOW))
        await quiet(slack)
        (new,) = views(slack)
        assert bot.writer.lane_of("C0PUSH", new.ts) == "web"
        await bot.said(bot.say("three", BELOW))
    assert "\n".join(slack.said(PUSH, new.ts)[1:]) == "two\nthree"


async def test_a_push_that_ends_while_it_is_put_back_is_put_back(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.show_push(PUSH, TRIP)
        await slack.until(lambda: bot.writer.lane_of("C0PUSH", next((one.ts for one in views(slack)), "")))
        memory = bot.memory
    slack.posts.delete(slack.space.channel(PUSH), views(slack)[0])
    slack.fault(POST, NO_THREAD)
    slack.fault(UPDATE, LATE)
    slack.fault("conversations.history", Slow(2 * LATE.seconds))  # looked at before it is posted
    async with desk(slack, memory) as bot:
        bot.writer.show_push(PUSH, TRIP)
        bot.writer.show_push(PUSH, OVER)
        await bot.said(bot.say("one", BELOW))
        (new,) = views(slack)
    assert slack.said(PUSH, new.ts)[1:] == ["one"]


async def test_a_push_that_ends_while_the_bot_is_not_in_the_room_is_shown_with_its_lines(slack: SlackServer) -> None:
    members = slack.space.channel(PUSH).members
    members.remove(BOT_USER)
    async with desk(slack) as bot:
        bot.writer.show_push(PUSH, TRIP)
        line = bot.say("deploying", BELOW)
        await slack.until(lambda: any(call.error == "not_in_channel" for call in slack.calls))
        bot.writer.show_push(PUSH, OVER)
        await quiet(slack)
        members.append(BOT_USER)
        bot.writer.found(PUSH)
        await bot.said(line)
        (push,) = views(slack)
    assert slack.said(PUSH, push.ts)[1:] == ["deploying"]


async def test_a_board_that_changes_while_the_former_is_refused_is_shown(slack: SlackServer) -> None:
    channel = slack.space.channel(PUSH)
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        await slack.until(lambda: slack.pins(PUSH))
        await quiet(slack)
        channel.archived = True
        slack.fault(UPDATE, LATE)
        bot.writer.show_board(PUSH, replace(BOARD, message="second"))
        await done(slack, UPDATE)
        channel.archived = False
        bot.writer.show_board(PUSH, replace(BOARD, message="third"))
        await slack.until(lambda: "third" in "".join(map(slack.read, slack.pins(PUSH))))


async def test_a_board_whose_posting_is_broken_off_is_found_by_who_goes_on(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        slack.fault(POST, Stuck(done=True))
        bot.writer.show_board(PUSH, BOARD)
        await slack.until(lambda: views(slack))
    async with bot.api, asyncio.TaskGroup() as group:
        task = group.create_task(bot.writer.run(bot.memory))
        await slack.until(lambda: slack.pins(PUSH))
        await quiet(slack)
        task.cancel()
    assert len(views(slack)) == 1


async def test_a_board_that_was_put_back_and_not_noted_is_known_to_who_goes_on(
    slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(name: str, text: str | None) -> NoReturn:
        raise PushbotError(f"no room on the disk for {name}: {text}")

    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        await slack.until(lambda: slack.pins(PUSH))
        await quiet(slack)
        with monkeypatch.context() as disk:
            disk.setattr(bot.memory, "note", full)
            slack.posts.delete(slack.space.channel(PUSH), slack.pins(PUSH)[0])
            bot.writer.found(PUSH)
            await slack.until(lambda: slack.pins(PUSH))
            await quiet(slack)
    async with bot.api, asyncio.TaskGroup() as group:
        task = group.create_task(bot.writer.run(bot.memory))
        bot.writer.show_board(PUSH, replace(BOARD, message="second"))
        await slack.until(lambda: "second" in "".join(map(slack.read, slack.pins(PUSH))))
        await quiet(slack)
        task.cancel()
    assert len(views(slack)) == 1
