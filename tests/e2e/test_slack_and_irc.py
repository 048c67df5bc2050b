"""One bot on IRC and Slack at once: one queue, people on either side, and the bot dies in the middle of it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import until
from tests.e2e.crashing import AGAIN
from tests.e2e.made import Repository, basics
from tests.e2e.town import chat, lanes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import People, Towns
    from tests.rig.ngircd import Ngircd
    from tests.rig.slack import SlackServer

pytestmark = [pytest.mark.e2e, pytest.mark.net]


async def test_one_train_of_both(
    slack: SlackServer, irc_server: Ngircd, towns: Towns, people: People, tmp_path: Path
) -> None:
    Repository(tmp_path / "app").commit("first", page_txt="1")
    irc = basics(irc_server.port).partition("[announce]")[0]
    both = lanes(tmp_path, "web").replace('["slack/#', '["irc/#web", "slack/#', 2).replace("#web", "#warroom", 1)
    town = towns(irc + chat(slack) + both, "web")
    town.settle_in("bob", "cid")
    bob = f'\n[people.bob]\naccounts = ["irc/bob", "slack/{slack.space.user("bob").id}"]\n'
    town.bot.file.write_text(town.config + bob, "utf-8")
    ann, also_bob = await people(irc_server, "ann", "#web"), await people(irc_server, "bob", "#web")
    await town.bot.start()
    await until(lambda: "irc_room_entered chat=irc room=#web\n" in town.bot.log(), "the bot on IRC")

    await ann.asks(".join", "ann: You're up", to="#web")
    slack.people.say("bob", "#web", ".join with ann")
    slack.people.say("cid", "#web", ".join last")
    for room_shows in (lambda: slack.topic("#web"), lambda: ann.topic("#web")):
        await until(lambda shows=room_shows: shows() == "ann + bob | cid", "the topic of both")  # type: ignore[misc]
    await town.bot.kill()
    slack.people.say("bob", "#web", ".good")
    await town.bot.start()
    await until(lambda: slack.topic("#web") == "ann + bob* | cid", "what was said meanwhile")
    await until(lambda: ann.topic("#web") == "ann + bob* | cid", "the same on IRC")

    await ann.asks(".go", "ann, bob: you're on princess", to="#web")
    await town.hears("ann, bob: you're on princess")
    await also_bob.asks(".nonsense", "[unknown_command]", to="#web")
    also_bob.say(".good", to="#web")
    await until(lambda: slack.topic("#web") == "<princess> ann + bob* | cid", "bob is the same on both")
    await town.at_rest()
    await town.check()
    await ann.catches_up()
    on_slack = town.talk("#web")
    assert len(set(on_slack)) == len(on_slack)
    assert not any("[unknown_command]" in line for line in on_slack), "an answer is seen where it was asked for"
    on_irc = [line for line in ann.said("#web") if not line.startswith(AGAIN) and not line.endswith("]")]
    assert list(dict.fromkeys(on_irc)) == on_slack


async def test_a_chat_that_a_reload_takes_away_takes_down_what_it_shows(
    slack: SlackServer, irc_server: Ngircd, towns: Towns, tmp_path: Path
) -> None:
    Repository(tmp_path / "app").commit("first", page_txt="1")
    irc = basics(irc_server.port).partition("[announce]")[0]
    made = lanes(tmp_path, "web")
    town = towns(
        irc + chat(slack) + made.replace('["slack/#', '["irc/#web", "slack/#', 2).replace("#web", "#warroom", 1), "web"
    )
    town.settle_in("ann")
    await town.bot.start()
    slack.people.say("ann", "#web", ".join; .go")
    await town.hears("you're on princess")
    await until(lambda: slack.pins("#web"), "the board")
    board, [message] = town.board(), town.views("#web")["push web/1"]
    await until(lambda: "On princess" in slack.read(message), "the stage in the message of the push")

    town.bot.file.write_text(irc + made.replace("slack/#", "irc/#"), "utf-8")
    os.kill(town.bot.pid, signal.SIGHUP)
    await until(lambda: not slack.pins("#web"), "the board is taken down")
    assert slack.read(board) == "The lane web is no longer shown here"
    await until(lambda: "nor how this push goes on" in slack.read(message), "the message of the push")
    await until(lambda: "Configuration reloaded" in str(town.bot.journal("")), "the reload")
    assert "not_taken_down" not in town.bot.log()
