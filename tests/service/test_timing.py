"""How long steps took is on record, where the run was followed from its beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.fleet.model import Tally
from pushbot.service.runs.timing import MOST, Timings
from pushbot.testing.clock import START

if TYPE_CHECKING:
    from pushbot.testing.playground import Playground


async def test_each_step_has_its_seconds(play: Playground) -> None:
    await play.start()
    play.server.say("alice", ".join; .go", "#push")
    await play.settle()
    for step, seconds in (("build 1/3", 20), ("health: up 2/3", 3), ("warm 3/3", 1)):
        play.executor.report(step)
        await play.pass_time(seconds)
    play.executor.succeed()
    await play.settle()
    record = await play.store.run("web-1")
    assert record is not None
    assert record.took == (("build", 20.0), ("health: up", 3.0), ("warm", 1.0))


async def test_a_run_that_was_taken_up_has_none(play: Playground) -> None:
    await play.start()
    play.server.say("alice", ".join; .go", "#push")
    await play.settle()
    play.executor.report("build 1/3")
    await play.crash()
    await play.start()
    play.executor.report("migrate 2/3")
    play.executor.succeed()
    await play.settle()
    record = await play.store.run("web-1")
    assert record is not None
    assert record.took == ()


def test_what_comes_twice_is_put_together_and_a_flood_is_cut() -> None:
    timings = Timings()
    timings.told("web-1", "unknown", START)
    timings.follow("web-1")
    timings.told("web-1", Tally(1, 2), START)
    for _ in range(2 * MOST):
        timings.told("web-1", "checks 0/2", START)
    assert timings.over("web-1", START) == (("checks", 0.0),)
    assert timings.over("web-1", START) == ()
