"""What comes in, or is under way, while the bot is wired anew or in trouble is neither lost nor done in halves."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pushbot.app import lasting
from pushbot.app.lasting import Lasting
from pushbot.control.client import Conversation
from pushbot.control.server import ControlServer
from pushbot.control.wire import Ended, Refused, RunStage
from pushbot.errors import PushbotError
from pushbot.queue import commands as c
from pushbot.queue.commands import RunState
from pushbot.queue.model import Person, Phase
from pushbot.service import isolation
from pushbot.service.asks import Ask
from pushbot.service.house.oncall import OncallSpec
from pushbot.service.lane.runbook import Outputs
from pushbot.testing.displays import ShowingChat
from pushbot.testing.playground import PUSH, WARROOM
from tests.service.door import Door

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from pushbot.ports import Work
    from pushbot.testing.playground import Playground

FULL = PushbotError("cannot write to var/pushbot.db: the disk is full; make room")


async def say(play: Playground, who: str, text: str, room: str = PUSH) -> None:
    play.server.say(who, text, room)
    await play.settle()


def said(play: Playground, room: str) -> list[str]:
    return [line.text for line in play.server.spoken if line.to == room]


async def test_a_report_that_could_not_be_recorded_is_not_lost_by_a_reload(
    play: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = Door(monkeypatch)
    await play.start()
    await say(play, "al", ".join")
    play.store.trouble = FULL
    play.server.rename("al", "alicia")
    await play.settle()
    await door.bot.rewired(door.bot.plan)
    play.store.trouble = None
    await say(play, "alicia", ".good")
    await play.until(lambda: play.server.topic(PUSH) == "alicia*")


async def test_a_timeline_that_could_not_be_recorded_is_after_a_reload_though_nobody_says_more(
    play: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = Door(monkeypatch)
    await play.start()
    await say(play, "al", '.incident "slow"')
    play.store.trouble = FULL
    await say(play, "bob", "I see it too", WARROOM)
    bot = await door.bot.rewired(door.bot.plan)
    play.store.trouble = None

    def noted() -> bool:
        assert bot.house.incident is not None
        return any(moment.text == "I see it too" for moment in bot.house.incident.timeline)

    await play.until(noted)


async def test_those_on_call_are_called_for_what_fails_during_a_reload(
    play: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One lane's run fails while the reload waits for that of another to have begun."""
    slowly = "import time; time.sleep(0.3); print('dev: carol')"
    play.oncall = OncallSpec(command=(sys.executable, "-c", slowly))
    play.add_lane("search", "#search", stages=("princess",))
    door = Door(monkeypatch)
    await play.start()
    await say(play, "al", ".join; .at princess; .go")
    play.executor.stall()
    await say(play, "bob", ".join; .go", "#search")
    async with asyncio.TaskGroup() as group:
        group.create_task(_rewired(door))
        await play.turns(until=lambda: bool(door.bot.dispatcher._left))
        play.executor.fail("restart", run="web-1")
        await play.turns(until=lambda: door.web.queue.trains[0].phase is Phase.FAILED)
        play.executor.resume()
    await play.until(lambda: any("carol" in line for line in said(play, WARROOM)))


async def _rewired(door: Door) -> None:
    await door.bot.rewired(door.bot.plan)


async def test_what_is_asked_by_another_door_during_a_reload_is_done(
    play: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each lane is asked while the other one is at work, by somebody whom no chat keeps waiting."""
    play.add_lane("search", "#search", stages=("princess",))
    door = Door(monkeypatch)
    await play.start()
    commit, asked, turns = play.store.commit, list[Ask](), {"web": 50, "search": 20}

    async def join(lane: str) -> None:
        name = f"rider{len(asked)}"
        asked.append(Ask(c.Join(), Person("irc", f"irc:{name}", name, proof="a test"), ".join"))
        await door.bot.conductors[lane].put(asked[-1])

    async def slow(work: Work) -> None:
        if work.lane in turns:
            for _ in range(turns[work.lane]):
                await asyncio.sleep(0)
            if len(asked) < 4:
                await join("web" if work.lane == "search" else "search")
        await commit(work)

    monkeypatch.setattr(play.store, "commit", slow)
    await join("search")
    bot = await door.bot.rewired(door.bot.plan)
    await play.settle()
    trains = [train for lane in bot.conductors.values() for train in lane.queue.trains]
    aboard = [rider.person.name for train in trains for rider in train.riders]
    assert sorted(aboard) == ["rider0", "rider1", "rider2", "rider3"]


async def test_what_is_due_comes_about_though_something_broke_at_that_moment(
    play: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    await play.start()
    await say(play, "al", '.hold 11m "lunch"')
    commit, broken = play.store.commit, list[str]()

    async def once(work: Work) -> None:
        if work.lane == "web" and not broken:
            broken.append(work.lane)
            raise RuntimeError("a bug")
        await commit(work)

    monkeypatch.setattr(play.store, "commit", once)
    await play.pass_time(700)
    assert broken
    assert play.server.topic(PUSH) == "clear"


async def test_an_end_that_could_not_be_recorded_before_a_reload_is_told_once(
    play: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is owed to the lane, and the run is taken up as one that goes on: its end comes twice."""
    door = Door(monkeypatch)
    await play.start()
    await say(play, "al", ".join; .go")
    play.store.trouble = FULL
    play.executor.succeed()
    await play.settle()
    bot = await door.bot.rewired(door.bot.plan)
    play.store.trouble = None
    await play.until(lambda: play.server.topic(PUSH) == "<princess> al")
    await play.until(lambda: not bot.dispatcher.under_way)
    await play.settle()
    assert len([line for line in said(play, PUSH) if "you're on princess" in line]) == 1
    assert bot.conductors["web"].around.runbook.of_lane("web") == ()
    await say(play, "al", ".good; .go")
    assert play.server.topic(PUSH) == "<production...> al*"
    first = await play.store.run("web-1")
    assert first is not None
    assert first.state is RunState.SUCCEEDED


async def test_whoever_has_a_stage_run_hears_that_a_reload_takes_the_lane_away(
    play: Playground, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One follows a run of it; another asks in the moment in which the lane rests for good."""
    play.add_lane("search", "#search", stages=("live",))
    door, heard = Door(monkeypatch), dict[str, list[object]]()
    await play.start()
    lasting, search = door.bot.lasting, door.bot.conductors["search"]
    server = ControlServer(tmp_path / "socket", door.bot.conductors, lasting.feed, Outputs(tmp_path))
    server.open()
    lasting.control = server

    async def asks(who: str) -> None:
        conversation = await Conversation.begin(server.path)
        async for word in conversation.ask(RunStage(lane="search", stage="live")):
            heard.setdefault(who, []).append(word)
        await conversation.close()

    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.run())
        first = group.create_task(asks("first"))
        await play.until(lambda: "first" in heard)
        part = Lasting.part_with

        async def parting(*given: Any) -> None:
            group.create_task(asks("second"))
            await play.until(lambda: not search.resting)
            await part(*given)

        monkeypatch.setattr(Lasting, "part_with", parting)
        plan = door.bot.plan
        bot = await door.bot.rewired(replace(plan, lanes=tuple(lane for lane in plan.lanes if lane.name != "search")))
        gone = Refused(text="lane 'search' has just left the configuration; `.status` tells the rest")
        await play.until(lambda: heard.get("second") == [gone] and first.done())
        why = "lane 'search' has just left the configuration"
        assert heard["first"][-1] == Ended(run="search-1", kind="deploy", state=RunState.LOST, reason=why)
        assert list(bot.conductors) == ["web"]
        serving.cancel()


async def _stuck(_: ShowingChat) -> None:
    await asyncio.get_running_loop().create_future()


async def _stubborn(chat: ShowingChat) -> None:
    with suppress(asyncio.CancelledError):
        await _stuck(chat)
    await _stuck(chat)


async def _broken(_: ShowingChat) -> None:
    raise RuntimeError("a bug")


@pytest.mark.parametrize("trouble", [None, _stuck, _stubborn, _broken])
async def test_a_chat_that_leaves_takes_down_what_it_shows_and_holds_up_nobody_else(
    play: Playground, monkeypatch: pytest.MonkeyPatch, trouble: Callable[[ShowingChat], Awaitable[None]] | None
) -> None:
    play.add_chat("slack")
    screen = play.display("slack")
    play.add_lane("search", "slack/#search", stages=("live",))
    door = Door(monkeypatch)
    await play.start()
    await play.until(lambda: ("#search", "search") in screen.boards)
    if trouble is not None:
        monkeypatch.setattr(ShowingChat, "take_down", trouble)
        monkeypatch.setattr(lasting, "CLEARING", 0.05)
        monkeypatch.setattr(isolation, "LET_GO", 0.05)
    plan = door.bot.plan
    web = tuple(lane for lane in plan.lanes if lane.name == "web")
    await door.bot.rewired(replace(plan, lanes=web, chats={"irc": plan.chats["irc"]}))
    assert bool(screen.boards) == (trouble is not None)
    await say(play, "al", ".join")
    assert play.server.topic(PUSH) == "al"
