"""What is to be said in one conversation, in order, and how much of it one message takes."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pushbot.chat.slack.blocks.text import size
from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pushbot.ports import Manner

MOST_CHARACTERS = 3000
"""Of one message: as many as a line in a block may have."""
MOST_LINES = 60
"""Of one message."""
MOST_WAITING = 10_000
"""Lines that may wait in one conversation; more are refused, for then nobody has read for very long."""

_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SPOT = re.compile(r"\d+\.\d+")
_ELSEWHERE = re.compile(rf"elsewhere:([A-Z0-9]+)/((?:{_SPOT.pattern})?)")


def clean(text: str) -> str:
    """`text` without anything that could end a line or is no character."""
    return text if text.isascii() and text.isprintable() else _CONTROL.sub("", text)


def is_thread(spot: str) -> bool:
    """Whether a spot is the thread of a message: a timestamp of Slack's."""
    return _SPOT.fullmatch(spot) is not None


def elsewhere(channel: str, thread: str) -> str:
    """The spot of a channel that is no room of ours; `thread` is empty for the channel itself."""
    return f"elsewhere:{channel}/{thread}"


def is_elsewhere(spot: str) -> tuple[str, str] | None:
    """The channel and the thread of such a spot; None for any other."""
    found = _ELSEWHERE.fullmatch(spot)
    return (found[1], found[2]) if found else None


@dataclass(slots=True, eq=False)
class Speech:
    """One line. `key` names it for ever where the line is on the record, else for this life of the bot.

    `doubtful`: it may have been said before. `plain`: without blocks, as Slack did not take them.
    """

    text: str
    manner: Manner
    done: asyncio.Future[None]
    key: str = ""
    doubtful: bool = False
    plain: bool = False

    def __post_init__(self) -> None:
        self.key = self.key or (str(self.manner.id) if self.manner.id else f"~{secrets.token_hex(6)}")
        self.doubtful = self.doubtful or self.manner.again

    def settle(self) -> None:
        """It was said."""
        if not self.done.done():
            self.done.set_result(None)

    def fail(self, error: PushbotError) -> None:
        """It was not, and never will be; nobody has to ask why."""
        if not self.done.done():
            self.done.set_exception(error)
            self.done.exception()


@dataclass(slots=True, eq=False)
class Parent:
    """The message of a push, to be posted before the lines that belong below it; `name` is the push's."""

    name: str


@dataclass(slots=True, eq=False)
class Barrier:
    """Somebody waits until all that came before was said."""

    passed: asyncio.Future[None]

    def settle(self) -> None:
        """It was."""
        if not self.passed.done():
            self.passed.set_result(None)


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a conversation: a thread by its timestamp, empty for none; `loud` also in the channel."""

    thread: str = ""
    loud: bool = False


@dataclass(slots=True)
class Outbox:
    """What waits for one conversation. What is taken from its front stays there until it is known to be said."""

    items: deque[Speech | Parent | Barrier] = field(default_factory=deque)

    def __bool__(self) -> bool:
        return bool(self.items)

    def add(self, text: str, manner: Manner) -> asyncio.Future[None]:
        """Queue a line, in parts when it is long; its future is done with the last of them."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        text = clean(text)
        if not text.strip():
            done.set_result(None)
        elif len(self.items) >= MOST_WAITING:
            done.set_exception(PushbotError(f"{MOST_WAITING} lines wait to be sent to Slack; this one is not taken."))
            done.exception()
        else:
            most = MOST_CHARACTERS if size(text) == len(text) else MOST_CHARACTERS // 2
            *parts, last = [text[at : at + most] for at in range(0, len(text), most)]
            for number, part in enumerate(parts):
                quiet: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                key = f"{manner.id}.{number}" if manner.id else ""
                self.items.append(Speech(part, replace(manner, output=()), quiet, key))
            self.items.append(Speech(last, replace(manner, calls=()) if parts else manner, done))
        return done

    def barrier(self) -> asyncio.Future[None]:
        """A future that is done when all that waits now was said."""
        passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.items.append(Barrier(passed))
        return passed

    def front(self) -> Speech | Parent | None:
        """What is next; barriers before it have been passed, lines whose caller gave up are dropped."""
        while self.items:
            match self.items[0]:
                case Barrier() as barrier:
                    barrier.settle()
                case Speech() as speech if speech.done.done():
                    pass
                case item:
                    return item
            self.items.popleft()
        return None

    def speeches(self) -> Iterator[Speech]:
        """All lines that wait."""
        return (item for item in self.items if isinstance(item, Speech))

    def batch(self, place_of: Callable[[Speech], Place]) -> tuple[Place, list[Speech]]:
        """The first lines that one message can take: for the same place, all certain not to have been said."""
        place, taken, length = Place(), list[Speech](), 0
        for item in self.items:
            if isinstance(item, Barrier) or (isinstance(item, Speech) and item.done.done()):
                continue
            if isinstance(item, Parent) or item.doubtful:
                break
            place = place if taken else place_of(item)
            length += size(item.text) + 1
            full = (
                len(taken) >= MOST_LINES or length > MOST_CHARACTERS or item.plain or (taken[-1:] and taken[-1].plain)
            )
            if taken and (full or place_of(item) != place):
                break
            taken.append(item)
        return place, taken

    def remove(self, gone: list[Speech]) -> None:
        """These are no longer to be said."""
        keys = {id(one) for one in gone}
        self.items = deque(item for item in self.items if id(item) not in keys)
