"""The only place that writes to a connection: what goes out, in which order, and how fast.

Lines of the protocol itself (PONG, JOIN, NICK) go out at once. Then come replies, then topics, and questions to the
server (WHOIS) in turn with both, within the server's limit, which a token bucket keeps. A topic that has waited for
long goes before replies. Whatever may be sent is written at the latest when the turn of the loop that asks for it is
over, so nothing is ever delayed but by that limit.

IRC confirms no message, but servers do one client's lines in order: after a burst one `PING` with a
number is sent, and its `PONG` confirms all lines written before it. One such PING is under way at
a time; it comes after what else is to be written, but after `PING_EVERY` lines at the latest.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from pushbot.chat.irc.outbox import Outbox, Speech, fail
from pushbot.chat.irc.wire import LINE_LIMIT, cut
from pushbot.errors import DeliveryUncertain

if TYPE_CHECKING:
    from collections.abc import Callable

    from pushbot.chat.irc.options import IrcOptions
    from pushbot.chat.irc.own import Own
    from pushbot.chat.irc.rooms import Room, Rooms

log = structlog.get_logger()

TOPIC_PATIENCE = 2.0
"""Seconds a topic waits for replies to go first."""

TOPIC_YIELDS = 8
"""Replies a topic lets go first."""

PING_EVERY = 16
"""Lines after which a PING is sent even though more are waiting."""

FULL = 64 * 1024
"""Bytes not yet taken by the network above which nothing more is written."""

FULL_WAIT = 0.05
"""Seconds until that is looked at again."""

MARK = "pushbot-"
"""What the argument of our confirming PINGs begins with; a number follows."""

_BREAKING = {ord("\r"): None, ord("\n"): None, 0: None}


@dataclass(slots=True)
class Bucket:
    """So many lines at once, and so many a second after that; `rate` 0 sets no limit."""

    burst: float
    rate: float
    tokens: float = 0.0
    at: float | None = None

    def wait(self, now: float) -> float:
        """Seconds until a line may be sent; 0 when one may be sent now."""
        if not self.rate:
            return 0.0
        self.tokens = self.burst if self.at is None else min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now
        return max(0.0, (1 - self.tokens) / self.rate)

    def take(self, now: float) -> None:
        """A line is sent. One that could not wait leaves a debt of at most `burst`."""
        self.wait(now)
        self.tokens = max(self.tokens - 1, -self.burst)


@dataclass(slots=True)
class Writer:
    """Writes one connection's lines. `begin` opens it for replies and topics once we are signed on."""

    options: IrcOptions
    transport: asyncio.WriteTransport
    outbox: Outbox
    rooms: Rooms
    own: Own
    _bucket: Bucket = field(init=False)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _open: bool = False
    _timer: asyncio.TimerHandle | None = None
    _confirming: asyncio.Handle | None = None
    _gathered: bytearray = field(default_factory=bytearray)
    _unconfirmed: deque[Speech] = field(default_factory=deque)
    _questions: deque[str] = field(default_factory=deque)
    _questioned: bool = False
    _unpinged: int = 0
    _pings: int = 0
    _ping_under_way: bool = False
    _yielded: int = 0

    def __post_init__(self) -> None:
        self._bucket = Bucket(self.options.burst, self.options.lines_per_second)

    def begin(self) -> None:
        """We are signed on: replies and topics may go out; what signing on took is not held against us."""
        self._open = True
        self._bucket.at = None
        self.pump()

    def control(self, line: str) -> None:
        """Write a line of the protocol at once."""
        self._bucket.take(time.monotonic())
        self._write(line)

    def ask(self, line: str) -> None:
        """Queue a question to the server; questions and what is said take turns, within the limit."""
        self._questions.append(line)
        self.pump()

    def spare(self, line: str) -> None:
        """Write a line that nobody needs, if there is room for it now."""
        now = time.monotonic()
        if self._open and not self.outbox and self._bucket.wait(now) == 0.0:
            self.control(line)

    def pump(self) -> None:
        """Write all that may be written now, and come back when more may."""
        if not self._open or self.transport.is_closing():
            return
        now = time.monotonic()
        while write := self._next(now):
            if self.transport.get_write_buffer_size() > FULL:
                self._wake(FULL_WAIT)
                return
            if wait := self._bucket.wait(now):
                self._wake(wait)
                return
            self._bucket.take(now)
            write()
        if (due := self._next_topic_at()) is not None:
            self._wake(due - now)

    def pong(self, token: str) -> None:
        """The server answered a PING: confirm what was written before it, if it was one of these here."""
        number = token.removeprefix(MARK)
        if number == token or not number.isdecimal() or len(number) > len(str(self._pings)):
            return
        while self._unconfirmed:
            speech = self._unconfirmed[0]
            if not speech.done.done():
                if speech.confirmed_by is None or speech.confirmed_by > int(number):
                    break
                speech.done.set_result(None)
            self._unconfirmed.popleft()
        if int(number) == self._pings:
            self._ping_under_way = False
            self._confirm_soon()

    def unheard(self, room: Room) -> None:
        """The room did not take a line; which of those not confirmed, nobody knows."""
        for speech in self._unconfirmed:
            if self.rooms.find(speech.to) is room:
                fail(speech.done, DeliveryUncertain(f"{room.name} does not let us speak; a line there may be lost."))

    def close(self) -> None:
        """The connection is gone: nobody knows what became of the lines that were not confirmed."""
        self._open = False
        for handle in (self._timer, self._confirming):
            if handle is not None:
                handle.cancel()
        for speech in self._unconfirmed:
            fail(
                speech.done,
                DeliveryUncertain(f"The link to {self.options.host} broke; a line for {speech.to} may be lost."),
            )
        self._unconfirmed.clear()
        self._questions.clear()

    # --- what next ---

    def _next(self, now: float) -> Callable[[], None] | None:
        if self._unpinged >= PING_EVERY and not self._ping_under_way:
            return self._ping
        room = self._topic_due(now)
        speech = self.outbox.head(self.rooms.shut)
        if self._questions and not (self._questioned and (speech is not None or room is not None)):
            return self._send_question
        if room is not None and (speech is None or self._impatient(room, now)):
            return lambda: self._send_topic(room, now)
        if speech is not None:
            return lambda: self._send_part(speech)
        if self._confirming is None and self._unpinged and not self._ping_under_way:
            return self._ping
        return None

    def _impatient(self, room: Room, now: float) -> bool:
        waiting = room.waiting_since
        return self._yielded >= TOPIC_YIELDS or (waiting is not None and now - waiting >= TOPIC_PATIENCE)

    def _next_topic_at(self) -> float | None:
        times = [due for room in self.rooms if (due := room.due(self.options.topic_interval)) is not None]
        return min(times, default=None)

    def _topic_due(self, now: float) -> Room | None:
        for room in self.rooms:
            due = room.due(self.options.topic_interval)
            if due is not None and due <= now:
                return room
        return None

    # --- writing ---

    def _send_question(self) -> None:
        self._questioned = True
        self._write(self._questions.popleft())

    def _send_topic(self, room: Room, now: float) -> None:
        self._questioned = False
        self._yielded = 0
        self._write(f"TOPIC {room.name} :{room.send(now, self.own.topic_limit(room.name))}")

    def _send_part(self, speech: Speech) -> None:
        self._questioned = False
        first = speech.parts is None
        command = f"PRIVMSG {speech.to} :"
        self._write(command + speech.next_part(self.own.room_after(command)), gather=True)
        if first:
            self._unconfirmed.append(speech)
        if not speech.parts:
            speech.confirmed_by = self._pings + 1
            self.outbox.written()
        self._yielded += 1
        self._unpinged += 1
        self._confirm_soon()

    def _confirm_soon(self) -> None:
        """Send a PING when all that is said in this turn of the loop has been written."""
        if self._unpinged and not self._ping_under_way and self._confirming is None:
            self._confirming = self._loop.call_soon(self._confirm)

    def _confirm(self) -> None:
        self._confirming = None
        self.pump()

    def _ping(self) -> None:
        self._pings += 1
        self._unpinged, self._ping_under_way = 0, True
        self._write(f"PING :{MARK}{self._pings}")

    def _write(self, line: str, *, gather: bool = False) -> None:
        """Write a line and what was gathered before it; or gather it until this turn of the loop is over.

        A server with Nagle's algorithm on sends a second piece only when people's clients have
        acknowledged the first, which their kernels do up to 40 ms later: a reply and the topic after
        it, or the lines of one answer, have to come as one piece.
        """
        if self.transport.is_closing():
            return
        if gather and not self._gathered:
            self._loop.call_soon(self._flush)
        text = cut(line.translate(_BREAKING), LINE_LIMIT - len("\r\n"))
        self._gathered += text.encode("utf-8", "replace") + b"\r\n"
        if not gather or len(self._gathered) > FULL:
            self._flush()

    def _flush(self) -> None:
        if self._gathered and not self.transport.is_closing():
            self.transport.write(bytes(self._gathered))
        self._gathered.clear()

    def _wake(self, delay: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(max(delay, 0.0), self.pump)
