"""What an operator may say about an IRC network."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path  # noqa: TC003 - pydantic needs it when the class is made
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from pushbot.secret import REFERENCE

Word = Annotated[str, StringConstraints(pattern=r"^[^\s:,!@\x00][^\s,!@\x00]*$", max_length=64)]
"""A name that is one word on the wire."""

Secret = Annotated[str, StringConstraints(pattern=REFERENCE)]
"""A reference to a secret, see `pushbot.secret`."""

PLAIN_PORT = 6667
TLS_PORT = 6697


class Sasl(StrEnum):
    """How to log in to an account while connecting (IRCv3 SASL)."""

    NONE = "none"
    PLAIN = "plain"
    EXTERNAL = "external"


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
    password: Secret | None = Field(
        default=None, description="The server's password (PASS), as env:NAME or file:PATH; none when left out."
    )

    tls: bool = Field(default=False, description="Whether to speak TLS from the first byte.")
    tls_verify: bool = Field(default=True, description="Whether the server's certificate must be valid for `host`.")
    tls_ca: Path | None = Field(
        default=None, description="A PEM file of the authorities to trust, in place of the system's."
    )
    tls_cert: Path | None = Field(
        default=None, description="A PEM file with the bot's own certificate, for SASL EXTERNAL or CertFP."
    )
    tls_key: Path | None = Field(
        default=None, description="A PEM file with the key of `tls_cert`, when the key is not in the same file."
    )

    sasl: Sasl = Field(
        default=Sasl.NONE, description="How to log in to an account: none, plain (name and password) or external."
    )
    sasl_user: str | None = Field(default=None, min_length=1, description="The account's name, for sasl = 'plain'.")
    sasl_password: Secret | None = Field(
        default=None, description="The account's password, as env:NAME or file:PATH, for sasl = 'plain'."
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
        if self.sasl is Sasl.PLAIN and not (self.sasl_user and self.sasl_password):
            raise ValueError("sasl = 'plain' needs sasl_user and sasl_password")
        if self.sasl is Sasl.EXTERNAL and not (self.tls and self.tls_cert):
            raise ValueError("sasl = 'external' needs tls = true and tls_cert")
        if self.tls_key and not self.tls_cert:
            raise ValueError("tls_key is the key of tls_cert, which is missing")
        if self.reconnect_max < self.reconnect_min:
            raise ValueError("reconnect_max must not be less than reconnect_min")
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to connect to."""
        return self.host, self.port or (TLS_PORT if self.tls else PLAIN_PORT)
