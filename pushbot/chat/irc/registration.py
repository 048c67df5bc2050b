"""Getting in: capabilities, password, account and nick, as a state machine without a socket.

Feed it what the server says, send what it answers. It follows https://ircv3.net/specs/extensions/capability-negotiation
(version 302), and also gets into servers that have never heard of it. Nothing but `CAP LS` is said before the
server has answered that, for the answer may be that it wants TLS (sts.py), and a password would be lost by then.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import structlog

from pushbot.chat.irc.features import DEFAULT_NICK_LENGTH
from pushbot.chat.irc.mechanisms import Refused, Untrusted
from pushbot.chat.irc.sasl import ABORT, Credentials, Login
from pushbot.chat.irc.wire import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pushbot.chat.irc.options import IrcOptions
    from pushbot.chat.irc.sts import Strictness
    from pushbot.chat.irc.wire import Message

log = structlog.get_logger()

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

NICK_TRIES = 20
"""How many nicks are tried before giving up."""

CAP_WAIT = 5.0
"""Seconds without an answer to `CAP LS` after which the server is taken for one that does not know it."""

GIVEN_UP = "QUIT :Cannot sign on"


def spare_nicks(nick: str, limit: int) -> Iterator[str]:
    """Nicks like `nick`, of at most `limit` characters: nick_, nick__, nick1, nick2, ..."""
    for number in count(-1):
        suffix = "_" * (number + 2) if number < 1 else str(number)
        yield nick[: max(limit - len(suffix), 1)] + suffix


class Registration:
    """One sign-on. `done` once the server has welcomed us; `failure` says why it will not.

    `hopeless` is whether that failure will stay until an operator changes something. `slow`, when there is one,
    is to be called in a thread before the next message is fed; it returns lines to send.
    """

    def __init__(
        self, options: IrcOptions, credentials: Credentials, sts: Strictness, nick_length: int | None = None
    ) -> None:
        self.nick = options.nick[:nick_length]
        self.caps: set[str] = set()
        self.done = False
        self.logged_in = False
        self.failure: str | None = None
        self.hopeless = False
        self.slow: Callable[[], list[str]] | None = None
        self._options = options
        self._credentials = credentials
        self._sts = sts
        self._login = Login(options, credentials, sts.route.tls)
        self._nicks = spare_nicks(self.nick, nick_length or max(len(self.nick), DEFAULT_NICK_LENGTH))
        self._tries = 0
        self._introduced = False
        self._offered: set[str] = set()
        self._requests: list[Sequence[str]] = []

    def start(self) -> list[str]:
        """The first line to send."""
        return ["CAP LS 302"]

    def no_answer(self) -> list[str]:
        """What to send when `CAP_WAIT` is over."""
        return self._introduce()

    def feed(self, message: Message) -> list[str]:
        """What to answer to `message`; nothing when it is no business of ours."""
        match message.name:
            case "cap":
                return self._cap(message)
            case "unknowncommand" | "notregistered" if not self._introduced:
                return self._introduce()
            case "authenticate":
                return self._authenticate(message.param(0))
            case "nicknameinuse" | "nickcollision" | "unavailresource" | "erroneusnickname" if not self.done:
                return self._next_nick(message)
            case "passwdmismatch" if not self.done:
                return self._give_up("it does not accept the password in `password`", hopeless=True)
            case "error" if not self.done and self._credentials.password and "password" in message.param(0).lower():
                # ngircd says it only like this.
                return self._give_up("it does not accept the password in `password`", hopeless=True)
            case "welcome" if not self.done:
                self._welcome(message)
            case _:
                return self._of_account(message)
        return []

    def _introduce(self) -> list[str]:
        if self._introduced:
            return []
        self._introduced = True
        password = [f"PASS :{self._credentials.password}"] if self._credentials.password else []
        user = f"USER {self._options.username} 0 * :{self._options.realname}"
        return [*password, f"NICK {self.nick}", user]

    def _give_up(self, reason: str, *, hopeless: bool) -> list[str]:
        self.failure, self.hopeless = reason, hopeless
        return [GIVEN_UP]

    def _welcome(self, message: Message) -> None:
        self.nick = message.param(0) or self.nick
        self.done = True
        early = self._login.under_way is not None or not self.logged_in
        if self._options.sasl and self._options.sasl_required and early:
            self.failure = "it let us in without asking for our account: it offers no SASL now"

    def _next_nick(self, message: Message) -> list[str]:
        self._tries += 1
        if self._tries > NICK_TRIES:
            reason = f"it accepts no nick like {self._options.nick}: {plain(message.param(-1))}"
            return self._give_up(reason, hopeless=message.name == "erroneusnickname")
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
                more_to_come = message.param(2) == "*" and len(message.params) > 3  # noqa: PLR2004
                return [] if more_to_come or self._leaves() else self._request()
            case "NEW":
                self._offer(names)
                return [] if self._leaves() else self._request_new(names)
            case "DEL":
                self._offered.difference_update(names)
                self.caps.difference_update(names)
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
            if key == "sts":
                self._sts.heard(value)
            elif key == "sasl":
                self._login.offered(plain(value))
            if key in WANTED or key == "sasl":
                self._offered.add(key)

    def _leaves(self) -> bool:
        """Whether the server has told us to come again over TLS."""
        if self._sts.upgrade is not None:
            self.failure = f"it wants TLS, at port {self._sts.upgrade}"
        return self.failure is not None

    def _request(self) -> list[str]:
        if self.done:
            return []
        wanted = [name for name in WANTED if name in self._offered]
        if self._options.sasl and "sasl" in self._offered:
            wanted.append("sasl")
        elif self._options.sasl and self._options.sasl_required:
            return self._give_up("it offers no SASL now, and so no way to log in to our account", hopeless=False)
        self._requests = [wanted] if wanted else []
        return [*self._introduce(), f"CAP REQ :{' '.join(wanted)}" if wanted else "CAP END"]

    def _request_new(self, names: Sequence[str]) -> list[str]:
        """Ask for what has just come; for `sasl` when we are not logged in."""
        fresh = [name for name in WANTED if name in self._offered and name not in self.caps]
        if any(name.partition("=")[0] == "sasl" for name in names) and self._options.sasl and not self.logged_in:
            self._login.anew()
            fresh.append("sasl")
        return [f"CAP REQ :{' '.join(fresh)}"] if fresh and self._introduced else []

    def _refused(self, names: Sequence[str]) -> list[str]:
        """A request is granted or refused as a whole: ask again for each alone."""
        if len(names) > 1 and not self.done:
            self._requests = [[name] for name in names]
            return [f"CAP REQ :{name}" for name in names]
        return self._answered(names)

    def _answered(self, names: Sequence[str]) -> list[str]:
        asked = {name.removeprefix("-") for name in names}
        if not self._introduced:
            return []
        if self.done:
            return self._login.next() if "sasl" in asked & self.caps and not self.logged_in else []
        self._requests = [request for request in self._requests if not asked.intersection(request)]
        if self._requests or self.failure is not None or self._login.under_way is not None:
            return []
        if not self._options.sasl or self.logged_in:
            return ["CAP END"]
        if "sasl" not in self.caps:
            return self._without_account("it refuses the capability `sasl`, and so to log us in to our account")
        return self._login.next() or self._without_account(self._login.why_not, hopeless=True)

    # --- account ---

    def _of_account(self, message: Message) -> list[str]:
        match message.name:
            case "loggedin" | "loggedout":
                self.logged_in = message.name == "loggedin"
            case "saslmechs":
                self._login.offered(plain(message.param(1)))
            case "saslsuccess" | "saslalready" if self._login.under_way is not None:
                return self._logged_in()
            case "saslfail" if self._login.under_way is not None:
                self._login.refused()
                return self._login.next() or self._not_logged_in(message.param(-1))
            case "nicklocked" | "sasltoolong" | "saslaborted" if self._login.under_way is not None:
                return self._not_logged_in(message.param(-1))
            case _:
                pass
        return []

    def _authenticate(self, chunk: str) -> list[str]:
        if self._login.under_way is None or not chunk:
            return []
        try:
            if not self._login.heard(chunk):
                return []
        except Untrusted as error:
            return [ABORT, *self._distrust(error)]
        if self._login.slow:
            self.slow = self._answer
            return []
        return self._answer()

    def _answer(self) -> list[str]:
        self.slow = None
        try:
            return self._login.answer()
        except Untrusted as error:
            return [ABORT, *self._distrust(error)]
        except Refused as error:
            return [ABORT, *self._not_logged_in(str(error))]

    def _logged_in(self) -> list[str]:
        try:
            self._login.succeeded()
        except Untrusted as error:
            return self._distrust(error)
        self.logged_in = True
        return [] if self.done else ["CAP END"]

    def _not_logged_in(self, why: str) -> list[str]:
        account = self._login.account
        self._login.under_way = None
        return self._without_account(f"it does not log us in to the account {account}: {plain(why)}", hopeless=True)

    def _without_account(self, reason: str, *, hopeless: bool = False) -> list[str]:
        """No login: stay out, or go on without where that is allowed, or where we have been in for long."""
        if self._options.sasl_required and not self.done:
            return self._give_up(reason, hopeless=hopeless)
        log.warning("irc_not_logged_in", why=reason)
        return [] if self.done else ["CAP END"]

    def _distrust(self, error: Untrusted) -> list[str]:
        """Such a server we do not stay with, whether or not an account is needed."""
        self._login.under_way = None
        return self._give_up(f"it is not to be trusted with our account: {plain(str(error))}", hopeless=True)
