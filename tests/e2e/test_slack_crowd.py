"""A hundred people at the same moment on a Slack that keeps its limits, and tells everything twice.

By message, by slash command and by the buttons of the board, in several channels: nothing is lost or done twice, what
was said in one channel keeps its order, boards and topics are right at the end, and Slack hardly ever says "wait".
"""

from __future__ import annotations

import asyncio
import itertools
import re
from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import until
from tests.e2e.made import Repository
from tests.e2e.town import chat, lanes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.e2e.conftest import Towns
    from tests.e2e.town import Town
    from tests.rig.slack import SlackServer

    Way = Callable[[str], Awaitable[object]]

pytestmark = [pytest.mark.e2e, pytest.mark.net]

LANES = ("web", "search", "shop")
LIMITS = {"message_interval": 1.0, "topic_interval": 3.0}
"""The options of the configuration that come by themselves."""


@pytest.fixture
def town(slack: SlackServer, towns: Towns, tmp_path: Path) -> Town:
    Repository(tmp_path / "app").commit("first", page_txt="1")
    slack.links.twice = slack.api.rates.on = True
    return towns("[bot]\nguide = false\n" + chat(slack, **LIMITS) + lanes(tmp_path, *LANES), *LANES)


def ways(town: Town, lane: str) -> list[Way]:
    """How people get aboard: each is as good as the others."""

    async def message(name: str) -> None:
        town.slack.people.say(name, f"#{lane}", ".join")

    async def mention(name: str) -> None:
        town.slack.people.say(name, f"#{lane}", "@pushbot join")

    async def slash(name: str) -> None:
        await town.slack.people.slash(name, f"#{lane}", "/push", "join")

    async def button(name: str) -> None:
        await town.slack.people.choose(name, town.board(lane), "Join")

    return [message, slash, button, mention, message]


def aboard(town: Town, lane: str) -> list[str]:
    """Everybody in the lane's queue, in order."""
    return [name for train in town.bot.trains(lane) for name in train.riders]


def shown_in_topic(topic: str) -> tuple[list[str], int]:
    """Who is in a topic by name, and how many more."""
    more = re.search(r"\| \+\d+ trains? \((\d+)\)", topic)
    return re.findall(r"\bp\d+\b", topic), int(more[1]) if more else 0


def check_topic(town: Town, lane: str, names: list[str]) -> bool:
    """Whether the topic shows these people in this order, the last of them perhaps as a number."""
    shown, more = shown_in_topic(town.slack.topic(f"#{lane}"))
    return shown == names[: len(shown)] and len(shown) + more == len(names) and bool(shown)


async def test_a_hundred_at_the_same_moment(town: Town, slack: SlackServer) -> None:
    names = [f"p{number}" for number in range(100)]
    town.settle_in(*names)
    await town.bot.start()
    for lane in LANES:
        slack.people.say(names.pop(0), f"#{lane}", ".join")
    for lane in LANES:
        await until(lambda lane=lane: town.offers(lane, "Join"), f"Join on the board of {lane}")  # type: ignore[misc]
    await town.at_rest()
    first = {lane: aboard(town, lane) for lane in LANES}
    everywhere = itertools.cycle((lane, way) for way in range(5) for lane in LANES)
    went: dict[str, list[str]] = {lane: list(first[lane]) for lane in LANES}
    async with asyncio.TaskGroup() as group:
        for name, (lane, way) in zip(names, everywhere, strict=False):
            went[lane].append(name)
            group.create_task(ways(town, lane)[way](name))  # type: ignore[arg-type]
    await town.at_rest()
    for lane in LANES:
        assert aboard(town, lane) == went[lane]
    done = [one.name for one in town.asked() if one.what.endswith("join") and one.outcome == "done"]
    assert sorted(done) == sorted(f"p{number}" for number in range(100))
    for lane in LANES:
        await until(lambda lane=lane: check_topic(town, lane, went[lane]), f"the topic of #{lane}")  # type: ignore[misc]
        await until(lambda lane=lane: town.shows(lane, went[lane][4]), f"the board of {lane}")  # type: ignore[misc]
    assert slack.rate_limited <= 3
    await town.check()


async def test_killed_in_the_middle_of_a_hundred(town: Town, slack: SlackServer) -> None:
    """One channel, and the bot dies when it has acknowledged half of them."""
    names = [f"p{number}" for number in range(100)]
    town.settle_in(*names)
    await town.bot.start()
    for name in names:
        slack.people.say(name, "#web", ".join last; .eta")
    half = len(slack.acked) + len(names)
    await until(lambda: len(slack.acked) >= half, "half of all, each of which comes twice")
    await town.bot.kill()
    await town.bot.start()
    await town.at_rest()
    assert aboard(town, "web") == names
    asked = [(one.name, one.what) for one in town.asked() if one.outcome == "done" and one.lane == "web"]
    assert asked == [(name, ".join last; .eta") for name in names]
    await until(lambda: check_topic(town, "web", names), "the topic")
    await until(lambda: town.shows("web", "p9"), "the board")
    assert town.talk("#web").count("p0: You're up") == 1
    assert slack.rate_limited <= 10  # the second life does not know how often the first one called
    await town.check()
