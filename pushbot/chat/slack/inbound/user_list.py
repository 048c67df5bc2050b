"""Asks who everybody in the workspace is, in the background: for names in topics, and renames while it was away."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog

from pushbot.chat.backoff import Backoff
from pushbot.chat.slack.refused import Unreachable, warn
from pushbot.chat.slack.shape import objects
from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pushbot.chat.slack.known import Known
    from pushbot.chat.slack.shape import Object
    from pushbot.ports import Notice

LOG = structlog.get_logger()
PAGE = 200
"""People a page: what Slack recommends at most."""
PAGES = 100
"""Pages that are read: of whom is on later ones, Slack is asked when they speak."""
AGAIN_MIN, AGAIN_MAX = 1.0, 60.0
"""Seconds before the list is read again, after Slack could not be reached."""
FRESH = 300.0
"""Seconds for which the list counts as read: of changes meanwhile there are events."""


@dataclass(slots=True)
class UserList:
    """Reads the list of people when it is asked to look; what it finds takes its turn among the letters."""

    known: Known
    errand: Callable[[Callable[[], Awaitable[None]]], None]
    tell: Callable[[Notice], Awaitable[None]]
    _stir: asyncio.Event = field(default_factory=asyncio.Event)
    _read_at: float | None = None

    def look(self) -> None:
        """Have the list read, if it was not read just now."""
        self._stir.set()

    async def run(self) -> None:
        """Read it whenever that is asked for, until cancelled."""
        backoff = Backoff(AGAIN_MIN, AGAIN_MAX)
        while True:
            await self._stir.wait()
            self._stir.clear()
            if self._read_at is not None and time.monotonic() - self._read_at < FRESH:
                continue
            try:
                await self._read()
            except Unreachable as error:
                delay = backoff.next()
                LOG.warning("slack_people_not_listed", chat=self.known.chat, error=str(error), again_in=round(delay, 2))
                await asyncio.sleep(delay)
                self._stir.set()
            except PushbotError as error:
                warn("slack_people_not_listed", error, chat=self.known.chat)
            else:
                self._read_at = time.monotonic()
                backoff.reset()

    async def _read(self) -> None:
        pages = 0
        async for page in self.known.api.pages("users.list", limit=PAGE):
            self.errand(partial(self._learn, objects(page, "members")))
            pages += 1
            if pages >= PAGES:
                LOG.info("slack_people_left_out", chat=self.known.chat, read=PAGES * PAGE)
                return

    async def _learn(self, found: list[Object]) -> None:
        for one in found:
            for renamed in self.known.roster.learn(one):
                await self.tell(renamed)
