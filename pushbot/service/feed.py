"""What happens in the lanes, for whoever watches from within: the control socket, the autopilot, the house.

Words are told after the commit that made them true, in order, and to each watcher alike. A watcher that does not
keep up loses its feed, and is told so by `Lost`; nobody waits for it.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pushbot.fleet.model import Tally
    from pushbot.queue.events import Event
    from pushbot.service.asks import Ask

MOST_UNREAD = 10_000
"""Words that a watcher may leave unread."""


@dataclass(frozen=True, slots=True)
class Happened:
    """What came of `ask`, committed."""

    lane: str
    ask: Ask
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Declined:
    """`ask` changed nothing; `why` is for the person who asked."""

    lane: str
    ask: Ask
    why: str


@dataclass(frozen=True, slots=True)
class HowFar:
    """A run goes on: the step that it is at, and with hosts how many are done."""

    run: str
    step: str
    tally: Tally | None


@dataclass(frozen=True, slots=True)
class Gone:
    """The lane is no longer in the configuration: what was asked of it and not done will not be."""

    lane: str


@dataclass(frozen=True, slots=True)
class Lost:
    """This watcher left too much unread, and is told no more."""


Word = Happened | Declined | HowFar | Gone | Lost


@dataclass(slots=True)
class Feed:
    """One for the whole bot."""

    _watchers: list[asyncio.Queue[Word]] = field(default_factory=list)

    @contextmanager
    def watched(self) -> Iterator[asyncio.Queue[Word]]:
        """All that is told from now on, until the context ends."""
        words = asyncio.Queue[Word]()
        self._watchers.append(words)
        try:
            yield words
        finally:
            if words in self._watchers:
                self._watchers.remove(words)

    def tell(self, word: Word) -> None:
        """Tell everybody who watches."""
        for words in tuple(self._watchers):
            if words.qsize() >= MOST_UNREAD:
                self._watchers.remove(words)
                words.put_nowait(Lost())
            else:
                words.put_nowait(word)
