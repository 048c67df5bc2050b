"""Getting in: capabilities, password, account and nick, as a state machine without a socket.

Feed it what the server says, send what it answers. It follows https://ircv3.net/specs/extensions/capability-negotiation
(version 302) and sasl-3.2, and also gets into servers that have never heard of either: they
ignore or refuse `CAP` and go on with NICK and USER.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from pushbot.chat.irc.features import DEFAULT_NICK_LENGTH
from pushbot.chat.irc.options import IrcOptions, Sasl
from pushbot.secret import resolve_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pushbot.chat.irc.wire import Message

WANTED = (
    "message-tags",
    "account-tag",
    "account-notify",
    "extended-join",
    "server-time",
    "echo-message",
    "cap-notify",
)
"""The capabilities that we ask for where they are offered; `sasl` too when it is to be used."""

CHUNK = 400
"""Characters of base64 in one AUTHENTICATE (sasl-3.1); a last one of exactly so many is followed by `+`."""

NICK_TRIES = 20
"""How many nicks are tried before giving up."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secrets of one connection, resolved; never shown."""

    password: str | None = field(default=None, repr=False)
    sasl_password: str | None = field(default=None, repr=False)

    @classmethod
    def resolve(cls, options: IrcOptions) -> Credentials:
        """Look the references in `options` up; raises PushbotError when one leads nowhere."""
        return cls(
            resolve_secret(options.password) if options.password else None,
            resolve_secret(options.sasl_password) if options.sasl_password else None,
        )


def spare_nicks(nick: str, limit: int) -> Iterator[str]:
    """Nicks like `nick`, of at most `limit` characters: nick_, nick__, nick1, nick2, ..."""
    for number in count(-1):
        suffix = "_" * (number + 2) if number < 1 else str(number)
        yield nick[: max(limit - len(suffix), 1)] + suffix


class Registration:
    """One sign-on. `done` once the server has welcomed us; `failure` says why it will not.

    `hopeless` is whether that failure will stay until an operator changes something.
    """

    def __init__(self, options: IrcOptions, credentials: Credentials, nick_length: int | None = None) -> None:
        self.nick = options.nick[:nick_length]
        self.caps: set[str] = set()
        self.done = False
        self.failure: str | None = None
        self.hopeless = False
        self._options = options
        self._credentials = credentials
        self._nicks = spare_nicks(self.nick, nick_length or max(len(self.nick), DEFAULT_NICK_LENGTH))
        self._tries = 0
        self._offered: dict[str, str] = {}
        self._requests: list[Sequence[str]] = []

    def start(self) -> list[str]:
        """The first lines to send."""
        password = [f"PASS :{self._credentials.password}"] if self._credentials.password else []
        user = f"USER {self._options.username} 0 * :{self._options.realname}"
        return ["CAP LS 302", *password, f"NICK {self.nick}", user]

    def feed(self, message: Message) -> list[str]:
        """What to answer to `message`; nothing when it is no business of ours."""
        match message.name:
            case "cap":
                return self._cap(message)
            case "authenticate":
                return self._authenticate(message)
            case "saslsuccess" | "saslalready" if not self.done:
                return ["CAP END"]
            case "nicklocked" | "saslfail" | "sasltoolong" | "saslaborted" if not self.done:
                self.failure = f"it does not log us in to the account {self._account}: {message.param(-1)}"
                self.hopeless = True
            case "nicknameinuse" | "nickcollision" | "unavailresource" | "erroneusnickname" if not self.done:
                return self._next_nick(message)
            case "passwdmismatch" if not self.done:
                self.failure = "it does not accept the password in `password`"
                self.hopeless = True
            case "error" if not self.done and self._credentials.password and "password" in message.param(0).lower():
                self.failure = "it does not accept the password in `password`"  # ngircd says it only like this
                self.hopeless = True
            case "welcome" if not self.done:
                self._welcome(message)
            case _:
                pass
        return []

    @property
    def _account(self) -> str:
        return self._options.sasl_user or "of our certificate"

    def _welcome(self, message: Message) -> None:
        self.nick = message.param(0) or self.nick
        self.done = True
        if self._options.sasl is not Sasl.NONE and "sasl" not in self.caps:
            self.failure = "it let us in without asking for our account: it offers no SASL now"

    def _next_nick(self, message: Message) -> list[str]:
        self._tries += 1
        if self._tries > NICK_TRIES:
            self.failure = f"it accepts no nick like {self._options.nick}: {message.param(-1)}"
            self.hopeless = message.name == "erroneusnickname"
            return []
        if message.name == "erroneusnickname" and self._tries == 1:
            self._nicks = spare_nicks(self._options.nick, DEFAULT_NICK_LENGTH)  # perhaps it was only too long
        self.nick = next(self._nicks)
        return [f"NICK {self.nick}"]

    # --- capabilities ---

    def _cap(self, message: Message) -> list[str]:
        names = message.param(-1).split()
        match message.param(1).upper():
            case "LS":
                self._offer(names)
                return [] if message.param(2) == "*" and len(message.params) > 3 else self._request()  # noqa: PLR2004
            case "NEW":
                self._offer(names)
                fresh = [name for name in WANTED if name in self._offered and name not in self.caps]
                return [f"CAP REQ :{' '.join(fresh)}"] if fresh else []
            case "DEL":
                for name in names:
                    self._offered.pop(name, None)
                    self.caps.discard(name)
                return []
            case "ACK":
                for name in names:
                    (self.caps.discard if name.startswith("-") else self.caps.add)(name.removeprefix("-"))
                return self._answered(names)
            case "NAK":
                return self._refused(names)
            case _:
                return []

    def _offer(self, names: Sequence[str]) -> None:
        for name in names:
            key, _, value = name.partition("=")
            self._offered[key] = value

    def _request(self) -> list[str]:
        wanted = [name for name in WANTED if name in self._offered]
        if self._options.sasl is not Sasl.NONE:
            mechanisms = self._offered.get("sasl")
            if mechanisms is None:
                self.failure = "it offers no SASL now, and so no way to log in to our account"
                return []
            if mechanisms and self._options.sasl.upper() not in mechanisms.upper().split(","):
                self.failure = f"it offers SASL {mechanisms}, but not {self._options.sasl.upper()}"
                self.hopeless = True
                return []
            wanted.append("sasl")
        if not wanted or self.done:
            return [] if self.done else ["CAP END"]
        self._requests = [wanted]
        return [f"CAP REQ :{' '.join(wanted)}"]

    def _refused(self, names: Sequence[str]) -> list[str]:
        """A request is granted or refused as a whole: ask again for each alone."""
        if len(names) > 1 and not self.done:
            self._requests = [[name] for name in names]
            return [f"CAP REQ :{name}" for name in names]
        return self._answered(names)

    def _answered(self, names: Sequence[str]) -> list[str]:
        if self.done:
            return []
        asked = {name.removeprefix("-") for name in names}
        self._requests = [request for request in self._requests if not asked.intersection(request)]
        if self._requests:
            return []
        if self._options.sasl is Sasl.NONE:
            return ["CAP END"]
        if "sasl" not in self.caps:
            self.failure = "it refuses the capability `sasl`, and so to log us in to our account"
            return []
        return [f"AUTHENTICATE {self._options.sasl.upper()}"]

    # --- account ---

    def _authenticate(self, message: Message) -> list[str]:
        if message.param(0) != "+" or self.done:
            return []
        if self._options.sasl is Sasl.EXTERNAL:
            return ["AUTHENTICATE +"]
        words = f"\0{self._options.sasl_user}\0{self._credentials.sasl_password}"
        data = base64.b64encode(words.encode()).decode("ascii")
        chunks = [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]
        if len(chunks[-1]) == CHUNK:
            chunks.append("+")
        return [f"AUTHENTICATE {chunk}" for chunk in chunks]
