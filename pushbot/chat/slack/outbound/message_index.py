"""Where the messages are that show boards and pushes: remembered in notes, so that they outlive the bot."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from pushbot.chat.slack.outbound.history import BOARD
from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pushbot.ports import Memory

LOG = structlog.get_logger()
PUSH = "push "
"""How the key of a push begins."""
ENDED_KEPT = 50
"""Pushes that ended whose messages are remembered: lines of them, and answers in their threads, find their way."""
ENDED = "ended"
EPHEMERAL, EPHEMERALS = "whispered", 50
"""The note of the lines that only one person saw, and how many of them are remembered."""
RECORD = "record"
"""The name of the note that says which record this is."""


@dataclass(frozen=True, slots=True)
class Spot:
    """The message of a view: its timestamp, what it shows as a digest, and whether that is the last of it."""

    ts: str
    drawn: str = ""
    ended: bool = False


def board_key(lane: str) -> str:
    """What names a lane's board."""
    return f"{BOARD}{lane}"


def push_key(name: str) -> str:
    """What names what is shown of a push."""
    return f"{PUSH}{name}"


@dataclass(slots=True)
class MessageIndex:
    """All of them, by channel and key. Without a memory they last as long as the bot."""

    record: str = field(default_factory=lambda: secrets.token_hex(4))
    _memory: Memory | None = None
    _spots: dict[tuple[str, str], Spot] = field(default_factory=dict)
    _ephemerals: list[str] = field(default_factory=list)

    async def load(self, memory: Memory | None) -> None:
        """Recall all. Raises PushbotError when the disk does not give it."""
        self._memory = memory
        if memory is None:
            return
        notes = await memory.notes()
        if RECORD in notes:
            self.record = notes[RECORD]
        else:
            await memory.note(RECORD, self.record)
        self._ephemerals = notes.get(EPHEMERAL, "").split()
        for name, text in notes.items():
            key, _, channel = name.rpartition(" ")
            ts, drawn, end = (*text.split(" "), "", "")[:3]
            if key.startswith((BOARD, PUSH)):
                self._spots.setdefault((channel, key), Spot(ts, drawn, end == ENDED))

    def get(self, channel: str, key: str) -> Spot | None:
        """Where a view is in a channel."""
        return self._spots.get((channel, key))

    def is_at(self, channel: str, key: str, ts: str) -> bool:
        """Whether the message of this timestamp is the one that shows a view."""
        spot = self.get(channel, key)
        return spot is not None and spot.ts == ts

    async def said_alone(self, keys: Iterable[str]) -> None:
        """Remember that somebody was told these lines alone, of which the chat keeps no trace; the last ones do."""
        for key in keys:
            self._ephemerals = [*self._ephemerals[1 - EPHEMERALS :], key]
        await self._write(EPHEMERAL, " ".join(self._ephemerals))

    def was_said_alone(self, key: str) -> bool:
        """Whether a line is one of these."""
        return key in self._ephemerals

    async def keep(self, channel: str, key: str, spot: Spot | None) -> None:
        """Remember where a view is now; None: nowhere. What the disk does not take is looked for after a restart."""
        if self._spots.get((channel, key)) == spot:
            return
        if spot is None:
            self._spots.pop((channel, key), None)
        else:
            self._spots[channel, key] = spot
        await self._note(channel, key, spot)
        if spot is not None and spot.ended:
            await self._forget_old(channel)

    def living(self) -> tuple[tuple[str, str], ...]:
        """Of what is remembered all that changes as things go on, by channel and key: boards, and pushes under way."""
        return tuple(place for place, spot in self._spots.items() if not spot.ended)

    def thread(self, channel: str, push: str) -> str:
        """The thread of a push, empty when there is none."""
        spot = self._spots.get((channel, push_key(push)))
        return spot.ts if spot is not None else ""

    def key_at(self, channel: str, ts: str) -> str:
        """The key of the view that the message of this timestamp shows; empty for none."""
        here = (key for (where, key), spot in self._spots.items() if where == channel and spot.ts == ts)
        return next(here, "")

    async def _forget_old(self, channel: str) -> None:
        here = [
            (spot.ts, key)
            for (where, key), spot in self._spots.items()
            if where == channel and spot.ended and key.startswith(PUSH)
        ]
        for _, key in sorted(here)[:-ENDED_KEPT]:
            await self.keep(channel, key, None)

    async def _note(self, channel: str, key: str, spot: Spot | None) -> None:
        text = None if spot is None else f"{spot.ts} {spot.drawn} {ENDED if spot.ended else ''}".rstrip()
        await self._write(f"{key} {channel}", text)

    async def _write(self, name: str, text: str | None) -> None:
        if self._memory is None:
            return
        try:
            await self._memory.note(name, text)
        except PushbotError as error:
            LOG.warning("not_noted", name=name, error=str(error))


def lane_of(key: str) -> str:
    """The lane that a view of this key belongs to; empty for none."""
    if key.startswith(BOARD):
        return key.removeprefix(BOARD)
    return key.removeprefix(PUSH).rpartition("/")[0] if key.startswith(PUSH) else ""
