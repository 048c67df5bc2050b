"""Logging in to an account: which mechanism is tried when, and its words in pieces that fit a line.

It follows https://ircv3.net/specs/extensions/sasl-3.1 and sasl-3.2. The strongest mechanism that the server
offers goes first. When the server refuses one, the next is tried, but never PLAIN after SCRAM was
under way: the server does know SCRAM then, and the password is wrong or the server is not ours.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, assert_never

from pushbot.chat.irc.mechanisms import Exchange, Once, Scram, Untrusted
from pushbot.chat.irc.options import IrcOptions, Sasl
from pushbot.secret import resolve_secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

CHUNK = 400
"""Characters of base64 in one AUTHENTICATE (sasl-3.1); a last one of exactly so many is followed by `+`."""

LONGEST = 64 * CHUNK
"""Characters of one challenge, above which the server is not trusted to come to an end."""

ABORT = "AUTHENTICATE *"
"""Gives the exchange up (sasl-3.1)."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secrets of one connection, resolved; never shown."""

    password: str | None = field(default=None, repr=False)
    sasl_password: str | None = field(default=None, repr=False)
    sasl_key: EllipticCurvePrivateKey | None = field(default=None, repr=False)

    @classmethod
    def resolve(cls, options: IrcOptions) -> Credentials:
        """Look the references in `options` up; raises PushbotError when one leads nowhere or to no key."""
        key = None
        if options.sasl_key:
            from pushbot.chat.irc.ecdsa import read_key  # noqa: PLC0415 - brings a library that few need

            key = read_key(resolve_secret(options.sasl_key), options.sasl_key)
        return cls(
            resolve_secret(options.password) if options.password else None,
            resolve_secret(options.sasl_password) if options.sasl_password else None,
            key,
        )


@dataclass(slots=True)
class Login:
    """One connection's way into its account.

    `under_way` is the mechanism that is being tried. `why_not` are the words for an operator once there is none left.
    """

    options: IrcOptions
    credentials: Credentials
    tls: bool
    under_way: Sasl | None = None
    _left: list[Sasl] = field(init=False)
    _exchange: Exchange | None = None
    _offer: str = ""
    _heard: str = ""
    _answers: int = 0

    def __post_init__(self) -> None:
        self._left = list(self.options.usable)

    @property
    def account(self) -> str:
        """What to call the account."""
        return self.options.sasl_user or "of our certificate"

    def offered(self, mechanisms: str) -> None:
        """The server named its mechanisms, with commas between (capability's value, or 908); "" says nothing."""
        if mechanisms:
            self._offer = mechanisms.upper()

    def anew(self) -> None:
        """Forget what was refused: SASL has come back."""
        self.__post_init__()
        self.under_way, self._exchange = None, None

    def next(self) -> list[str]:
        """The line that begins with the strongest mechanism that is left; none when there is none."""
        self._exchange, self.under_way, self._heard, self._answers = None, None, "", 0
        for mechanism in self._left:
            open_words = mechanism is Sasl.PLAIN and not self.tls and not self.options.sasl_plain_without_tls
            if not open_words and (not self._offer or mechanism.wire in self._offer.split(",")):
                self._left.remove(mechanism)
                self.under_way, self._exchange = mechanism, self._made(mechanism)
                return [f"AUTHENTICATE {mechanism.wire}"]
        return []

    @property
    def why_not(self) -> str:
        """Why no mechanism is left."""
        offer = f"it offers SASL {self._offer}" if self._offer else "it takes none of our other SASL mechanisms"
        if Sasl.PLAIN in self._left and (not self._offer or Sasl.PLAIN.wire in self._offer.split(",")):
            return f"{offer}, and PLAIN is not sent without TLS: set tls = true (or sasl_plain_without_tls = true)"
        return f"{offer}, but what we can is {' or '.join(each.wire for each in self.options.usable)}"

    def _made(self, mechanism: Sasl) -> Exchange:
        user, password, key = self.options.sasl_user, self.credentials.sasl_password, self.credentials.sasl_key
        match mechanism:
            case Sasl.EXTERNAL:
                return Once.external()
            case Sasl.ECDSA:
                from pushbot.chat.irc.ecdsa import Ecdsa  # noqa: PLC0415 - as above

                assert user is not None and key is not None  # noqa: S101, PT018 - `usable` has seen to it
                return Ecdsa(user, key)
            case Sasl.SCRAM:
                return Scram(user or "", password or "")
            case Sasl.PLAIN:
                return Once.plain(user or "", password or "")
            case _:
                assert_never(mechanism)

    # --- one exchange ---

    def heard(self, chunk: str) -> bool:
        """Take up what came in one AUTHENTICATE; whether the challenge is whole now. Raises Untrusted."""
        self._heard += "" if chunk == "+" else chunk
        if len(self._heard) > LONGEST:
            raise Untrusted("its SASL challenge does not end")
        return len(chunk) < CHUNK

    @property
    def slow(self) -> bool:
        """Whether the answer that is due now takes long to be found: `answer` is to be called in a thread."""
        return self._exchange is not None and self._exchange.slow and bool(self._heard)

    def answer(self) -> list[str]:
        """The lines that answer the challenge. Raises Untrusted or Refused."""
        if self._exchange is None:
            return []
        try:
            challenge = base64.b64decode(self._heard, validate=True)
        except (binascii.Error, ValueError):
            raise Untrusted("its SASL challenge is not in base64") from None
        self._heard = ""
        self._answers += 1
        return chunks(self._exchange.answer(challenge))

    def refused(self) -> None:
        """The server does not take the mechanism that is under way."""
        if self.under_way is Sasl.SCRAM and self._answers > 1 and Sasl.PLAIN in self._left:
            self._left.remove(Sasl.PLAIN)
        self.under_way, self._exchange = None, None

    def succeeded(self) -> None:
        """The server says that we are in. Raises Untrusted when it has not proved what it must before."""
        if self._exchange is not None and not self._exchange.proved:
            raise Untrusted("it ends the login without a proof that it knows our account")
        self.under_way, self._exchange = None, None


def chunks(data: bytes) -> list[str]:
    """The AUTHENTICATE lines that carry `data`."""
    text = base64.b64encode(data).decode("ascii")
    pieces = [text[at : at + CHUNK] for at in range(0, len(text), CHUNK)]
    if not pieces or len(pieces[-1]) == CHUNK:
        pieces.append("+")
    return [f"AUTHENTICATE {piece}" for piece in pieces]
