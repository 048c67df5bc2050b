"""A user's day on Slack by hand: buttons, threads, slash commands, private words, the own page; pushes good and bad."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import until
from tests.e2e.made import Repository
from tests.e2e.town import chat, lanes
from tests.rig.slack.pressed import elements

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Towns
    from tests.e2e.town import Town
    from tests.rig.slack import Message, SlackServer

pytestmark = [pytest.mark.e2e, pytest.mark.net]

BREAKS = 'if [ -e broken ]; then for n in 1 2 3 4 5 6; do echo "line $n"; done; exit 3; fi'


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "app")
    made.commit("first", page_txt="1")
    return made


@pytest.fixture
def town(slack: SlackServer, towns: Towns, tmp_path: Path) -> Town:
    broken = BREAKS.replace("broken", str(tmp_path / "broken"))
    town = towns(chat(slack) + lanes(tmp_path, "web", before=broken), "web")
    town.settle_in("ann", "bob", "olga")
    operator = f'\n[roles.operator]\npeople = ["slack/{slack.space.user("olga").id}"]\n'
    town.bot.file.write_text(town.config + operator, "utf-8")
    return town


def buttons(town: Town) -> list[str]:
    """What can be pressed on the board at once; nothing before there is one."""
    boards = town.views("#web").get("board web", [])
    found = (one.get("text") for board in boards for one, _ in elements(board) if one.get("type") == "button")
    return [str(text.get("text")) for text in found if isinstance(text, dict)]


async def offers(town: Town, *wanted: str) -> None:
    """Wait until these are the buttons of the board."""
    try:
        await until(lambda: buttons(town) == [*wanted], f"the buttons {wanted}")
    except AssertionError as error:
        raise AssertionError(f"{error}, but {buttons(town)}") from None


async def press(town: Town, name: str, label: str) -> None:
    """Somebody presses a button of the board, once it is there."""
    await until(lambda: label in buttons(town), f"{label} on the board")
    await town.slack.people.press(name, town.board(), label)


async def choose(town: Town, name: str, label: str) -> None:
    """Somebody chooses something from the menus of the board, once it is there."""
    await until(lambda: town.offers("web", label), f"{label} in the menu")
    await town.slack.people.choose(name, town.board(), label)


def parent(town: Town, push: str) -> Message:
    """The message of a push."""
    [message] = town.views("#web")[f"push {push}"]
    return message


async def test_a_day(town: Town, slack: SlackServer, repository: Repository, tmp_path: Path) -> None:
    await town.bot.start()
    await by_buttons_to_production(town)
    repository.commit("breaks it", page_txt="2")
    (tmp_path / "broken").touch()
    await one_that_fails(town)
    (tmp_path / "broken").unlink()
    await an_incident(town)
    slack.people.open_home("ann")
    await until(lambda: slack.home("ann"), "ann's own page")
    assert "ann" in str(slack.home("ann"))
    await town.at_rest()
    await town.check()
    twice = [line for line, times in Counter(town.talk("#web")).items() if times > 1]
    assert [line for line in twice if "You're up" not in line] == []
    refused = [(one.name, one.outcome) for one in town.asked() if one.outcome not in {"done", "answered"}]
    assert refused == [("ann", "stale_board")]
    assert "logger=slack" not in town.bot.log(), "what Slack's libraries log is for nobody"


async def by_buttons_to_production(town: Town) -> None:
    slack, people = town.slack, town.slack.people
    await offers(town, "Join")
    await press(town, "ann", "Join")
    await town.hears("ann: You're up")
    await offers(town, "Go for princess")
    people.say("bob", "#web", ".join with ann", thread=town.board().ts)
    await until(lambda: slack.topic("#web") == "ann + bob", "bob aboard")
    await press(town, "bob", "Ready")
    await offers(town, "Go for princess")
    old = replace(town.board())
    await press(town, "ann", "Go for princess")
    await town.hears("ann, bob: you're on princess")
    await people.press("ann", old, "Go for princess")
    await until(lambda: any("[stale_board]" in line for line in slack.ephemerals("ann")), "the board was another")
    thread = parent(town, "web/1").ts
    assert any("is being deployed to princess by ann, with bob" in line for line in slack.said("#web", thread))
    assert any("@ann, @bob: you're on princess" in line for line in slack.said("#web"))
    await press(town, "bob", "Ready")
    await until(lambda: slack.topic("#web") == "<princess> ann + bob*", "bob is ready")
    await press(town, "ann", "Go for production")
    await town.hears("ann, bob: you're on production")
    people.say("ann", "#web", ".status", thread=thread)
    await until(lambda: any("web: princess" in line for line in slack.said("#web", thread)), "an answer in the thread")
    people.say("ann", "#web", "production looks fine to me", thread=thread)
    people.say("ann", "#web", ".done", thread=thread)
    await town.hears("Thanks for driving, ann")
    await until(lambda: slack.topic("#web") == "clear", "nobody is left")
    await offers(town, "Join")


async def one_that_fails(town: Town) -> None:
    slack = town.slack
    await slack.people.slash("bob", "#web", "/push", "join")
    await town.hears("bob: You're up")
    await press(town, "bob", "Go for princess")
    await town.hears("failed on princess at build")
    await until(
        lambda: any(file.channel == slack.space.channel("#web").id for file in slack.files), "the end of the log"
    )
    [file] = [file for file in slack.files if file.thread == parent(town, "web/2").ts]
    assert b"line 6" in (file.content or b"")
    assert any("failed on princess" in line for line in slack.said("#web")), "what failed is for the whole room"
    await offers(town, "Try again", "Roll back")
    await press(town, "bob", "Roll back")
    await town.hears("is back on")
    await until(lambda: town.shows("web", "princess was rolled back"), "the board tells of it")
    await choose(town, "bob", "Give up")
    await until(lambda: slack.topic("#web") == 'HOLD "princess was rolled back"', "bob has given up")
    await choose(town, "olga", "Release the hold")
    await until(lambda: slack.topic("#web") == "clear", "the lane is free")


async def an_incident(town: Town) -> None:
    slack, people = town.slack, town.slack.people
    people.direct("olga", 'incident "the shop is down"')
    await town.hears("the shop is down", "#warroom")
    people.direct("ann", "join")
    await until(lambda: slack.topic("#web").endswith("| ann"), "ann, from a private word")
    people.say("olga", "#warroom", "the database was full")
    people.direct("olga", 'resolved "it is up again"')
    await town.hears("it is up again", "#warroom")
    await until(lambda: slack.topic("#web") == "ann", "the lane is free")
    people.direct("ann", "whoami")
    await until(lambda: any("Slack user" in line for line in slack.said(slack.im("ann"))), "who ann is")
