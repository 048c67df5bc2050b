"""kill -9 on Slack: what was acknowledged is done, what was not comes again, and of all that nothing twice.

Slack keeps what it was not told was received, and sends it again. So people say each thing once, whatever happens.

PUSHBOT_LONG=1 kills many more times. PUSHBOT_SEED=N repeats the moments of an earlier time, as far as they can be.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.e2e import crashing
from tests.e2e.bot import SOON, until
from tests.e2e.made import Repository
from tests.e2e.town import chat, lanes
from tests.rig.slack import Slow

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.conftest import Towns
    from tests.e2e.town import Town
    from tests.rig.slack import SlackServer
    from tests.rig.slack.calls import Call

pytestmark = [pytest.mark.e2e, pytest.mark.net]

LONG = bool(os.environ.get("PUSHBOT_LONG"))
TURNS = 1 if "PUSHBOT_SEED" in os.environ else 2
KILLS = 60 if LONG else 4
DRIVERS = 40 if LONG else 4


@pytest.fixture
def town(slack: SlackServer, towns: Towns, tmp_path: Path) -> Town:
    Repository(tmp_path / "app").commit("first", page_txt="1")
    return towns(chat(slack) + lanes(tmp_path, "web", before="sleep 0.05"), "web")


# --- at random ---------------------------------------------------------------------------------


async def drive(town: Town, name: str, at: float) -> None:
    """Somebody brings their change to production, and says each thing once."""
    await asyncio.sleep(at)
    say = town.slack.people.say
    say(name, "#web", ".join last")
    await town.hears(f"{name}: You're up", within=10 * SOON)
    for where in ("princess", "production"):
        say(name, "#web", ".go")
        reached = f"{name}: you're on {where}"
        await until(lambda: said(town, reached) or said(town, f"{name}: look at {where}"), reached, 2 * SOON)  # noqa: B023
        while not said(town, reached):
            lost = said(town, f"{name}: look at {where}")
            say(name, "#web", ".go")
            await until(lambda: said(town, reached) or said(town, f"{name}: look at {where}") > lost, reached)  # noqa: B023
    say(name, "#web", ".done")
    await town.hears(f"Thanks for driving, {name}")


def said(town: Town, text: str) -> int:
    """How many lines with that text stand in #web."""
    return sum(text in line for line in town.talk("#web"))


async def kill_again_and_again(town: Town, moments: random.Random) -> None:
    """End the bot, a while after it came, or while it comes."""
    for _ in range(KILLS):
        if moments.random() < 0.25:
            town.bot.launch()
            await asyncio.sleep(moments.uniform(0.3, 1.0))
        else:
            await town.bot.start()
            await asyncio.sleep(moments.uniform(0.0, 0.8))
        await town.bot.kill()
    await town.bot.start()


@pytest.mark.parametrize("turn", range(TURNS))
async def test_killed_at_random_moments(town: Town, slack: SlackServer, turn: int) -> None:
    seed = int(os.environ.get("PUSHBOT_SEED") or secrets.randbelow(10**6))
    print(f"turn {turn}: PUSHBOT_SEED={seed}")  # noqa: T201 - shown when it fails
    moments = random.Random(seed)  # noqa: S311 - moments, no secrets
    names = [f"p{number}" for number in range(DRIVERS)]
    town.settle_in(*names)
    slack.links.twice = moments.random() < 0.5
    await town.bot.start()
    await town.bot.kill()
    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(drive(town, name, moments.uniform(0, KILLS / 2)))
        await kill_again_and_again(town, moments)
    await town.at_rest()
    await until(lambda: slack.topic("#web") == "clear", "the topic")
    check_each_once(town, names)
    crashing.check_runs(town.bot, town.talk("#web"))
    await town.check()
    assert (await town.bot.stop())[0] == 0


def check_each_once(town: Town, names: list[str]) -> None:
    """What each of them said was done once, and what they were told stands there once."""
    asked = Counter((one.name, one.what) for one in town.asked() if one.outcome == "done")
    lines = Counter(town.talk("#web"))
    for name in names:
        lost = said(town, f"{name}: look at ")
        wanted = {".join last": 1, ".go": 2 + lost, ".done": 1}
        assert {what: asked[name, what] for what in wanted} == wanted, name
        for line in (f"{name}: You're up", f"Done. Thanks for driving, {name}!"):
            assert lines[line] == 1, f"{lines[line]} times: {line}"
    assert not [line for line in lines if line.startswith(crashing.AGAIN)]


# --- at the moments that matter ----------------------------------------------------------------


async def killed_when(town: Town, moment: Callable[[], object], what: str) -> None:
    """End the bot at that moment, and start it again when all that was slow is over."""
    await until(moment, what)
    await town.bot.kill()
    town.slack.api.orders.clear()
    await town.bot.start()
    await town.at_rest()
    await town.check()


def slow(town: Town, *methods: str) -> None:
    """Have these methods done at once, and answered too late for a bot that dies meanwhile."""
    for method in methods:
        town.slack.fault(method, Slow(1.0), 100)


def about(town: Town, method: str, text: str) -> Callable[[], bool]:
    """Whether there was a call of `method` from now on, with that in its arguments."""
    start = len(town.slack.calls)

    def fits(call: Call) -> bool:
        return call.method == method and call.answer is not None and text in str(call.arguments)

    return lambda: any(map(fits, town.slack.calls[start:]))


async def test_killed_at_the_moments_that_matter(town: Town, slack: SlackServer) -> None:
    town.settle_in("ann", "bob", "cid")
    say = slack.people.say
    slow(town, "chat.postMessage", "pins.add")
    town.bot.launch()
    await killed_when(town, about(town, "chat.postMessage", "board web"), "the board is posted")
    slow(town, "pins.add")
    await town.bot.kill()
    slack.people.pin("ann", "#web", town.board().ts, pinned=False)
    town.bot.launch()
    await killed_when(town, about(town, "pins.add", ""), "the board is pinned")

    acked = len(slack.acked)
    say("ann", "#web", ".join")
    await killed_when(town, lambda: slack.unacked or len(slack.acked) > acked, "the line is on its way")
    await until(lambda: slack.topic("#web") == "ann", "the topic")
    acked = len(slack.acked)
    say("bob", "#web", ".join last")
    await killed_when(town, lambda: len(slack.acked) > acked, "the line is acknowledged")
    await until(lambda: slack.topic("#web") == "ann | bob", "the topic")
    assert town.talk("#web") == ["ann: You're up"]

    slow(town, "conversations.setTopic")
    say("cid", "#web", ".join last")
    await killed_when(town, about(town, "conversations.setTopic", "cid"), "the topic is written")
    await until(lambda: slack.topic("#web") == "ann | bob | cid", "the topic")
    slow(town, "chat.postMessage")
    say("ann", "#web", ".go")
    posted = about(town, "chat.postMessage", "push web/1")
    await killed_when(town, lambda: posted() and town.bot.written("steps"), "the push has its message, and goes on")
    await town.hears("ann: you're on princess")
    slow(town, "chat.postMessage")
    say("ann", "#web", ".uhoh")
    await killed_when(town, about(town, "chat.postMessage", "uh-oh"), "the line is said")
    slow(town, "chat.postEphemeral")
    say("bob", "#web", ".done")
    await killed_when(town, about(town, "chat.postEphemeral", "[not_permitted]"), "bob is told alone")
    marked = [line.startswith(crashing.AGAIN) for line in slack.ephemerals("bob")]
    assert marked in ([False], [False, True]), "nobody can look up what he was told"
    slow(town, "chat.update")
    say("ann", "#web", ".good")
    await killed_when(town, about(town, "chat.update", "board web"), "the board is written")

    crashing.check_runs(town.bot, town.talk("#web"))
    assert [line for line, times in Counter(town.talk("#web")).items() if times > 1] == []
    done = [(one.name, one.what) for one in town.asked() if one.outcome == "done" and one.what.startswith(".")]
    wanted = [("ann", ".join"), ("bob", ".join last"), ("cid", ".join last")]
    assert done == [*wanted, ("ann", ".go"), ("ann", ".uhoh"), ("ann", ".good")]
