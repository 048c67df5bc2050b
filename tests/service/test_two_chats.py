"""One lane in two chats, one of which shows more than lines, with people who are on both."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest_asyncio

from pushbot.ports import Heard, Renamed
from pushbot.queue.model import Person
from pushbot.service.people.directory import Account, Directory, Human
from pushbot.service.spec import Room
from pushbot.testing.playground import Playground
from tests.service.door import Door

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest

    from pushbot.testing.chat import ChatServer, Spoken
    from pushbot.testing.displays import Screen

ALICE = Human("alice", (Account("irc", "alice"), Account("slack", "U1")))


class Both:
    """A lane on IRC and on a chat called slack, where alice is Alice Liddell."""

    def __init__(self, play: Playground) -> None:
        self.play = play
        play.add_lane("web", "irc/#push", "slack/#deploys", stages=("princess", "production"))
        play.announce = replace(play.announce, rooms=(*play.announce.rooms, Room("slack", "#warroom")))
        play.access = replace(play.access, directory=Directory((ALICE,)))
        self.irc: ChatServer = play.server
        self.slack: ChatServer = play.add_chat("slack")
        self.screen: Screen = play.display("slack")

    async def start(self) -> None:
        await self.play.start()
        self.slack.log_in("Alice Liddell", "U1")

    async def on_irc(self, name: str, text: str) -> None:
        self.irc.say(name, text, "#push")
        await self.play.settle()

    async def on_slack(self, name: str, text: str) -> None:
        self.slack.say(name, text, "#deploys")
        await self.play.settle()

    def last(self, server: ChatServer, text: str) -> Spoken:
        """The last line with that in it."""
        return next(line for line in reversed(server.spoken) if text in line.text)


@pytest_asyncio.fixture
async def both(tmp_path: Path) -> AsyncIterator[Both]:
    async with Playground(tmp_path) as play:
        yield Both(play)


async def test_topics_on_both_and_a_board_where_boards_are_shown(both: Both) -> None:
    await both.start()
    await both.on_irc("alice", ".join")
    await both.on_slack("bob", ".join with alice")
    assert both.irc.topic("#push") == both.slack.topic("#deploys") == "alice + bob"
    (key,) = both.screen.boards
    assert key == ("#deploys", "web")
    assert [rider.person.chat for rider in both.screen.boards[key].trains[0].riders] == ["irc", "slack"]


async def test_a_person_has_one_seat_whatever_chat_they_speak_from(both: Both) -> None:
    await both.start()
    await both.on_irc("alice", ".join")
    board = both.screen.boards["#deploys", "web"]
    person = replace(both.slack.person("Alice Liddell"), address="U1")
    press = Heard("slack", "#deploys", person, ".go", addressed=True, lane="web", seen=board.mark)
    both.slack.tell(press)
    await both.play.settle()
    assert both.irc.topic("#push") == "<princess...> alice*"
    assert [push for _, push in both.screen.pushes] == ["web/1"]
    both.irc.say("alice", ".abort", "#push")
    await both.play.settle()
    assert both.irc.topic("#push") == "<princess!> alice*"


async def test_everybody_is_called_by_their_name_there(both: Both) -> None:
    await both.start()
    await both.on_irc("alice", ".join")
    await both.on_slack("bob", ".join with alice")
    await both.on_irc("alice", ".at princess")
    await both.on_irc("carol", ".join")
    await both.on_irc("alice", ".done")
    up = both.last(both.slack, "You're up")
    assert up.text == both.last(both.irc, "You're up").text == "carol: You're up"
    assert up.manner.calls == (), "she is not known on slack"
    await both.on_irc("carol", ".nevermind")
    await both.on_irc("alice", ".join")
    up = both.last(both.slack, "You're up")
    assert (up.text, up.manner.calls) == ("alice: You're up", (("alice", "U1"),))
    assert both.last(both.irc, "You're up").manner.calls == ()


async def test_who_waits_in_the_first_train_is_not_called_again_for_who_comes(both: Both) -> None:
    await both.start()
    await both.on_slack("bob", ".join")
    await both.on_irc("alice", ".join with bob")
    up = both.last(both.slack, "You're up")
    assert (up.text, up.manner.calls) == ("bob, alice: You're up", (("alice", "U1"),))
    await both.on_slack("carol", ".join with bob")
    up = both.last(both.slack, "You're up")
    assert (up.text, up.manner.calls) == ("bob, alice, carol: You're up", ())
    await both.on_slack("bob", ".hold")
    await both.on_slack("bob", ".unhold")
    assert both.last(both.slack, "You're up").manner.calls == (("alice", "U1"),)


async def test_who_rides_from_elsewhere_is_called_by_their_name_here(both: Both) -> None:
    await both.start()
    await both.on_slack("Alice Liddell", ".join")
    assert both.irc.topic("#push") == '"Alice Liddell"'
    await both.on_irc("bob", ".join with ALICE")
    assert both.irc.topic("#push") == '"Alice Liddell" + bob'
    await both.on_irc("bob", ".kick alice")
    assert both.irc.topic("#push") == "bob"


async def test_a_name_that_is_shown_is_whose_it_is_there(both: Both) -> None:
    await both.start()
    await both.on_slack("Alice Liddell", ".join")
    await both.on_slack("alice", ".join with Alice Liddell")
    await both.on_irc("bob", ".kick alice")
    assert both.irc.topic("#push") == '"Alice Liddell"'


async def test_a_name_that_is_shown_of_two_is_whose_it_is_here(both: Both) -> None:
    await both.start()
    await both.on_irc("carol", ".join")
    for chat in (both.on_slack, both.on_irc):
        await chat("bob", ".join with carol")
    board = both.screen.boards["#deploys", "web"]
    assert [rider.person.chat for rider in board.trains[0].riders] == ["irc", "slack", "irc"]
    await both.on_irc("carol", ".kick bob")
    board = both.screen.boards["#deploys", "web"]
    assert [rider.person.chat for rider in board.trains[0].riders] == ["irc", "slack"]
    await both.on_irc("carol", ".kick bob")
    assert both.irc.topic("#push") == "carol"


async def test_refusals_are_told_where_it_was_asked(both: Both) -> None:
    await both.start()
    before = len(both.irc.spoken)
    await both.on_slack("bob", ".good")
    assert "[empty_queue]" in both.slack.spoken[-1].text
    assert both.slack.spoken[-1].manner.alone
    assert len(both.irc.spoken) == before


async def test_news_are_told_on_both(both: Both) -> None:
    await both.start()
    await both.on_slack("bob", ".join; .go")
    both.play.executor.fail("migrate", "the disk is full")
    await both.play.settle()
    for server, room in ((both.irc, "#push"), (both.slack, "#deploys")):
        rooms = [line.to for line in server.spoken if "the disk is full" in line.text]
        assert rooms == [room, "#warroom"]
    failed = both.last(both.slack, "the disk is full")
    assert not failed.manner.push, "the warroom has no threads of the lane's pushes"
    there = next(line for line in both.slack.spoken if line.to == "#deploys" and "the disk is full" in line.text)
    assert (there.manner.push, there.manner.loud) == ("web/1", True)


async def test_a_topic_written_on_one_is_drawn_on_the_other(both: Both) -> None:
    await both.start()
    both.slack.write_topic("bob", "#deploys", "bob")
    await both.play.settle()
    assert both.irc.topic("#push") == "bob"


async def test_one_of_them_may_be_away(both: Both) -> None:
    await both.start()
    both.slack.disconnect()
    await both.on_irc("alice", ".join; .go")
    assert both.irc.topic("#push") == "<princess...> alice*"
    await both.play.crash()
    both.slack.let_in()
    await both.play.start()
    assert both.slack.topic("#deploys") == "<princess...> alice*"
    assert both.screen.pushes["#deploys", "web/1"].driver.name == "alice"


async def test_one_whom_the_configuration_links_is_called_otherwise_while_the_bot_is_away(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chat knows them by a note of theirs then, and by nothing that vouches for them."""
    door = Door(monkeypatch)
    await both.start()
    await both.on_slack("Alice Liddell", ".join")
    await both.play.stop()
    await both.play.start()
    new = replace(both.slack.person("Alice Liddell"), name="Countess")
    await door.bot.desk.tell(Renamed("slack", replace(new, name="Alice Liddell", proof=""), new))
    await both.play.settle()
    assert both.slack.topic("#deploys") == both.irc.topic("#push") == "Countess"


async def test_whoever_was_called_like_the_account_of_another_is_not_that_human(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guest takes for a name what the configuration knows alice by, and then another one."""
    door = Door(monkeypatch)
    await both.start()
    await both.on_slack("Alice Liddell", ".join")
    guest = Person("slack", "user:U2", "U1", address="U2")
    await door.bot.desk.tell(Renamed("slack", guest, replace(guest, name="mallory")))
    await both.play.settle()
    assert both.slack.topic("#deploys") == both.irc.topic("#push") == '"Alice Liddell"'
    assert door.bot.plan.access.directory.named(guest) == guest
