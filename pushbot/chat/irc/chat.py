"""`IrcChat`: pushbot's chat on one IRC network."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import structlog

from pushbot.chat.backoff import Backoff
from pushbot.chat.irc.features import Features
from pushbot.chat.irc.known import Known
from pushbot.chat.irc.link import Link
from pushbot.chat.irc.options import Identity, IrcOptions
from pushbot.chat.irc.outbox import Outbox
from pushbot.chat.irc.own import Own
from pushbot.chat.irc.people import People
from pushbot.chat.irc.registration import Registration
from pushbot.chat.irc.rooms import Rooms
from pushbot.chat.irc.sasl import Credentials
from pushbot.chat.irc.session import Session
from pushbot.chat.irc.sts import Policies, Strictness
from pushbot.chat.irc.wire import LineBuffer, clean, parse
from pushbot.chat.irc.writer import Writer
from pushbot.errors import PushbotError
from pushbot.ports import PLAIN, Notice

if TYPE_CHECKING:
    from pushbot.ports import Manner
    from pushbot.queue.model import Person

log = structlog.get_logger()

TICK = 0.25
"""Seconds between two looks at the clock, at most."""

GOODBYE = 1.5
"""Seconds the server has to end the connection after our QUIT."""

HELD = 10.0
"""Seconds that a connection must have lasted for the next one to be tried quickly."""

_ROOM = re.compile(r"[#&+!][^\s,\x00-\x1f\x7f]+")
"""RFC 2812, section 1.3; which of the four marks a server knows it tells later (CHANTYPES)."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Tell = Callable[[Notice], Awaitable[None]]


class IrcChat:
    """One connection to one IRC network, kept up for ever (the contract is `pushbot.ports.Chat`).

    Raises PushbotError when one of `rooms` cannot be the name of a room.
    """

    Options = IrcOptions

    def __init__(self, name: str, options: IrcOptions, rooms: Sequence[str]) -> None:
        self.name = name
        for room in rooms:
            if not _ROOM.fullmatch(room):
                raise PushbotError(
                    f"{room!r} cannot be a room of the chat {name!r}: "
                    "on IRC a room begins with # and has no space or comma."
                )
        features = Features()
        self._known = Known(
            chat=name,
            options=options,
            features=features,
            own=Own(options, features),
            rooms=Rooms(rooms, features.fold),
            people=People(name, features.fold, options.identity),
            outbox=Outbox(),
        )
        self._session: Session | None = None
        self._signed_on = False
        self._policies = Policies(options.state / f"sts-{name}.json" if options.state else None)
        self._upgrade: int | None = None

    # --- what the bot asks ---

    def say(self, to: str, text: str, manner: Manner = PLAIN) -> asyncio.Future[None]:  # noqa: ARG002 - all are lines
        """Queue one line for a room or a nick, see `Chat.say`; what may be written is written now."""
        done = self._known.outbox.add(to, text)
        if self._session is not None:
            self._session.writer.pump()
        return done

    def draw(self, room: str, topic: str) -> None:
        """Make `topic` the room's topic, see `Chat.draw`. A room that is not in the config is an error of the bot's."""
        place = self._known.rooms.find(room)
        if place is None:
            raise ValueError(f"{room!r} is no room of the chat {self.name!r}")
        place.draw(clean(topic), time.monotonic(), self.topic_limit(room))
        if self._session is not None:
            self._session.writer.pump()

    def topic_limit(self, room: str) -> int:
        """How many bytes of UTF-8 a topic may have there, so that all who see it see all of it."""
        return self._known.own.topic_limit(room)

    def fold(self, name: str) -> str:
        """`name` by the server's casemapping; by RFC 1459's before the first connection."""
        return self._known.features.fold(name)

    def person(self, name: str) -> Person:
        """Who goes by that nick now."""
        return self._known.people.person(name)

    # --- the connection ---

    async def run(self, tell: Tell) -> None:
        """Connect, enter the rooms and serve until cancelled, see `Chat.run`.

        Raises PushbotError when the very first connection fails for a reason that no retry cures: a
        secret or certificate that is missing, a password that is refused. Later on these are retried
        too, as a bot that has been working should not end because of somebody else's mistake.
        """
        options = self._known.options
        self._policies.load()
        backoff = Backoff(options.reconnect_min, options.reconnect_max)
        if (options.password or options.sasl_plain_without_tls) and not options.tls and options.host not in _LOOPBACK:
            log.warning("irc_password_in_clear", chat=self.name, remedy="set tls = true")
        if options.identity is Identity.NICK and options.host not in _LOOPBACK:
            log.warning("irc_nicks_are_believed", chat=self.name, remedy='set identity = "account"')
        while True:
            began = time.monotonic()
            try:
                await self._serve(tell)
            except PushbotError as error:
                if not self._signed_on:
                    raise
                reason = str(error)
            except OSError as error:
                reason = str(error) or type(error).__name__
            if self._upgrade is not None:
                log.info("irc_wants_tls", chat=self.name, server=options.host, port=self._upgrade)
                continue
            if time.monotonic() - began >= HELD:
                backoff.reset()
            delay = backoff.next()
            host, port = options.address
            log.warning(
                "irc_disconnected", chat=self.name, server=f"{host}:{port}", why=reason, again_in=round(delay, 2)
            )
            await asyncio.sleep(delay)

    async def _serve(self, tell: Tell) -> None:
        """One connection; ends by raising OSError, or PushbotError where trying again is no use."""
        known = self._known
        credentials = Credentials.resolve(known.options)
        route = self._policies.route(known.options, self._upgrade)
        self._upgrade = None
        link = await Link.open(known.options, route)
        sts = Strictness(route, self._policies, link.trusted)
        writer = Writer(known.options, link.transport, known.outbox, known.rooms, known.own)
        registration = Registration(known.options, credentials, sts, known.features.nick_length)
        session = Session(known, registration, writer)
        ticks = _Ticks(session, link.transport)
        lines = LineBuffer()
        self._session = session
        try:
            session.start()
            await self._listen(session, link, lines, sts, tell)
        except asyncio.CancelledError:
            await _sign_off(session, link, lines)
            raise
        finally:
            self._session = None
            self._upgrade = sts.upgrade
            sts.ended()
            ticks.stop()
            session.close()
            await link.abort()

    async def _listen(self, session: Session, link: Link, lines: LineBuffer, sts: Strictness, tell: Tell) -> None:
        while data := await self._hear(session, link, tell):
            session.heard()
            sts.lasts()
            link.acknowledge()
            for line in lines.feed(data):
                await self._take(session, line, tell)
                self._signed_on = self._signed_on or session.ready
                if session.failure is not None:
                    break
            if lines.dropped:
                log.warning("irc_lines_too_long", chat=self.name, dropped=lines.dropped)
                lines.dropped = 0
            if session.failure is not None:
                break
        if session.hopeless:
            host, port = sts.route.host, sts.route.port
            raise PushbotError(f"The IRC server {host}:{port} turns us away: {session.failure}.")
        raise ConnectionError(session.failure or "it closed the connection without a word")

    async def _hear(self, session: Session, link: Link, tell: Tell) -> bytes:
        """What the server sends next; meanwhile what waited too long to know who said it is told."""
        while True:
            await self._tell(session, session.inquiries.overdue(), tell)
            try:
                async with asyncio.timeout(session.inquiries.patience()) as limit:
                    return await link.read()
            except TimeoutError:  # also one of the socket's own
                if not limit.expired():
                    raise

    async def _tell(self, session: Session, notices: Sequence[Notice], tell: Tell) -> None:
        session.busy = bool(notices)
        for notice in notices:
            await tell(notice)

    async def _take(self, session: Session, line: bytes, tell: Tell) -> None:
        """Act on one line. Whatever goes wrong with it is logged: the next line is another matter."""
        try:
            notices = session.receive(line)
            await session.catch_up()
            await self._tell(session, notices, tell)
        except Exception:
            log.exception("irc_line_failed", chat=self.name, line=line[:512])
        finally:
            session.busy = False


class _Ticks:
    """Lets a session look at the clock until stopped, and cuts its connection when it says so."""

    def __init__(self, session: Session, transport: asyncio.WriteTransport) -> None:
        self._session = session
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._every = min(TICK, session.known.options.silent_after / 8)
        self._next = self._loop.call_later(self._every, self._tick)

    def _tick(self) -> None:
        self._next = self._loop.call_later(self._every, self._tick)
        self._session.tick(self._every)
        if self._session.failure is not None:
            self._transport.abort()

    def stop(self) -> None:
        """Look at the time no more."""
        self._next.cancel()


async def _sign_off(session: Session, link: Link, lines: LineBuffer) -> None:
    """QUIT, and take the confirmations that still come, for a short while."""
    session.writer.control("QUIT :Signing off")
    try:
        async with asyncio.timeout(GOODBYE):
            while data := await link.read():
                for line in lines.feed(data):
                    message = parse(line)
                    if message is not None and message.name == "pong":
                        session.writer.pong(message.param(-1))
    except OSError as error:  # TimeoutError is one
        log.info("irc_parted_without_answer", chat=session.known.chat, error=type(error).__name__)
