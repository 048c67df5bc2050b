"""Trains on stand-ins for Slack that were made for one SDK, or know few methods: in each way that people can ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pushbot.chat.slack.setup.manifest import manifest
from pushbot.chat.slack.shape import part
from tests.e2e.bot import until
from tests.e2e.made import Repository
from tests.e2e.town import chat, lanes
from tests.rig.slack import BOT_USER
from tests.rig.slack.mocks import for_node, for_python, never
from tests.rig.slack.pressed import elements

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Towns
    from tests.e2e.town import Town
    from tests.rig.slack import Message, SlackServer
    from tests.rig.slack.mocks import Breaks

pytestmark = [pytest.mark.e2e, pytest.mark.net]

ALL = frozenset[str]()
FEW = frozenset({"chat.update", "conversations.setTopic", "pins.add", "conversations.history"})


@pytest.fixture
def town(slack: SlackServer, towns: Towns, tmp_path: Path) -> Town:
    slack.app.install(manifest())
    Repository(tmp_path / "app").commit("first", page_txt="1")
    town = towns(chat(slack) + lanes(tmp_path, "web"), "web")
    town.settle_in("ann", "bob")
    return town


async def press(town: Town, name: str, label: str) -> None:
    """Somebody presses a button of the board, once it is there: it may just be posted anew."""
    found: list[Message] = []

    def there() -> bool:
        boards = town.views("#web").get("board web", [])
        found[:] = [board for board in boards if label in buttons(board)]
        return len(boards) == len(found) == 1

    await until(there, f"{label} on the board")
    await town.slack.people.press(name, found[0], label)


def buttons(board: Message) -> list[str]:
    """What can be pressed on a board at once."""
    return [str(part(one, "text").get("text")) for one, _ in elements(board) if one.get("type") == "button"]


@pytest.mark.parametrize(
    ("breaks", "missing"), [(for_python, ALL), (for_node, ALL), (never, FEW)], ids=["python", "node", "few"]
)
async def test_trains_go_in_each_way_of_asking(town: Town, breaks: Breaks, missing: frozenset[str]) -> None:
    slack, people = town.slack, town.slack.people
    slack.api.breaks = breaks
    for method in missing:
        del slack.api.methods[method]
    await town.bot.start()
    people.say("ann", "#web", ".join")
    await town.hears("ann: You're up")
    people.say("ann", "#web", ".good")
    people.say("ann", "#web", ".go")
    await town.hears("ann: you're on princess")
    people.say("ann", "#web", f"<@{BOT_USER}> good", raw=True)
    people.say("ann", "#web", f"<@{BOT_USER}> go", raw=True)
    await town.hears("ann: you're on production")
    await people.slash("ann", "#web", "/push", "good; done")
    await town.hears("Thanks for driving, ann")
    await press(town, "bob", "Join")
    await town.hears("bob: You're up")
    await press(town, "bob", "Go for princess")
    await town.hears("bob: you're on princess")
    people.direct("bob", "good")
    await press(town, "bob", "Go for production")
    await town.hears("bob: you're on production")
    people.direct("bob", "good")
    await press(town, "bob", "Done")
    await town.hears("Thanks for driving, bob")
    await until(lambda: town.shows("web", "Nobody is in the queue"), "a board without trains")
    await town.at_rest()
    assert [one.outcome for one in town.asked() if one.outcome not in {"done", "answered"}] == []
    unknown = [line for line in town.bot.log().splitlines() if "slack_method_unknown" in line]
    assert len(unknown) == len(missing)
    if not missing:
        await town.check()
