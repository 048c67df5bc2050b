"""Boards of a whole bot on Slack that people take away, and those of lanes that leave the configuration."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from pushbot.chat.slack.setup.manifest import manifest
from tests.e2e.bot import until
from tests.e2e.made import Gate, Repository
from tests.e2e.town import chat, lanes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Towns
    from tests.e2e.town import Town
    from tests.rig.slack import Message, SlackServer

pytestmark = [pytest.mark.e2e, pytest.mark.net]


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


@pytest.fixture
def town(slack: SlackServer, towns: Towns, tmp_path: Path, gate: Gate) -> Town:
    slack.app.install(manifest())
    Repository(tmp_path / "app").commit("first", page_txt="1")
    town = towns(chat(slack) + lanes(tmp_path, "web", "api", before=gate.script), "web", "api")
    town.settle_in("ann")
    return town


def delete(slack: SlackServer, room: str, message: Message) -> None:
    """An administrator deletes a message of the bot's."""
    slack.posts.delete(slack.space.channel(room), message)


async def pinned(town: Town, lane: str, before: Message | None = None) -> Message:
    """The board of a lane in its room, once it is there, and pinned; another one than before."""
    pins = town.slack.pins
    await until(lambda: [one for one in pins(f"#{lane}") if one is not before], f"the board of {lane}")
    return town.board(lane)


async def test_what_people_take_away_is_put_back(town: Town, slack: SlackServer, gate: Gate) -> None:
    """Also when nothing changes: a board that was deleted or unpinned, and the message of a push under way."""
    await town.bot.start()
    first = await pinned(town, "web")
    delete(slack, "#web", first)
    second = await pinned(town, "web", first)
    assert "Join" in str(second.blocks)
    slack.people.pin("ann", "#web", second.ts, pinned=False)
    assert await pinned(town, "web") is second

    slack.people.say("ann", "#web", ".join; .go")
    await town.hears("is being deployed to princess by ann")
    parent = town.views("#web")["push web/1"][0]
    delete(slack, "#web", parent)  # there are lines in its thread: a tombstone stays
    await until(
        lambda: any(one is not parent for one in town.views("#web").get("push web/1", [])), "the message of the push"
    )
    again = town.views("#web")["push web/1"][-1]
    await gate.opened()
    await until(lambda: any("you're on princess" in line for line in slack.said("#web", again.ts)), "lines below it")
    await town.at_rest()


async def take_up(town: Town, config: str, way: str) -> None:
    """The bot has this configuration from now on, by a reload or by a restart."""
    town.bot.file.write_text(config, "utf-8")
    if way == "reload":
        reloads = len(town.bot.journal(""))
        os.kill(town.bot.pid, signal.SIGHUP)
        await until(lambda: len(town.bot.journal("")) > reloads, "the reload")
    else:
        await town.bot.kill()
        await town.bot.start()


@pytest.mark.parametrize("way", ["reload", "restart"])
async def test_a_lane_that_leaves_and_comes_back(town: Town, slack: SlackServer, way: str, tmp_path: Path) -> None:
    await town.bot.start()
    town.bot.rooms = ("#web", "#warroom")  # those that are there each time
    kept, old = await pinned(town, "web"), await pinned(town, "api")
    without = chat(slack) + lanes(tmp_path, "web")
    await take_up(town, without, way)
    await until(lambda: not slack.pins("#api"), "the board of api is taken down")
    await until(lambda: slack.read(old) == "The lane api is no longer shown here", "its last words")
    assert slack.pins("#web") == [kept]
    edits = old.updated
    await take_up(town, without + "\n[bot]\nurl = 'https://example.com'\n", way)
    await town.at_rest()
    assert old.updated == edits
    await take_up(town, town.config, way)
    new = await pinned(town, "api")
    assert new is not old
    assert slack.read(old) == "The lane api is no longer shown here"
    await town.at_rest()


@pytest.mark.parametrize("way", ["reload", "restart"])
async def test_a_push_under_way_whose_lane_leaves_and_comes_back(
    town: Town, slack: SlackServer, way: str, tmp_path: Path, gate: Gate
) -> None:
    await town.bot.start()
    town.bot.rooms = ("#web", "#warroom")
    slack.people.say("ann", "#api", ".join; .go")
    await gate.opened()
    await town.hears("you're on princess", "#api")
    [message] = town.views("#api")["push api/1"]
    await until(lambda: "On princess" in slack.read(message), "the stage in the message of the push")
    await take_up(town, chat(slack) + lanes(tmp_path, "web"), way)
    await until(lambda: "no longer shown here, nor how this push goes on" in slack.read(message), "its last words")
    assert "ann drives" in slack.read(message)
    await take_up(town, town.config, way)
    await until(lambda: "On princess" in slack.read(message), "it goes on")
    slack.people.say("ann", "#api", ".good; .go")
    await town.hears("you're on production", "#api")
    assert any("you're on production" in line for line in slack.said("#api", message.ts))
    await town.at_rest()
    await town.check()
