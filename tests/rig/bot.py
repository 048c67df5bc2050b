"""The bot's chat under test, running, with all it told kept."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from pushbot.chat.irc import IrcChat
from pushbot.ports import Notice, RoomEntered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

N = TypeVar("N", bound=Notice)


@dataclass
class Bot:
    """A running chat. `told` waits for the next notice of a kind, as `Person.expect` does for lines."""

    chat: IrcChat
    notices: list[Notice] = field(default_factory=list)
    also: Callable[[Notice], Awaitable[None]] | None = None
    _seen: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def tell(self, notice: Notice) -> None:
        self.notices.append(notice)
        self._news.set()
        if self.also is not None:
            await self.also(notice)

    async def told(self, kind: type[N], within: float = 60.0) -> N:
        """The next notice of that kind."""
        start = self._seen
        try:
            async with asyncio.timeout(within):
                while True:
                    while self._seen < len(self.notices):
                        self._seen += 1
                        notice = self.notices[self._seen - 1]
                        if isinstance(notice, kind):
                            return notice
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"no {kind.__name__} within {within} s, but {self.notices[start:]}") from None

    async def entered(self, *rooms: str) -> None:
        """Wait until it is in all these rooms."""
        left = set(rooms)
        while left:
            left.discard((await self.told(RoomEntered)).room)


@asynccontextmanager
async def running(port: int, *rooms: str, host: str = "127.0.0.1", **options: object) -> AsyncIterator[Bot]:
    """A chat that runs until the block ends. Unless said otherwise it knows no limits and reconnects quickly."""
    quick = {"lines_per_second": 0, "reconnect_min": 0.05, "reconnect_max": 0.2, "identity": "nick"}
    model = IrcChat.Options.model_validate({"host": host, "port": port, **quick, **options})
    bot = Bot(IrcChat("irc", model, rooms))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(bot.chat.run(bot.tell))
        try:
            yield bot
        finally:
            task.cancel()


async def until(condition: Callable[[], bool], within: float = 60.0) -> None:
    """Wait until `condition` holds."""
    try:
        async with asyncio.timeout(within):
            while not condition():  # noqa: ASYNC110 - conditions of any kind, not only our own events
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"it did not come true within {within} s") from None
