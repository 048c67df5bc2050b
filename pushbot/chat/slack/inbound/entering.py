"""Getting into the rooms: finds out which channels they are, what their topics say, and whether the bot is in.

All are looked at after each connection, and one again when Slack tells that something changed there. What the bot
is told of it takes its turn among the letters.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog

from pushbot.chat.backoff import Backoff
from pushbot.chat.slack.inbound.mrkdwn import mentioned, topic_of
from pushbot.chat.slack.refused import NO_BOT, UNKNOWN, Refused, warn
from pushbot.chat.slack.rooms import NOTED
from pushbot.chat.slack.shape import objects, part, text, true
from pushbot.errors import PushbotError
from pushbot.ports import RoomEntered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from pushbot.chat.slack.inbound.user_lookup import UserLookup
    from pushbot.chat.slack.known import Known
    from pushbot.chat.slack.rooms import Room
    from pushbot.chat.slack.shape import Object
    from pushbot.ports import Memory, Notice

LOG = structlog.get_logger()
KINDS = ("public_channel", "private_channel")
PAGE, LARGE_PAGE = 200, 999
"""Channels a page, of the bot's own and of all: what Slack recommends, and what it takes at most."""
AGAIN_MIN, AGAIN_MAX = 1.0, 60.0
"""Seconds before rooms are looked at again that could not be looked at."""


@dataclass(slots=True)
class Entering:
    """Looks at rooms as it is asked to; `errand` has something done in its turn, `tell` is how the bot is told."""

    known: Known
    memory: Memory
    user_lookup: UserLookup
    errand: Callable[[Callable[[], Awaitable[None]]], None]
    tell: Callable[[Notice], Awaitable[None]]
    _wanted: set[str] = field(default_factory=set)
    _stir: asyncio.Event = field(default_factory=asyncio.Event)

    def all(self) -> None:
        """Have all rooms looked at: there is a new connection."""
        self.again(room.name for room in self.known.rooms)

    def again(self, names: Iterable[str]) -> None:
        """Have these looked at: something changed there."""
        self._wanted.update(names)
        self._stir.set()

    async def resolve(self) -> None:
        """Find out which channels of its own the rooms are. Raises PushbotError when Slack does not say."""
        await self._among("users.conversations", PAGE, [room for room in self.known.rooms if not room.by_id])

    async def run(self) -> None:
        """Look at rooms until cancelled."""
        backoff = Backoff(AGAIN_MIN, AGAIN_MAX)
        while True:
            await self._stir.wait()
            self._stir.clear()
            try:
                await self._look_at_wanted()
            except PushbotError as error:
                delay = backoff.next()
                LOG.warning("slack_rooms_not_seen", chat=self.known.chat, error=str(error), again_in=round(delay, 2))
                with suppress(TimeoutError):  # news come first: Slack may be well again
                    async with asyncio.timeout(delay):
                        await self._stir.wait()
                self._stir.set()
            else:
                backoff.reset()

    async def _look_at_wanted(self) -> None:
        """Look at all that is wanted now; what is wanted meanwhile is looked for and looked at after that."""
        wanted, self._wanted = self._wanted, set()
        try:
            await self._look_for_missing()
            while wanted:
                name = next(iter(wanted))
                if (room := self.known.rooms.room(name)) is not None:
                    await self._look_at(room)
                wanted.discard(name)
        finally:
            self._wanted |= wanted

    # --- which channel ---

    async def _look_for_missing(self) -> None:
        """Look for rooms that the bot is not in: among its own channels, then, where nothing is known, among all."""
        missing = [room for room in self.known.rooms if not (room.by_id or room.inside)]
        listed = await self._among("users.conversations", PAGE, missing)
        missing = [room for room in missing if room.id is None]
        if not (await self._among("conversations.list", LARGE_PAGE, missing) or listed):
            for room in missing:  # a stand-in without any list: what is no name may be an id
                if not room.name.startswith("#"):
                    await self._is(room, room.name)

    async def _among(self, method: str, page_size: int, missing: list[Room]) -> bool:
        """Look for rooms by name in a list of Slack's; whether there is such a list."""
        left = {room.name: room for room in missing}
        for kind in KINDS if left else ():
            try:
                async for page in self.known.api.pages(method, types=kind, exclude_archived=True, limit=page_size):
                    for channel in objects(page, "channels"):
                        for room in [room for room in left.values() if room.is_meant(channel)]:
                            await self._is(room, text(channel, "id"))
                            del left[room.name]
                    if not left:
                        return True
            except Refused as error:
                # a bot that need not see private channels has no scope for them; a stand-in may not know the method
                if error.code in NO_BOT - {"missing_scope"}:
                    raise
                LOG.info("slack_rooms_not_listed", chat=self.known.chat, kind=kind, error=str(error))
                if error.code == UNKNOWN:
                    return False
        return True

    async def _is(self, room: Room, channel: str) -> None:
        if room.id != channel:
            room.id = channel
            try:
                await self.memory.note(f"{NOTED}{room.name}", channel)
            except PushbotError as error:  # it is looked for by its name again
                LOG.warning("slack_room_not_noted", chat=self.known.chat, room=room.name, error=str(error))

    # --- what is there ---

    async def _look_at(self, room: Room) -> None:
        """See whether the bot is in, and what stands there."""
        if room.id is None:
            self._shut(room, f"there is no channel of that name, or it is private: create it, or {self._invite(room)}")
            return
        first = self.known.rooms.find(room.id)
        if first is not None and first is not room:
            self._shut(room, f"it is the same channel as {first.name}: give the room one name in the configuration")
            return
        seen = room.news
        try:
            channel = await self._info(room.id)
            if not _open(channel) and await self._join(room, channel):
                channel = await self._info(room.id)
        except Refused as error:
            self._shut(room, str(error))
            return
        room.title = f"#{text(channel, 'name')}" if text(channel, "name") else room.title
        if true(channel, "is_archived"):
            self._shut(room, "the channel is archived: unarchive it, or take it out of the configuration")
        elif not _open(channel):
            self._shut(room, f"the bot is no member: {self._invite(room)}")
        else:
            self.errand(partial(self._enter, room, channel, seen))

    async def _info(self, channel: str) -> Object:
        """What Slack tells of a channel; nothing where it is a stand-in that cannot be asked: then it is just tried."""
        try:
            return part(await self.known.api.call("conversations.info", channel=channel), "channel")
        except Refused as error:
            if error.code != UNKNOWN:
                raise
            warn("slack_room_not_seen", error, chat=self.known.chat, channel=channel)
            return {}

    async def _join(self, room: Room, channel: Object) -> bool:
        """Go in where everybody may, if the app may do so by itself."""
        if true(channel, "is_archived") or true(channel, "is_private"):
            return False
        try:
            await self.known.api.call("conversations.join", channel=room.id or "")
        except Refused as error:
            LOG.info("slack_room_not_joined", chat=self.known.chat, room=room.name, why=error.code)
            return False
        return True

    async def _enter(self, room: Room, channel: Object, seen: int) -> None:
        """We are in: the bot puts the topic in order, and what waits for the room goes out.

        Where there were news since it was looked at, that may be over by now, and the topic another.
        """
        if room.news != seen:
            self.again([room.name])
            return
        known, written, setter = self.known, text(channel, "topic", "value"), text(channel, "topic", "creator")
        await self.user_lookup.meet((), mentioned(written))
        topic = topic_of(written, known.roster.name_of, known.rooms.name_of)
        news = topic and setter not in ("", known.own.user) and (topic, setter) != (room.topic, room.setter)
        room.topic, room.setter, room.inside = topic, setter, True
        room.found = (topic, setter) if news else room.found
        await self.user_lookup.meet({setter} if news else ())
        LOG.info("slack_room_entered", chat=known.chat, room=room.name, channel=room.id, title=room.title)
        known.writer.topic_is(room.name, topic)
        await self.tell(RoomEntered(known.chat, room.name, topic, known.roster.name_of(setter) if news else None))
        known.writer.found(room.name)  # the topic that stood there is known now, and may be another

    def _shut(self, room: Room, why: str) -> None:
        room.inside, room.news = False, room.news + 1
        LOG.warning("slack_room_shut", chat=self.known.chat, room=room.name, channel=room.id, why=why)

    def _invite(self, room: Room) -> str:
        return f"/invite @{self.known.own.name or 'pushbot'} in {room.title or room.name}"


def _open(channel: Object) -> bool:
    """Whether the bot may speak there, as far as is told: Slack always says who is a member, its stand-ins do not."""
    return channel.get("is_member") in (True, None) and not true(channel, "is_archived")
