"""The transcripts in `scenarios/`, unchanged: on Slack, and on IRC and Slack at once with people on either side."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
import structlog.testing

from pushbot.chat.slack import paces
from pushbot.chat.slack.outbound import topic
from pushbot.testing.playground import Playground
from pushbot.testing.scenario import Scenario, perform, read
from tests.rig import both_venue
from tests.rig.both_venue import BothVenue
from tests.rig.slack import Refused, SlackServer
from tests.rig.slack_venue import SlackVenue
from tests.test_scenarios import ALL, ON_NGIRCD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.rig.ngircd import Ngircd

pytestmark = pytest.mark.net

NOT_ON_SLACK = {
    "guests": "nobody is on Slack without being logged in",
    "shortened_topic": "a topic has 250 characters there, and no server that allows fewer",
}
"""Transcripts of what there is on IRC alone, and why."""
NOT_ON_BOTH = NOT_ON_SLACK | {
    "maybe_again": "the servers would have to confirm, lose and break at the same moments",
    "stubborn": "whether IRC has confirmed the first of two lines, when the second is recorded, is a matter of moments",
    "try": "three people are answered at the same moment, here or there, and nobody can say who first",
    "renamed": "who takes another nick on IRC is not the account any more that the configuration links",
}
"""Transcripts that need one chat, and why."""
ON_SLACK = {name: scenario for name, scenario in ALL.items() if name not in NOT_ON_SLACK}
ON_BOTH = {name: scenario for name, scenario in ALL.items() if name not in NOT_ON_BOTH}
SIDES = [*((name, True) for name in ON_BOTH), *((name, False) for name in ON_BOTH if name in ON_NGIRCD)]
"""Whether who speaks first does so on Slack; the other way round too for those that a single real server is shown."""


def names_in(scenario: Scenario) -> list[str]:
    """Everybody who says or writes something, in the order in which they do, but under a name that they take later."""
    wrote = (re.match(r"(\S+) writes the topic", step.text) for step in scenario.steps)
    named = (step.who or (found[1] if found else "") for step, found in zip(scenario.steps, wrote, strict=True))
    later = {found[1] for step in scenario.steps if (found := re.fullmatch(r"\S+ is now (\S+)", step.text))}
    return [name for name in dict.fromkeys(named) if name and name not in later]


@pytest.fixture(autouse=True)
def _without_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """This Slack takes whatever comes, so the bot need not spread it over minutes."""
    for tier in paces.PER_MINUTE:
        monkeypatch.setitem(paces.PER_MINUTE, tier, 10**6)
    monkeypatch.setattr(paces, "POSTS_PER_MINUTE", 10**6)
    monkeypatch.setattr(topic, "PATIENCE", 0.1)


@pytest.fixture(autouse=True)
def _nothing_breaks() -> Iterator[None]:
    """No fault of the bot's is in the log at the end, also where people saw nothing of it."""
    with structlog.testing.capture_logs() as logs:
        yield
    assert [one for one in logs if one.get("exc_info")] == []


@pytest_asyncio.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        yield server


def test_what_is_left_out_is_there() -> None:
    assert ALL.keys() >= NOT_ON_BOTH.keys()


@pytest.mark.parametrize("scenario", ON_SLACK.values(), ids=ON_SLACK)
async def test_on_slack(scenario: Scenario, tmp_path: Path, slack: SlackServer) -> None:
    async with Playground(tmp_path) as play:
        await perform(scenario, SlackVenue(slack, play, names_in(scenario)))


@pytest.mark.parametrize(("name", "slack_first"), SIDES)
async def test_on_both(name: str, tmp_path: Path, irc_server: Ngircd, slack: SlackServer, *, slack_first: bool) -> None:
    async with Playground(tmp_path) as play:
        venue = BothVenue(irc_server, slack, play, names_in(ON_BOTH[name]), slack_first)
        try:
            await perform(ON_BOTH[name], venue)
        finally:
            await venue.close()


async def test_a_line_that_one_side_lacks_is_shown(
    tmp_path: Path, irc_server: Ngircd, slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(both_venue, "WITHIN", 0.5)
    slack.fault("chat.postMessage", Refused("restricted_action"), 100)
    async with Playground(tmp_path) as play:
        venue = BothVenue(irc_server, slack, play, ["alice"], slack_first=True)
        with pytest.raises(AssertionError, match=r"\(on irc alone\) alice: You're up"):
            await perform(read("alice> .join    TOPIC: alice\npushbot> alice: You're up\n"), venue)
        await venue.close()
