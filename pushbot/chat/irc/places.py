"""What happens to our rooms: who comes and goes there, what their topics are, who may change them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from pushbot.chat.irc.options import Identity
from pushbot.chat.irc.rooms import Presence, Room
from pushbot.chat.irc.wire import Message, plain
from pushbot.ports import Notice, RoomEntered, TopicEdited, TopicRefused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from pushbot.chat.irc.known import Known
    from pushbot.chat.irc.whois import Inquiries
    from pushbot.chat.irc.writer import Writer

log = structlog.get_logger()

_REFUSES_TOPIC = frozenset({"477", "482"})
_CANNOT_SPEAK = "404"
_NOT_THERE = frozenset({"403", "442"})

WHOX = "152"
"""The number that our questions for accounts carry, and with them their answers."""


@dataclass(slots=True)
class Places:
    """Keeps `Known.rooms` true; `caps` are the capabilities in force."""

    known: Known
    writer: Writer
    caps: AbstractSet[str]
    inquiries: Inquiries

    def happened(self, message: Message) -> Sequence[Notice]:
        """Act on a message about a room; what the bot is to be told of it."""
        match message.name:
            case "topic":
                return self._topic(message)
            case "currenttopic" | "topicinfo" | "endofnames":
                return self._described(message)
            case "join":
                self._join(message)
            case "namreply":
                room = self.known.rooms.find(message.param(2))
                if room is not None and not message.source.is_user:
                    names = message.param(3).split(" ")
                    self.known.people.listed(room.name, (name.lstrip(self.known.features.marks) for name in names))
            case "whoreply" | "whospcrpl" if not message.source.is_user:
                self._who(message)
            case "part" | "kick":
                self._left(message)
            case "mode":
                self._mode(message)
            case _:
                pass
        return ()

    def refused(self, message: Message) -> Sequence[Notice]:
        """Act on an error numeric (4xx, 5xx) that may be about a room."""
        now, room = time.monotonic(), self.known.rooms.find(message.param(1))
        if room is not None:
            if message.code == _CANNOT_SPEAK:
                self._silenced(room, now)
            elif room.presence is Presence.ASKED or (room.inside and message.code in _NOT_THERE):
                room.outside(now)
                self.known.people.emptied(room.name)
            elif room.under_way is not None and message.code in _REFUSES_TOPIC:
                if room.refuse(now):
                    log.warning("irc_topic_refused", chat=self.known.chat, room=room.name)
                    return (TopicRefused(self.known.chat, room.name),)
            elif room.under_way is not None:
                room.put_off(now)
                self.writer.pump()
                log.info("irc_topic_put_off", chat=self.known.chat, room=room.name, code=message.code)
                return ()
        log.warning("irc_refused", chat=self.known.chat, code=message.code, params=[plain(p) for p in message.params])
        return ()

    def _described(self, message: Message) -> Sequence[Notice]:
        """After our JOIN: the topic (332; 331 says there is none), its setter (333), and the end of it all (366)."""
        room = self.known.rooms.find(message.param(1))
        if room is None or room.presence is not Presence.ENTERING:
            return ()
        match message.name:
            case "currenttopic":
                room.topic = message.param(2)
            case "topicinfo":
                room.setter = message.param(2).partition("!")[0] or None
            case _:
                room.entered(time.monotonic(), self._limit(room))
                log.info("irc_room_entered", chat=self.known.chat, room=room.name)
                self.opened(room)
                self._ask_who(room)
                setter = None if room.setter is None or self.known.own.is_me(room.setter) else room.setter
                return (RoomEntered(self.known.chat, room.name, plain(room.topic), setter),)
        return ()

    def _topic(self, message: Message) -> Sequence[Notice]:
        room = self.known.rooms.find(message.param(0))
        if room is None or len(message.params) < 2:  # noqa: PLR2004 - a room and a text
            return ()
        text, source = message.param(1), message.source
        if self.known.own.is_me(source.nick):
            self.known.own.seen(source)
            room.echoed(text)
            self.writer.pump()
            return ()
        if not source.is_user:
            room.lost(text, time.monotonic(), self._limit(room))
            self.writer.pump()
            return ()
        before = plain(room.topic)
        room.topic, room.setter = text, source.nick
        stranger = self.known.people.stranger(source.nick)
        edited = TopicEdited(self.known.chat, room.name, stranger, plain(text), before)
        return self.inquiries.take(message, edited, asks=True)

    def _ask_who(self, room: Room) -> None:
        """Ask at once who all in the room are, where that stays known; of others the server is asked as they speak."""
        match self.known.options.identity:
            case Identity.ACCOUNT if self.known.features.whox and "account-notify" in self.caps:
                self.writer.ask(f"WHO {room.name} %tna,{WHOX}")
            case Identity.HOSTMASK:
                self.writer.ask(f"WHO {room.name}")
            case _:
                pass

    def _who(self, message: Message) -> None:
        """An answer to that: 354 with number, nick and account, or 352 with user, host, server and nick."""
        match message.params:
            case (_, number, nick, account) if message.code == "354" and number == WHOX:
                self.known.people.described(nick, account=account)
            case (_, _, user, host, _, nick, *_) if message.code == "352":
                self.known.people.described(nick, mask=f"{user}@{host}")
            case _:
                pass

    def _join(self, message: Message) -> None:
        own, who = self.known.own, message.source.nick
        room = self.known.rooms.find(message.param(0))
        if not own.is_me(who):
            if room is not None and room.back_from_split(time.monotonic()):
                self.writer.pump()
            if room is not None:
                self.known.people.came(room.name, message.source, message.param(1))
            return
        own.seen(message.source)
        if room is not None:
            room.entering(time.monotonic())
        elif message.params:
            self.writer.control(f"PART {message.param(0)}")  # forwarded to where we have no business

    def _left(self, message: Message) -> None:
        room = self.known.rooms.find(message.param(0))
        who = message.param(1) if message.name == "kick" else message.source.nick
        if room is not None and not self.known.own.is_me(who):
            self.known.people.parted(room.name, who)
        elif room is not None:
            room.outside(time.monotonic())
            self.known.people.emptied(room.name)
            log.warning("irc_room_left", chat=self.known.chat, room=room.name, why=plain(message.param(-1)))

    def _mode(self, message: Message) -> None:
        """As operator, or where anybody may, a refused topic can be set; and any change may let us speak."""
        room = self.known.rooms.find(message.param(0))
        if room is None:
            return
        features = self.known.features
        ranks = set(features.status_modes) - {"v"}
        for sign, letter, argument in features.mode_changes(message.param(1), message.params[2:]):
            opened = sign == "-" and letter == "t"
            if opened or (sign == "+" and letter in ranks and self.known.own.is_me(argument)):
                room.allow()
        self.opened(room)

    def _silenced(self, room: Room, now: float) -> None:
        """A line was refused (+m, a ban, or we were thrown out just now): all wait until something changes there."""
        if room.hears:
            log.warning("irc_room_does_not_hear", chat=self.known.chat, room=room.name)
        room.silenced_at = now
        self.writer.unheard(room)

    def opened(self, room: Room) -> None:
        """We came in, or something changed after which speaking may work: what stood aside goes out."""
        room.silenced_at = None
        if room.inside:
            self.known.outbox.release(room.name)
        self.writer.pump()

    def _limit(self, room: Room) -> int:
        return self.known.own.topic_limit(room.name)
