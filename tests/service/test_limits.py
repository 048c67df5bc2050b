"""How much one person may ask for: who sends more is told so once, and nobody else notices."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.ports import Heard
from pushbot.queue.model import Person
from pushbot.service import limits
from pushbot.service.people.directory import Account, Directory, Human
from pushbot.testing.playground import PUSH

if TYPE_CHECKING:
    from pushbot.testing.playground import Playground

ALWAYS = "To stop something, .abort, .hold, .uhoh and .incident always work. [too_fast]"
PER_MINUTE = 60
AT_ONCE = 2 * PER_MINUTE
CALM = 20
"""Seconds after which a pause is over."""
MALLORY = Person("irc", "account:mallory", "mallory", "account mallory", "M1")


@pytest.fixture
def limited(play: Playground) -> Playground:
    """The playground as a configuration is that says nothing."""
    play.commands_per_minute = PER_MINUTE
    return play


def said(play: Playground, text: str = "") -> list[str]:
    return [line.text for line in play.server.spoken if text in line.text]


async def flood(play: Playground, count: int, text: str = ".frob {}", who: str = "mallory") -> None:
    for number in range(count):
        play.server.say(who, text.replace("{}", str(number)), PUSH)
    await play.settle()


async def journal(play: Playground, outcome: str) -> list[str]:
    """What the bot's own journal has with that outcome, oldest first."""
    return [entry.what for entry in reversed(await play.store.journal("", limit=5000)) if entry.outcome == outcome]


async def test_all_that_comes_at_once_is_done_up_to_the_limit(limited: Playground) -> None:
    await limited.start()
    await flood(limited, AT_ONCE)
    assert len(await journal(limited, "mistake")) == AT_ONCE
    await limited.pass_time(60)
    assert said(limited, "[too_fast]") == []


async def test_who_sends_more_is_told_once_and_it_is_written_down_in_two_lines(limited: Playground) -> None:
    await limited.start()
    await flood(limited, 2000)
    assert await journal(limited, "mistake") == [f".frob {number}" for number in range(AT_ONCE)]
    assert said(limited, "[too_fast]") == []
    await limited.pass_time(1)
    once = f"mallory: 1880 of your commands were not done, as so many came at once; I do yours again in 19s. {ALWAYS}"
    assert said(limited, "[too_fast]") == [once]
    manners = [line.manner for line in limited.server.spoken if "[too_fast]" in line.text]
    assert [(manner.alone, manner.id) for manner in manners] == [(True, 0)]
    await flood(limited, 5)
    await limited.pass_time(CALM)
    assert said(limited, "[too_fast]") == [once]
    assert await journal(limited, "too_fast") == [".frob 120", "1884 more"]


async def test_nobody_else_is_kept_waiting(limited: Playground) -> None:
    await limited.start()
    await flood(limited, AT_ONCE + 1)
    limited.server.say("alice", ".join", PUSH)
    await limited.settle()
    assert said(limited, "alice") == ["alice: You're up"]
    assert limited.server.topic(PUSH) == "alice"


async def test_it_goes_on_when_the_pause_is_over_and_there_is_another_after_that(limited: Playground) -> None:
    await limited.start()
    await flood(limited, AT_ONCE + 1)
    await limited.pass_time(CALM - 1)
    await flood(limited, 1)
    assert len(await journal(limited, "mistake")) == AT_ONCE
    await limited.pass_time(1)
    await flood(limited, 100)
    assert len(await journal(limited, "mistake")) == AT_ONCE + CALM
    await limited.pass_time(1)
    assert [text.split(" not done")[0] for text in said(limited, "[too_fast]")] == [
        "mallory: a command of yours was",
        "mallory: 80 of your commands were",
    ]


async def test_a_flood_without_end_is_told_of_within_seconds(limited: Playground) -> None:
    await limited.start()
    await flood(limited, AT_ONCE + 1)
    for _ in range(4):
        limited.clock.advance(0.9)
        await flood(limited, 1)
    assert said(limited, "[too_fast]") == []
    limited.clock.advance(0.9)
    await flood(limited, 1)
    limited.clock.advance(0.9)
    await flood(limited, 1)
    assert len(said(limited, "[too_fast]")) == 1


async def test_one_a_second_goes_on_for_ever(limited: Playground) -> None:
    await limited.start()
    await flood(limited, AT_ONCE)
    for _ in range(30):
        await limited.pass_time(1)
        await flood(limited, 1)
    assert len(await journal(limited, "mistake")) == AT_ONCE + 30
    assert said(limited, "[too_fast]") == []


@pytest.mark.parametrize(
    ("brake", "works"),
    [
        (".hold", "web is on hold by mallory"),
        (".uhoh", "mallory says uh-oh"),
        (".fml", "mallory says uh-oh"),
        (".abort", "nothing is running"),
        ('.incident "the shop is down"', "Incident 1"),
        (".frob; .hold", "web is on hold by mallory"),
    ],
)
async def test_what_only_stops_things_is_always_done(limited: Playground, brake: str, works: str) -> None:
    await limited.start()
    limited.server.say("mallory", ".join", PUSH)
    await flood(limited, 300)
    limited.server.say("mallory", brake, PUSH)
    await limited.settle()
    assert len([text for text in said(limited, works) if "frob" not in text]) >= 1


async def test_brakes_are_counted_for_themselves(limited: Playground) -> None:
    await limited.start()
    await flood(limited, 2000, '.hold "{}"')
    await flood(limited, AT_ONCE)
    assert len(await journal(limited, "mistake")) == AT_ONCE
    assert len(said(limited, "web is on hold by mallory")) <= 2 * AT_ONCE
    await limited.pass_time(1)
    (told,) = said(limited, "[too_fast]")
    assert (
        told
        == "mallory: 1880 of your commands were not done, as so many came at once; I do yours again in 19s. [too_fast]"
    )


async def test_brakes_that_would_stop_nothing_count(limited: Playground) -> None:
    limited.server.log_in("mallory", None)
    await limited.start()
    await flood(limited, 200, ".hold")
    await limited.pass_time(1)
    assert said(limited, "[too_fast]")[0].startswith("mallory: 80 of your commands were not done")


@pytest.mark.parametrize("text", [".eta", ".kick {}", ".reload", ".note {}", "pushbot: what {}", ".incident"])
async def test_whatever_is_asked_counts(limited: Playground, text: str) -> None:
    await limited.start()
    await flood(limited, AT_ONCE + 7, text)
    await limited.pass_time(1)
    assert said(limited, "[too_fast]")[0].startswith("mallory: 7 of your commands were not done")


async def test_talk_does_not_count(limited: Playground) -> None:
    await limited.start()
    await flood(limited, 500, "talk {}")
    await flood(limited, AT_ONCE)
    assert len(await journal(limited, "mistake")) == AT_ONCE


async def test_each_of_several_commands_counts_and_what_is_done_has_no_holes(limited: Playground) -> None:
    await limited.start()
    await flood(limited, 15, ";".join([".frob {}"] * 9))
    assert len(await journal(limited, "mistake")) == AT_ONCE
    await limited.pass_time(1)
    assert said(limited, "[too_fast]")[0].startswith("mallory: 15 of your commands were not done")


async def test_a_topic_that_is_not_taken_is_put_back(limited: Playground) -> None:
    await limited.start()
    limited.server.say("alice", ".join", PUSH)
    await flood(limited, AT_ONCE + 1)
    limited.server.write_topic("mallory", PUSH, "mallory")
    await limited.settle()
    assert limited.server.topic(PUSH) == "alice"
    await limited.pass_time(1)
    assert said(limited, "[too_fast]")[0].startswith("mallory: 2 of your commands were not done")


async def test_topics_count(limited: Playground) -> None:
    await limited.start()
    for number in range(AT_ONCE + 3):
        limited.server.write_topic("mallory", PUSH, f"p{number}")
    await limited.settle()
    edits = [entry.what for entry in await limited.store.journal("web", limit=5000)]
    assert edits == [f"topic: p{number}" for number in reversed(range(AT_ONCE))]
    await limited.pass_time(1)
    assert said(limited, "[too_fast]")[0].startswith("mallory: 3 of your commands were not done")


async def test_one_human_is_one_person_in_all_chats(limited: Playground) -> None:
    slack = limited.add_chat("slack")
    limited.add_lane("search", "irc/#search", "slack/#search")
    mallory = Human("mallory", (Account("irc", "mallory"), Account("slack", "U1")))
    limited.access = replace(limited.access, directory=Directory((mallory,)))
    await limited.start()
    slack.log_in("Mal", "U1")
    await flood(limited, AT_ONCE)
    slack.say("Mal", ".frob", "#search")
    slack.say("alice", ".join", "#search")
    await limited.settle()
    assert len(await journal(limited, "mistake")) == AT_ONCE
    assert slack.topic("#search") == "alice"


async def test_who_is_called_the_same_in_another_chat_is_another_person(limited: Playground) -> None:
    slack = limited.add_chat("slack")
    limited.add_lane("search", "slack/#search")
    await limited.start()
    await flood(limited, AT_ONCE)
    slack.say("mallory", ".join", "#search")
    await limited.settle()
    assert slack.topic("#search") == "mallory"


async def test_zero_is_no_limit(play: Playground) -> None:
    await play.start()
    await flood(play, 500)
    assert len(await journal(play, "mistake")) == 500


async def test_few_a_minute(play: Playground) -> None:
    play.commands_per_minute = 1
    await play.start()
    await flood(play, 3)
    await play.pass_time(1)
    assert said(play, "do yours again in 59s")
    await play.pass_time(58)
    await flood(play, 1)
    await play.pass_time(1)
    await flood(play, 2)
    assert len(await journal(play, "mistake")) == 3


# --- clocks, crashes, ends -----------------------------------------------------------------------


@pytest.mark.parametrize("hours", [-24, 24])
async def test_a_clock_that_is_set_harms_nobody(limited: Playground, hours: int) -> None:
    await limited.start()
    await flood(limited, AT_ONCE + 1)
    limited.clock.jump(hours * 3600)
    for _ in range(2 * CALM):
        await limited.pass_time(1)
    await flood(limited, 1)
    assert len(await journal(limited, "mistake")) == AT_ONCE + 1
    assert len(said(limited, "[too_fast]")) == 1


async def test_who_was_not_told_yet_is_told_at_the_end(limited: Playground) -> None:
    await limited.start()
    await flood(limited, 200)
    await limited.stop()
    assert len(said(limited, "[too_fast]")) == 1
    await limited.store.open()
    assert await journal(limited, "too_fast") == [".frob 120", "79 more"]


def letter(number: int, text: str, *, again: bool = False, late: bool = False) -> Heard:
    return Heard("irc", PUSH, MALLORY, text, id=str(number), again=again, late=late)


async def test_a_letter_that_is_not_done_is_dealt_with(limited: Playground) -> None:
    """`tell` returns: the chat takes the next letter, and does not tell this one again after a restart."""
    await limited.start()
    for number in range(200):
        limited.server.tell(letter(number, f'.message "{number}"; .frob'))
    limited.server.say("alice", ".join", PUSH)
    await limited.settle()
    assert limited.server.topic(PUSH) == 'alice !! "59"'


async def test_what_is_told_again_after_a_crash_is_done_once(limited: Playground) -> None:
    """A part that was not done is one of the message's all the same, so that the next is known again."""
    limited.server.log_in("mallory", "mallory")
    limited.operators.add("alice")
    await limited.start()
    await flood(limited, AT_ONCE + 1)
    limited.server.tell(letter(1, '.eta; .hold "why"'))
    await limited.settle()
    assert limited.server.topic(PUSH) == 'HOLD "why"'
    limited.server.say("alice", ".unhold", PUSH)
    await limited.pass_time(1)
    assert len(said(limited, "[too_fast]")) == 1
    await limited.crash()
    await limited.start()
    limited.server.tell(letter(1, '.eta; .hold "why"', again=True))
    await limited.pass_time(CALM)
    assert limited.server.topic(PUSH) == "clear"
    assert len(said(limited, "[too_fast]")) == 1


async def test_what_was_said_long_ago_is_told_of_no_more_often(limited: Playground) -> None:
    await limited.start()
    for number in range(300):
        limited.server.tell(letter(number, f".frob {number}", again=True, late=True))
    await limited.settle()
    assert len(await journal(limited, "late")) == AT_ONCE
    await limited.pass_time(1)
    assert said(limited, "[too_fast]")[0].startswith("mallory: 180 of your commands were not done")


# --- memory ----------------------------------------------------------------------------------


async def test_who_is_quiet_is_forgotten(limited: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST", 50)
    known = list[int]()
    forget = limits.Limits._forget

    def watched(them: limits.Limits) -> None:
        forget(them)
        known.append(len(them._purses))

    monkeypatch.setattr(limits.Limits, "_forget", watched)
    await limited.start()
    await flood(limited, AT_ONCE + 1)
    for number in range(200):
        limited.server.say(f"p{number}", ".eta", PUSH)
    await limited.settle()
    assert max(known) < 50
    assert len(said(limited, "[too_fast]")) == 1, "who is forgotten in a pause is told before"
    await limited.pass_time(150)
    for number in range(60):
        await flood(limited, 1, who=f"q{number}")
    assert known[-1] <= 60
    await limited.pass_time(150)
    for number in range(60):
        await flood(limited, 1, who=f"r{number}")
        await limited.pass_time(1)
    assert known[-1] <= 3
