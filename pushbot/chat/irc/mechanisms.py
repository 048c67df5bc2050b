"""The SASL mechanisms, each as one exchange without a socket: a challenge goes in, the answer comes out.

PLAIN is RFC 4616, EXTERNAL RFC 4422 (appendix A), SCRAM-SHA-256 RFC 5802 and 7677. ECDSA is in a file of its own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import stringprep
import unicodedata
from dataclasses import dataclass, field
from typing import Protocol

FEWEST = 4096
"""Iterations below which SCRAM is refused (RFC 7677, section 4): the password could be guessed from what is sent."""

MOST = 2_000_000
"""Iterations above which SCRAM is refused: some 0.7 s of one core, and nobody's server asks for more."""

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")

_NO_BINDING = b"n,,"
"""The GS2 header: no channel binding, no other identity (RFC 5802, section 7)."""


class Untrusted(Exception):  # noqa: N818 - it says what is thought of the server
    """The server breaks the rules of the mechanism, or cannot prove that it knows the account: go no further."""


class Refused(Exception):  # noqa: N818 - the server's word, no error of ours
    """The server says within the exchange that it does not let us in; the text is its reason."""


class Exchange(Protocol):
    """One login. `answer` may take long where `slow` is true: it is then to be called in a thread."""

    slow: bool

    @property
    def proved(self) -> bool:
        """Whether the server has proved what the mechanism makes it prove; most ask for nothing."""
        ...

    def answer(self, challenge: bytes) -> bytes:
        """What to say to a challenge, the first of which is empty. Raises Untrusted or Refused."""
        ...


@dataclass(slots=True)
class Once:
    """EXTERNAL and PLAIN: one answer says it all."""

    words: bytes = field(repr=False)
    slow: bool = False
    proved: bool = True
    _said: bool = False

    @classmethod
    def external(cls) -> Once:
        """Who we are, the certificate says."""
        return cls(b"")

    @classmethod
    def plain(cls, user: str, password: str) -> Once:
        """Acting as `user`, being `user`, with that password."""
        return cls(f"{user}\0{user}\0{password}".encode())

    def answer(self, challenge: bytes) -> bytes:
        """The one answer, whatever the challenge says."""
        del challenge
        if self._said:
            raise Untrusted("it asks for more than the mechanism has to say")
        self._said = True
        return self.words


@dataclass(slots=True)
class Scram:
    """SCRAM-SHA-256: neither side sends the password, and both prove that they know it."""

    user: str
    password: str = field(repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    slow: bool = True
    proved: bool = False
    _said: str = ""
    _signature: bytes | None = field(default=None, repr=False)

    def answer(self, challenge: bytes) -> bytes:
        """Our nonce, then the proof, then nothing once the server's signature is right."""
        try:
            said = challenge.decode()
        except UnicodeDecodeError:
            raise Untrusted("its SCRAM message is not UTF-8") from None
        if not self._said:
            name = saslprep(self.user).replace("=", "=3D").replace(",", "=2C")
            self._said = f"n={name},r={self.nonce}"
            return _NO_BINDING + self._said.encode()
        if self._signature is None:
            return self._prove(said)
        self._check(said)
        return b""

    def _prove(self, said: str) -> bytes:
        nonce, salt, iterations = self._parameters(said)
        header = base64.b64encode(_NO_BINDING).decode()
        bare = f"c={header},r={nonce}"
        spoken = f"{self._said},{said},{bare}".encode()
        salted = hashlib.pbkdf2_hmac("sha256", saslprep(self.password).encode(), salt, iterations)
        key = _hmac(salted, b"Client Key")
        mask = _hmac(hashlib.sha256(key).digest(), spoken)
        proof = bytes(left ^ right for left, right in zip(key, mask, strict=True))
        self._signature = _hmac(_hmac(salted, b"Server Key"), spoken)
        return f"{bare},p={base64.b64encode(proof).decode()}".encode()

    def _parameters(self, said: str) -> tuple[str, bytes, int]:
        """Nonce, salt and iterations of the server's first message."""
        parts = said.split(",")
        if parts[0].startswith("e="):
            raise Refused(parts[0][2:])
        values = [part[2:] for part, name in zip(parts, ("r=", "s=", "i="), strict=False) if part.startswith(name)]
        if len(values) != 3:  # noqa: PLR2004 - r, s and i, in that order (RFC 5802, section 7)
            raise Untrusted("its SCRAM challenge is not one")
        nonce, salt, iterations = values
        if not nonce.startswith(self.nonce) or nonce == self.nonce:
            raise Untrusted("its SCRAM nonce does not go on from ours")
        if not _NUMBER.fullmatch(iterations) or not FEWEST <= int(iterations) <= MOST:
            raise Untrusted(f"it wants {iterations[:20]!r} iterations of SCRAM; from {FEWEST} to {MOST} are sound")
        return nonce, _decoded(salt), int(iterations)

    def _check(self, said: str) -> None:
        """See whether the server knows what the password was made into."""
        first = said.split(",", maxsplit=1)[0]
        if first.startswith("e="):
            raise Refused(first[2:])
        if self.proved or not first.startswith("v="):
            raise Untrusted("it does not sign what was said, as SCRAM wants it to")
        if not hmac.compare_digest(_decoded(first[2:]), self._signature or b""):
            raise Untrusted("its SCRAM signature is wrong, so it does not know our account: somebody else's server")
        self.proved = True


def _hmac(key: bytes, words: bytes) -> bytes:
    return hmac.digest(key, words, "sha256")


def _decoded(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data:
        raise Untrusted("its SCRAM message is not in base64 where it has to be")
    return data


_FORBIDDEN = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(text: str) -> str:
    """`text` in the one form that both sides hash (SASLprep, RFC 4013); unchanged where that allows no form of it."""
    mapped = (" " if stringprep.in_table_c12(char) else char for char in text if not stringprep.in_table_b1(char))
    prepared = unicodedata.normalize("NFKC", "".join(mapped))
    return text if any(table(char) for table in _FORBIDDEN for char in prepared) else prepared
