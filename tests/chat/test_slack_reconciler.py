"""Boards, pushes, topics and pages on Slack: one of each, as it is by then, and the same one after a restart."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pushbot.ports import Manner
from pushbot.queue.model import Person
from pushbot.views import HomeView, LaneBoard, PushEnd, PushView
from tests.chat.slack_desk import PUSH, Desk, desk, quiet
from tests.rig.slack import BOT_TOKEN, BOT_USER, Http, Limited, Lost, Refused, SlackServer, Slow, Stuck

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.rig.slack import Message
    from tests.rig.slack.calls import Args
    from tests.rig.slack.state import Object

ALICE = Person("slack", "user:U0ALICE", "alice", "Slack user U0ALICE", "U0ALICE")
BOARD = LaneBoard("web", message="first")
TRIP = PushView("web", 1, ALICE, (), (), datetime(2026, 11, 21, 12, tzinfo=UTC))


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.add_user("alice", id="U0ALICE")
        server.add_channel(PUSH, id="C0PUSH")
        yield server


def note(text: str) -> LaneBoard:
    return replace(BOARD, message=text)


def boards(slack: SlackServer) -> list[Message]:
    return [one for one in slack.messages(PUSH) if one.metadata]


async def shown(slack: SlackServer, text: str) -> None:
    await slack.until(lambda: len(slack.pins(PUSH)) == 1 and text in slack.read(slack.pins(PUSH)[0]))


# --- boards ---


async def test_a_board_is_one_pinned_message_edited_in_place(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        await shown(slack, "first")
        ts = slack.pins(PUSH)[0].ts
        for number in range(50):
            bot.writer.show_board(PUSH, note(f"note {number}"))
        await shown(slack, "note 49")
        assert bot.writer.lane_of("C0PUSH", ts) == "web"
        assert bot.writer.lane_of("C0PUSH", "1.1") == ""
        await quiet(slack)
    assert [one.ts for one in slack.pins(PUSH)] == [ts]
    assert len(slack.called("chat.update")) <= 2


async def test_the_same_board_is_not_written_twice_not_even_after_a_restart(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        await shown(slack, "first")
        await quiet(slack)
        memory = bot.memory
    async with desk(slack, memory) as bot:
        bot.writer.show_board(PUSH, BOARD)
        bot.writer.found(PUSH)
        await quiet(slack)
        bot.writer.show_board(PUSH, note("second"))
        await shown(slack, "second")
    assert len(slack.called("chat.postMessage")) == 1
    assert len(slack.called("chat.update")) == 1


@pytest.mark.parametrize("code", ["message_not_found", "cant_update_message", "edit_window_closed"])
async def test_a_board_that_cannot_be_edited_is_posted_anew(slack: SlackServer, code: str) -> None:
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        await shown(slack, "first")
        if code == "message_not_found":
            slack.posts.delete(slack.space.channel(PUSH), slack.pins(PUSH)[0])
        else:
            slack.fault("chat.update", Refused(code))
        bot.writer.show_board(PUSH, note("second"))
        await shown(slack, "second")
        await quiet(slack)
    assert len(boards(slack)) == 1


@pytest.mark.parametrize("answer", [0.0, 0.2])
async def test_what_was_deleted_or_unpinned_while_the_bot_was_away_is_put_right(
    slack: SlackServer, answer: float
) -> None:
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        await shown(slack, "first")
        await quiet(slack)
        memory = bot.memory
    channel = slack.space.channel(PUSH)
    slack.posts.pin(channel, slack.pins(PUSH)[0], "U0ALICE", pinned=False)
    slack.fault("pins.add", Slow(answer))  # it may still be looking after the one thing as the next happens
    async with desk(slack, memory) as bot:
        bot.writer.show_board(PUSH, BOARD)
        await shown(slack, "first")
        slack.posts.delete(channel, slack.pins(PUSH)[0])
        bot.writer.found(PUSH)
        await shown(slack, "first")
        await quiet(slack)
    assert len(boards(slack)) == 1


async def test_a_board_that_was_posted_and_not_noted_is_found(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        await shown(slack, "first")
        await quiet(slack)
        memory = bot.memory
    await memory.note("board web C0PUSH", None)
    async with desk(slack, memory) as bot:
        bot.writer.show_board(PUSH, note("second"))
        await shown(slack, "second")
    async with desk(slack) as bot:  # even when all notes are lost, and people have talked since
        for number in range(1200):
            slack.people.say("alice", PUSH, f"{number}")
        bot.writer.show_board(PUSH, note("third"))
        await shown(slack, "third")
    assert len(slack.called("chat.postMessage")) == 1


async def test_the_board_of_another_pushbot_is_left_alone(slack: SlackServer) -> None:
    async with desk(slack) as other:
        other.writer.show_board(PUSH, note("theirs"))
        await shown(slack, "theirs")
    (theirs,) = slack.pins(PUSH)
    theirs.user = "U0OTHER"
    async with desk(slack) as bot:
        bot.api.user = BOT_USER
        bot.writer.show_board(PUSH, note("ours"))
        await slack.until(lambda: len(slack.pins(PUSH)) == 2)
        await quiet(slack)
    assert sorted(slack.read(one).split()[-1] for one in slack.pins(PUSH)) == ["ours", "theirs"]
    assert theirs in slack.pins(PUSH)


@pytest.mark.parametrize("fault", [Lost(done=True), Lost(done=False), Http(500), Stuck(done=True)])
async def test_there_are_never_two_boards(slack: SlackServer, fault: Lost | Http | Stuck) -> None:
    async with desk(slack, patience=0.5) as bot:
        slack.fault("chat.postMessage", fault)
        bot.writer.show_board(PUSH, BOARD)
        await shown(slack, "first")
        slack.fault("chat.update", Lost(done=True))
        bot.writer.show_board(PUSH, note("second"))
        await shown(slack, "second")
        await quiet(slack)
    assert len(boards(slack)) == 1


async def test_a_board_without_the_scope_for_pins_is_shown_all_the_same(slack: SlackServer) -> None:
    slack.app.grants[BOT_TOKEN].scopes -= {"pins:write", "pins:read"}
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        await slack.until(lambda: boards(slack))
        bot.writer.show_board(PUSH, note("second"))
        await slack.until(lambda: "second" in slack.read(boards(slack)[0]))


async def test_a_board_is_found_where_nobody_says_where_it_was_posted(slack: SlackServer) -> None:
    post = slack.api.methods["chat.postMessage"]
    slack.api.methods["chat.postMessage"] = lambda args: {"ok": bool(post(args))}
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        await shown(slack, "first")
        bot.writer.show_board(PUSH, note("second"))
        await shown(slack, "second")
    assert len(boards(slack)) == 1


@pytest.mark.parametrize("tells", ["the latest", "nothing"])
async def test_a_stand_in_that_cannot_look_for_one_message_gets_no_second_board(slack: SlackServer, tells: str) -> None:
    history = slack.api.methods["conversations.history"]

    def told(args: Args) -> Object:
        unbound = {key: value for key, value in args.given.items() if key not in {"oldest", "latest"}}
        return history(replace(args, given=unbound)) if tells == "the latest" else {"ok": True}

    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        await shown(slack, "first")
        slack.say("alice", PUSH, "talk")
        slack.api.methods["conversations.history"] = told
        bot.writer.found(PUSH)
        bot.writer.show_board(PUSH, note("second"))
        await shown(slack, "second")
        await quiet(slack)
    assert len(boards(slack)) == 1


async def test_edits_that_have_to_wait_hold_up_no_line(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        await shown(slack, "first")
        slack.fault("chat.update", Limited(30))
        bot.writer.show_board(PUSH, note("second"))
        await slack.until(lambda: slack.called("chat.update"))
        await bot.said(bot.say("hello"))


async def test_a_board_waits_for_its_room(slack: SlackServer) -> None:
    channel = slack.space.channel(PUSH)
    channel.members.remove(slack.space.user("pushbot").id)
    async with desk(slack) as bot:
        bot.writer.show_board(PUSH, BOARD)
        await slack.until(lambda: any(call.error == "not_in_channel" for call in slack.calls))
        channel.members.append(slack.space.user("pushbot").id)
        bot.writer.found(PUSH)
        await shown(slack, "first")


# --- pushes ---


async def test_lines_of_a_push_stand_below_its_message(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.show_push(PUSH, TRIP)
        await bot.said(
            bot.say("alice, you drive"),
            bot.say("deploying", Manner(push="web/1")),
            bot.say("done in 3s", Manner(push="web/1")),
            bot.say("it failed", Manner(push="web/1", loud=True)),
            bot.say("another", Manner(push="web/9")),
        )
        bot.writer.show_push(PUSH, replace(TRIP, end=PushEnd.DONE, ended_at=TRIP.began_at))
        await slack.until(lambda: slack.called("chat.update"))
        ts = next(one.ts for one in slack.messages(PUSH) if one.metadata and "key" in str(one.metadata))
        assert bot.writer.lane_of("C0PUSH", ts) == "web"
        await quiet(slack)
        memory = bot.memory
    assert slack.said(PUSH, ts)[1:] == ["deploying\ndone in 3s", "it failed"]
    assert slack.said(PUSH)[1:] == ["alice, you drive", "it failed", "another"]
    async with desk(slack, memory) as bot:
        bot.writer.show_push(PUSH, replace(TRIP, end=PushEnd.DONE, ended_at=TRIP.began_at))
        await bot.said(bot.say("a word later", Manner(push="web/1")))
        await quiet(slack)
    assert slack.said(PUSH, ts)[-1] == "a word later"
    assert len(slack.called("chat.update")) == 1


async def test_a_push_that_was_posted_and_not_noted_is_found(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        slack.fault("chat.postMessage", Lost(done=True))
        bot.writer.show_push(PUSH, TRIP)
        await bot.said(bot.say("deploying", Manner(push="web/1")))
        memory = bot.memory
    await memory.note("push web/1 C0PUSH", None)
    async with desk(slack, memory) as bot:
        bot.writer.show_push(PUSH, TRIP)
        await bot.said(bot.say("deploying", Manner(push="web/1", id=1)))
    assert len(slack.messages(PUSH)) == 1


async def test_a_push_that_somebody_deleted_is_shown_again(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.show_push(PUSH, TRIP)
        await bot.said(bot.say("one", Manner(push="web/1")))
        channel = slack.space.channel(PUSH)
        slack.posts.delete(channel, slack.messages(PUSH)[0])
        await bot.said(bot.say("two", Manner(push="web/1")))
        ts = slack.messages(PUSH)[0].ts
        assert slack.said(PUSH, ts)[1:] == ["two"]


async def test_only_the_last_pushes_are_remembered(slack: SlackServer) -> None:
    async with desk(slack, interval=0.0) as bot:
        for number in range(60):
            trip = replace(TRIP, number=number)
            bot.writer.show_push(PUSH, trip)
            bot.writer.show_push(PUSH, replace(trip, end=PushEnd.DONE, ended_at=TRIP.began_at))
        await slack.until(lambda: len(slack.called("chat.postMessage")) == 60)
        await quiet(slack)
        notes = await bot.memory.notes()
    assert len([name for name in notes if name.startswith("push ")]) == 50
    assert "push web/59 C0PUSH" in notes


async def test_a_push_that_is_over_and_was_never_shown_is_not_begun(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.show_push(PUSH, replace(TRIP, end=PushEnd.DONE, ended_at=TRIP.began_at))
        await bot.said(bot.say("hello"))
        await quiet(slack)
    assert slack.said(PUSH) == ["hello"]


# --- topics ---


async def test_a_topic_is_written_seldom_and_never_twice_the_same(slack: SlackServer) -> None:
    async with desk(slack, interval=0.3) as bot:
        bot.writer.topic_is(PUSH, "")
        bot.writer.draw(PUSH, "<princess> alice & 0")
        await slack.until(lambda: slack.topic(PUSH) == "<princess> alice & 0")
        for number in range(20):
            bot.writer.draw(PUSH, f"<princess> alice & {number}")
        await slack.until(lambda: slack.topic(PUSH) == "<princess> alice & 19")
        bot.writer.draw(PUSH, "<princess> alice & 19")
        bot.writer.topic_is(PUSH, "<princess> alice & 19")
        bot.writer.draw(PUSH, "<princess> alice & 19")
        await quiet(slack)
        memory = bot.memory
    calls = slack.called("conversations.setTopic")
    assert len(calls) == 2
    assert calls[1].at - calls[0].at >= 0.29
    async with desk(slack, memory) as bot:
        bot.writer.draw(PUSH, "<princess> alice & 19")
        await quiet(slack)
    assert len(slack.called("conversations.setTopic")) == 2


async def test_the_notice_of_an_own_topic_that_comes_late_changes_nothing(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.topic_is(PUSH, "")
        for topic in ("alice", "alice | bob"):
            bot.writer.draw(PUSH, topic)
            await slack.until(lambda topic=topic: slack.topic(PUSH) == topic)  # type: ignore[misc]
        for topic in ("alice", "alice | bob"):
            bot.writer.topic_is(PUSH, topic, own=True)
            bot.writer.draw(PUSH, "alice | bob")
        await quiet(slack)
        assert len(slack.called("conversations.setTopic")) == 2
        bot.writer.topic_is(PUSH, "by hand")
        bot.writer.draw(PUSH, "alice | bob")
        await slack.until(lambda: len(slack.called("conversations.setTopic")) == 3)


@pytest.mark.parametrize("done", [True, False])
async def test_a_topic_whose_answer_got_lost_is_not_written_twice(slack: SlackServer, *, done: bool) -> None:
    async with desk(slack) as bot:
        bot.writer.topic_is(PUSH, "")
        slack.fault("conversations.setTopic", Lost(done=done))
        bot.writer.draw(PUSH, "alice")
        await slack.until(lambda: slack.topic(PUSH) == "alice")
        await quiet(slack)
    assert len([one for one in slack.messages(PUSH) if one.subtype == "channel_topic"]) == 1


async def test_that_the_topic_may_not_be_set_is_told_once_for_each_time_of_entering(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.topic_is(PUSH, "")
        slack.fault("conversations.setTopic", Refused("restricted_action"), 2)
        bot.writer.draw(PUSH, "alice")
        await slack.until(lambda: bot.refused == [PUSH])
        bot.writer.draw(PUSH, "bob")
        await quiet(slack)
        bot.writer.found(PUSH)
        await slack.until(lambda: bot.refused == [PUSH, PUSH])
        bot.writer.found(PUSH)
        await slack.until(lambda: slack.topic(PUSH) == "bob")


# --- people's own pages ---


async def test_a_page_shows_the_latest(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        for number in range(30):
            bot.writer.show_home("U0ALICE", HomeView(ALICE, mine=(f"train {number}",)))
        await slack.until(lambda: "train 29" in str(slack.home("alice")))
        bot.writer.show_home("U0ALICE", HomeView(ALICE, mine=("train 29",)))
        await quiet(slack)
        slack.fault("views.publish", Refused("not_enabled"))
        bot.writer.show_home("U0ALICE", HomeView(ALICE))
        await quiet(slack)
        bot.writer.show_home("U0ALICE", HomeView(ALICE, mine=("again",)))
        await slack.until(lambda: "again" in str(slack.home("alice")))
    assert len([call for call in slack.called("views.publish") if call.ok]) <= 3


# --- all of it ---


async def test_a_stormy_day_ends_well(slack: SlackServer) -> None:
    """Lines, boards and topics of three rooms, while Slack loses every fourth answer: all is there once, in order."""
    rooms = ("#one", "#two", "#three")
    for room in rooms:
        slack.add_channel(room)

    async def talk(bot: Desk, room: str) -> None:
        lines = []
        for number in range(40):
            lines.append(bot.say(f"line {number}", Manner(id=number + 1), to=room))
            bot.writer.show_board(room, note(f"note {number}"))
            bot.writer.draw(room, f"topic {number}")
            if number % 10 == 3:
                slack.fault("chat.postMessage", Lost(done=number % 20 == 3))
                slack.fault("chat.update", Lost(done=number % 20 == 3))
            await asyncio.sleep(0.02)
        await bot.said(*lines)

    async with desk(slack, names=rooms) as bot, asyncio.TaskGroup() as group:
        for room in rooms:
            group.create_task(talk(bot, room))
    async with desk(slack, bot.memory, names=rooms) as bot:
        for room in rooms:
            bot.writer.show_board(room, note("note 39"))
            bot.writer.draw(room, "topic 39")
        await slack.until(lambda: all(slack.topic(room) == "topic 39" for room in rooms))
        await slack.until(lambda: all("note 39" in "".join(map(slack.read, slack.pins(room))) for room in rooms))
    for room in rooms:
        said = [line for text in slack.said(room) for line in text.splitlines() if line.startswith("line ")]
        assert said == [f"line {number}" for number in range(40)]
        assert len(slack.pins(room)) == 1
