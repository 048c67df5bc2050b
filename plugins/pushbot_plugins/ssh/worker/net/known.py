"""The keys that hosts are known by: known_hosts files (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"), read once.

A look-up costs little for plain names. Hashed ones have to be tried one by one; as the lines of a file are mostly in
the order of the fleet, each look-up begins where the last one ended, and stops at the lines of the host. All lines
are looked at only when the key that a host shows is not among those.
"""

from __future__ import annotations

import binascii
import hmac
import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import asyncssh

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ALGORITHMS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""What host keys may sign with, the cheapest first."""
_CERTIFICATES = tuple(f"{name}-cert-v01@openssh.com" for name in ALGORITHMS)


class _Marker(StrEnum):
    AUTHORITY = "@cert-authority"
    REVOKED = "@revoked"


@dataclass(slots=True)
class Line:
    """One line of a file: for whom, and which key."""

    file: str
    number: int
    marker: str
    kind: str
    text: str
    _key: asyncssh.SSHKey | None = None

    @property
    def key(self) -> asyncssh.SSHKey | None:
        """The key, None if it is of a kind that we do not know."""
        if self._key is None:
            try:
                self._key = asyncssh.import_public_key(f"{self.kind} {self.text}")
            except asyncssh.KeyImportError:
                return None
        return self._key

    def __str__(self) -> str:
        """Where the line stands, for people: its file and number."""
        return f"{self.file} (line {self.number})"


@dataclass(frozen=True, slots=True)
class _Hashed:
    salt: bytes
    digest: bytes
    line: Line

    def means(self, name: bytes) -> bool:
        return hmac.digest(self.salt, name, "sha1") == self.digest


@dataclass(frozen=True, slots=True)
class _Patterns:
    wanted: re.Pattern[str]
    unwanted: re.Pattern[str] | None
    line: Line

    def means(self, name: str) -> bool:
        return bool(self.wanted.fullmatch(name)) and not (self.unwanted and self.unwanted.fullmatch(name))


@dataclass(slots=True)
class KnownHosts:
    """All that the files say. A file that is not there says nothing; one that cannot be read raises OSError."""

    files: tuple[str, ...] = ()
    _exact: dict[str, list[Line]] = field(default_factory=dict)
    _patterns: list[_Patterns] = field(default_factory=list)
    _hashed: list[_Hashed] = field(default_factory=list)
    _hashed_revoked: list[_Hashed] = field(default_factory=list)
    _next: int = 0

    def __post_init__(self) -> None:
        for file in self.files:
            try:
                text = Path(file).read_text(encoding="utf-8", errors="replace")
            except FileNotFoundError:
                continue
            for number, line in enumerate(text.splitlines(), 1):
                self._add(file, number, line.split())

    def _add(self, file: str, number: int, words: list[str]) -> None:
        if not words or words[0].startswith("#"):
            return
        marker = words.pop(0) if words[0].startswith("@") else ""
        if len(words) < 3:  # noqa: PLR2004 - names, kind of key, key
            return
        names, line = words[0], Line(file, number, marker, words[1], words[2])
        if names.startswith("|1|"):
            try:
                salt, digest = (binascii.a2b_base64(part) for part in names[3:].split("|"))
            except (ValueError, binascii.Error):
                return
            (self._hashed_revoked if marker == _Marker.REVOKED else self._hashed).append(_Hashed(salt, digest, line))
        elif re.search(r"[*?!]", names):
            parts = names.split(",")
            unwanted = [part[1:] for part in parts if part.startswith("!")]
            wanted = [part for part in parts if not part.startswith("!")]
            self._patterns.append(_Patterns(_pattern(wanted), _pattern(unwanted) if unwanted else None, line))
        else:
            for name in names.split(","):
                self._exact.setdefault(name.lower(), []).append(line)

    def of(self, name: str, port: int, *, thorough: bool = False) -> list[Line]:
        """The lines for a host at that port; without any, those for it whatever the port, as ssh(1) does.

        Not `thorough`: of the hashed lines, only the next ones that stand together.
        """
        name = name.lower()
        forms = [name] if port == 22 else [f"[{name}]:{port}", name]  # noqa: PLR2004 - the port of SSH
        for form in forms:
            found = [*self._exact.get(form, ()), *(each.line for each in self._patterns if each.means(form))]
            found += (each.line for each in self._hashed_revoked if each.means(form.encode()))
            found += self._among_hashed(form.encode(), thorough=thorough)
            if any(line.marker != _Marker.REVOKED for line in found):
                return found
        return found

    def _among_hashed(self, name: bytes, *, thorough: bool) -> Iterator[Line]:
        count, begin = len(self._hashed), self._next
        seen = False
        for step in range(count):
            at = (begin + step) % count
            if self._hashed[at].means(name):
                seen = True
                self._next = at + 1
                yield self._hashed[at].line
            elif seen and not thorough:
                return


def _pattern(parts: Sequence[str]) -> re.Pattern[str]:
    texts = (re.escape(part.lower()).replace(r"\*", ".*").replace(r"\?", ".") for part in parts)
    return re.compile("|".join(texts) if parts else "(?!)")


@dataclass(slots=True)
class Trust:
    """What is known of one host, and the verdict on the key that it shows; `trouble` says what is wrong with it."""

    known: KnownHosts
    address: str
    port: int
    alias: str = ""
    lines: list[Line] = field(default_factory=list)
    trouble: str = ""

    def __post_init__(self) -> None:
        self._look(thorough=False)

    def _look(self, *, thorough: bool) -> None:
        self.lines = self.known.of(self.address, self.port, thorough=thorough)
        if not self.lines and self.alias:
            self.lines = self.known.of(self.alias, self.port, thorough=thorough)
        else:
            self.alias = ""

    @property
    def algorithms(self) -> tuple[str, ...]:
        """What to ask the host to sign with: first what we know it by, so that it shows that key of several."""
        kinds = {line.kind for line in self.lines if not line.marker}
        first = tuple(name for name in ALGORITHMS if name in kinds or (name.startswith("rsa-") and "ssh-rsa" in kinds))
        rest = tuple(name for name in ALGORITHMS if name not in first)
        return (*(_CERTIFICATES if self._marked(_Marker.AUTHORITY) else ()), *first, *rest)

    def revoked(self) -> dict[asyncssh.SSHKey, Line]:
        """The keys that are never to be taken, be it those of authorities, and where that is said."""
        return {line.key: line for line in self._marked(_Marker.REVOKED) if line.key is not None}

    def accepts(self, key: asyncssh.SSHKey) -> bool:
        """Whether it is the host's key; if not, `trouble` says why."""
        if any(line.key == key for line in self._marked("")):
            return True
        self._look(thorough=True)
        plain = self._marked("")
        if any(line.key == key for line in plain):
            return True
        if not plain:
            return self._refuse(self._unknown(key))
        same = [line for line in plain if line.key and line.key.algorithm == key.algorithm] or plain
        return self._refuse(
            f"its key is not the one in {same[0]}, it is {_print(key)};"
            " if the host was made anew, replace that line, and if not, somebody else answers in its place"
        )

    def accepts_authority(self, key: asyncssh.SSHKey) -> bool:
        """Whether certificates of that authority are good for the host."""
        if any(line.key == key for line in self._marked(_Marker.AUTHORITY)):
            return True
        return self._refuse(f"its certificate is signed by {_print(key)}, which is no authority {self._where()}")

    def _unknown(self, key: asyncssh.SSHKey) -> str:
        found = f"its key {_print(key)} is not known {self._where()}"
        if self._marked(_Marker.AUTHORITY):
            return f"{found}, nor has it a certificate"
        return f"{found}; if that is what ssh-keygen -l says on the host, add the key there"

    def _where(self) -> str:
        return f"in {' or '.join(self.known.files)}" if self.known.files else "as no known_hosts is configured"

    def _marked(self, marker: str) -> list[Line]:
        return [line for line in self.lines if line.marker == marker]

    def _refuse(self, trouble: str) -> bool:
        self.trouble = trouble
        return False


def _print(key: asyncssh.SSHKey) -> str:
    return str(key.get_fingerprint())
