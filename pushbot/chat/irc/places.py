"""What happens to our rooms: who comes and goes there, what their topics are, who may change them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from pushbot.chat.irc.rooms import Presence, Room
from pushbot.chat.irc.wire import Message, plain
from pushbot.ports import Notice, RoomEntered, TopicEdited, TopicRefused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from pushbot.chat.irc.known import Known
    from pushbot.chat.irc.writer import Writer

log = structlog.get_logger()

_REFUSES_TOPIC = frozenset({"477", "482"})
_CANNOT_SPEAK = "404"
_NOT_THERE = frozenset({"403", "442"})


@dataclass(slots=True)
class Places:
    """Keeps `Known.rooms` true; `caps` are the capabilities in force."""

    known: Known
    writer: Writer
    caps: AbstractSet[str]

    def happened(self, message: Message) -> Sequence[Notice]:
        """Act on a message about a room; what the bot is to be told of it."""
        match message.name:
            case "topic":
                return self._topic(message)
            case "currenttopic" | "topicinfo" | "endofnames":
                return self._described(message)
            case "join":
                self._join(message)
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
        met = self.known.people.met(message, self.caps)
        person = self.known.people.person(source.nick)
        return (*met, TopicEdited(self.known.chat, room.name, person, plain(text), before))

    def _join(self, message: Message) -> None:
        own, who = self.known.own, message.source.nick
        room = self.known.rooms.find(message.param(0))
        if not own.is_me(who):
            if room is not None and room.back_from_split(time.monotonic()):
                self.writer.pump()
            if {"extended-join", "account-notify"} <= self.caps:
                self.known.people.account_told(who, message.param(1).removeprefix("*"))
            return
        own.seen(message.source)
        if room is not None:
            room.entering(time.monotonic())
        elif message.params:
            self.writer.control(f"PART {message.param(0)}")  # forwarded to where we have no business

    def _left(self, message: Message) -> None:
        room = self.known.rooms.find(message.param(0))
        who = message.param(1) if message.name == "kick" else message.source.nick
        if room is not None and self.known.own.is_me(who):
            room.outside(time.monotonic())
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
