"""People of one name in a workspace: whom a command means that names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pushbot.chat.slack.people import fold
from tests.e2e.bot import until
from tests.e2e.made import Repository
from tests.e2e.town import chat, lanes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Towns
    from tests.rig.slack import SlackServer

pytestmark = [pytest.mark.e2e, pytest.mark.net]


NAMES = [
    *("pushbot:go", "web:.go", "*.go", "done", "clear", "last", "with", "config", "-", "2h", "here", "@here"),
    *("HOLD", 'HOLD "x"', "<princess>", "a|b", "a + b", "a, b", "a: b", "a;b", "(c)", "bob*", "bob!", "bob (c)"),
    *('!! "x"', "|", "+", "&", "''", "<!channel>", "%s", "$(id)", "`x`", "~x~", "_x_", "*", "it's", 'name="x"'),
    *("x\u201c", "Ann\u200d", "\u202eevil", "\U0001f468\u200d\U0001f469", "\u05d0\u05d1", "e\u0301" * 40, "\u2800"),
    *("I\u0307", "\u0130stanbul", "\u00df", "SS", "\ufb01", "fi", "a\u00a0b", "alex", "\uff21lex", "Alex|", "Alex/"),
    *("x" * 80, "x" * 79 + "y", ".", ""),
]
"""Words of topics and commands, marks, what is not seen, what is longer than names may be, and what looks alike."""


async def test_a_name_or_handle_means_one_person_or_it_is_asked_whom(
    slack: SlackServer, towns: Towns, tmp_path: Path
) -> None:
    Repository(tmp_path / "app").commit("first", page_txt="1")
    first, second = (slack.add_user(handle, display="Alex") for handle in ("alex.one", "alex.two"))
    town = towns(chat(slack) + lanes(tmp_path, "web"), "web")
    town.settle_in("bob", "cid")
    await town.bot.start()

    async def said(who: str, text: str, topic: str) -> None:
        slack.people.say(who, "#web", text, raw=True)
        await until(lambda: slack.topic("#web") == topic, f"{topic} after {text}")

    await said(first.id, ".join", "Alex")
    await said(second.id, ".join last", "Alex | Alex@alex.two")
    await said("bob", ".join with @alex.two", "Alex | Alex@alex.two + bob")
    slack.people.say("cid", "#web", ".join with alex")
    await until(lambda: slack.ephemerals("cid"), "it is asked whom they mean")
    asked = 'cid: alex may be "Alex@alex.one" or "Alex@alex.two": say which. [which_person]'
    assert slack.ephemerals("cid") == [asked]
    await said("cid", f".join with <@{first.id}>", "Alex + cid | Alex@alex.two + bob")
    await said("cid", ".kick alex.two", "Alex + cid | bob")
    await town.at_rest()
    assert [one.what for one in town.asked() if "with" in one.what][-1] == ".join with Alex@alex.one"
    await town.check()


async def test_whatever_somebody_calls_themselves_they_are_named_by_a_mention(
    slack: SlackServer, towns: Towns, tmp_path: Path
) -> None:
    Repository(tmp_path / "app").commit("first", page_txt="1")
    users = [slack.add_user(f"user{number}", display=name) for number, name in enumerate(NAMES)]
    town = towns("[bot]\ncommands_per_minute = 0\n" + chat(slack) + lanes(tmp_path, "web"), "web")
    town.settle_in("bob")
    await town.bot.start()
    slack.people.say("bob", "#web", ".join")
    for user in users:
        slack.people.say(user.id, "#web", ".join last", raw=True)
        slack.people.say(user.id, "#web", f"<@{users[0].id}>: look", raw=True)
    await until(lambda: len(town.bot.trains()) == len(users) + 1, "all are aboard")
    shown = [rider for train in town.bot.trains() for rider in train.riders]
    assert len({fold(name) for name in shown}) == len(shown)
    for user in users:
        slack.people.say("bob", "#web", f".kick <@{user.id}>", raw=True)
    await until(lambda: slack.topic("#web") == "bob", "all are taken off again")
    await town.at_rest()
    asked = [one for one in town.asked() if one.lane == "web"]
    assert [one.outcome for one in asked] == ["done"] * (1 + 2 * len(users))
    assert slack.ephemerals("bob") == []
    assert "fault-" not in town.bot.log()
    await town.check()
