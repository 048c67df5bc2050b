"""Everything that goes wrong between the bot and Slack in the middle of a push, and all of it ends right."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.e2e import crashing
from tests.e2e.bot import until
from tests.e2e.made import Gate, Repository
from tests.e2e.town import chat, lanes
from tests.rig.slack import Http, Limited, Lost, Slow, Stuck

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Towns
    from tests.e2e.town import Town
    from tests.rig.slack import SlackServer

pytestmark = [pytest.mark.e2e, pytest.mark.net]

SAYS, EDITS, TOPICS = "chat.postMessage", "chat.update", "conversations.setTopic"


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


@pytest.fixture
def town(slack: SlackServer, towns: Towns, tmp_path: Path, gate: Gate) -> Town:
    Repository(tmp_path / "app").commit("first", page_txt="1")
    slack.links.notices = 60.0
    return towns(chat(slack, connect_timeout=1) + lanes(tmp_path, "web", before=gate.script), "web")


async def check(town: Town, *lines: str) -> None:
    """All is said once, in this order, and shown as it is."""
    await town.at_rest()
    talk = town.talk("#web")
    assert [line for line in talk if line in lines] == list(lines)
    assert [line for line, times in Counter(talk).items() if times > 1] == []
    assert not [line for line in talk if line.startswith(crashing.AGAIN)]
    await town.check()
    crashing.check_runs(town.bot, talk)


async def test_a_topic_that_stood_there_is_the_queue(town: Town, slack: SlackServer) -> None:
    """What people wrote before the bot ever came is taken up, and never written over."""
    town.settle_in("ann", "bob")
    slack.people.write_topic("ann", "#web", "ann | bob")
    await town.bot.start()
    await town.hears("ann: You're up")
    await until(lambda: town.shows("web", "bob"), "the board")
    assert slack.topic("#web") == "ann | bob"
    assert slack.called(TOPICS) == []
    assert [train.riders for train in town.bot.trains()] == [("ann",), ("bob",)]


async def test_who_is_named_in_a_topic_before_they_are_known_has_the_seat_when_they_speak(
    town: Town, slack: SlackServer
) -> None:
    town.settle_in("ann", "bob")
    slack.fault("users.list", Stuck())
    slack.people.write_topic("ann", "#web", "ann | bob")
    await town.bot.start()
    await town.hears("ann: You're up")
    slack.people.say("bob", "#web", ".good")
    await until(lambda: slack.topic("#web") == "ann | bob*", "the word of bob")
    assert slack.ephemerals("bob") == []


async def test_links_go_in_every_way(town: Town, slack: SlackServer, gate: Gate) -> None:
    """Slack asks to leave, resets, refuses, is silent on a link that looks alive: what was said meanwhile is done."""
    town.settle_in("ann", "bob", "cid", "dan", "eve")
    links, say = slack.links, slack.people.say
    await town.bot.start()
    say("ann", "#web", ".join")
    await town.hears("ann: You're up")

    links.disconnect()
    say("bob", "#web", ".join last")
    await until(lambda: slack.topic("#web") == "ann | bob", "bob, while Slack asks to leave")
    links.reset()
    say("cid", "#web", ".join last")
    await until(lambda: slack.topic("#web") == "ann | bob | cid", "cid, after a reset")
    links.refuse = 2
    links.reset()
    say("dan", "#web", ".join last")
    await until(lambda: slack.topic("#web") == "ann | bob | cid | dan", "dan, after addresses that were used up")

    say("ann", "#web", ".go")
    await town.hears("is being deployed to princess by ann")
    links.notices = 60
    links.die()
    say("eve", "#web", ".join last")
    await gate.opened()
    await town.hears("ann: you're on princess")
    await until(lambda: len([link for link in links.open if not link.dead]) == 1, "a new link")
    await until(lambda: "eve" in slack.topic("#web"), "eve, whose line went into a dead link")
    await slack.down()
    await until(lambda: town.bot.log().count("slack_disconnected") > 3, "the bot sees that all is gone")
    await slack.up()
    say("ann", "#web", ".go")
    await town.hears("ann: you're on production")
    await until(lambda: slack.topic("#web") == "<production> ann | bob | cid | dan | eve", "the topic, in its turn")
    assert set(links.handshakes) == {101, 403}
    await check(town, "ann: You're up", "ann: you're on production. Watch your graphs, say .good, then .done")


async def test_a_bot_that_was_stopped_does_what_came_meanwhile_once(
    slack: SlackServer, towns: Towns, tmp_path: Path
) -> None:
    """What people press or command Slack sends once: what lies in the socket then is all there is."""
    Repository(tmp_path / "app").commit("first", page_txt="1")
    town = towns(chat(slack, ping_interval=1.5) + lanes(tmp_path, "web"), "web")
    town.settle_in("ann", "bob", "cid", "dan", "eve")
    await town.bot.start()
    slack.people.say("ann", "#web", ".join")
    await until(
        lambda: town.offers("web", "Join") and any(link.pings > 1 for link in slack.links.open),
        "the board, and a ping answered",
    )
    await town.bot.stand_still()
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for name in ("bob", "cid"):
            group.create_task(slack.people.choose(name, town.board(), "Join"))
            group.create_task(slack.people.slash(name, "#web", "/push", "whoami"))
        group.create_task(slack.people.slash("dan", "#web", "/push", "join"))
        slack.people.say("eve", "#web", ".join")
        await until(lambda: time.monotonic() - began > 4.5, "longer than a link may be silent")
        town.bot.go_on()
    await town.at_rest()
    joined = Counter(one.name for one in town.asked() if (one.what.lstrip("."), one.outcome) == ("join", "done"))
    assert joined == Counter(["ann", "bob", "cid", "dan", "eve"])
    assert [sum(f"{name}: you are " in line for line in town.talk("#web")) for name in ("bob", "cid")] == [1, 1]
    assert slack.links.handshakes == [101]
    await town.check()


async def test_calls_fail_in_every_way(town: Town, slack: SlackServer, gate: Gate) -> None:
    """429, 5xx, answers and requests that get lost: each line stands there once, in its order."""
    town.settle_in("ann", "bob")
    say = slack.people.say
    await town.bot.start()
    slack.fault(SAYS, Limited(1))
    slack.fault(TOPICS, Limited(1))
    say("ann", "#web", ".join")
    await town.hears("ann: You're up")
    slack.fault(SAYS, Lost(done=True))
    say("bob", "#web", ".join with ann")
    await until(lambda: slack.topic("#web") == "ann + bob", "the topic")
    await town.hears("ann, bob: You're up")
    slack.fault(SAYS, Http(503))
    slack.fault(EDITS, Http(500), 2)
    say("bob", "#web", ".good")
    say("ann", "#web", ".good")
    await town.hears("everyone is ready. ann, say .go for princess")
    slack.fault(SAYS, Lost(done=False))
    slack.fault(SAYS, Slow(1.5))
    slack.fault(SAYS, Lost(done=True))
    slack.fault(EDITS, Lost(done=True))
    say("ann", "#web", ".go")
    await town.hears("is being deployed to princess by ann, with bob")
    slack.fault(SAYS, Limited(1), 2)
    slack.fault(TOPICS, Lost(done=True))
    await gate.opened()
    await town.hears("ann, bob: you're on princess")
    await until(lambda: town.shows("web", "princess"), "the board")
    await until(lambda: slack.topic("#web") == "<princess> ann + bob", "the topic")
    ready = "ann, bob: everyone is ready. ann, say .go for princess"
    there = "ann, bob: you're on princess. Check your change and say .good"
    await check(town, "ann: You're up", "ann, bob: You're up", ready, there)
    assert [line for line in town.talk("#warroom") if "successfully" in line] != []
