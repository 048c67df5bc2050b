"""What an operator may say about an IRC network."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - pydantic needs it when the class is made
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from pushbot.secret import REFERENCE

Word = Annotated[str, StringConstraints(pattern=r"^[^\s:,!@\x00][^\s,!@\x00]*$", max_length=64)]
"""A name that is one word on the wire."""

Secret = Annotated[str, StringConstraints(pattern=REFERENCE)]
"""A reference to a secret, see `pushbot.secret`."""

PLAIN_PORT = 6667
TLS_PORT = 6697


class Sasl(StrEnum):
    """A mechanism for logging in to an account (IRCv3 SASL), strongest first; in capitals its name on the wire.

    What the server gets to see of the secret decides: with a certificate or a key nothing that would let
    it, or one who reads it, log in elsewhere; with SCRAM something that has to be guessed from; with PLAIN all.
    """

    EXTERNAL = "external"
    ECDSA = "ecdsa-nist256p-challenge"
    SCRAM = "scram-sha-256"
    PLAIN = "plain"

    @property
    def wire(self) -> str:
        """The name in AUTHENTICATE and in the value of the capability."""
        return self.value.upper()


class Identity(StrEnum):
    """What makes somebody on a network who they are, and so be trusted."""

    ACCOUNT = "account"
    HOSTMASK = "hostmask"
    NICK = "nick"


def _mechanisms(value: object) -> object:
    """`"none"`, `"auto"`, one name or a list of names, in any case, as a tuple of names."""
    match value:
        case "none":
            return ()
        case "auto":
            return tuple(Sasl)
        case str():
            return (value.lower(),)
        case list() | tuple():
            return tuple(each.lower() if isinstance(each, str) else each for each in value)
        case _:
            return value


_COLONS = re.compile(r"[:\s]")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def _fingerprint(value: str) -> str:
    plain = _COLONS.sub("", value).lower()
    if not _SHA256.fullmatch(plain):
        raise ValueError("a SHA-256 fingerprint has 64 hexadecimal digits, with or without colons")
    return plain


_NEEDS = {
    Sasl.EXTERNAL: "tls = true and tls_cert",
    Sasl.ECDSA: "sasl_user and sasl_key",
    Sasl.SCRAM: "sasl_user and sasl_password",
    Sasl.PLAIN: "sasl_user and sasl_password",
}

Mechanisms = Annotated[tuple[Sasl, ...], BeforeValidator(_mechanisms)]
"""The mechanisms that may be used; which one is, the server's offer and our secrets decide."""

Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
"""The SHA-256 of a certificate, in 64 small hexadecimal digits."""


class IrcOptions(BaseModel):
    """One IRC network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(
        min_length=1, description="The server's name or address; with TLS, the name its certificate is for."
    )
    port: int | None = Field(
        default=None, ge=1, le=65535, description="The server's port; 6697 with TLS and 6667 without when left out."
    )
    nick: Word = Field(default="pushbot", description="The nick; when it is taken, one like it until it is free.")
    username: Word = Field(default="pushbot", description="The user name before the @ of the bot's address.")
    realname: str = Field(
        default="pushbot", min_length=1, max_length=100, description="The 'real name' that /whois shows."
    )
    identity: Identity = Field(
        default=Identity.ACCOUNT,
        description="What proves who somebody is: the account that they are logged in to, their user@host, or the nick "
        "alone. `nick` trusts whoever takes one: only for a network where nobody does that.",
    )
    password: Secret | None = Field(
        default=None, description="The server's password (PASS), as env:NAME or file:PATH; none when left out."
    )

    tls: bool = Field(default=False, description="Whether to speak TLS from the first byte.")
    tls_verify: bool = Field(
        default=True,
        description="Whether the server's certificate must be valid for `host`. With `tls_fingerprints` these decide "
        "alone, unless tls_verify = true is written out: then it must be valid and one of them.",
    )
    tls_fingerprints: tuple[Fingerprint, ...] = Field(
        default=(), description="SHA-256 fingerprints of the server's certificate, one of which it must have."
    )
    tls_ca: Path | None = Field(
        default=None, description="A PEM file of the authorities to trust, in place of the system's."
    )
    tls_cert: Path | None = Field(
        default=None, description="A PEM file with the bot's own certificate, for SASL EXTERNAL or CertFP."
    )
    tls_key: Path | None = Field(
        default=None, description="A PEM file with the key of `tls_cert`, when the key is not in the same file."
    )

    sasl: Mechanisms = Field(
        default=(),
        description="How to log in to an account: 'none', 'auto', or the mechanisms allowed (external, "
        "ecdsa-nist256p-challenge, scram-sha-256, plain). The strongest is taken that the server offers and that there "
        "is a secret for.",
    )
    sasl_user: str | None = Field(
        default=None, min_length=1, pattern=r"^[^\x00]+$", description="The account's name, for all but external."
    )
    sasl_password: Secret | None = Field(
        default=None, description="The account's password, as env:NAME or file:PATH, for scram-sha-256 and plain."
    )
    sasl_key: Secret | None = Field(
        default=None,
        description="The account's NIST P-256 key in PEM, as file:PATH or env:NAME, for ecdsa-nist256p-challenge.",
    )
    sasl_required: bool = Field(
        default=True, description="Whether to stay out when the login fails; else the bot goes in without an account."
    )
    sasl_plain_without_tls: bool = Field(
        default=False, description="Whether plain may send the password over a connection that anybody can read."
    )
    state: Path | None = Field(
        default=None,
        description="The folder for what must not be forgotten over restarts (which servers want TLS); the folder of "
        "the bot's store when left out.",
    )

    burst: int = Field(default=5, ge=1, le=1000, description="How many lines may be sent at once after a pause.")
    lines_per_second: float = Field(
        default=2.0,
        ge=0,
        le=10_000,
        description="How many lines a second may be sent for long; 0 for a server that sets no limit.",
    )
    topic_interval: float = Field(
        default=0.5,
        ge=0,
        le=3600,
        description="Seconds between two changes of one room's topic while changes come faster than the server "
        "takes them; a lone change goes out at once.",
    )

    silent_after: float = Field(
        default=60.0,
        ge=0.2,
        le=3600,
        description="Seconds without a word from the server after which it is given up; it is pinged after half of it.",
    )
    connect_timeout: float = Field(
        default=30.0, gt=0, le=600, description="Seconds for connecting, and again for signing on."
    )
    reconnect_min: float = Field(
        default=1.0, gt=0, le=600, description="Seconds within which the first try to connect again is made."
    )
    reconnect_max: float = Field(
        default=60.0, gt=0, le=3600, description="Seconds within which later tries are made; the span doubles up to it."
    )
    nick_retry: float = Field(
        default=30.0, gt=0, le=3600, description="Seconds between two tries to get the own nick back."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.sasl and not self.usable:
            meant = f"'{self.sasl[0]}'" if len(self.sasl) == 1 else "'auto'"
            raise ValueError(f"sasl = {meant} needs {' or '.join(dict.fromkeys(_NEEDS[each] for each in self.sasl))}")
        if self.tls_key and not self.tls_cert:
            raise ValueError("tls_key is the key of tls_cert, which is missing")
        if self.reconnect_max < self.reconnect_min:
            raise ValueError("reconnect_max must not be less than reconnect_min")
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to connect to."""
        return self.host, self.port or (TLS_PORT if self.tls else PLAIN_PORT)

    @property
    def usable(self) -> tuple[Sasl, ...]:
        """The mechanisms that are allowed and that there is a secret for, strongest first."""
        named = self.sasl_user is not None
        has = {
            Sasl.EXTERNAL: self.tls and self.tls_cert is not None,
            Sasl.ECDSA: named and self.sasl_key is not None,
            Sasl.SCRAM: named and self.sasl_password is not None,
            Sasl.PLAIN: named and self.sasl_password is not None,
        }
        return tuple(each for each in Sasl if each in self.sasl and has[each])

    @property
    def asks_authority(self) -> bool:
        """Whether an authority has to vouch for the certificate; fingerprints do without unless told otherwise."""
        return self.tls_verify and (not self.tls_fingerprints or "tls_verify" in self.model_fields_set)
