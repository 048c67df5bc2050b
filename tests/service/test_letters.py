"""What a chat took for good is done once: told again after a crash, only what was not done is done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import PushbotError
from pushbot.ports import Delivery, Heard, TopicEdited, Work
from pushbot.queue import commands as c
from pushbot.queue.model import Person
from pushbot.service.asks import Ask
from pushbot.service.letters import Letters
from pushbot.testing.clock import HandClock
from pushbot.testing.memory_store import MemoryStore
from pushbot.testing.playground import PUSH, Playground
from pushbot.testing.quiet import quiet

if TYPE_CHECKING:
    from pathlib import Path

    from pushbot.ports import Notice

ALICE = Person("irc", "account:alice", "alice", "account alice", "A1")


def letter(text: str, name: str = "1", *, again: bool = False, by: Person = ALICE) -> Heard:
    return Heard("irc", PUSH, by, text, id=name, again=again)


async def told(play: Playground, *notices: Notice) -> None:
    for notice in notices:
        play.server.tell(notice)
    await play.settle()


def said(play: Playground) -> list[str]:
    return [line.text for line in play.server.spoken]


async def test_a_command_told_again_is_done_once(tmp_path: Path) -> None:
    async with Playground(tmp_path) as play:
        play.add_lane("web", stages=("princess",))
        await play.start()
        await told(play, letter(".join"), letter(".join", again=True))
        assert play.server.topic(PUSH) == "alice"
        assert said(play) == ["alice: You're up"]
        await play.pass_time(1)  # that it was said is on record now
        await play.crash()
        await play.start()
        await told(play, letter(".join", again=True))
        assert play.server.topic(PUSH) == "alice"
        assert said(play) == ["alice: You're up"]


async def test_a_command_told_again_that_still_lies_in_a_mailbox_is_done_once() -> None:
    """A chat that breaks and is begun again tells what it had told a moment before."""
    store = MemoryStore()
    await store.open()
    letters, mailbox = Letters(store, HandClock()), list[Ask]()
    ask = Ask(c.Join(), ALICE, ".join")

    async def put(ask: Ask) -> None:
        mailbox.append(ask)

    async def full(_: Ask) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):  # it breaks as it waits for room in the mailbox
        await letters.post(letter(".join")).put(full, ask, 1)
    await letters.post(letter(".join")).put(put, ask, 1)
    again = letters.post(letter(".join", again=True))
    await again.put(put, ask, 1)
    assert len(mailbox) == 1
    async with asyncio.TaskGroup() as group:
        settled = group.create_task(again.settled())
        await quiet()
        assert not settled.done()
        mailbox[0].settled()
    assert not letters.receipts


async def test_of_several_commands_those_are_done_that_were_not(tmp_path: Path) -> None:
    async with Playground(tmp_path) as play:
        play.add_lane("web", stages=("princess",))
        await play.store.open()
        at = play.clock.now()
        await play.store.commit(Work("web", deliveries=(Delivery("irc/1#1", at), Delivery("irc/1#3", at))))
        await play.start()
        await told(play, letter('.message "lost"; .join; .message "lost too"', again=True))
        assert play.server.topic(PUSH) == "alice"


async def test_a_refusal_is_not_said_twice(tmp_path: Path) -> None:
    async with Playground(tmp_path) as play:
        play.add_lane("web", stages=("princess",))
        await play.start()
        await told(play, letter(".good"), letter(".good", again=True))
        assert len(said(play)) == 1
        assert "[not_aboard]" in said(play)[0] or "[empty_queue]" in said(play)[0]


async def test_a_question_is_answered_again_as_its_answer_is_on_no_record(tmp_path: Path) -> None:
    async with Playground(tmp_path) as play:
        play.add_lane("web", stages=("princess",))
        await play.start()
        await told(play, letter(".eta"), letter(".eta", again=True))
        assert len(said(play)) == 2


async def test_what_concerns_no_lane_is_done_once_too(tmp_path: Path) -> None:
    async with Playground(tmp_path) as play:
        play.add_lane("web")
        await play.start()
        await told(play, letter('.incident "the shop is down"'), letter('.incident "the shop is down"', again=True))
        assert [one.number for one in await play.store.incidents()] == [1]
        assert not any("[incident_open]" in line for line in said(play))


async def test_a_topic_written_by_hand_is_taken_once(tmp_path: Path) -> None:
    async with Playground(tmp_path) as play:
        play.add_lane("web")
        await play.start()
        edit = TopicEdited("irc", PUSH, ALICE, "alice | bob", "clear", id="7")
        again = TopicEdited("irc", PUSH, ALICE, "alice | bob", "clear", id="7", again=True)
        await told(play, edit, letter(".join last", "8"), again)
        assert play.server.topic(PUSH) == "alice | bob | alice"


@pytest.mark.parametrize("text", [".join", ".status", '.note "x"', ".nonsense", "just talk"])
async def test_tell_returns_when_it_is_on_record(tmp_path: Path, text: str) -> None:
    async with Playground(tmp_path) as play:
        play.add_lane("web")
        await play.start()
        before = len(await play.store.journal("web")) + len(await play.store.journal(""))
        await told(play, letter(text), letter(".join last", "2"))
        after = len(await play.store.journal("web")) + len(await play.store.journal(""))
        assert after > before
        assert "alice" in play.server.topic(PUSH)


async def test_a_disk_that_is_full_holds_up_nobody(tmp_path: Path) -> None:
    async with Playground(tmp_path) as play:
        play.add_lane("web")
        await play.start()
        play.store.trouble = PushbotError("the disk is full")
        await told(play, letter(".join"))
        assert any("[not_recorded]" in line for line in said(play))
        play.store.trouble = None
        async with asyncio.timeout(60):
            await told(play, letter(".join", "2"))
        assert play.server.topic(PUSH) == "alice"


async def test_what_was_said_long_ago_is_not_done_by_surprise(tmp_path: Path) -> None:
    async with Playground(tmp_path) as play:
        play.add_lane("web")
        await play.start()
        await told(play, Heard("irc", PUSH, ALICE, ".join; .go", id="1", again=True, late=True))
        assert play.server.topic(PUSH) == "clear"
        assert [line.rpartition(":")[2] for line in said(play)] == [" say it again"]
        assert [entry.outcome for entry in await play.store.journal("")] == ["late"]


async def test_what_was_done_before_is_not_called_late(tmp_path: Path) -> None:
    async with Playground(tmp_path) as play:
        play.add_lane("web")
        await play.start()
        await told(play, letter(".join"), Heard("irc", PUSH, ALICE, ".join", id="1", again=True, late=True))
        assert said(play) == ["alice: You're up"]


async def test_a_question_is_answered_however_late(tmp_path: Path) -> None:
    async with Playground(tmp_path) as play:
        play.add_lane("web")
        await play.start()
        await told(play, Heard("irc", PUSH, ALICE, ".eta", id="1", again=True, late=True))
        assert len(said(play)) == 1
        assert "say it again" not in said(play)[0]
