"""What follows a commit happens, whatever becomes of the rest; and a bot that stops runs tells how they ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pushbot import app
from pushbot.clock import SystemClock
from pushbot.errors import PushbotError
from pushbot.queue.model import Phase
from pushbot.service.lane.runbook import Outputs
from pushbot.store import SqliteStore
from pushbot.testing.chat import FakeChat

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pushbot.testing.playground import Playground


@pytest.mark.parametrize("broken", ["draw", "say"])
async def test_a_fault_in_a_chat_undoes_nothing(play: Playground, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await play.start()
    play.server.say("alice", ".join", "#push")
    await play.settle()

    def fault(*_: object) -> None:
        raise RuntimeError("a bug in a plugin")

    with monkeypatch.context() as patch:
        patch.setattr(FakeChat, broken, fault)
        play.server.say("alice", ".go", "#push")
        await play.settle()
    assert play.executor.under_way == ("web-1",)
    play.executor.succeed()
    await play.settle()
    assert play.server.topic("#push") == "<princess> alice"


async def test_a_question_needs_no_room_on_the_disk(play: Playground) -> None:
    await play.start()
    play.server.say("alice", ".join; .go", "#push")
    await play.settle()
    play.store.trouble = PushbotError("the disk is full")
    play.executor.succeed()
    since = len(play.server.spoken)
    play.server.say("bob", ".whoami", "#push")
    await play.settle()
    assert play.server.spoken[since].text.startswith("bob: you are bob on irc")


async def test_the_name_of_somebody_who_is_not_in_the_queue_costs_nothing(play: Playground) -> None:
    await play.start()
    commits = play.store.commits
    play.server.say("zoe", "hello", "#push")
    play.server.rename("zoe", "zoey")
    await play.settle()
    assert play.store.commits == commits


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - what is waited for is seen from outside alone
            await asyncio.sleep(0.005)


async def test_runs_that_are_stopped_on_the_way_out_are_recorded_and_told(play: Playground, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "record.sqlite3")
    await store.open()
    chats = {"irc": FakeChat("irc", play.server, play.rooms)}
    plan = app.Plan(chats, tuple(play.lanes), play.announce, Outputs(tmp_path), abort_on_stop=True)
    bot = asyncio.ensure_future(app.run(plan, store, SystemClock()))
    await until(lambda: play.server.topic("#push") == "clear")
    play.server.say("alice", ".join; .go", "#push")
    await until(lambda: any("is being deployed" in line.text for line in play.server.spoken))

    bot.cancel()
    await asyncio.wait([bot])
    assert play.server.topic("#push") == "<princess!> alice*"
    assert "The deploy of web to princess was stopped" in [line.text for line in play.server.spoken]
    known = await store.remember("web")
    assert known.queue is not None
    assert known.queue.head is not None
    assert known.queue.head.phase is Phase.FAILED
    assert (known.runs, await store.owed()) == ((), ())
    await store.close()
