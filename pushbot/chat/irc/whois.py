"""Asks the server who somebody is before they are heard, where it does not say so with each line (WHOIS).

What may be a command is held back until the answer is there, with all that the same nick says after it; others are
heard meanwhile. An answer counts for what was said by the `user@host` that it shows, and by nobody else who had
the nick. Nothing here waits for ever: without an answer in `WAIT` seconds, and after `LINES` lines, people are
heard as somebody for whom nobody vouches.

Only numerics of the server are looked at, each word at its place: what people write into their real name, away
text or the names of their channels is never read.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from pushbot.chat.irc.people import Standing, sound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pushbot.chat.irc.people import People
    from pushbot.chat.irc.wire import Message
    from pushbot.chat.irc.writer import Writer
    from pushbot.ports import Heard, Notice, TopicEdited

log = structlog.get_logger()

WAIT = 10.0
"""Seconds that what somebody said waits for an answer."""

LINES = 20
"""Lines of one nick that are held back."""

NICKS = 500
"""Nicks of which lines are held back at once; of one more the server is not asked."""

AT_ONCE = 10
"""Questions under way at once."""

ANSWERS = frozenset({"311", "330", "276", "318"})
"""The numerics that answers are made of: user and host, account, certificate, and the end."""

_ASKABLE = re.compile(r"[^:,*?!@][^,*?!@]*")
_FINGERPRINT = re.compile(r"(?:^|\s)([0-9A-Fa-f]{40,128})$")


@dataclass(slots=True)
class Inquiry:
    """What is held back of one nick, each with the `user@host` that said it, and what the server told so far.

    `heard` is whether no more is held back: it was too much, and passes unproven until the answer is there.
    """

    nick: str
    since: float
    held: list[tuple[str, Heard | TopicEdited]] = field(default_factory=list)
    asked: bool = False
    heard: bool = False
    mask: str = ""
    standing: Standing = field(default_factory=Standing)


@dataclass(slots=True)
class Inquiries:
    """The questions of one connection."""

    people: People
    writer: Writer
    fold: Callable[[str], str]
    _open: dict[str, Inquiry] = field(default_factory=dict)

    # --- what people say ---

    def take(self, message: Message, notice: Heard | TopicEdited, *, asks: bool) -> Sequence[Notice]:
        """What is to be told now that `message` has come, which is `notice` but for its person.

        That is nothing while the server is asked, which it is only when `asks`: for what may be a command.
        """
        nick = message.source.nick
        inquiry = self._open.get(self.fold(nick))
        person = self.people.speaker(message)
        if inquiry is None and person is None and asks and len(self._open) < NICKS and _askable(nick):
            inquiry = self._open[self.fold(nick)] = Inquiry(nick, time.monotonic())
        if inquiry is None or inquiry.heard:
            known = person or self.people.stranger(nick)
            return (*self.people.introduced(known), replace(notice, person=known))
        inquiry.held.append((message.source.mask, notice))
        self._ask()
        if len(inquiry.held) <= LINES:
            return ()
        log.warning("irc_too_much_to_hold", chat=notice.chat, nick=nick)
        inquiry.heard = True
        return self._told(inquiry, None)

    def renamed(self, old: str, new: str) -> Sequence[Notice]:
        """Somebody is called otherwise: who that is, is asked anew."""
        if not _askable(new):
            return self.gone(old)
        inquiry, told = self._open.pop(self.fold(old), None), self.gone(new)
        if inquiry is not None and inquiry.held:
            self._open[self.fold(new)] = Inquiry(new, inquiry.since, inquiry.held)
        self._ask()
        return told

    def gone(self, nick: str) -> Sequence[Notice]:
        """Somebody is out of sight: what they said was said by somebody of whom no more can be known."""
        return self._end(self.fold(nick), None)

    # --- what the server says ---

    def answered(self, message: Message) -> Sequence[Notice]:
        """Act on a numeric that may be part of an answer."""
        key = self.fold(message.param(1))
        inquiry = self._open.get(key)
        if inquiry is None or message.source.is_user:
            return ()
        match message.code:
            case "311":
                inquiry.mask, inquiry.standing = f"{message.param(2)}@{message.param(3)}", Standing()
            case "330" if len(message.params) > 3:  # noqa: PLR2004 - who asks, nick, account, words
                inquiry.standing = replace(inquiry.standing, account=message.param(2))
            case "276" if found := _FINGERPRINT.search(message.param(-1)):
                inquiry.standing = replace(inquiry.standing, certificate=found[1].lower())
            case "318":
                return self._end(key, inquiry.standing if inquiry.mask else None)
            case _:
                pass
        return ()

    # --- time ---

    def patience(self) -> float | None:
        """Seconds until `overdue` has something to tell, None for never."""
        oldest = min((inquiry.since for inquiry in self._open.values()), default=None)
        return None if oldest is None else max(0.0, oldest + WAIT - time.monotonic())

    def overdue(self) -> Sequence[Notice]:
        """What has waited for too long for an answer."""
        limit = time.monotonic() - WAIT
        told: list[Notice] = []
        for key in [key for key, inquiry in self._open.items() if inquiry.since <= limit]:
            log.warning("irc_no_answer", nick=self._open[key].nick)
            told += self._end(key, None)
        return told

    def close(self) -> None:
        """The connection is gone, and with it what was held back."""
        lost = sum(len(inquiry.held) for inquiry in self._open.values())
        if lost:
            log.warning("irc_lines_not_heard", lines=lost)
        self._open.clear()

    # --- within ---

    def _ask(self) -> None:
        """Ask about those who wait, the first first, a few at once."""
        under_way = sum(inquiry.asked for inquiry in self._open.values())
        for inquiry in self._open.values():
            if under_way >= AT_ONCE:
                return
            if not inquiry.asked:
                inquiry.asked = True
                under_way += 1
                self.writer.ask(f"WHOIS {inquiry.nick}")

    def _end(self, key: str, standing: Standing | None) -> Sequence[Notice]:
        inquiry = self._open.pop(key, None)
        if inquiry is None:
            return ()
        told = self._told(inquiry, standing)
        self._ask()
        return told

    def _told(self, inquiry: Inquiry, standing: Standing | None) -> Sequence[Notice]:
        """What was held back, as said by who that is."""
        held, inquiry.held = inquiry.held, []
        known = self.people.stranger(inquiry.nick)
        if standing is not None:
            known = self.people.answered(inquiry.nick, inquiry.mask, standing)
        told: list[Notice] = []
        for mask, notice in held:
            person = known if mask == inquiry.mask else self.people.stranger(inquiry.nick)
            told += (*self.people.introduced(person), replace(notice, person=person))
        return told


def _askable(nick: str) -> bool:
    """Whether a question for `nick` asks for that one alone."""
    return sound(nick) and _ASKABLE.fullmatch(nick) is not None
