"""What the writer does without, where a stand-in for Slack knows only some methods: a warning for each, no more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from pushbot.chat.slack.outbound import reconciler
from pushbot.ports import Manner
from pushbot.queue.model import Person
from pushbot.views import HomeView, LaneBoard, Offer, PushEnd, PushView
from tests.chat.slack_desk import PUSH, desk, quiet
from tests.rig.slack import SlackServer
from tests.rig.slack.calls import Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.rig.slack import Message
    from tests.rig.slack.calls import Args
    from tests.rig.slack.state import Object

ALICE = Person("slack", "user:U0ALICE", "alice", "Slack user U0ALICE", "U0ALICE")
BOARD = LaneBoard("web", message="first", offers=(Offer("join", "Join", ".join"),))
TRIP = PushView("web", 1, ALICE, (), (), datetime(2026, 11, 21, 12, tzinfo=UTC))
FAILED = Manner(push="web/1", run="web-1", output=("make", "cc", "ld", "no space left"))


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.add_user("alice", id="U0ALICE")
        server.add_channel(PUSH, id="C0PUSH")
        yield server


def boards(slack: SlackServer) -> list[Message]:
    return [one for one in slack.messages(PUSH) if "board" in str(one.metadata)]


async def shown(slack: SlackServer, text: str) -> Message:
    """The one board, once it is pinned and has that text."""
    await slack.until(lambda: len(slack.pins(PUSH)) == 1 and text in slack.read(slack.pins(PUSH)[0]))
    return slack.pins(PUSH)[0]


async def test_where_nothing_can_be_edited_a_board_is_posted_anew(
    slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "RENEWED", 1.0)
    del slack.api.methods["chat.update"]
    with capture_logs() as logs:
        async with desk(slack) as bot:
            bot.writer.show_board(PUSH, BOARD)
            first = await shown(slack, "first")
            bot.writer.show_board(PUSH, replace(BOARD, message="second"))
            second = await shown(slack, "second")
            for number in range(10):
                bot.writer.show_board(PUSH, replace(BOARD, message=f"then {number}"))
                await quiet(slack)
            third = await shown(slack, "then 9")
            await quiet(slack)
            assert boards(slack) == [third]
    assert len({first.ts, second.ts, third.ts}) == 3
    posted = [call.at for call in slack.called("chat.postMessage")]
    assert all(later - before > 0.8 for before, later in pairwise(posted[1:]))
    assert [one["method"] for one in logs if one["log_level"] == "warning"] == ["chat.update"]


async def test_it_is_posted_anew_also_while_it_may_not_be_pinned(
    slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not fought about for a minute is one thing, and what the board shows another."""
    monkeypatch.setattr(reconciler, "RENEWED", 1.0)
    del slack.api.methods["chat.update"]
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        for _ in range(2):
            board = await shown(slack, "first")
            slack.people.pin("alice", PUSH, board.ts, pinned=False)
            bot.writer.unpinned("C0PUSH", board.ts)
        await quiet(slack)
        for text in ("second", "third"):
            bot.writer.show_board(PUSH, replace(BOARD, message=text))
            await shown(slack, text)


async def test_where_nothing_can_be_edited_the_board_of_a_lane_that_left_is_deleted(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        await shown(slack, "first")
        await quiet(slack)
        del slack.api.methods["chat.update"]
        bot.writer.keep_boards(())
        await slack.until(lambda: not boards(slack))


async def test_each_method_that_there_is_not_is_one_warning_and_all_lines_are_said(slack: SlackServer) -> None:
    missing = {
        *("chat.delete", "chat.postEphemeral", "chat.update", "conversations.history", "conversations.replies"),
        *("conversations.setTopic", "files.getUploadURLExternal", "pins.add", "pins.list", "views.publish"),
    }
    for method in missing:
        del slack.api.methods[method]
    with capture_logs() as logs:
        async with desk(slack) as bot:
            for number in range(3):
                bot.writer.show_board(PUSH, replace(BOARD, message=f"note {number}"))
                bot.writer.show_push(PUSH, replace(TRIP, end=PushEnd.DONE if number == 2 else PushEnd.UNDERWAY))
                bot.writer.draw(PUSH, f"alice {number}")
                bot.writer.show_home("U0ALICE", HomeView(ALICE, wish=f"{number}"))
                heard = bot.say("failed", FAILED), bot.say(f"no {number}", Manner(whom="U0ALICE", alone=True))
                await bot.said(*heard, bot.say(f"line {number}"), bot.say(f"maybe {number}", Manner(again=True)))
                await quiet(slack)
                bot.writer.found(PUSH)
            assert bot.refused == []
    warned = [one.get("method") for one in logs if one["log_level"] == "warning"]
    assert sorted(map(str, warned)) == sorted(missing - {"conversations.replies", "pins.list"})
    said = slack.said(PUSH)
    assert [line for line in said if line.startswith("line")] == ["line 0", "line 1", "line 2"]
    assert slack.said(slack.im("alice")) == ["no 0", "no 1", "no 2"]


async def test_that_there_are_no_blocks_is_one_warning(slack: SlackServer) -> None:
    def plain(method: str) -> None:
        whole = slack.api.methods[method]

        def without(args: Args) -> Object:
            if "blocks" in args.given:
                raise Refusal("invalid_blocks")
            return whole(args)

        slack.api.methods[method] = without

    plain("chat.postMessage")
    plain("chat.update")
    with capture_logs() as logs:
        async with desk(slack) as bot:
            for number in range(3):
                bot.writer.show_board(PUSH, replace(BOARD, message=f"note {number}"))
                await bot.said(bot.say(f"line {number}"))
                await quiet(slack)
    assert [line for line in slack.said(PUSH) if line.startswith("line")] == ["line 0", "line 1", "line 2"]
    warned = [one["event"] for one in logs if one["log_level"] == "warning"]
    assert sorted(warned) == ["message_said_plainly", "view_without_blocks"]
