"""What is to be said, kept over reconnects until it has been written."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot.chat.irc.wire import clean, split
from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 10_000
"""Lines that may wait in all; more are refused, for then nobody has read for very long."""


@dataclass(slots=True)
class Speech:
    """One text for one target. `parts` are the lines of it still to be written, None before the first one."""

    to: str
    text: str
    done: asyncio.Future[None]
    parts: deque[str] | None = None
    confirmed_by: int | None = None

    def next_part(self, limit: int) -> str:
        """The next line's text, of at most `limit` bytes."""
        if self.parts is None:
            self.parts = deque(split(self.text, limit))
        return self.parts.popleft()


@dataclass(slots=True)
class Outbox:
    """Speeches in order. Those for a room that does not hear us stand aside until it does."""

    _ready: deque[Speech] = field(default_factory=deque)
    _aside: dict[str, deque[Speech]] = field(default_factory=dict)

    def add(self, to: str, text: str) -> asyncio.Future[None]:
        """Queue `text` for `to`, and the future of `Chat.say`; nothing is sent for an empty text."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        text = clean(text)
        if not text:
            done.set_result(None)
        elif not to or to[0] == ":" or clean(to) != to or any(mark in to for mark in " ,"):
            fail(done, PushbotError(f"{to!r} is no name that a line can be sent to on IRC."))
        elif len(self) >= MOST:
            fail(done, PushbotError(f"{MOST} lines wait to be sent to IRC already; this one for {to} is not taken."))
        else:
            self._ready.append(Speech(to, text, done))
        return done

    def __len__(self) -> int:
        return len(self._ready) + sum(map(len, self._aside.values()))

    def head(self, shut: Callable[[str], str | None]) -> Speech | None:
        """The first speech that may go out now; `shut` names the room of a target when it does not hear us.

        A speech whose future is done (its caller gave up, or its beginning is lost) is dropped.
        """
        while self._ready:
            speech = self._ready[0]
            if speech.done.done():
                self._ready.popleft()
            elif (room := shut(speech.to)) is not None:
                self._aside.setdefault(room, deque()).append(self._ready.popleft())
            else:
                return speech
        return None

    def written(self) -> None:
        """The last line of the head went out."""
        self._ready.popleft()

    def release(self, room: str) -> None:
        """`room` hears us: what stood aside for it goes first."""
        self._ready.extendleft(reversed(self._aside.pop(room, ())))


def fail(done: asyncio.Future[None], error: PushbotError) -> None:
    """Let `done` raise `error`, without complaint when nobody asks."""
    if not done.done():
        done.set_exception(error)
        done.exception()
