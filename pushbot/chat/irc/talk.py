"""What people say: to a room, to us alone, or by a client to a client (CTCP)."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushbot.chat.irc.wire import Message, clean, cut, plain
from pushbot.ports import Heard, Notice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.chat.irc.known import Known
    from pushbot.chat.irc.whois import Inquiries
    from pushbot.chat.irc.writer import Writer

CTCP_EVERY = 5.0
"""Seconds between two answers to CTCP questions."""

CTCP_BYTES = 100
"""Bytes of a CTCP PING that are sent back."""


_COMMAND = re.compile(r"\s*(?:[\w.-]+:\s*)?\.")
"""How a command begins that is said to nobody: `.join`, or `web: .join` for one of several lanes."""


@dataclass(slots=True)
class Talk:
    """Turns PRIVMSG into what the bot is told."""

    known: Known
    writer: Writer
    inquiries: Inquiries
    _answered: float = -CTCP_EVERY

    def privmsg(self, message: Message) -> Sequence[Notice]:
        """What was heard, if it was said by a person, to us or in one of our rooms."""
        own, source = self.known.own, message.source
        if own.is_me(source.nick):
            own.seen(source)
            return ()
        if not source.mask or len(message.params) < 2:  # noqa: PLR2004 - a target and a text
            return ()
        target, said = message.params[:2]
        private = own.is_me(target)
        room = None if private else self.known.rooms.find(target)
        if room is None and not private:
            return ()
        if said.startswith("\x01"):
            self._ctcp(source.nick, said)
            return ()
        text = plain(said)
        if not text.strip():
            return ()
        called = own.is_me(text[: len(own.nick)]) and text[len(own.nick) :][:1] in {":", ","}
        if called:
            text = text[len(own.nick) + 1 :].strip()
        where, stranger = room.name if room else None, self.known.people.stranger(source.nick)
        heard = Heard(self.known.chat, where, stranger, text, addressed=called or private)
        return self.inquiries.take(message, heard, asks=heard.addressed or _COMMAND.match(text) is not None)

    def _ctcp(self, nick: str, said: str) -> None:
        """Answer what clients ask each other, seldom: https://modern.ircdocs.horse/ctcp."""
        now = time.monotonic()
        question, _, rest = said.strip("\x01").partition(" ")
        answer = {"VERSION": "VERSION pushbot", "PING": f"PING {cut(clean(rest), CTCP_BYTES)}"}.get(question.upper())
        if answer and now - self._answered >= CTCP_EVERY:
            self._answered = now
            self.writer.spare(f"NOTICE {nick} :\x01{answer}\x01")
