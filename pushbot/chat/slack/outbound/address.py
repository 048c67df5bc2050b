"""Where the conversations are that the bot takes part in: channels of rooms, and of what is said in private."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pushbot.chat.slack.refused import UNKNOWN, Refused
from pushbot.chat.slack.shape import text

if TYPE_CHECKING:
    from pushbot.chat.slack.api import Api


OPEN = "conversations.open"
KNOCKS = 60.0
"""Seconds until a place that did not let the bot in is tried again, if nothing was heard of it before."""


class Address(Protocol):
    """Where a conversation is; `room` for one with more than the bot and one person."""

    room: bool
    door: Entrance

    async def channel(self, *, precisely: bool = False) -> str | None:
        """What a message for it is sent to; `precisely` its channel's id, to look what stands there.

        None while it is not known. Errors as those of `Api.call`.
        """
        ...


@dataclass(slots=True)
class Entrance:
    """The way in, for all who stand before it; `opened` is how often it was."""

    opened: int = 0
    _opens: asyncio.Event = field(default_factory=asyncio.Event)

    async def knock(self, since: int, seconds: float = KNOCKS) -> None:
        """Return when one may try to go in again: it was opened after it had been `since` times, or so much later."""
        if self.opened == since:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._opens.wait()

    def open(self) -> None:
        """Whoever stands before it may try."""
        self.opened += 1
        self._opens.set()
        self._opens = asyncio.Event()


class ChannelIds(Protocol):
    """The rooms as the configuration names them."""

    def id_of(self, room: str) -> str | None:
        """The id of a room's channel, None while it is not known."""
        ...

    def room(self, name: str) -> object | None:
        """What is known of a room of the configuration; None when there is none of that name."""
        ...

    def named(self, channel: str) -> str | None:
        """How the configuration names the room that this channel is, None when it is none of its rooms."""
        ...


@dataclass(slots=True)
class RoomAddress:
    """A room, as the configuration names it."""

    name: str
    rooms: ChannelIds
    room: bool = True
    door: Entrance = field(default_factory=Entrance)

    async def channel(self, *, precisely: bool = False) -> str | None:  # noqa: ARG002 - there is one id only
        """Its channel's id, as far as it is known by now."""
        return self.rooms.id_of(self.name)


@dataclass(slots=True)
class ChannelAddress:
    """A channel that is no room of the configuration."""

    id: str
    room: bool = True
    door: Entrance = field(default_factory=Entrance)

    async def channel(self, *, precisely: bool = False) -> str | None:  # noqa: ARG002 - there is one id only
        """Its id."""
        return self.id


@dataclass(slots=True)
class PersonAddress:
    """A person, whom the bot writes to in private."""

    person: str
    api: Api
    room: bool = False
    door: Entrance = field(default_factory=Entrance)
    _channel: str = ""

    def is_at(self, channel: str) -> None:
        """The channel is known to be this one."""
        self._channel = channel

    async def channel(self, *, precisely: bool = False) -> str | None:
        """The channel between them and the bot, opened when it is first asked for. Errors as those of `Api.call`.

        A message may go to the person's id too, and does while too many are being opened.
        """
        if not self._channel:
            if not precisely and not self.api.free(OPEN):
                return self.person
            try:
                answer = await self.api.call(OPEN, users=self.person)
                self._channel = text(answer, "channel", "id")
            except Refused as refused:
                if refused.code not in {"missing_scope", UNKNOWN}:
                    raise
            self._channel = self._channel or self.person
        return self._channel
