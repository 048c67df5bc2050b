"""One connection, from signing on to its end: understands what the server says.

`receive` takes one line and returns what the bot is to be told. `tick` is called a few times a
second and does what only time brings about. When `failure` is set, the connection is of no more use.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from pushbot.chat.irc.rooms import ECHO_WAIT, Presence, Room, Rooms
from pushbot.chat.irc.wire import Message, clean, cut, parse, plain
from pushbot.ports import Heard, Notice, RoomEntered, TopicEdited, TopicRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.chat.irc.features import Features
    from pushbot.chat.irc.options import IrcOptions
    from pushbot.chat.irc.outbox import Outbox
    from pushbot.chat.irc.own import Own
    from pushbot.chat.irc.people import People
    from pushbot.chat.irc.registration import Registration
    from pushbot.chat.irc.writer import Writer

log = structlog.get_logger()

JOIN_BYTES = 400
"""Bytes of room names in one JOIN."""

MOTD_WAIT = 5.0
"""Seconds after the welcome within which servers end their message of the day."""

CTCP_EVERY = 5.0
"""Seconds between two answers to CTCP questions."""

CTCP_BYTES = 100
"""Bytes of a CTCP PING that are sent back."""

_REFUSES_TOPIC = frozenset({"477", "482"})
_NOT_THERE = frozenset({"403", "442"})
_ERRORS = range(400, 600)


@dataclass(slots=True)
class Known:
    """What outlives a connection: the config, the rooms, the people, the lines still to be said."""

    chat: str
    options: IrcOptions
    features: Features
    own: Own
    rooms: Rooms
    people: People
    outbox: Outbox


@dataclass(slots=True)
class Session:
    """The state of one connection. Set `busy` while the bot takes its time: the server is not to blame then."""

    known: Known
    registration: Registration
    writer: Writer
    ready: bool = False
    busy: bool = False
    failure: str | None = None
    hopeless: bool = False
    _began: float = field(default_factory=time.monotonic)
    _heard: float = field(default_factory=time.monotonic)
    _probed: bool = False
    _nick_tried: float = 0.0
    _ctcp_answered: float = -CTCP_EVERY

    def start(self) -> None:
        """Say hello."""
        for line in self.registration.start():
            self.writer.control(line)

    def close(self) -> None:
        """The connection is gone."""
        self.writer.close()
        self.known.people.forget_all()
        for room in self.known.rooms:
            room.disconnected()

    # --- time ---

    def heard(self) -> None:
        """Something came from the server."""
        self._heard, self._probed = time.monotonic(), False

    def tick(self) -> None:
        """See whether it is time for something."""
        now = time.monotonic()
        if self.busy:
            self._heard = now
        idle, patience = now - self._heard, self.known.options.silent_after
        if idle >= patience:
            self.failure = f"it has been silent for {patience:g} s"
        elif not self.ready:
            self._tick_signing_on(now)
        else:
            if idle >= patience / 2 and not self._probed:
                self._probed = True
                self.writer.control("PING :alive")
            self._knock(now)
            self._settle(now)
            if self.known.own.misnamed() and now - self._nick_tried >= self.known.options.nick_retry:
                self._regain()

    def _tick_signing_on(self, now: float) -> None:
        limit = self.known.options.connect_timeout
        if self.registration.done and now - self._began >= MOTD_WAIT:
            self._begin()
        elif now - self._began >= limit:
            self.failure = f"it did not sign us on within {limit:g} s"

    def _settle(self, now: float) -> None:
        for room in self.known.rooms:
            if room.under_way is not None and now - room.sent_at >= ECHO_WAIT:
                room.settled()
                self.writer.pump()

    def _knock(self, now: float) -> None:
        """Ask to be let in to the rooms where it is time to."""
        names: list[str] = []
        for room in self.known.rooms:
            if room.knock_due(now):
                room.asked(now)
                names.append(room.name)
        while names:
            together = [names.pop(0)]
            while names and len(",".join((*together, names[0])).encode()) <= JOIN_BYTES:
                together.append(names.pop(0))
            self.writer.control(f"JOIN {','.join(together)}")

    def _regain(self) -> None:
        self._nick_tried = time.monotonic()
        self.writer.control(f"NICK {self.known.own.wanted}")

    # --- what the server says ---

    def receive(self, line: bytes) -> Sequence[Notice]:
        """Act on one line; what the bot is to be told of it, in order."""
        message = parse(line)
        if message is None:
            return ()
        match message.name:
            case "privmsg":
                return self._privmsg(message)
            case "ping":
                if message.params:
                    self.writer.control(f"PONG :{message.param(0)}")
            case "pong":
                self.writer.pong(message.param(-1))
            case "topic" | "notopic" | "currenttopic" | "topicinfo" | "endofnames":
                return self._of_room(message)
            case "join" | "part" | "kick" | "mode":
                self._presence(message)
            case "nick" | "quit" | "account":
                return self._of_person(message)
            case "notice" | "motd" | "namreply":
                pass
            case _:
                return self._of_server(message)
        return ()

    def _of_server(self, message: Message) -> Sequence[Notice]:
        for line in self.registration.feed(message):
            self.writer.control(line)
        self.failure, self.hopeless = self.registration.failure, self.registration.hopeless
        match message.name:
            case "welcome":
                self.known.features.reset()
                self.known.own.begin(self.registration.nick, message.source.nick)
            case "featurelist":
                self.known.features.load(message.params[1:-1])
            case "endofmotd" | "nomotd" if self.registration.done and not self.ready:
                self._begin()
            case "396":  # our host is shown differently now
                self.known.own.address = ""
            case "error":
                log.warning("irc_error", chat=self.known.chat, text=plain(message.param(0)))
            case _ if message.code.isdecimal() and int(message.code) in _ERRORS and self.ready:
                return self._refused(message)
            case _:
                pass
        return ()

    def _begin(self) -> None:
        """We are signed on and know the server's rules."""
        self.ready = True
        self._nick_tried = time.monotonic()
        self.known.rooms.refold()
        log.info("irc_signed_on", chat=self.known.chat, nick=self.known.own.nick, caps=sorted(self.registration.caps))
        self.writer.begin()
        self._knock(time.monotonic())

    def _refused(self, message: Message) -> Sequence[Notice]:
        now, room = time.monotonic(), self.known.rooms.find(message.param(1))
        if room is not None:
            if room.presence is Presence.ASKED or (room.inside and message.code in _NOT_THERE):
                room.outside(now)
            elif message.code in _REFUSES_TOPIC and room.under_way is not None and room.refuse(now):
                log.warning("irc_topic_refused", chat=self.known.chat, room=room.name)
                return (TopicRefused(self.known.chat, room.name),)
        log.warning("irc_refused", chat=self.known.chat, code=message.code, params=[plain(p) for p in message.params])
        return ()

    # --- rooms ---

    def _limit(self, room: Room) -> int:
        return self.known.own.topic_limit(room.name)

    def _of_room(self, message: Message) -> Sequence[Notice]:
        if message.name == "topic":
            return self._topic(message)
        room, now = self.known.rooms.find(message.param(1)), time.monotonic()
        if room is None or room.presence is not Presence.ENTERING:
            return ()
        match message.name:
            case "currenttopic":
                room.topic = message.param(2)
            case "topicinfo":
                room.setter = message.param(2).partition("!")[0] or None
            case "endofnames":
                room.entered(now, self._limit(room))
                log.info("irc_room_entered", chat=self.known.chat, room=room.name)
                self.known.outbox.release(room.name)
                self.writer.pump()
                return (RoomEntered(self.known.chat, room.name, plain(room.topic), room.setter),)
            case _:
                pass
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
        room.topic, room.setter = text, source.nick
        met = self._meet(message)
        return (*met, TopicEdited(self.known.chat, room.name, self.known.people.person(source.nick), plain(text)))

    def _presence(self, message: Message) -> None:
        own, now = self.known.own, time.monotonic()
        room = self.known.rooms.find(message.param(0))
        who = message.param(1) if message.name == "kick" else message.source.nick
        match message.name:
            case "mode" if room is not None:
                self._mode(room, message)
            case "join" if own.is_me(who):
                own.seen(message.source)
                if room is None:
                    self.writer.control(f"PART {message.param(0)}")  # forwarded to where we have no business
                else:
                    room.entering(now)
            case "join" if {"extended-join", "account-notify"} <= self.registration.caps:
                self.known.people.account_told(who, message.param(1).removeprefix("*"))
            case "part" | "kick" if room is not None and own.is_me(who):
                room.outside(now)
                log.warning("irc_room_left", chat=self.known.chat, room=room.name, why=plain(message.param(-1)))
            case _:
                pass

    def _mode(self, room: Room, message: Message) -> None:
        features = self.known.features
        ranks = set(features.status_modes) - {"v"}
        for sign, letter, argument in features.mode_changes(message.param(1), message.params[2:]):
            opened = sign == "-" and letter == "t"
            if opened or (sign == "+" and letter in ranks and self.known.own.is_me(argument)):
                room.allow()
        self.writer.pump()

    # --- people ---

    def _of_person(self, message: Message) -> Sequence[Notice]:
        own, people, nick = self.known.own, self.known.people, message.source.nick
        if not nick:
            return ()
        notices: Sequence[Notice] = ()
        match message.name:
            case "account":
                people.account_told(nick, message.param(0).removeprefix("*"))
                return ()
            case "nick" if own.is_me(nick):
                own.nick = message.param(0) or own.nick
                return ()
            case "nick" if message.param(0):
                notices = (people.renamed(nick, message.param(0)),)
            case "quit":
                people.left(nick)
            case _:
                pass
        if own.misnamed() and self.known.features.fold(nick) == self.known.features.fold(own.wanted):
            self._regain()
        return notices

    def _meet(self, message: Message) -> Sequence[Notice]:
        """Take note of the account behind a message; a renaming when it is a first sight."""
        nick = message.source.nick
        if "account-tag" in self.registration.caps:
            self.known.people.account_told(nick, message.tags.get("account"))
        met = self.known.people.met(nick)
        return (met,) if met else ()

    def _privmsg(self, message: Message) -> Sequence[Notice]:
        own, source = self.known.own, message.source
        if own.is_me(source.nick):
            own.seen(source)
            return ()
        if not source.is_user or len(message.params) < 2:  # noqa: PLR2004 - a target and a text
            return ()
        target, said = message.params[:2]
        room = None if own.is_me(target) else self.known.rooms.find(target)
        if said.startswith("\x01"):
            self._ctcp(source.nick, said)
            return ()
        text = plain(said)
        if (room is None and not own.is_me(target)) or not text.strip():
            return ()
        called = own.is_me(text[: len(own.nick)]) and text[len(own.nick) :][:1] in {":", ","}
        if called:
            text = text[len(own.nick) + 1 :].strip()
        met = self._meet(message)
        person = self.known.people.person(source.nick)
        where = room.name if room else None
        return (*met, Heard(self.known.chat, where, person, text, addressed=called or room is None))

    def _ctcp(self, nick: str, said: str) -> None:
        """Answer what clients ask each other, seldom: https://modern.ircdocs.horse/ctcp."""
        now = time.monotonic()
        question, _, rest = said.strip("\x01").partition(" ")
        answer = {"VERSION": "VERSION pushbot", "PING": f"PING {cut(clean(rest), CTCP_BYTES)}"}.get(question.upper())
        if answer and now - self._ctcp_answered >= CTCP_EVERY:
            self._ctcp_answered = now
            self.writer.spare(f"NOTICE {nick} :\x01{answer}\x01")
