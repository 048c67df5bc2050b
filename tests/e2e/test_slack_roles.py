"""A whole bot with exactly what `pushbot init --slack` asks for: it starts, works, and gives roles by user groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pushbot.chat.slack.setup.manifest import Part, manifest
from tests.e2e.bot import until
from tests.e2e.made import Repository
from tests.e2e.town import chat, lanes
from tests.rig.slack import BOT_TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Towns
    from tests.e2e.town import Town
    from tests.rig.slack import SlackServer

pytestmark = [pytest.mark.e2e, pytest.mark.net]

ROLES = """
[roles.deployers]
groups = ["slack/@deployers"]
every = "400ms"

[access]
go = ["deployers"]
"""


@pytest.fixture
def town(slack: SlackServer, towns: Towns, tmp_path: Path) -> Town:
    Repository(tmp_path / "app").commit("first", page_txt="1")
    town = towns(chat(slack) + lanes(tmp_path, "web", stages=("princess",)) + ROLES, "web")
    town.settle_in("ann", "bob")
    return town


async def test_a_user_group_holds_a_role_and_loses_it_with_the_group(town: Town, slack: SlackServer) -> None:
    slack.app.install(manifest([Part.SNIPPETS, Part.GROUPS]))
    slack.add_group("deployers", ["ann"])
    await town.bot.start()
    await until(lambda: slack.called("usergroups.users.list"), "the group is asked for")
    slack.people.say("bob", "#web", ".join")
    await town.hears("bob: You're up")
    slack.people.say("bob", "#web", ".go")
    await until(lambda: slack.ephemerals("bob"), "bob is refused, alone")
    assert "[not_permitted]" in slack.ephemerals("bob")[0]
    slack.people.change_group("deployers", ["ann", "bob"])
    asked = len(slack.called("usergroups.users.list"))
    await until(lambda: len(slack.called("usergroups.users.list")) > asked + 1, "the group is asked for again")
    slack.people.say("bob", "#web", ".go")
    await town.hears("bob: you're on princess")
    await town.at_rest()
    assert not [call for call in slack.calls if call.error == "missing_scope"]
    assert (await town.bot.stop())[0] == 0
    await town.check()


async def test_a_workspace_that_has_no_groups_costs_the_role_and_nothing_else(town: Town, slack: SlackServer) -> None:
    slack.app.install(manifest())
    slack.space.paid = False
    await town.bot.start()
    slack.people.say("ann", "#web", ".join")
    await town.hears("ann: You're up")
    await until(lambda: "add the scope usergroups:read" in town.bot.log(), "the scope is told of")
    slack.app.grants[BOT_TOKEN].scopes.add("usergroups:read")
    slack.people.say("ann", "#web", ".go")
    await until(lambda: slack.ephemerals("ann"), "ann is refused, alone")
    await until(lambda: "has no user groups (paid_teams_only)" in town.bot.log(), "the plan is told of")
    assert town.bot.log().count("role_not_listed") == 2  # the scope that was missing, then the plan: each once
    await town.at_rest()
    assert (await town.bot.stop())[0] == 0
    await town.check()
