"""People's own pages: drawn when they look, again while they look, and with what is theirs on other chats too."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import pytest

from pushbot.errors import PushbotError
from pushbot.ports import Heard, HomeOpened, PushRecord, PushState, Work
from pushbot.service.people.directory import Account, Directory, Human
from pushbot.service.views import homes
from pushbot.views import HomeView

if TYPE_CHECKING:
    from pushbot.testing.displays import Screen
    from pushbot.testing.playground import Playground


async def said(play: Playground, name: str, text: str) -> None:
    play.server.say(name, text, "#push")
    await play.settle()


async def look(play: Playground, screen: Screen, name: str = "alice") -> HomeView:
    """Somebody opens their page; gives what it shows."""
    play.server.tell(HomeOpened("irc", play.server.person(name)))
    await play.pass_time(3)
    return screen.homes[name]


def drawn(screen: Screen) -> int:
    return sum(isinstance(view, HomeView) for view in screen.shown)


async def test_what_a_page_shows(play: Playground) -> None:
    screen = play.display()
    await play.start()
    await said(play, "bob", ".join; .at production; .done")
    await said(play, "bob", ".join")
    await said(play, "alice", ".join last")
    home = await look(play, screen)
    assert (home.person.name, [board.lane for board in home.boards]) == ("alice", ["web"])
    assert [train.driver.name for train in home.boards[0].trains] == ["bob", "alice"]
    assert home.mine[0].startswith("1 train of web goes before yours (alice)")
    assert home.last == ()
    assert home.wish.startswith("I call you when your train is up")
    assert [offer.name for offer in home.wishes] == ["ahead", "off", "privately"]
    assert not any(offer.bound for offer in home.wishes)
    home = await look(play, screen, "bob")
    assert home.mine[0].startswith("your train is the first of web")
    assert home.last == ("web/1 by bob, production: done, Mon 5 Jan 09:00 UTC",)


def offered(home: HomeView) -> list[str]:
    """What the person is offered in the first lane of their page."""
    first, more = home.offered[0]
    return [offer.name for offer in (*first, *more)]


async def test_a_page_offers_what_its_person_could_do(play: Playground) -> None:
    screen = play.display()
    await play.start()
    await said(play, "alice", ".join")
    assert offered(await look(play, screen, "alice")) == ["go", "uhoh", "join", "leave"]
    assert offered(await look(play, screen, "bob")) == ["join"]
    await said(play, "bob", ".join with alice")
    assert offered(await look(play, screen, "alice")) == ["ready", "uhoh", "join", "leave"]
    assert offered(await look(play, screen, "bob")) == ["ready", "uhoh", "join", "leave"]
    await said(play, "bob", ".good")
    assert offered(await look(play, screen, "alice")) == ["go", "uhoh", "join", "leave"]
    home = await look(play, screen, "bob")
    assert offered(home) == ["uhoh", "join", "leave"]
    assert [offer.name for offer in home.boards[0].offers] == ["go"], "that is for the driver, and the board says so"
    await said(play, "carol", ".hold")
    assert "unhold" in offered(await look(play, screen, "carol"))


async def test_whoever_may_change_nothing_is_offered_nothing(play: Playground) -> None:
    screen = play.display()
    await play.start()
    await said(play, "alice", ".join")
    play.server.tell(HomeOpened("irc", replace(play.server.person("guest"), proof="")))
    await play.pass_time(3)
    home = screen.homes["guest"]
    assert (offered(home), home.wishes) == ([], ())
    assert home.wish


async def test_a_page_is_drawn_again_while_somebody_looks(play: Playground) -> None:
    screen = play.display()
    await play.start()
    assert (await look(play, screen)).mine == ()
    for number in range(10):
        await said(play, f"p{number}", ".join")
    await said(play, "alice", ".join")
    before = drawn(screen)
    await play.pass_time(3)
    assert len(screen.homes["alice"].mine) == 1
    assert drawn(screen) <= before + 1, "of many changes the last counts"
    await play.pass_time(600)
    before = drawn(screen)
    await said(play, "alice", ".nevermind")
    await play.pass_time(60)
    assert drawn(screen) == before, "nobody looks any more"


async def test_a_page_where_nothing_changed_is_left_alone(play: Playground) -> None:
    screen = play.display()
    await play.start()
    await look(play, screen)
    before = drawn(screen)
    await said(play, "bob", ".status")
    await play.pass_time(60)
    assert drawn(screen) == before


@pytest.mark.parametrize(
    ("pressed", "then"),
    [
        ("ahead", "I call you when 1 train goes before yours, and when it is up"),
        ("off", "I do not call you when your train is up"),
        ("privately", "I call you when your train is up, in private too"),
    ],
)
async def test_a_wish_that_is_pressed_is_on_the_page(play: Playground, pressed: str, then: str) -> None:
    screen = play.display()
    await play.start()
    home = await look(play, screen)
    offer = next(offer for offer in home.wishes if offer.name == pressed)
    play.server.say("alice", offer.command)
    await play.pass_time(3)
    assert screen.homes["alice"].wish.startswith(then)
    assert pressed not in [offer.name for offer in screen.homes["alice"].wishes]


async def test_a_command_pressed_on_the_page_is_for_the_lane_of_its_board(play: Playground) -> None:
    play.add_lane("search", stages=("princess",))
    screen = play.display()
    await play.start()
    home = await look(play, screen)
    board = next(board for board in home.boards if board.lane == "search")
    person = play.server.person("alice")
    for offer in board.offers:
        play.server.tell(Heard("irc", None, person, offer.command, addressed=True, lane="search", seen=board.mark))
    await play.pass_time(3)
    board = next(board for board in screen.homes["alice"].boards if board.lane == "search")
    assert [train.driver.name for train in board.trains] == ["alice"]
    assert [board.lane for board in screen.homes["alice"].boards] == ["search", "web"], "their own first"


async def test_somebody_who_is_linked_sees_what_they_do_elsewhere(play: Playground) -> None:
    slack = play.add_chat("slack")
    screen = play.display("slack")
    alice = Human("alice", (Account("irc", "alice"), Account("slack", "U1")))
    play.access = replace(play.access, directory=Directory((alice,)))
    await play.start()
    slack.log_in("Alice Liddell", "U1")
    await said(play, "alice", ".join")
    person = replace(slack.person("Alice Liddell"), address="U1")
    slack.tell(HomeOpened("slack", person))
    await play.pass_time(3)
    assert screen.homes["U1"].mine[0].startswith("your train is the first of web")
    await said(play, "alice", ".at production; .done")
    await play.pass_time(3)
    assert screen.homes["U1"].last == ("web/1 by alice, production: done, Mon 5 Jan 09:00 UTC",)


async def test_pushes_are_found_by_who_rode_them_and_not_by_names(play: Playground) -> None:
    """Of somebody who was renamed, or linked, since; not of somebody who has that name now."""
    screen = play.display()
    await play.start()
    play.server.log_in("alice", "A1")
    await said(play, "alice", ".join; .at production; .done")
    play.server.rename("alice", "alicia")
    play.server.log_in("alice", "A2")
    mine = ("web/1 by alice, production: done, Mon 5 Jan 09:00 UTC",)
    assert (await look(play, screen, "alice")).last == ()
    assert (await look(play, screen, "alicia")).last == mine
    await play.stop()
    ally = Human("ally", (Account("irc", "A1"), Account("irc", "A3")))
    play.access = replace(play.access, directory=Directory((ally, Human("alice", (Account("irc", "A2"),)))))
    await play.start()
    assert (await look(play, screen, "alicia")).last == mine
    assert (await look(play, screen, "alice")).last == ()
    play.server.log_in("second", "A3")
    assert (await look(play, screen, "second")).last == mine


async def test_a_nick_for_which_nothing_vouches_is_nobody_of_the_configuration(play: Playground) -> None:
    screen = play.display()
    play.server.log_in("bob", None)
    await play.start()
    await said(play, "alice", ".join; .at princess")
    play.server.write_topic("alice", "#push", "<princess> alice + bob")  # any bob, for all that is known
    await said(play, "alice", ".at production; .done")
    await play.stop()
    play.access = replace(play.access, directory=Directory((Human("bob", (Account("irc", "bob"),)),)))
    await play.start()
    play.server.log_in("robert", "bob")
    assert (await look(play, screen, "robert")).last == ()


async def test_pushes_of_which_only_names_are_on_record_are_found_by_these(play: Playground) -> None:
    screen = play.display()
    await play.start()
    await play.store.commit(
        Work("web", pushes=(PushRecord("web", 9, PushState.DONE, "bob", ("bob", "alice"), play.clock.now()),))
    )
    assert [line.partition(",")[0] for line in (await look(play, screen)).last] == ["web/9 by bob with alice"]
    assert (await look(play, screen, "carol")).last == ()


async def test_many_people_may_look(play: Playground) -> None:
    screen = play.display()
    await play.start()
    for number in range(150):
        play.server.tell(HomeOpened("irc", play.server.person(f"p{number}")))
    await play.pass_time(3)
    assert {"p149", "p100"} <= set(screen.homes)


async def test_a_page_that_could_not_be_made_is_made_when_the_record_can_be_read(
    play: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unread(lane: str, *, limit: int = 20) -> NoReturn:  # noqa: ARG001 - as the store's own
        raise PushbotError("the disk is not there")

    screen = play.display()
    await play.start()
    with monkeypatch.context() as broken:
        broken.setattr(play.store, "pushes", unread)
        play.server.tell(HomeOpened("irc", play.server.person("alice")))
        await play.pass_time(3)
        assert "alice" not in screen.homes
    await play.pass_time(3)
    assert "alice" in screen.homes


async def test_a_page_that_breaks_keeps_nobody_from_theirs(play: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(push: PushRecord) -> NoReturn:
        raise ZeroDivisionError(push.number)

    screen = play.display()
    await play.start()
    await said(play, "bob", ".join; .at production; .done")
    monkeypatch.setattr(homes, "pushed", broken)
    for name in ("bob", "alice"):
        play.server.tell(HomeOpened("irc", play.server.person(name)))
    await play.pass_time(3)
    await play.pass_time(3)
    assert "bob" not in screen.homes
    assert "alice" in screen.homes
