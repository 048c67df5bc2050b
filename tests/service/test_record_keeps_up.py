"""What the bot has in mind is on record, also what nobody hears of; and a full disk makes no work of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import PushbotError
from pushbot.queue.rules import Patience
from pushbot.testing.playground import PUSH
from tests.service.door import Door

if TYPE_CHECKING:
    from pushbot.queue.model import Train
    from pushbot.testing.playground import Playground

FULL = PushbotError("cannot write to var/pushbot.db: the disk is full; make room")


async def head(play: Playground) -> Train:
    queue = (await play.store.remember("web")).queue
    assert queue is not None
    assert queue.head is not None
    return queue.head


@pytest.mark.parametrize("words", ["I am looking into it", ".status"])
async def test_that_a_driver_was_heard_of_is_on_record(play: Playground, words: str) -> None:
    play.lanes[:] = [replace(play.lanes[0], patience=Patience(ask_after=600.0, grace=300.0))]
    await play.start()
    play.server.say("alice", ".join", PUSH)
    await play.settle()
    await play.pass_time(700)
    assert (await head(play)).asked_at is not None
    play.server.say("alice", words, PUSH)
    await play.settle()
    assert ((await head(play)).asked_at, (await head(play)).idle_since) == (None, play.clock.now())


async def test_time_that_passes_on_a_full_disk_is_not_owed_again_and_again(
    play: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = Door(monkeypatch)
    await play.start()
    play.server.say("alice", '.hold 11m "lunch"', PUSH)
    await play.settle()
    play.store.trouble = FULL
    await play.pass_time(900)
    assert door.web._owed == []
    play.store.trouble = None
    await play.pass_time(2)
    assert play.server.topic(PUSH) == "clear"
