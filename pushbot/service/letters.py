"""What chats took from their servers for good: each command of a letter is done once, and the letter kept until then.

A letter is named by its chat, and its commands are numbered, those too that are turned away. The number of a command
is recorded in the transaction that has what came of it (`Work.deliveries`), so that a letter which is told again after
a crash has only that done which was not done before. Questions are answered again: an answer is on no record.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pushbot.ports import Delivery
from pushbot.queue.commands import Question

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pushbot.ports import Clock, Heard, Store, TopicEdited
    from pushbot.service.asks import Ask


@dataclass(slots=True)
class Post:
    """The commands of one notice. Where `id` is empty the chat does not wait for them, and they are not counted."""

    letters: Letters
    id: str
    again: bool
    _receipts: list[asyncio.Future[None]] = field(default_factory=list)

    async def put(self, put: Callable[[Ask], Awaitable[None]], ask: Ask, number: int) -> None:
        """Leave one command, which has this number among all of the notice, in a mailbox, unless it is on record."""
        if not self.id:
            await put(ask)
            return
        delivery = Delivery(f"{self.id}#{number}", self.letters.clock.now())
        waiting = self.letters.receipts.get(delivery.id)
        if waiting is not None and not waiting.done():
            # the chat broke off, and tells again what still lies in a mailbox
            self._receipts.append(waiting)
            return
        receipt = self.letters.receipt(delivery.id)
        if self.again and await self.letters.store.delivered(delivery.id):
            receipt.cancel()
            return
        self._receipts.append(receipt)
        counted = () if isinstance(ask.what, Question) else (delivery,)
        try:
            await put(replace(ask, deliveries=counted, receipt=receipt))
        except BaseException:
            receipt.cancel()
            raise

    async def begun(self, count: int) -> bool:
        """Whether any of the commands, so many in all, is on record already."""
        for number in range(1, count + 1):
            if await self.letters.store.delivered(f"{self.id}#{number}"):
                return True
        return False

    async def settled(self) -> None:
        """Return when all that was left is on record, or could not be recorded and people were told so."""
        if self._receipts:
            await asyncio.wait(self._receipts)


@dataclass(frozen=True, slots=True)
class Letters:
    """One for the whole bot. `receipts` are those of commands that lie in a mailbox, or are just being done."""

    store: Store
    clock: Clock
    receipts: dict[str, asyncio.Future[None]] = field(default_factory=dict)

    def receipt(self, command: str) -> asyncio.Future[None]:
        """What is fulfilled, or cancelled, when `command` lies in no mailbox any more."""
        made: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.receipts[command] = made
        made.add_done_callback(lambda _: self.receipts.pop(command) if self.receipts.get(command) is made else None)
        return made

    def post(self, notice: Heard | TopicEdited) -> Post:
        """Where the commands of `notice` go."""
        return Post(self, f"{notice.chat}/{notice.id}" if notice.id else "", notice.again)
