"""Servers that want TLS say so (STS), and are then never spoken to in the clear.

The rules are those of https://ircv3.net/specs/extensions/sts. On a connection in the clear the server's `port`
makes us come again over TLS, before anything but `CAP LS` was said. Over TLS, with a certificate that was
checked, its `duration` makes a policy for the host: seconds within which there is no connection without TLS. They
count from the end of the last connection. Policies are in a small file, so that they hold over restarts.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

import structlog
from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from pushbot.clock import SystemClock
from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from pathlib import Path

    from pushbot.chat.irc.options import IrcOptions
    from pushbot.ports import Clock

log = structlog.get_logger()

LONGEST = 10 * 365 * 86400
"""Seconds of the longest policy that is kept; servers that ask for more get this."""

_NUMBER = re.compile(r"[0-9]{1,12}")
_PORTS = range(1, 65536)


@dataclass(frozen=True, slots=True)
class Policy:
    """Until when a host is reached over TLS alone, at which port, and for how long after each connection's end."""

    port: Annotated[int, Field(ge=1, le=65535)]
    duration: int
    until: AwareDatetime


@dataclass(frozen=True, slots=True)
class Route:
    """Where and how to connect. `strict`: with TLS and a good certificate, whatever the options say."""

    host: str
    port: int
    tls: bool
    strict: bool = False


_FILE = TypeAdapter(dict[str, Policy])


@dataclass(slots=True)
class Policies:
    """The policies of one chat, by host; in the file at `path`, or only in memory without one."""

    path: Path | None = None
    clock: Clock = field(default_factory=SystemClock)
    _known: dict[str, Policy] = field(default_factory=dict)

    def load(self) -> None:
        """Read the file. Raises PushbotError when it cannot be read: without it TLS could be talked out of us."""
        if self.path is None:
            return
        try:
            self._known = _FILE.validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, ValidationError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is damaged"
            raise PushbotError(
                f"The record of IRC servers that want TLS, {self.path}, cannot be read ({why}): "
                "repair it, or delete it and set tls = true for these."
            ) from None

    def find(self, host: str) -> Policy | None:
        """The policy of `host` that holds now."""
        policy = self._known.get(_folded(host))
        return policy if policy is not None and policy.until > self.clock.now() else None

    def left(self, host: str) -> float:
        """Seconds for which the policy of `host` still holds; 0 without one."""
        policy = self.find(host)
        return (policy.until - self.clock.now()).total_seconds() if policy is not None else 0.0

    def keep(self, host: str, port: int, duration: int) -> None:
        """From now on, and for `duration` seconds, `host` is reached over TLS alone; 0 ends that."""
        duration = min(duration, LONGEST)
        if duration:
            until = self.clock.now() + timedelta(seconds=duration)
            self._known[_folded(host)] = Policy(port, duration, until)
        elif self._known.pop(_folded(host), None) is None:
            return
        self._write()

    def route(self, options: IrcOptions, upgrade: int | None = None) -> Route:
        """How to connect now: `upgrade` is the port that the server itself has just named for TLS."""
        host, port = options.address
        policy = self.find(host)
        if options.tls:
            return Route(host, port, tls=True, strict=policy is not None)
        if upgrade is not None:
            return Route(host, upgrade, tls=True, strict=True)
        if policy is not None:
            return Route(host, policy.port, tls=True, strict=True)
        return Route(host, port, tls=False)

    def _write(self) -> None:
        """Write the file anew, whole or not at all, for our own eyes."""
        if self.path is None:
            return
        new = self.path.with_name(f"{self.path.name}.new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new.unlink(missing_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(_FILE.dump_json(self._known, indent=1))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
        except OSError as error:
            log.warning("irc_sts_not_kept", file=str(self.path), error=error.strerror or str(error))


def _folded(host: str) -> str:
    return host.lower().removesuffix(".")


@dataclass(slots=True)
class Strictness:
    """What the server of one connection says about TLS, and what becomes of it.

    `trusted`: the connection has TLS, and the certificate was checked. `upgrade`: the port to come again at.
    """

    route: Route
    policies: Policies
    trusted: bool
    upgrade: int | None = None
    _duration: int | None = None

    def heard(self, value: str) -> None:
        """The value of the capability `sts`, in CAP LS or NEW. Parts for the other kind of connection are ignored."""
        tokens: dict[str, str] = {}
        for token in value.split(","):
            key, _, text = token.partition("=")
            tokens.setdefault(key, text)
        if not self.route.tls:
            self.upgrade = _port(tokens, self.route.host)
        elif self.trusted and _NUMBER.fullmatch(tokens.get("duration", "")):
            self._duration = int(tokens["duration"])
            self.policies.keep(self.route.host, self.route.port, self._duration)

    def lasts(self) -> None:
        """The connection is still there: a policy half of whose time is over begins anew, lest a crash end it."""
        if self._duration and self.policies.left(self.route.host) * 2 < self._duration:
            self.ended()

    def ended(self) -> None:
        """The connection is over: the policy's time counts from here."""
        if self._duration:
            self.policies.keep(self.route.host, self.route.port, self._duration)


def _port(tokens: dict[str, str], host: str) -> int | None:
    """The port for TLS: `port`, or `port-if-match` when a pattern in `if-host-match` fits our name for the host."""
    text = tokens.get("port", "")
    if not text and any(_fits(pattern, host) for pattern in tokens.get("if-host-match", "").split("|")):
        text = tokens.get("port-if-match", "")
    return int(text) if _NUMBER.fullmatch(text) and int(text) in _PORTS else None


def _fits(pattern: str, host: str) -> bool:
    """Whether `host` is like `pattern`, in which `?` stands for one character and `*` for any."""
    return fnmatchcase(_folded(host), _folded(pattern).replace("[", "[[]"))
