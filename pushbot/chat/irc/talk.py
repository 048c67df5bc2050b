"""What people say: to a room, to us alone, or by a client to a client (CTCP)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushbot.chat.irc.wire import Message, clean, cut, plain
from pushbot.ports import Heard, Notice

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from pushbot.chat.irc.known import Known
    from pushbot.chat.irc.writer import Writer

CTCP_EVERY = 5.0
"""Seconds between two answers to CTCP questions."""

CTCP_BYTES = 100
"""Bytes of a CTCP PING that are sent back."""


@dataclass(slots=True)
class Talk:
    """Turns PRIVMSG into what the bot is told; `caps` are the capabilities in force."""

    known: Known
    writer: Writer
    caps: AbstractSet[str]
    _answered: float = -CTCP_EVERY

    def privmsg(self, message: Message) -> Sequence[Notice]:
        """What was heard, if it was said by a person, to us or in one of our rooms."""
        own, source = self.known.own, message.source
        if own.is_me(source.nick):
            own.seen(source)
            return ()
        if not source.is_user or len(message.params) < 2:  # noqa: PLR2004 - a target and a text
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
        met = self.known.people.met(message, self.caps)
        person = self.known.people.person(source.nick)
        where = room.name if room else None
        return (*met, Heard(self.known.chat, where, person, text, addressed=called or private))

    def _ctcp(self, nick: str, said: str) -> None:
        """Answer what clients ask each other, seldom: https://modern.ircdocs.horse/ctcp."""
        now = time.monotonic()
        question, _, rest = said.strip("\x01").partition(" ")
        answer = {"VERSION": "VERSION pushbot", "PING": f"PING {cut(clean(rest), CTCP_BYTES)}"}.get(question.upper())
        if answer and now - self._answered >= CTCP_EVERY:
            self._answered = now
            self.writer.spare(f"NOTICE {nick} :\x01{answer}\x01")
