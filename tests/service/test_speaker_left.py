"""Lines that a room has no room for stay on the record, and are said once when there is: those, and no others."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushbot.clock import SystemClock
from pushbot.errors import PushbotError
from pushbot.ports import PLAIN, Line, Manner, Work
from pushbot.service import speaker
from pushbot.service.speaker import Speaker
from pushbot.testing.chat import ChatServer, FakeChat
from pushbot.testing.memory_store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    import pytest

NAMES = ("al", "bob", "cy", "di", "ed")


class HandChat(FakeChat):
    """It confirms what was said in a room when the test does."""

    def __init__(self) -> None:
        super().__init__("irc", ChatServer(), ())
        self.said: dict[str, list[tuple[str, asyncio.Future[None]]]] = {}

    def say(self, to: str, text: str, manner: Manner = PLAIN) -> asyncio.Future[None]:
        assert manner.id
        done = asyncio.get_running_loop().create_future()
        self.said.setdefault(to, []).append((text, done))
        return done

    def heard(self, room: str) -> list[str]:
        return [text for text, _ in self.said.get(room, ())]

    def confirm(self, room: str) -> None:
        for _, done in self.said[room]:
            if not done.done():
                done.set_result(None)


class Disk(MemoryStore):
    """A store that can do something while it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: list[Callable[[], Awaitable[None]]] = []
        self.reads = 0
        self.refused = 0

    async def commit(self, work: Work) -> None:
        self.refused += self.trouble is not None
        await super().commit(work)

    async def owed(self) -> Sequence[Line]:
        self.reads += 1
        found = await super().owed()
        if self.meanwhile:
            await self.meanwhile.pop()()
            found = await super().owed()
        return found


@dataclass(slots=True)
class Talk:
    speaker: Speaker
    chat: HandChat
    store: Disk

    async def tell(self, room: str, *texts: str) -> None:
        """Put lines on record, then hand them over."""
        lines = tuple(self.speaker.line("irc", room, "talk", text) for text in texts)
        await self.store.commit(Work("web", lines=lines))
        self.speaker.hand(lines)

    async def until(self, true: Callable[[], bool], *rooms: str) -> None:
        """Wait for it; what is said in these rooms is confirmed meanwhile."""
        async with asyncio.timeout(60):
            while not true():
                for room in rooms:
                    self.chat.confirm(room)
                await asyncio.sleep(0.001)

    async def nothing_is_owed(self, *rooms: str) -> None:
        await self.until(lambda: not self.store._lines, *rooms)


@asynccontextmanager
async def talk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Talk]:
    for name, value in {"AT_ONCE": 1, "MOST_WAITING": 2, "FLUSH_AFTER": 0.0, "AGAIN_AFTER": 0.01}.items():
        monkeypatch.setattr(speaker, name, value)
    chat, store = HandChat(), Disk()
    await store.open()
    mouth = Speaker({"irc": chat}, store, SystemClock())
    async with asyncio.TaskGroup() as group:
        running = group.create_task(mouth.run())
        yield Talk(mouth, chat, store)
        running.cancel()


async def test_what_is_said_while_the_record_is_read_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with talk(monkeypatch) as of:
        of.store.meanwhile.append(lambda: of.tell("#push", "hello"))
        await of.tell("#push", *NAMES[:4])
        await of.nothing_is_owed("#push")
        assert sorted(of.chat.heard("#push")) == sorted((*NAMES[:4], "hello"))


async def test_what_is_left_while_the_record_is_read_is_said_too(monkeypatch: pytest.MonkeyPatch) -> None:
    more = [f"more {number}" for number in range(10)]
    async with talk(monkeypatch) as of:
        of.store.meanwhile.append(lambda: of.tell("#push", *more))
        await of.tell("#push", *NAMES)
        await of.nothing_is_owed("#push")
        assert sorted(of.chat.heard("#push")) == sorted((*NAMES, *more))


async def test_a_room_that_hears_nothing_holds_back_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async with talk(monkeypatch) as of:
        await of.tell("#shut", "hello?")
        await of.tell("#push", *NAMES)
        await of.until(lambda: of.chat.heard("#push") == list(NAMES), "#push")
        assert of.chat.heard("#shut") == ["hello?"]


async def test_a_record_that_cannot_be_read_now_is_read_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken() -> None:
        raise PushbotError("the disk is gone")

    async with talk(monkeypatch) as of:
        of.store.meanwhile += [broken, broken]
        await of.tell("#push", *NAMES)
        await of.nothing_is_owed("#push")
        assert of.chat.heard("#push") == list(NAMES)
        assert of.store.reads == 3


async def test_confirmations_that_the_disk_did_not_take_are_recorded_when_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with talk(monkeypatch) as of:
        await of.tell("#push", "hello")
        of.store.trouble = PushbotError("the disk is full")
        of.chat.confirm("#push")
        await of.until(lambda: of.store.refused > 0)
        of.store.trouble = None
        await of.nothing_is_owed()
