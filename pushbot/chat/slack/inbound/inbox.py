"""Letters: each is on disk before Slack hears that it came, and is dealt with in its turn, once.

A message that a client sent twice comes as two letters of different ids. What tells them is a third, the twin, which
waits as long as the first of them and holds its id: so after a crash it is still known which was the first.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog

from pushbot.chat.slack.inbound.envelopes import Mail, mail_of, twin_of
from pushbot.errors import PushbotError
from pushbot.ports import Letter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pushbot.chat.slack.shape import Object
    from pushbot.ports import Memory

    Errand = Callable[[], Awaitable[None]]
    """Something to be done in its turn."""

LOG = structlog.get_logger()


class NotYet(Exception):  # noqa: N818 - nothing went wrong
    """A letter cannot be dealt with yet: it is to be read again with all that waits in `until`."""

    def __init__(self, until: list[Errand]) -> None:
        super().__init__("not yet")
        self.until = until


MOST = 10_000
"""Letters that may wait; Slack is to send later what comes on top."""


@dataclass(slots=True)
class Inbox:
    """One queue for all that a workspace tells."""

    chat: str
    memory: Memory
    _queue: asyncio.Queue[Errand | Mail] = field(default_factory=asyncio.Queue)
    _old: set[str] = field(default_factory=set)
    _over: list[str] = field(default_factory=list)

    async def take(self, envelope: Object) -> None:
        """Keep what matters of an envelope; it may be acknowledged when this returns.

        Raises PushbotError when it cannot be kept: Slack is to send it again.
        """
        mail = mail_of(envelope)
        if mail is None:
            return
        if self._queue.qsize() >= MOST:
            raise PushbotError(f"{MOST} letters wait to be read")
        if await self.memory.take_in(mail.letter) and await self._is_first(mail):
            self._queue.put_nowait(mail)

    async def resume(self) -> None:
        """Put up again what waits from before. Raises PushbotError when the store does not give it."""
        waiting = await self.memory.waiting()
        letters = {letter.id: letter for letter in waiting}
        twins = {letter.id: letter.body for letter in waiting if letter.id == twin_name(letter.id)}
        for letter in waiting:
            if letter.id in twins:
                if letter.body not in letters:
                    await self.memory.dealt_with(letter.id)
                continue
            mail = Mail(letter, twin_of(letter))
            if mail.twin in twins and twins[mail.twin] != letter.id:
                await self.memory.dealt_with(letter.id)
            elif mail.twin in twins or await self._is_first(mail):
                self._old.add(letter.id)
                self._queue.put_nowait(mail)

    def errand(self, errand: Errand) -> None:
        """Have something done after all letters that wait now."""
        self._queue.put_nowait(errand)

    async def run(self, deal: Callable[[Letter, bool], Awaitable[None]]) -> None:
        """Deal with one after the other, until cancelled.

        `deal` is given a letter, and whether it may have been given before. What breaks is logged: the next one is
        another matter.
        """
        while True:
            item = await self._queue.get()
            if isinstance(item, Mail):
                await self._done(partial(self._read, item, deal), item.letter.id)
            else:
                await self._done(item, "errand")

    async def _done(self, errand: Errand, name: str) -> None:
        try:
            await errand()
        except PushbotError as error:
            LOG.warning("slack_letter_failed", chat=self.chat, letter=name, error=str(error))
        except Exception:
            LOG.exception("slack_letter_broke", chat=self.chat, letter=name)

    async def _is_first(self, mail: Mail) -> bool:
        """Whether no client sent it before; one that did is dealt with. Raises PushbotError when that is not noted."""
        if not mail.twin:
            return True
        try:
            first = await self.memory.take_in(Letter(mail.twin, mail.letter.id))
        except PushbotError as error:
            LOG.warning("slack_letter_may_come_twice", chat=self.chat, letter=mail.letter.id, error=str(error))
            return True  # it is on disk: better told now than never
        if not first:
            await self.memory.dealt_with(mail.letter.id)
        return first

    async def _read(self, mail: Mail, deal: Callable[[Letter, bool], Awaitable[None]]) -> None:
        """Deal with a letter and put it away, whether or not that went well; not if it was interrupted, or waits."""
        try:
            await deal(mail.letter, mail.letter.id in self._old)
        except NotYet as error:
            error.until.append(partial(self._done, partial(self._read, mail, deal), mail.letter.id))
            return
        except Exception:
            await self._put_away(mail)
            raise
        await self._put_away(mail)

    async def _put_away(self, mail: Mail) -> None:
        self._old.discard(mail.letter.id)
        self._over += filter(None, (mail.letter.id, mail.twin))
        while self._over:  # with what the disk did not take before, so that no restart does it late
            await self.memory.dealt_with(self._over[0])
            del self._over[0]


def twin_name(letter: str) -> str:
    """The id, if it is that of a twin; "" for any other."""
    return letter if letter.startswith("client/") else ""
