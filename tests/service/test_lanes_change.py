"""What becomes of runs and revisions when the configuration is not what it was, or has no repository."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from pushbot.queue.commands import RunState
from pushbot.queue.topic import render
from pushbot.service.spec import Announce, Room

if TYPE_CHECKING:
    from pushbot.testing.playground import Playground

PUSH = "#push"


async def said(play: Playground, who: str, text: str) -> None:
    play.server.say(who, text, PUSH)
    await play.settle()


async def test_a_run_of_a_lane_that_is_gone_is_lost_and_its_stage_free(play: Playground) -> None:
    play.announce = Announce(rooms=(Room("irc", "#warroom"),))
    await play.start()
    await said(play, "al", ".join; .go")
    assert play.executor.under_way == ("web-1",)
    await play.crash()
    play.lanes[:] = [replace(play.lanes[0], name="www")]
    await play.start()
    await play.store.open()
    stray = await play.store.run("web-1")
    assert stray is not None
    assert stray.state is RunState.LOST
    texts = [line.text for line in play.server.spoken if line.to == "#warroom"]
    assert texts[-1].startswith("I lost web-1, the deploy of princess: lane web is no longer in the configuration")
    assert play.server.topic(PUSH) == "<princess!> al*", "taken from the topic; how that run ended nobody knows"
    await said(play, "al", ".go")
    assert play.server.topic(PUSH) == "<princess...> al*"
    play.executor.lose(run="web-1")


async def test_a_lane_that_comes_back_does_not_wait_for_a_run_that_was_closed_meanwhile(play: Playground) -> None:
    await play.start()
    await said(play, "al", ".join; .go")
    await play.crash()
    web = play.lanes[0]
    play.lanes[:] = [replace(web, name="www", rooms=(Room("irc", "#www"),))]
    await play.start()
    await play.crash()
    play.lanes[:] = [web]
    await play.start()
    async with asyncio.timeout(60):
        while play.server.topic(PUSH) != "<princess!> al*":
            await play.settle()
            await asyncio.sleep(0.01)
    told = [line.text for line in play.server.spoken if line.to == PUSH]
    assert any("web-1" in text and "no longer in the configuration" in text for text in told), told
    await said(play, "al", ".go")
    assert play.executor.under_way[-1] == "web-2"
    play.executor.lose(run="web-1")


async def test_without_a_repository_a_train_goes_by_its_first_run_and_can_be_rolled_back(play: Playground) -> None:
    play.operators.add("al")
    await play.start()
    for _ in range(2):
        await said(play, "al", ".join; .go")
        play.executor.succeed(play.executor.under_way[0])
        await play.settle()
        await said(play, "al", ".done")
    await said(play, "al", ".rollback princess")
    run = await play.store.run("web-3")
    assert run is not None
    assert (run.revision, run.previous) == ("web-1", "web-2")
    play.executor.succeed("web-3")
    await play.settle()
    queue = (await play.store.remember("web")).queue
    assert queue is not None
    assert render(queue).startswith('HOLD "princess was rolled back"')


async def test_no_way_back_is_offered_from_a_stage_that_is_no_longer_there(play: Playground) -> None:
    await play.start()
    await said(play, "al", ".join; .go")
    await play.crash()
    play.lanes[:] = [replace(play.lanes[0], stages=play.lanes[0].stages[1:])]
    await play.start()
    await play.settle()
    lost = next(line.text for line in play.server.spoken if line.text.startswith("I lost web-1"))
    assert "princess is no longer in the configuration" in lost
    assert ".rollback" not in lost
    await said(play, "al", ".status")
    assert ".rollback" not in play.server.spoken[-1].text
    play.executor.lose(run="web-1")
