"""Lines on Slack: in order, merged, in their places, nothing twice and nothing lost."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import PushbotError
from pushbot.ports import Manner
from tests.chat.slack_desk import PUSH, desk
from tests.rig.slack import BOT, BOT_TOKEN, BOT_USER, Http, Limited, Lost, Refused, SlackServer, Stuck
from tests.rig.slack.files import Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.add_user("alice", id="U0ALICE")
        server.add_user("bob", id="U0BOB")
        server.add_channel(PUSH, id="C0PUSH")
        yield server


async def test_a_line_goes_out_at_once_as_it_is(slack: SlackServer) -> None:
    async with desk(slack, interval=60.0) as bot:
        began = time.perf_counter()
        await bot.said(bot.say("<princess> alice & *bob* <!channel> @channel"))
        assert time.perf_counter() - began < 20
    assert slack.said(PUSH)[-1] == "<princess> alice & *bob* <!channel> @channel"
    message = slack.messages(PUSH)[-1]
    assert message.text == "&lt;princess&gt; alice &amp; *bob* &lt;!channel&gt; @channel"
    assert [block["type"] for block in message.blocks] == ["rich_text"]


async def test_a_hundred_lines_are_few_messages_in_order(slack: SlackServer) -> None:
    slack.api.rates.on = True
    slack.api.rates.second = 0.1
    async with desk(slack) as bot:
        await bot.said(*[bot.say(f"line {number}") for number in range(100)])
    assert "\n".join(slack.said(PUSH)).splitlines() == [f"line {number}" for number in range(100)]
    assert len(slack.said(PUSH)) <= 3
    assert slack.rate_limited == 0


async def test_lines_go_out_before_the_topic_that_was_drawn_after_them(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        bot.writer.topic_is(PUSH, "clear")
        lines = [bot.say(f"line {number}", Manner(spot="" if number % 2 else "1.000001")) for number in range(4)]
        slack.space.channel(PUSH).messages.append(slack.posts.person(slack.space.channel(PUSH), "U0BOB", "hi"))
        bot.writer.draw(PUSH, "<princess> alice")
        await bot.said(*lines)
        await slack.until(lambda: slack.topic(PUSH) == "<princess> alice")
    methods = [call.method for call in slack.calls]
    assert methods.index("conversations.setTopic") > max(
        at for at, one in enumerate(methods) if one == "chat.postMessage"
    )


async def test_an_answer_goes_to_the_thread_where_it_was_asked(slack: SlackServer) -> None:
    asked = slack.people.say("alice", PUSH, ".status")
    async with desk(slack) as bot:
        await bot.said(bot.say("alice: nothing runs", Manner(whom="U0ALICE", spot=asked)))
    assert slack.said(PUSH, asked) == ["@alice: nothing runs"]
    assert slack.said(PUSH) == []


async def test_people_are_called_by_real_mentions_in_rooms_only(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        calls = (("alice", "U0ALICE"), ("bob", "U0BOB"))
        await bot.said(
            bot.say("alice, bob: You're up", Manner(calls=calls)),
            bot.say("alice: in private", Manner(whom="U0ALICE"), to="U0ALICE"),
            bot.say("alice: refused [not_aboard]", Manner(whom="U0ALICE", alone=True)),
        )
    assert slack.messages(PUSH)[0].text == "<@U0ALICE>, <@U0BOB>: You're up"
    assert slack.messages(slack.im("alice"))[0].text == "alice: in private"
    assert slack.ephemerals("alice") == ["alice: refused [not_aboard]"]


async def test_a_refusal_is_said_in_private_to_who_is_not_in_the_room(slack: SlackServer) -> None:
    slack.add_user("carol", id="U0CAROL")
    async with desk(slack) as bot:
        await bot.said(bot.say("carol: no", Manner(whom="U0CAROL", alone=True)))
    assert slack.shown(slack.im("carol")) == ["carol: no"]


async def test_a_slash_command_is_answered_at_its_address_and_then_in_private(slack: SlackServer) -> None:
    elsewhere = slack.add_channel("#elsewhere", bot=False)
    reply = slack.uploads.reply_url(_reply(slack, elsewhere.id))
    async with desk(slack) as bot:
        bot.writer.answer_at("slash:1", reply)
        for number in range(7):
            await bot.said(bot.say(f"answer {number}", Manner(whom="U0BOB", spot="slash:1"), to="U0BOB"))
        await bot.said(bot.say("from before", Manner(whom="U0BOB", spot="slash:0"), to=PUSH))
    assert slack.ephemerals("bob") == [f"answer {number}" for number in range(5)]
    assert slack.shown(slack.im("bob")) == ["answer 5", "answer 6", "from before"]


def _reply(slack: SlackServer, channel: str) -> Reply:
    return Reply("U0BOB", channel, slack.space.clock())


async def test_what_one_person_was_told_is_not_told_again_after_a_restart(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        await bot.said(bot.say("bob: no", Manner(whom="U0BOB", alone=True, id=5)))
        memory = bot.memory
    async with desk(slack, memory) as bot:
        lines = [bot.say(f"bob: no {n}", Manner(whom="U0BOB", alone=True, id=n, again=True)) for n in (5, 6)]
        await bot.said(*lines)
    assert slack.ephemerals("bob") == ["bob: no", "(maybe again) bob: no 6"]


@pytest.mark.parametrize("bot_id", [BOT, ""])
async def test_a_server_that_keeps_no_metadata_is_asked_for_texts(slack: SlackServer, bot_id: str) -> None:
    """Also one that keeps no more of what the bot said than of what people said."""
    async with desk(slack) as bot:
        await bot.said(*[bot.say(f"alice: line {n}", Manner(id=n, whom="U0ALICE")) for n in (1, 2)])
        memory = bot.memory
    for message in slack.messages(PUSH):
        message.metadata, message.bot = None, bot_id
    slack.people.say("bob", PUSH, "<@U0ALICE>: line 3", raw=True)
    async with desk(slack, memory) as bot:
        bot.api.user = BOT_USER
        texts = ["alice: line 1", "alice: line 2", "alice: line 2", "alice: line 3"]
        lines = [bot.say(one, Manner(id=n, whom="U0ALICE", again=True)) for n, one in enumerate(texts, 1)]
        await bot.said(*lines)
    said = "\n".join(slack.said(PUSH)).splitlines()
    assert said == ["@alice: line 1", "@alice: line 2", "@alice: line 2", "@alice: line 3"]


async def test_there_a_line_that_was_said_before_others_is_said_again(slack: SlackServer) -> None:
    """Trains say the same again and again: what is not the last that the bot said was of a train before."""
    below = slack.people.say("bob", PUSH, ".status")
    async with desk(slack) as bot:
        await bot.said(*[bot.say(text) for text in ("line 1", "line 2")])
        await bot.said(*[bot.say(text, Manner(spot=below)) for text in ("one", "two")])
        memory = bot.memory
    for message in slack.space.channel(PUSH).messages:
        message.metadata = None
    async with desk(slack, memory) as bot:
        lines = [bot.say("line 1", Manner(again=True))]
        lines += [bot.say(text, Manner(spot=below, again=True)) for text in ("two", "three")]
        await bot.said(*lines)
    said = ["\n".join(slack.said(PUSH, thread)).splitlines() for thread in (None, below)]
    assert said == [["line 1", "line 2", "line 1"], ["one", "two", "three"]]


async def test_quoted_lines_stand_together_with_their_neighbours(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        lines = [bot.say("it failed:"), *[bot.say(f"  at {n}", Manner(quote=True)) for n in (1, 2)], bot.say("sorry")]
        await bot.said(*lines)
    block = slack.messages(PUSH)[0].blocks[0]
    kinds = [part["type"] for part in block["elements"]]  # type: ignore[index,union-attr,call-overload]
    assert kinds == ["rich_text_section", "rich_text_preformatted", "rich_text_section"]


async def test_a_long_line_goes_out_whole(slack: SlackServer) -> None:
    text = "".join(f"{number} " for number in range(2500))
    async with desk(slack) as bot:
        await bot.said(bot.say(text))
    assert "".join(slack.said(PUSH)).replace(" ", "") == text.replace(" ", "")


# --- what goes wrong ---


@pytest.mark.parametrize("done", [True, False])
async def test_a_lost_answer_is_looked_after_before_it_is_said_again(slack: SlackServer, *, done: bool) -> None:
    async with desk(slack) as bot:
        slack.fault("chat.postMessage", Lost(done=done))
        await bot.said(bot.say("once", Manner(id=7)), bot.say("off the record"))
    assert slack.said(PUSH) == ["once\noff the record"]


@pytest.mark.parametrize("done", [True, False])
async def test_a_lost_answer_in_a_thread(slack: SlackServer, *, done: bool) -> None:
    asked = slack.people.say("alice", PUSH, ".status")
    async with desk(slack) as bot:
        slack.fault("chat.postMessage", Lost(done=done))
        await bot.said(bot.say("once", Manner(id=7, spot=asked)))
    assert slack.said(PUSH, asked) == ["once"]


async def test_a_server_in_trouble_costs_no_line(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        slack.fault("chat.postMessage", Http(503))
        slack.fault("conversations.history", Http(500), 2)
        await bot.said(bot.say("once"))
    assert slack.said(PUSH) == ["once"]


async def test_an_answer_that_never_comes_is_not_waited_for(slack: SlackServer) -> None:
    async with desk(slack, patience=0.3) as bot:
        slack.fault("chat.postMessage", Stuck(done=True))
        await bot.said(bot.say("once"))
    assert slack.said(PUSH) == ["once"]


async def test_after_a_restart_only_what_was_not_said_is_said(slack: SlackServer) -> None:
    async with desk(slack) as first:
        await first.said(*[first.say(f"line {n}", Manner(id=n)) for n in (1, 2)])
        memory = first.memory
    async with desk(slack, memory) as second:
        await second.said(*[second.say(f"line {n}", Manner(id=n, again=True)) for n in (1, 2, 3)])
    assert "\n".join(slack.said(PUSH)).splitlines() == ["line 1", "line 2", "line 3"]
    async with desk(slack) as other:
        await other.said(other.say("line 1", Manner(id=1, again=True)))
    assert slack.said(PUSH)[-1] == "line 1", "of another record"


async def test_where_slack_lets_nobody_look_people_are_told(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        slack.fault("conversations.history", Refused("missing_scope"))
        await bot.said(bot.say("line", Manner(id=1, again=True)))
    assert slack.said(PUSH) == ["(maybe again) line"]


async def test_lines_wait_for_a_room_and_hold_up_no_other(slack: SlackServer) -> None:
    slack.add_channel("#warroom", id="C0WAR", bot=False)
    async with desk(slack, names=(PUSH, "#warroom", "#nowhere")) as bot:
        waiting = [bot.say("wait", to="#warroom"), bot.say("wait", to="#nowhere")]
        await bot.said(bot.say("go"))
        await slack.until(lambda: any(call.error == "not_in_channel" for call in slack.calls))
        assert not any(one.done() for one in waiting)
        slack.rooms.enter(slack.space.channels["C0WAR"], slack.space.user("pushbot").id)
        bot.writer.found("#warroom")
        await bot.said(waiting[0])
        slack.add_channel("#nowhere", id="C0NOW")
        room = bot.rooms.room("#nowhere")
        assert room is not None
        room.id = "C0NOW"
        bot.writer.found("#nowhere")
        await bot.said(waiting[1])
    assert slack.said("#warroom")[-1] == "wait"
    assert slack.said("#nowhere") == ["wait"]


async def test_a_room_that_is_gone_for_good_costs_its_lines_and_no_others(slack: SlackServer) -> None:
    slack.add_channel("#old", id="C0OLD").archived = True
    async with desk(slack, names=(PUSH, "#old")) as bot:
        lost = [bot.say(f"line {n}", to="#old") for n in range(3)]
        for one in lost:
            with pytest.raises(PushbotError, match="is_archived"):
                await one
        await bot.said(bot.say("go"))
        with pytest.raises(PushbotError, match="neither a room nor a person"):
            await bot.say("x", to="#nobody")
        with pytest.raises(PushbotError, match="user_not_found"):
            await bot.say("x", to="U0NOBODY")


async def test_blocks_that_slack_does_not_take_are_said_without(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        slack.fault("chat.postMessage", Refused("invalid_blocks"))
        await bot.said(bot.say("one <b>"), bot.say("two"))
        slack.fault("chat.postMessage", Refused("msg_too_long"), 2)
        with pytest.raises(PushbotError, match="msg_too_long"):
            await bot.say("three")
    assert slack.said(PUSH) == ["one <b>", "two"]


async def test_a_thread_that_is_gone_costs_no_line(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        await bot.said(bot.say("hello", Manner(spot="1700000000.000100")))
    assert slack.said(PUSH) == ["hello"]


async def test_a_whole_method_waits_when_slack_says_so(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        slack.fault("chat.postMessage", Limited(1))
        await bot.said(bot.say("hello"), bot.say("bob", to="U0BOB"))
    posts = slack.called("chat.postMessage")
    assert len(posts) == 3
    assert all(one.at - posts[0].at > 0.9 for one in posts[1:] if one.ok and one.arguments["channel"] == "C0PUSH")


async def test_slack_comes_back(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        await slack.down()
        line = bot.say("hello")
        await asyncio.sleep(0.2)
        await slack.up()
        await bot.said(line)
    assert slack.said(PUSH) == ["hello"]


@pytest.mark.parametrize("done", [True, False])
async def test_a_writer_that_is_run_again_goes_on_where_it_was(slack: SlackServer, *, done: bool) -> None:
    async with desk(slack) as bot:
        slack.fault("chat.postMessage", Stuck(done))
        sent = bot.say("sent")
        await slack.until(lambda: slack.called("chat.postMessage"))
        waits = bot.say("waits")
    assert not sent.done()
    assert not waits.done()
    async with bot.api, asyncio.TaskGroup() as group:
        task = group.create_task(bot.writer.run(bot.memory))
        await bot.said(sent, waits)
        task.cancel()
    assert "\n".join(slack.said(PUSH)) == "sent\nwaits"


async def test_lines_wait_for_somebody_to_see_to_the_app(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        slack.app.grants[BOT_TOKEN].revoked = "token_revoked"
        lines = [bot.say("hello"), bot.say("in private", to="U0BOB"), bot.say("no", Manner(whom="U0BOB", alone=True))]
        await slack.until(lambda: any(call.error == "token_revoked" for call in slack.calls))
        slack.app.grants[BOT_TOKEN].revoked = ""
        bot.writer.found(PUSH)
        await bot.said(*lines)
    assert slack.said(PUSH) == ["hello"]


async def test_nothing_of_the_token_is_told(slack: SlackServer, capsys: pytest.CaptureFixture[str]) -> None:
    async with desk(slack) as bot:
        slack.fault("chat.postMessage", Lost())
        slack.fault("conversations.history", Http(500))
        await bot.said(bot.say("hello"))
    out, err = capsys.readouterr()
    assert BOT_TOKEN not in out + err


# --- the end of a log ---


async def test_the_end_of_a_log_is_a_file_in_the_thread(slack: SlackServer) -> None:
    log = tuple(f"line {n}" for n in range(9))
    async with desk(slack) as bot:
        await bot.said(bot.say("it failed", Manner(output=log)), bot.say("short", Manner(output=log[:3])))
        await slack.until(lambda: slack.files and slack.files[0].message)
    file = slack.files[0]
    assert len(slack.files) == 1
    assert file.text.splitlines() == list(log)
    assert file.thread == slack.messages(PUSH)[0].ts


async def test_without_the_scope_for_files_it_is_shown_as_output(slack: SlackServer) -> None:
    slack.app.grants[BOT_TOKEN].scopes.discard("files:write")
    log = tuple(f"line {n}" for n in range(500))
    async with desk(slack) as bot:
        await bot.said(bot.say("it failed", Manner(output=log)))
        ts = slack.messages(PUSH)[0].ts
        await slack.until(lambda: len(slack.said(PUSH, ts)) == 2)
    assert slack.said(PUSH, ts)[1].splitlines()[-1] == "line 499"


@pytest.mark.parametrize("done", [True, False])
async def test_a_file_is_not_shown_twice(slack: SlackServer, *, done: bool) -> None:
    log = tuple(f"line {n}" for n in range(9))
    async with desk(slack) as bot:
        slack.fault("files.completeUploadExternal", Lost(done=done))
        await bot.said(bot.say("it failed", Manner(output=log)))
        ts = slack.messages(PUSH)[0].ts
        await slack.until(lambda: len(slack.messages(PUSH, ts)) == 2)
        await asyncio.sleep(0.3)
    assert len(slack.messages(PUSH, ts)) == 2


async def test_many_people_are_told_in_private_without_many_conversations_being_opened(slack: SlackServer) -> None:
    slack.api.rates.on = True
    people = [slack.add_user(f"p{number}").id for number in range(80)]
    async with desk(slack, interval=1.0) as bot:
        await bot.said(*[bot.say("welcome", to=person) for person in people])
    assert slack.rate_limited == 0
    assert all(slack.shown(slack.im(person)) == ["welcome"] for person in people)
