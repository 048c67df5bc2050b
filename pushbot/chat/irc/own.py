"""Who we are on the network, and so how much fits a line by the time it reaches others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushbot.chat.irc.wire import LINE_LIMIT, Source

if TYPE_CHECKING:
    from pushbot.chat.irc.features import Features
    from pushbot.chat.irc.options import IrcOptions

LONGEST_USER = 11
"""Bytes of a user name with the `~` that servers put before it; most servers cut it at 10."""

LONGEST_HOST = 63
"""Bytes of the name of a host or server (RFC 2812, section 2.3.1)."""

LONGEST_NICK = 30
"""Characters of a nick where the server does not say."""

LEAST = 32
"""Bytes that are left for a text whatever else is told."""


@dataclass(slots=True)
class Own:
    """Our nick now, the address after it (`!user@host`, learnt when the server shows it) and our server's name."""

    options: IrcOptions
    features: Features
    nick: str = ""
    address: str = ""
    server: str = ""

    def begin(self, nick: str, server: str) -> None:
        """A server has welcomed us by that nick."""
        self.nick, self.address, self.server = nick, "", server

    @property
    def wanted(self) -> str:
        """The nick that we would like, as long as the server allows."""
        return self.options.nick[: self.features.nick_length]

    def is_me(self, name: str) -> bool:
        """Whether that is our nick."""
        return bool(name) and self.features.fold(name) == self.features.fold(self.nick)

    def misnamed(self) -> bool:
        """Whether we have to go by another nick than the one we want."""
        return not self.is_me(self.wanted)

    def seen(self, source: Source) -> None:
        """The server showed a message of ours."""
        if source.address:
            self.address = source.address

    def room_after(self, command: str) -> int:
        """Bytes left in a line after `command`, when the server passes it on with our name before it."""
        address = len(self.address.encode()) or len("!@") + LONGEST_USER + LONGEST_HOST
        nick = max(len(self.nick.encode()), len(self.options.nick.encode()))
        return max(LEAST, LINE_LIMIT - len(": ") - nick - address - len(command.encode()) - len("\r\n"))

    def topic_limit(self, room: str) -> int:
        """Bytes of a topic that reach everybody whole: as a change, and in the 332 that who joins later gets."""
        server = len(self.server.encode()) or LONGEST_HOST
        nick = self.features.nick_length or LONGEST_NICK
        reply = LINE_LIMIT - len(":") - server - len(" 332 ") - nick - len(f" {room} :".encode()) - len("\r\n")
        told = self.features.topic_length or LINE_LIMIT
        return max(1, min(told, reply, self.room_after(f"TOPIC {room} :")))
