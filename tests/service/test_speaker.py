"""What is owed is said: once, or with a word that it may be a repetition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.errors import PushbotError
from pushbot.ports import Line, Work
from pushbot.service import speaker
from pushbot.service.spec import Announce, Room

if TYPE_CHECKING:
    import pytest

    from pushbot.testing.playground import Playground


async def say(play: Playground, who: str, text: str) -> None:
    play.server.say(who, text, "#push")
    await play.settle()


def heard(play: Playground, to: str = "#push") -> list[str]:
    return [line.text for line in play.server.spoken if line.to == to]


async def owed(play: Playground) -> list[str]:
    return [line.text for line in await play.store.owed()]


async def test_a_confirmed_line_is_owed_no_longer_once_that_is_recorded(play: Playground) -> None:
    await play.start()
    await say(play, "al", ".join")
    assert await owed(play) == ["al: You're up"]
    await play.pass_time(1)
    assert await owed(play) == []


async def test_confirmations_ride_along_with_the_next_commit(play: Playground) -> None:
    await play.start()
    await say(play, "al", ".join")
    commits = play.store.commits
    await say(play, "al", ".nevermind")
    assert play.store.commits == commits + 1
    assert await owed(play) == []


async def test_a_line_that_was_not_confirmed_is_said_again_after_a_crash(play: Playground) -> None:
    await play.start()
    play.server.confirming = False
    await say(play, "al", ".join")
    await play.pass_time(1)
    await play.crash()
    play.server.confirm()
    await play.start()
    assert heard(play) == ["al: You're up", "(maybe again) al: You're up"]


async def test_a_line_that_was_never_written_is_said_after_a_crash(play: Playground) -> None:
    await play.start()
    play.server.say("al", ".join", "#push")
    await play.turns(until=lambda: play.store.commits == 1)
    await play.crash()
    assert heard(play) == []
    await play.start()
    assert heard(play) == ["(maybe again) al: You're up"]


async def test_a_line_whose_confirmation_was_recorded_is_never_said_again(play: Playground) -> None:
    await play.start()
    await say(play, "al", ".join")
    await play.pass_time(1)
    await play.crash()
    await play.start()
    assert heard(play) == ["al: You're up"]


async def test_a_bot_that_is_stopped_records_its_last_words(play: Playground) -> None:
    await play.start()
    await say(play, "al", ".join")
    await play.stop()
    await play.start()
    assert heard(play) == ["al: You're up"]


async def test_a_line_is_said_again_when_the_link_broke_before_its_confirmation(play: Playground) -> None:
    await play.start()
    play.server.confirming = False
    await say(play, "al", ".join")
    play.server.disconnect()
    await play.settle()
    play.server.confirm()
    play.server.let_in()
    await play.settle()
    await play.pass_time(1)
    assert heard(play) == ["al: You're up", "(maybe again) al: You're up"]
    assert await owed(play) == []


async def test_a_line_waits_over_a_broken_link_without_being_marked(play: Playground) -> None:
    await play.start()
    await say(play, "al", ".join; .go")
    play.server.disconnect()
    play.executor.succeed()
    await play.settle()
    before = len(play.server.spoken)
    play.server.let_in()
    await play.settle()
    assert [line.text for line in play.server.spoken[before:] if line.to == "#push"] == [
        "al: you're on princess. Check your change and say .good"
    ]
    assert play.server.topic("#push") == "<princess> al"


async def test_confirmations_that_could_not_be_recorded_are_kept_for_later(play: Playground) -> None:
    await play.start()
    await say(play, "al", ".join")
    play.store.trouble = PushbotError("the disk is full")
    await play.pass_time(1)
    assert await owed(play) == ["al: You're up"]
    play.store.trouble = None
    await say(play, "bob", ".good")
    assert await owed(play) == ["bob: you are not aboard. Try .join. [not_aboard]"]


async def test_a_line_for_a_chat_that_is_gone_from_the_configuration_is_dropped(play: Playground) -> None:
    await play.store.open()
    await play.store.commit(Work("web", lines=(Line(1, "slack", "#push", "talk", "hello"),)))
    await play.start()
    await play.pass_time(1)
    assert await owed(play) == []
    assert play.server.spoken == []


async def test_ids_of_lines_go_on_where_the_last_bot_stopped(play: Playground) -> None:
    await play.start()
    await say(play, "al", ".join")
    await play.pass_time(1)
    await play.stop()
    await play.start()
    await say(play, "bob", ".good")
    assert await play.store.last_line() == 2


async def test_a_flood_of_replies_keeps_no_news_back(play: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaker, "AT_ONCE", 2)
    await play.start()
    play.server.confirming = False
    for name in ("al", "bob", "cy", "di"):
        await say(play, name, ".good")
    await say(play, "al", ".join")
    assert heard(play) == [f"{name}: nobody is in the queue. Try .join. [empty_queue]" for name in ("al", "bob")]
    play.server.confirming = True
    play.server.confirm()
    await play.settle()
    assert heard(play)[2] == "al: You're up"
    assert len(heard(play)) == 5


async def test_a_reply_that_waits_already_is_not_said_twice(play: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaker, "AT_ONCE", 1)
    await play.start()
    play.server.confirming = False
    for _ in range(5):
        await say(play, "al", ".good")
    play.server.confirming = True
    play.server.confirm()
    await play.settle()
    await play.pass_time(1)
    assert heard(play) == ["al: nobody is in the queue. Try .join. [empty_queue]"] * 2
    assert await play.store.owed() == ()


async def test_more_than_can_wait_is_said_when_there_is_room(play: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaker, "AT_ONCE", 1)
    monkeypatch.setattr(speaker, "MOST_WAITING", 2)
    await play.start()
    play.server.confirming = False
    names = ("al", "bob", "cy", "di", "ed")
    for name in names:
        await say(play, name, ".good")
    assert len(heard(play)) == 1
    play.server.confirming = True
    play.server.confirm()
    await play.settle()
    await play.pass_time(1)
    await play.settle()
    await play.pass_time(1)
    assert heard(play) == [f"{name}: nobody is in the queue. Try .join. [empty_queue]" for name in names]


async def test_news_go_where_the_announcements_are_wanted(play: Playground) -> None:
    play.announce = Announce(
        rooms=(Room("irc", "#warroom"), Room("irc", "#push")), warroom=frozenset(), lane=frozenset()
    )
    await play.start()
    await say(play, "al", ".join")
    await say(play, "al", '.hold "x"')
    assert heard(play) == ["al: You're up"]
    assert heard(play, "#warroom") == []


async def test_news_for_a_room_that_is_the_lane_s_own_are_said_once(play: Playground) -> None:
    play.announce = Announce(rooms=(Room("irc", "#push"),))
    await play.start()
    await say(play, "al", ".hold")
    assert heard(play) == ["web is on hold by al"]


async def test_what_was_said_in_private_is_answered_there(play: Playground) -> None:
    await play.start()
    play.server.say("al", "good")
    await play.settle()
    assert heard(play, "al") == ["al: nobody is in the queue. Try .join. [empty_queue]"]
