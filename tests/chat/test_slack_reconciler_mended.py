"""Boards and pushes on Slack that people take away, and boards that are to be there no more."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pushbot.chat.slack.outbound import pins
from pushbot.ports import Manner
from pushbot.queue.model import Person
from pushbot.views import LaneBoard, Offer, PushEnd, PushView
from tests.chat.slack_desk import PUSH, desk, quiet
from tests.rig.slack import BOT_TOKEN, Http, Lost, Refused, SlackServer, Slow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.chat.slack_desk import Desk
    from tests.rig.slack import Message

ALICE = Person("slack", "user:U0ALICE", "alice", "Slack user U0ALICE", "U0ALICE")
BOARD = LaneBoard("web", message="first", offers=(Offer("join", "Join", ".join"),))
TRIP = PushView("web", 1, ALICE, (), (), datetime(2026, 11, 21, 12, tzinfo=UTC))
GONE = "The lane web is no longer shown here"
UNFOLLOWED = f"{GONE}, nor how this push goes on"


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.add_user("alice", id="U0ALICE")
        server.add_channel(PUSH, id="C0PUSH")
        yield server


def boards(slack: SlackServer, room: str = PUSH) -> list[Message]:
    """The messages that are boards now."""
    return [one for one in slack.messages(room) if "board" in str(one.metadata) and one.subtype != "tombstone"]


def past(slack: SlackServer, room: str = PUSH) -> list[Message]:
    """The messages that were."""
    return [one for one in slack.messages(room) if slack.read(one) == GONE]


async def hung(slack: SlackServer, text: str = "first", room: str = PUSH) -> Message:
    """The one board, once it is pinned and has that text."""
    await slack.until(lambda: len(slack.pins(room)) == 1 and text in slack.read(slack.pins(room)[0]))
    return slack.pins(room)[0]


async def delete(slack: SlackServer, bot: Desk, message: Message) -> None:
    """Somebody deletes a message, and the bot hears of it."""
    slack.posts.delete(slack.space.channel(PUSH), message)
    await bot.writer.deleted("C0PUSH", message.ts)


def unpin(slack: SlackServer, bot: Desk, message: Message, *, told: bool = True) -> None:
    """Somebody unpins a message, and the bot hears of it."""
    slack.people.pin("alice", PUSH, message.ts, pinned=False)
    bot.writer.unpinned("C0PUSH", message.ts if told else "")


# --- what people take away ---


@pytest.mark.parametrize("answered", [False, True])
async def test_a_board_that_somebody_deletes_is_put_back_soon(slack: SlackServer, *, answered: bool) -> None:
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        first = await hung(slack)
        if answered:  # then a tombstone stays in its place
            slack.people.say("alice", PUSH, "nice", thread=first.ts)
        await quiet(slack)
        await delete(slack, bot, first)
        second = await hung(slack)
        await quiet(slack)
    assert second.ts != first.ts
    assert boards(slack) == [second]
    assert bot.writer.lane_of("C0PUSH", second.ts) == "web"


async def test_a_board_that_is_deleted_before_the_bot_knows_which_it_is(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        slack.fault("chat.postMessage", Slow(0.5))  # done at once, and answered later
        bot.writer.show_board(PUSH, BOARD)
        await slack.until(lambda: boards(slack))
        await delete(slack, bot, boards(slack)[0])
        await hung(slack)


async def test_a_board_that_left_a_tombstone_while_the_bot_was_away_is_put_back(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        first = await hung(slack)
        await quiet(slack)
        memory = bot.memory
    slack.people.say("alice", PUSH, "nice", thread=first.ts)
    slack.posts.delete(slack.space.channel(PUSH), first)
    async with desk(slack, memory) as bot:
        bot.writer.show_board(PUSH, BOARD)
        second = await hung(slack)
        await quiet(slack)
    assert boards(slack) == [second]


@pytest.mark.parametrize("told", [True, False])
async def test_a_board_that_somebody_unpins_is_pinned_again(slack: SlackServer, *, told: bool) -> None:
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        board = await hung(slack)
        await quiet(slack)
        unpin(slack, bot, board, told=told)
        assert await hung(slack) is board
        await quiet(slack)
    assert boards(slack) == [board]


async def test_it_is_no_war(slack: SlackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is taken away again and again is put back once in a while, however much happens."""
    monkeypatch.setattr(pins, "COOLDOWN", 1.0)
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        await delete(slack, bot, await hung(slack))
        await delete(slack, bot, await hung(slack))
        for number in range(5):
            bot.writer.show_board(PUSH, replace(BOARD, message=f"note {number}"))
            await quiet(slack)
        board = await hung(slack, "note 4")
        posted = [call.at for call in slack.called("chat.postMessage")]
        assert len(posted) == 3
        assert posted[2] - posted[1] >= 1.0
        unpin(slack, bot, board)
        await hung(slack, "note 4")
        unpin(slack, bot, board)
        await hung(slack, "note 4")
        await quiet(slack)
    pinned = [call.at for call in slack.called("pins.add")][3:]
    assert len(pinned) == 2
    assert pinned[1] - pinned[0] >= 1.0


async def test_what_others_delete_and_unpin_of_theirs_is_nothing_to_the_bot(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        await hung(slack)
        await quiet(slack)
        calls = len(slack.calls)
        await bot.writer.deleted("C0PUSH", "1.1")
        await bot.writer.deleted("C0OTHER", "1.1")
        bot.writer.unpinned("C0PUSH", "1.1")
        bot.writer.unpinned("C0OTHER", "")
        await quiet(slack)
    assert len(slack.calls) == calls


@pytest.mark.parametrize("answered", [False, True])
async def test_a_push_whose_message_somebody_deletes_loses_no_line(slack: SlackServer, *, answered: bool) -> None:
    async with desk(slack) as bot:
        bot.writer.show_push(PUSH, TRIP)
        await bot.said(bot.say("one", Manner(push="web/1")) if answered else bot.say("hello"))
        await quiet(slack)
        [first] = [one for one in slack.messages(PUSH) if "push web/1" in str(one.metadata)]
        await delete(slack, bot, first)
        found = [first]

        def again() -> bool:
            found[:] = [one for one in slack.messages(PUSH) if "push web/1" in str(one.metadata) and one is not first]
            return len(found) == 1

        await slack.until(again)
        await bot.said(bot.say("two", Manner(push="web/1")))
        assert slack.said(PUSH, found[0].ts)[1:] == ["two"]
        await delete(slack, bot, found[0])  # again, and at once
        await bot.said(bot.say("three", Manner(push="web/1")))
        assert slack.said(PUSH)[-1] == "three"


async def test_the_message_of_a_push_that_is_over_stays_away(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.show_push(PUSH, TRIP)
        bot.writer.show_push(PUSH, replace(TRIP, end=PushEnd.DONE, ended_at=TRIP.began_at))
        await slack.until(lambda: slack.called("chat.postMessage"))
        await quiet(slack)
        await delete(slack, bot, slack.messages(PUSH)[0])
        await bot.said(bot.say("a word later", Manner(push="web/1")))
        await quiet(slack)
    assert slack.said(PUSH) == ["a word later"]


# --- what is to be there no more ---


async def test_the_board_of_a_lane_that_left_is_taken_down_once(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.keep_boards({(PUSH, "web"), (PUSH, "api")})
        bot.writer.show_board(PUSH, BOARD)
        await hung(slack)
        bot.writer.show_board(PUSH, replace(BOARD, lane="api"))
        await slack.until(lambda: len(slack.pins(PUSH)) == 2)
        await quiet(slack)
        bot.writer.keep_boards({(PUSH, "api")})
        kept = await hung(slack)
        bot.writer.found(PUSH)
        await quiet(slack)
        memory = bot.memory
        assert "board web C0PUSH" not in await memory.notes()
    [old] = past(slack)
    assert (boards(slack), "button" in str(old.blocks)) == ([kept], False)
    assert "api" in slack.read(kept)
    edits = len(slack.called("chat.update"))
    async with desk(slack, memory) as bot:
        bot.writer.keep_boards({(PUSH, "api")})
        await quiet(slack)
    assert len(slack.called("chat.update")) == edits


async def test_a_lane_that_comes_back_gets_a_board_again(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        await hung(slack)
        bot.writer.keep_boards(())
        await slack.until(lambda: past(slack) and not slack.pins(PUSH))
        await quiet(slack)
        bot.writer.keep_boards({(PUSH, "web")})
        bot.writer.show_board(PUSH, BOARD)
        board = await hung(slack)
        await quiet(slack)
        memory = bot.memory
    for name in await memory.notes():
        await memory.note(name, None)
    async with desk(slack, memory) as bot:  # what is past is not taken for a board, not even when all notes are lost
        bot.writer.show_board(PUSH, replace(BOARD, message="second"))
        assert await hung(slack, "second") is board
        await quiet(slack)
    assert (len(past(slack)), boards(slack)) == (1, [board])


async def test_a_lane_that_comes_back_at_once_has_one_board(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        await hung(slack)
        for number in range(20):
            bot.writer.keep_boards(())
            await asyncio.sleep(number / 1000)
            bot.writer.keep_boards({(PUSH, "web")})
            bot.writer.show_board(PUSH, BOARD)
            await asyncio.sleep(number / 1000)
        await hung(slack)
        await quiet(slack)
    assert len(boards(slack)) == 1


@pytest.mark.parametrize("method", ["conversations.history", "chat.update", "pins.remove"])
@pytest.mark.parametrize("done", [True, False])
async def test_it_is_done_to_the_end_after_a_crash_in_between(slack: SlackServer, method: str, *, done: bool) -> None:
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        board = await hung(slack)
        await quiet(slack)
        memory, edits, calls = bot.memory, board.updated, len(slack.calls)
        slack.fault(method, Lost(done=done), 5)
        bot.writer.keep_boards(())
        await slack.until(lambda: any(call.method == method for call in slack.calls[calls:]))
    slack.api.orders.clear()
    async with desk(slack, memory) as bot:
        bot.writer.keep_boards(())
        await slack.until(lambda: past(slack) and not slack.pins(PUSH))
        await quiet(slack)
        assert not [name for name in await bot.memory.notes() if name.startswith("board")]
    assert board.updated == edits + 1


async def test_a_lane_that_is_back_after_such_a_crash_has_its_board(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        board = await hung(slack)
        await quiet(slack)
        slack.fault("pins.remove", Lost(done=True), 100)
        bot.writer.keep_boards(())
        await slack.until(lambda: past(slack))
        memory = bot.memory
    slack.api.orders.clear()
    async with desk(slack, memory) as bot:
        bot.writer.keep_boards({(PUSH, "web")})
        bot.writer.show_board(PUSH, BOARD)
        assert await hung(slack) is board
        await quiet(slack)
    assert boards(slack) == [board]


async def test_a_push_whose_lane_is_back_after_a_crash_in_between_is_shown_as_it_was(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.show_push(PUSH, TRIP)
        await quiet(slack)
        (message,) = slack.messages(PUSH)
        slack.fault("chat.update", Lost(done=True), 100)
        bot.writer.keep_boards(())
        await slack.until(lambda: UNFOLLOWED in slack.read(message))
        memory = bot.memory
    slack.api.orders.clear()
    async with desk(slack, memory) as bot:
        bot.writer.keep_boards({(PUSH, "web")})
        bot.writer.show_push(PUSH, TRIP)
        await slack.until(lambda: UNFOLLOWED not in slack.read(message))
        await quiet(slack)
    assert slack.messages(PUSH) == [message]


async def test_a_room_that_left_and_a_lane_that_moved(slack: SlackServer) -> None:
    slack.add_channel("#old", id="C0OLDROOM")
    async with desk(slack, names=("#old", PUSH)) as bot:
        bot.writer.show_board("#old", BOARD)
        await hung(slack, room="#old")
        await quiet(slack)
        memory = bot.memory
    async with desk(slack, memory) as bot:
        bot.writer.keep_boards({(PUSH, "web")})
        bot.writer.show_board(PUSH, BOARD)
        await hung(slack)
        await slack.until(lambda: past(slack, "#old") and not slack.pins("#old"))
        await quiet(slack)
    assert (len(boards(slack)), boards(slack, "#old")) == (1, [])


async def test_nothing_is_taken_down_while_it_is_not_known_which_channel_a_room_is(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        board = await hung(slack)
        await quiet(slack)
        memory = bot.memory
    async with desk(slack, memory, names=("#renamed",)) as bot:
        bot.writer.keep_boards({("#renamed", "web")})
        await quiet(slack)
        assert slack.pins(PUSH) == [board]
        room = bot.rooms.room("#renamed")
        assert room is not None
        room.id = "C0PUSH"
        bot.writer.found("#renamed")
        bot.writer.show_board("#renamed", replace(BOARD, message="second"))
        assert await hung(slack, "second") is board


async def test_a_board_of_another_record_is_left_alone(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        board = await hung(slack)
        await quiet(slack)
        memory = bot.memory
    await memory.note("record", "other")  # as that of a bot that has taken the board over
    async with desk(slack, memory) as bot:
        bot.writer.keep_boards(())
        await quiet(slack)
        assert "board web C0PUSH" not in await memory.notes()
    assert slack.pins(PUSH) == [board]
    assert "first" in slack.read(board)


@pytest.mark.parametrize("fault", [Refused("not_in_channel"), Refused("is_archived"), Http(500)])
async def test_what_cannot_be_taken_down_now_is_taken_down_later(slack: SlackServer, fault: Refused | Http) -> None:
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        await hung(slack)
        await quiet(slack)
        slack.fault("chat.update", fault)
        bot.writer.keep_boards(())
        await slack.until(lambda: slack.called("chat.update"))
        await quiet(slack)
        bot.writer.found(PUSH)
        await slack.until(lambda: past(slack) and not slack.pins(PUSH))


async def test_what_cannot_be_edited_any_more_is_deleted(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        await hung(slack)
        slack.fault("chat.update", Refused("edit_window_closed"))
        bot.writer.keep_boards(())
        await slack.until(lambda: not slack.pins(PUSH) and not slack.messages(PUSH))
        await quiet(slack)
        assert "board web C0PUSH" not in await bot.memory.notes()


async def test_a_board_that_is_gone_anyway_is_forgotten(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        board = await hung(slack)
        slack.posts.delete(slack.space.channel(PUSH), board)
        bot.writer.keep_boards(())
        await quiet(slack)
        assert "board web C0PUSH" not in await bot.memory.notes()
    assert slack.messages(PUSH) == []


async def test_a_board_without_the_scope_to_look_is_taken_down_all_the_same(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        await hung(slack)
        slack.app.grants[BOT_TOKEN].scopes -= {"channels:history"}
        bot.writer.keep_boards(())
        await slack.until(lambda: past(slack) and not slack.pins(PUSH))


# --- pushes under way whose lane left ---


async def parent(slack: SlackServer, bot: Desk) -> Message:
    """The message of a push under way, with a line below it."""
    bot.writer.show_push(PUSH, TRIP)
    await bot.said(bot.say("on its way", Manner(push="web/1")))
    await quiet(slack)
    [message] = (one for one in slack.messages(PUSH) if "push web/1" in str(one.metadata))
    assert "Under way" in slack.read(message)
    return message


async def test_the_message_of_a_push_under_way_says_that_its_lane_left(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        message = await parent(slack, bot)
        title, _, rest = slack.read(message).partition("Under way")
        memory = bot.memory
    async with desk(slack, memory) as bot:  # by a reload, or by a restart
        bot.writer.keep_boards({(PUSH, "api")})
        await slack.until(lambda: UNFOLLOWED in slack.read(message))
        await quiet(slack)
        assert slack.read(message) == f"{title}{UNFOLLOWED}{rest}"
        edits = message.updated
        bot.writer.keep_boards({(PUSH, "api")})
        await quiet(slack)
        memory = bot.memory
    async with desk(slack, memory) as bot:
        bot.writer.keep_boards({(PUSH, "api")})
        await quiet(slack)
        assert message.updated == edits
        bot.writer.keep_boards({(PUSH, "web")})
        bot.writer.show_push(PUSH, TRIP)  # the lane came back
        await slack.until(lambda: "Under way" in slack.read(message))
        await bot.said(bot.say("a word later", Manner(push="web/1")))
        bot.writer.show_push(PUSH, replace(TRIP, end=PushEnd.DONE))
        await slack.until(lambda: "Done" in slack.read(message))
        await quiet(slack)
        bot.writer.keep_boards(())
        await quiet(slack)
    assert "Done" in slack.read(message)
    assert slack.said(PUSH, message.ts)[1:] == ["on its way", "a word later"]


async def test_a_push_whose_message_is_gone_when_its_lane_leaves_is_not_posted_again(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        message = await parent(slack, bot)
        slack.posts.delete(slack.space.channel(PUSH), message)
        bot.writer.keep_boards(())
        await quiet(slack)
    assert [one for one in slack.messages(PUSH) if one.subtype != "tombstone"] == []


async def test_a_push_that_cannot_be_looked_at_says_no_more_than_that_its_lane_left(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        message = await parent(slack, bot)
        slack.app.grants[BOT_TOKEN].scopes -= {"channels:history"}
        bot.writer.keep_boards(())
        await slack.until(lambda: slack.read(message) == UNFOLLOWED)


async def test_when_all_is_to_be_taken_down_it_is_told_once_it_is(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        await hung(slack)
        message = await parent(slack, bot)
        async with asyncio.timeout(20):
            await bot.writer.take_down()
            assert past(slack)
            assert not slack.pins(PUSH)
            assert UNFOLLOWED in slack.read(message)
            await bot.writer.take_down()
