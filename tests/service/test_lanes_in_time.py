"""Locks, holds and people who are away, in whole bots: over crashes, full disks, other lanes and a real timetable."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot import app
from pushbot.clock import SystemClock
from pushbot.errors import PushbotError
from pushbot.queue.rules import Patience
from pushbot.service.lane.runbook import Outputs
from pushbot.store import SqliteStore
from pushbot.testing.chat import FakeChat
from pushbot.testing.playground import Playground

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path


@pytest.fixture
async def lanes(tmp_path: Path) -> AsyncIterator[Playground]:
    """Two lanes whose stage princess is one place."""
    async with Playground(tmp_path) as play:
        play.add_lane("web", "#push", stages=("princess", "production"), locks={"princess": "princess"})
        play.add_lane("search", "#search", stages=("princess",), locks={"princess": "princess"})
        patience = Patience(ask_after=600, grace=300)
        play.lanes[:] = [replace(lane, patience=patience) for lane in play.lanes]
        yield play


async def say(play: Playground, who: str, text: str, room: str = "#push") -> list[str]:
    """What the bot answers."""
    before = len(play.server.spoken)
    play.server.say(who, text, room)
    await play.settle()
    return [line.text for line in play.server.spoken[before:]]


async def test_a_lock_that_could_not_be_recorded_keeps_nobody_in_any_lane(lanes: Playground) -> None:
    await lanes.start()
    lanes.store.trouble = PushbotError("the disk is full")
    (answer,) = await say(lanes, "bob", ".lock princess")
    assert "[not_recorded]" in answer
    lanes.store.trouble = None
    await say(lanes, "alice", ".join; .go", "#search")
    assert lanes.server.topic("#search") == "<princess...> alice*"


async def test_a_lock_of_a_stage_that_is_no_longer_there_is_shown_and_ends_by_itself(lanes: Playground) -> None:
    await lanes.start()
    await say(lanes, "bob", ".lock production 1h")
    await lanes.stop()
    lanes.lanes[0] = replace(lanes.lanes[0], stages=lanes.lanes[0].stages[:1])
    await lanes.start()
    assert (await say(lanes, "alice", ".locks"))[0].startswith("production: kept by bob until 10:00 UTC")
    await lanes.pass_time(3600)
    assert await say(lanes, "alice", ".locks") == ["web: nobody keeps a stage"]


async def test_what_ended_while_the_bot_was_down_has_ended_before_it_is_asked(lanes: Playground) -> None:
    await lanes.start()
    await say(lanes, "bob", ".lock princess 30m; .hold 30m")
    await say(lanes, "alice", ".join")
    await lanes.crash()
    await lanes.pass_time(3600)
    await lanes.start()
    assert lanes.server.topic("#push") == "alice"
    assert any("You're up" in line.text for line in lanes.server.spoken)
    assert lanes.timetable.planned.keys() == {"lane web"}, "alice will be asked"


async def test_a_driver_who_is_asked_is_asked_once_though_the_bot_crashes(lanes: Playground) -> None:
    await lanes.start()
    await say(lanes, "alice", ".join")
    await say(lanes, "bob", ".join last; .good")
    await lanes.pass_time(600)
    for _ in range(3):
        await lanes.crash()
        await lanes.start()
    asked = [line.text for line in lanes.server.spoken if "are you there" in line.text]
    assert len([text for text in asked if not text.startswith("(maybe again)")]) == 1
    await lanes.pass_time(300)
    assert lanes.server.topic("#push") == "bob* | alice"


async def test_talk_is_written_down_only_of_a_driver_who_is_waited_for_and_seldom(lanes: Playground) -> None:
    await lanes.start()
    await say(lanes, "alice", ".join")
    await lanes.pass_time(120)
    commits = lanes.store.commits
    for _ in range(50):
        await say(lanes, "bob", "hello")
        await say(lanes, "alice", "hello")
    assert lanes.store.commits == commits + 1
    entries = await lanes.store.journal("web")
    assert [entry.what for entry in entries] == [".join"], "and in no journal"


async def test_another_lane_is_told_who_keeps_the_place(lanes: Playground) -> None:
    await lanes.start()
    await say(lanes, "bob", '.lock princess "load test"')
    answers = await say(lanes, "alice", ".join; .go", "#search")
    assert 'web/princess is kept by bob until 11:00 UTC (2h00m more): "load test"' in answers[-1]
    assert "web: .unlock! princess" in answers[-1]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - what is waited for is seen from outside alone
            await asyncio.sleep(0.005)


async def test_a_hold_ends_by_itself_on_the_real_clock(lanes: Playground, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "record.sqlite3")
    await store.open()
    chats = {"irc": FakeChat("irc", lanes.server, lanes.rooms)}
    plan = app.Plan(chats, tuple(lanes.lanes), lanes.announce, Outputs(tmp_path), access=lanes._gate())
    bot = asyncio.ensure_future(app.run(plan, store, SystemClock()))
    await until(lambda: lanes.server.topic("#push") == "clear")
    lanes.server.say("bob", '.hold 1s "db"', "#push")
    await until(lambda: lanes.server.topic("#push") == 'HOLD "db"')
    await until(lambda: lanes.server.topic("#push") == "clear")
    assert any("the hold of bob is over" in line.text for line in lanes.server.spoken)
    bot.cancel()
    await asyncio.wait([bot])
    await store.close()
