"""Says what is owed, and remembers what has been said.

A line is committed before it is handed over, and taken off the record when the chat has confirmed it. What was
not confirmed when the bot ended, or when a link broke, is said again with a word that it may be a repetition.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog

from pushbot.errors import DeliveryUncertain, PushbotError
from pushbot.ports import Line, Work
from pushbot.service.voice.plain import again

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pushbot.ports import Chat, Clock, Store

LOG = structlog.get_logger()
MOST_WAITING = 5000
"""Lines waiting in one chat; more stay on the record and are said after the next start."""
FLUSH_AFTER = 0.2
"""Seconds that a confirmation may wait for a commit to ride along with."""


@dataclass(slots=True)
class Speaker:
    """The mouth of the bot, for all chats."""

    chats: Mapping[str, Chat]
    store: Store
    clock: Clock
    last_id: int = 0
    _waiting: set[asyncio.Future[None]] = field(default_factory=set)
    _spoken: list[int] = field(default_factory=list)
    _stir: asyncio.Event = field(default_factory=asyncio.Event)

    def line(self, chat: str, to: str, kind: str, text: str) -> Line:
        """A new line with an id of its own; to be committed, then handed over."""
        self.last_id += 1
        return Line(self.last_id, chat, to, kind, text)

    def hand(self, lines: Iterable[Line], *, repeat: bool = False) -> None:
        """Say lines that are on the record; with `repeat` they may have been said before."""
        for line in lines:
            chat = self.chats.get(line.chat)
            if chat is None:
                LOG.warning("line_for_unknown_chat", chat=line.chat, to=line.to)
                self._confirmed(line)
            elif len(self._waiting) >= MOST_WAITING:
                LOG.warning("line_left_for_next_start", line=line.id)
            else:
                self._say(chat, line, again(line.text) if repeat else line.text)

    def _say(self, chat: Chat, line: Line, text: str) -> None:
        future = chat.say(line.to, text)
        self._waiting.add(future)
        future.add_done_callback(partial(self._settled, line))

    def _settled(self, line: Line, future: asyncio.Future[None]) -> None:
        self._waiting.discard(future)
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            self._confirmed(line)
        elif isinstance(error, DeliveryUncertain):
            self.hand((line,), repeat=True)
        else:
            LOG.error("line_not_delivered", line=line.id, to=line.to, error=repr(error))
            self._confirmed(line)

    def _confirmed(self, line: Line) -> None:
        self._spoken.append(line.id)
        self._stir.set()

    def answer(self, chat: str, to: str, text: str) -> None:
        """Say a line that is not on the record: the answer to a question, worth nothing after a crash."""
        if chat in self.chats and len(self._waiting) < MOST_WAITING:
            future = self.chats[chat].say(to, text)
            self._waiting.add(future)
            future.add_done_callback(self._answered)

    def _answered(self, future: asyncio.Future[None]) -> None:
        self._waiting.discard(future)
        if not future.cancelled() and future.exception() is not None:
            LOG.info("answer_uncertain", error=str(future.exception()))

    def take_spoken(self) -> tuple[int, ...]:
        """The ids confirmed since the last call, for a commit to carry."""
        spoken = tuple(self._spoken)
        self._spoken.clear()
        return spoken

    def give_back(self, spoken: Iterable[int]) -> None:
        """Return ids whose commit failed."""
        self._spoken.extend(spoken)

    async def run(self) -> None:
        """Record confirmations that no other commit has carried; for ever."""
        while True:
            await self._stir.wait()
            self._stir.clear()
            await self.clock.sleep(FLUSH_AFTER)
            await self.flush()

    async def flush(self) -> None:
        """Record the confirmations at hand; on trouble with the disk they are kept for later."""
        spoken = self.take_spoken()
        if not spoken:
            return
        try:
            await self.store.commit(Work(lane="", spoken=spoken))
        except PushbotError as error:
            LOG.warning("confirmations_not_recorded", error=str(error))
            self.give_back(spoken)

    async def settle(self, seconds: float) -> None:
        """Wait until all that was handed over has been confirmed, but no longer than `seconds`; then record it."""
        if self._waiting:
            await asyncio.wait(set(self._waiting), timeout=seconds)
        await self.flush()
