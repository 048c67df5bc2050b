"""A chat on a Slack on loopback, without a bot behind it: what it would tell the bot is at hand."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot.chat.slack import SlackChat, SlackOptions
from pushbot.ports import Heard, RoomEntered
from pushbot.queue.model import Person
from pushbot.testing.memory_store import MemoryStore
from tests.rig.slack import APP_TOKEN, BOT_TOKEN, SlackServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pushbot.ports import Notice

ADA = Person("slack", "user:U0ADA", "Ada", address="U0ADA")
QUICK = {
    "ping_interval": 2.0,
    "reconnect_min": 0.01,
    "reconnect_max": 0.05,
    "message_interval": 0.0,
    "topic_interval": 0.1,
}


@dataclass
class Listener:
    """A chat without a bot behind it: `told` is what it would have been told; `stuck` holds it up."""

    slack: SlackServer
    folder: Path
    store: MemoryStore = field(default_factory=MemoryStore)
    rooms: tuple[str, ...] = ("#push",)
    options: dict[str, object] = field(default_factory=dict)
    told: list[Notice] = field(default_factory=list)
    free: asyncio.Event = field(default_factory=asyncio.Event)
    chat: SlackChat = field(init=False)

    async def tell(self, notice: Notice) -> None:
        await self.free.wait()
        self.told.append(notice)

    def made(self) -> SlackChat:
        for name, token in (("bot", BOT_TOKEN), ("app", APP_TOKEN)):
            (self.folder / name).write_text(token)
        tokens = {"token": f"file:{self.folder / 'bot'}", "app_token": f"file:{self.folder / 'app'}"}
        options = SlackOptions.model_validate(QUICK | tokens | {"api_url": self.slack.url} | self.options)
        chat = SlackChat("slack", options, self.rooms)
        chat.memory = self.store.memory("slack")
        return chat

    @asynccontextmanager
    async def running(self, *, stuck: bool = False) -> AsyncIterator[Listener]:
        await self.store.open()
        self.told.clear()
        self.free.clear() if stuck else self.free.set()
        self.chat = self.made()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.chat.run(self.tell))
            await self.slack.until(lambda: self.slack.links.open)
            if not stuck:
                await self.entered(len(self.rooms))
            yield self
            task.cancel()

    async def entered(self, rooms: int) -> None:
        await self.slack.until(lambda: len(self.of(RoomEntered)) >= rooms, what=f"{self.told}")

    def of(self, kind: type[Notice]) -> list[Notice]:
        return [one for one in self.told if isinstance(one, kind)]

    @property
    def heard(self) -> list[Heard]:
        return [one for one in self.told if isinstance(one, Heard)]

    async def hears(self, count: int = 1) -> list[Heard]:
        await self.slack.until(lambda: len(self.heard) >= count, what=f"{self.told}")
        await self.slack.settled()
        return self.heard


@asynccontextmanager
async def workspace() -> AsyncIterator[SlackServer]:
    """Ada and Bob, with #push and #warroom."""
    async with SlackServer() as server:
        server.add_user("ada", id="U0ADA", display="Ada")
        server.add_user("bob", id="U0BOB", display="Bob")
        server.add_channel("#push", id="C0PUSH01")
        server.add_channel("#warroom", id="C0WARRM1")
        yield server
