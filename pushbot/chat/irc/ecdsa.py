"""The SASL mechanism ECDSA-NIST256P-CHALLENGE, as Atheme's services have it.

First the account's name, then a signature over the 32 bytes that the server sends. It is imported where there is a key
to sign with: nothing else on IRC needs `cryptography`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pushbot.chat.irc.mechanisms import Untrusted
from pushbot.errors import PushbotError

CHALLENGE = 32
"""Bytes in a challenge, as many as a SHA-256 digest."""


@dataclass(slots=True)
class Ecdsa:
    """A signature over the server's challenge."""

    user: str
    key: EllipticCurvePrivateKey = field(repr=False)
    slow: bool = False
    proved: bool = True
    _named: bool = False
    _signed: bool = False

    def answer(self, challenge: bytes) -> bytes:
        """The account's name, then the signature in DER."""
        if not self._named:
            self._named = True
            return self.user.encode()
        if self._signed or len(challenge) != CHALLENGE:
            raise Untrusted(f"its ECDSA challenge is not one of {CHALLENGE} bytes")
        self._signed = True
        return self.key.sign(challenge, ECDSA(Prehashed(SHA256())))


def read_key(pem: str, reference: str) -> EllipticCurvePrivateKey:
    """The P-256 key in `pem`. Raises PushbotError, which names the reference and never the key."""
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise PushbotError(
            f"sasl_key: {reference} is no unlocked NIST P-256 key in PEM: "
            "make one with `openssl ecparam -name prime256v1 -genkey -noout`."
        )
    return key
