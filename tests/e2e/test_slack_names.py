"""People of one name in a workspace: whom a command means that names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import until
from tests.e2e.made import Repository
from tests.e2e.town import chat, lanes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Towns
    from tests.rig.slack import SlackServer

pytestmark = [pytest.mark.e2e, pytest.mark.net]


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
