"""Writes down what is turned away before it reaches a lane or the house: the desk does not wait for it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from pushbot.errors import PushbotError
from pushbot.ports import Entry, Work
from pushbot.service.journal.entries import bounded, place

if TYPE_CHECKING:
    from pushbot.ports import Clock, Store
    from pushbot.queue.model import Person
    from pushbot.service.asks import Origin

LOG = structlog.get_logger()
MISTAKE = "mistake"
"""The outcome of what cannot be understood."""
STOPPING = "stopping"
"""The outcome of what is asked of a bot that waits for its last runs."""
LATE = "late"
"""The outcome of what was said too long ago to be done by itself."""
MOST_WAITING = 1000
AGAIN_AFTER = 1.0
"""Seconds until entries that could not be recorded are tried again."""


@dataclass(slots=True)
class Clerk:
    """One for the whole bot. Of a flood that the disk does not keep up with, the newest entries are kept."""

    store: Store
    clock: Clock
    _entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=MOST_WAITING))
    _stir: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, by: Person, text: str, origin: Origin, outcome: str) -> None:
        """Have it written down that `by` said `text`, and what came of it."""
        words = (by.key, text, outcome, by.name, by.proof, place(origin))
        self._entries.append(Entry(self.clock.now(), *map(bounded, words)))
        self._stir.set()

    async def run(self) -> None:
        """Write down what is noted, until cancelled; what waits then is written too."""
        try:
            while True:
                await self._stir.wait()
                self._stir.clear()
                if not await self._written():
                    await self.clock.sleep(AGAIN_AFTER)
                    self._stir.set()
        finally:
            await self._written()

    async def _written(self) -> bool:
        entries = tuple(self._entries)
        if not entries:
            return True
        try:
            await self.store.commit(Work("", entries=entries))
        except PushbotError as error:
            LOG.warning("journal_not_recorded", error=str(error))
            return False
        for _ in entries:
            if self._entries:
                self._entries.popleft()
        return True
