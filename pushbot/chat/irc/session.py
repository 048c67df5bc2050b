"""One connection, from signing on to its end: understands what the server says.

`receive` takes one line and returns what the bot is to be told. `tick` is called a few times a
second and does what only time brings about. When `failure` is set, the connection is of no more use.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from pushbot.chat.irc.places import Places
from pushbot.chat.irc.registration import CAP_WAIT
from pushbot.chat.irc.rooms import ECHO_WAIT, SILENCED_WAIT
from pushbot.chat.irc.talk import Talk
from pushbot.chat.irc.whois import ANSWERS, Inquiries
from pushbot.chat.irc.wire import Message, parse, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.chat.irc.known import Known
    from pushbot.chat.irc.registration import Registration
    from pushbot.chat.irc.writer import Writer
    from pushbot.ports import Notice

log = structlog.get_logger()

JOIN_BYTES = 400
"""Bytes of room names in one JOIN."""

MOTD_WAIT = 5.0
"""Seconds after the welcome within which servers end their message of the day."""

LATE = 600.0
"""Seconds after which what somebody said is better not done."""

_ERRORS = range(400, 600)

_DESCRIBES = frozenset({"currenttopic", "topicinfo", "namreply", "endofnames", "whoreply", "whospcrpl"})
_OF_ROOMS = _DESCRIBES | {"topic", "join", "part", "kick", "mode"}

_NETSPLIT = re.compile(r"[^\s.]+(\.[^\s.]+)+ [^\s.]+(\.[^\s.]+)+")
"""What servers give as the reason when the link between two of them breaks: their names."""


@dataclass(slots=True)
class Session:
    """The state of one connection. Set `busy` while the bot takes its time: the server is not to blame then."""

    known: Known
    registration: Registration
    writer: Writer
    inquiries: Inquiries = field(init=False)
    talk: Talk = field(init=False)
    places: Places = field(init=False)
    ready: bool = False
    busy: bool = False
    failure: str | None = None
    hopeless: bool = False
    _began: float = field(default_factory=time.monotonic)
    _welcomed: float | None = None
    _looked: float = field(default_factory=time.monotonic)
    _silent_for: float = 0.0
    _probed: bool = False
    _nick_tried: float = 0.0

    def __post_init__(self) -> None:
        caps, people = self.registration.caps, self.known.people
        people.begin(caps)
        self.inquiries = Inquiries(people, self.writer, self.known.features.fold)
        self.talk = Talk(self.known, self.writer, self.inquiries)
        self.places = Places(self.known, self.writer, caps, self.inquiries)

    def start(self) -> None:
        """Begin to sign on: write the first lines of the registration."""
        for line in self.registration.start():
            self.writer.control(line)

    def close(self) -> None:
        """The connection is gone."""
        self.writer.close()
        self.inquiries.close()
        self.known.people.begin(frozenset())
        for room in self.known.rooms:
            room.disconnected()

    # --- time ---

    def heard(self) -> None:
        """Something came from the server."""
        self._silent_for, self._probed = 0.0, False

    def tick(self, every: float) -> None:
        """See whether it is time for something, as happens every so many seconds.

        A bot that stood still itself finds what came meanwhile in the socket, so that counts for one time; but not when
        it was for so long that nobody expects any more to be heard.
        """
        now = time.monotonic()
        passed, self._looked = now - self._looked, now
        self._silent_for += passed if passed > LATE else min(passed, every)
        if self.busy:
            self._silent_for = 0.0
        idle, patience = self._silent_for, self.known.options.silent_after
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
        if self._welcomed is not None and now - self._welcomed >= MOTD_WAIT:
            self._begin()
        elif now - self._began >= limit:
            self.failure = f"it did not sign us on within {limit:g} s"
        elif now - self._began >= CAP_WAIT:
            self._register(self.registration.no_answer())

    def _settle(self, now: float) -> None:
        for room in self.known.rooms:
            if room.under_way is not None and now - room.sent_at >= ECHO_WAIT:
                room.settled()
                self.writer.pump()
            if room.silenced_at is not None and now - room.silenced_at >= SILENCED_WAIT:
                self.places.opened(room)

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
        if message.name in _OF_ROOMS:
            return self.places.happened(message)
        if message.code in ANSWERS:
            return self.inquiries.answered(message)
        match message.name:
            case "privmsg":
                return self.talk.privmsg(message)
            case "ping":
                if message.params:
                    self.writer.control(f"PONG :{message.param(0)}")
            case "pong":
                self.writer.pong(message.param(-1))
            case "nick" | "quit" | "account":
                return self._of_person(message)
            case "notice" | "motd":
                pass
            case _:
                return self._of_server(message)
        return ()

    async def catch_up(self) -> None:
        """To be called after `receive`: does, in a thread, what would hold everything up."""
        if (slow := self.registration.slow) is not None:
            self._register(await asyncio.to_thread(slow))

    def _register(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.writer.control(line)
        if self.registration.failure is not None:
            self.failure, self.hopeless = self.registration.failure, self.registration.hopeless

    def _of_server(self, message: Message) -> Sequence[Notice]:
        self._register(self.registration.feed(message))
        match message.name:
            case "welcome" if not self.ready:
                self._welcomed = time.monotonic()
                self.known.features.reset()
                self.known.own.begin(self.registration.nick, message.source.nick)
            case "featurelist":
                self.known.features.load(message.params[1:-1])
                self.known.rooms.refold()
            case "endofmotd" | "nomotd" if self.registration.done and not self.ready:
                self._begin()
            case "396":  # our host is shown differently now
                self.known.own.address = ""
            case "error" if message.params:
                # The last line of a connection: https://modern.ircdocs.horse/#error-message
                self.failure = self.failure or f"it closed the connection, saying {plain(message.param(0))!r}"
            case _ if message.code.isdecimal() and int(message.code) in _ERRORS and self.ready:
                return self.places.refused(message)
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

    # --- people ---

    def _of_person(self, message: Message) -> Sequence[Notice]:
        own, people, nick = self.known.own, self.known.people, message.source.nick
        if not nick:
            return ()
        notices: Sequence[Notice] = ()
        match message.name:
            case "account" if not own.is_me(nick):
                return people.account_told(nick, message.param(0))
            case "nick" if own.is_me(nick):
                own.nick = message.param(0) or own.nick
                return ()
            case "nick" if message.param(0):
                new = message.param(0)
                notices = (*people.renamed(nick, new), *self.inquiries.renamed(nick, new))
            case "quit":
                notices = self.inquiries.gone(nick)
                people.left(nick)
                if _NETSPLIT.fullmatch(message.param(0)):
                    self.known.rooms.split()
            case _:
                pass
        if own.misnamed() and self.known.features.fold(nick) == self.known.features.fold(own.wanted):
            self._regain()
        return notices
