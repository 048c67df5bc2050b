"""How far a run is, in the topic: seldom, at once when something fails, and never on record."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pushbot.fleet.model import Tally
from pushbot.queue.model import Phase, Queue
from pushbot.service.snapshot import Progress
from pushbot.service.spec import LaneSpec
from pushbot.service.topics import Ticker, Topics
from pushbot.testing.chat import FakeChat
from pushbot.testing.clock import HandClock
from pushbot.testing.playground import Playground
from tests.service.door import Door
from tests.service.facts import train, underway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Playground]:
    """A bot with a run that has just begun; the clock stands still."""
    async with Playground(tmp_path) as play:
        play.add_lane("web", "#push", "#web", stages=("princess", "production"))
        await play.start()
        play.server.say("alice", ".join; .go", "#push")
        await play.settle()
        play.server.topics_set.clear()
        yield play


async def far(play: Playground, done: int, failed: int = 0) -> list[str]:
    """The topics that #push was set to since the last call, after the run has come so far."""
    play.executor.report(Tally(done, 120, failed))
    await play.settle()
    return drawn(play)


def drawn(play: Playground) -> list[str]:
    topics = [text for room, text in play.server.topics_set if room == "#push"]
    play.server.topics_set.clear()
    return topics


async def test_a_flood_of_progress_is_a_topic_every_ten_seconds_in_every_room(running: Playground) -> None:
    for done in range(101):
        running.executor.report(Tally(done, 120))
        running.clock.advance(0.5)
        await running.settle()
    rooms = [room for room, _ in running.server.topics_set]
    assert [rooms.count(room) for room in ("#push", "#web")] == [5, 5]
    assert drawn(running)[-1] == "<princess... 99/120> alice*"


async def test_the_first_failure_is_drawn_at_once_and_the_next_in_their_turn(running: Playground) -> None:
    assert await far(running, 3) == []
    assert await far(running, 4, failed=1) == ["<princess... 4/120, 1 failed> alice*"]
    assert await far(running, 5, failed=9) == []
    await running.pass_time(9.9)
    assert drawn(running) == []
    await running.pass_time(0.1)
    assert drawn(running) == ["<princess... 5/120, 9 failed> alice*"]


async def test_nothing_is_drawn_when_nothing_has_changed_or_the_end_is_near(running: Playground) -> None:
    await running.pass_time(60)
    assert await far(running, 3) == ["<princess... 3/120> alice*"]
    await running.pass_time(60)
    assert await far(running, 3) == []
    running.executor.report("restart")
    await running.settle()
    assert drawn(running) == []
    assert await far(running, 119, failed=1) == []
    running.executor.succeed()
    await running.pass_time(60)
    assert drawn(running) == ["<princess> alice"]


async def test_a_run_does_not_show_how_far_the_one_before_it_was(running: Playground) -> None:
    await far(running, 100)
    running.executor.succeed()
    await running.settle()
    running.server.say("alice", ".go; .go", "#push")
    await running.settle()
    assert drawn(running)[-1] == "<production...> alice*"
    await far(running, 7)
    await running.pass_time(10)
    assert drawn(running) == ["<production... 7/120> alice*"]


async def test_progress_is_on_no_record_and_comes_again_after_a_restart(running: Playground) -> None:
    await running.pass_time(1)  # what was said is recorded as such
    before = running.store.commits
    await far(running, 50)
    await running.pass_time(30)
    assert (drawn(running), running.store.commits) == (["<princess... 50/120> alice*"], before)
    await running.crash()
    await running.start()
    running.server.topics_set.clear()
    await running.pass_time(30)
    assert drawn(running) == []
    assert await far(running, 60) == ["<princess... 60/120> alice*"]


async def test_a_chat_that_breaks_while_it_draws_leaves_the_run_alone(
    running: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: FakeChat, room: str, topic: str) -> None:
        raise RuntimeError(f"{room}: {topic}")

    with monkeypatch.context() as patched:
        patched.setattr(FakeChat, "draw", broken)
        await far(running, 4, failed=1)
        await running.pass_time(20)
        await far(running, 5, failed=1)
    assert drawn(running) == []
    running.executor.succeed()
    await running.settle()
    assert drawn(running) == ["<princess> alice"]


async def test_a_bot_that_is_ending_draws_nothing_and_leaves_the_run_alone() -> None:
    topics = Topics({}, ())
    run = underway(8)
    topics.show(LaneSpec("web", ()), Queue((train("alice", stage="production", phase=Phase.RUNNING, run=8),)))
    async with asyncio.TaskGroup() as group:
        pass
    ticker = Ticker(topics, HandClock(), group)
    ticker.moved(run, Progress(tally=Tally(1, 9)))
    ticker.moved(run, Progress(tally=Tally(2, 9)))
    assert topics.note(run, Tally(3, 9)) == Tally(2, 9)


async def test_a_run_aside_from_the_line_is_in_no_topic_but_in_the_status(
    running: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = Door(monkeypatch)
    await running.stop()
    await running.start()
    await door.ask("production")
    await running.settle()
    running.server.topics_set.clear()
    running.executor.report(Tally(42, 120, 1), "web-2")
    await running.pass_time(60)
    assert drawn(running) == []
    running.server.say("bob", ".status", "#push")
    await running.settle()
    assert running.server.spoken[-1].text == (
        "web: aside, root deploying to production (web-2): web-2 running, 42/120, 1 failed, for 1m00s"
    )
    running.executor.report(Tally(3, 120), "web-1")
    await running.settle()
    assert drawn(running) == ["<princess... 3/120> alice*"]
