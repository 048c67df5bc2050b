"""Bytes to messages, and text to lines that fit.

The grammar is that of https://modern.ircdocs.horse and https://ircv3.net/specs/extensions/message-tags.
Nothing here raises for anything that a server may send.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from irc.message import Tag

from pushbot.chat.irc.numerics import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LINE_LIMIT = 512
"""Bytes of a line, its line ending included and its tags not (RFC 1459, section 2.3)."""

INPUT_LIMIT = 16 * 1024
"""Bytes after which a line that has not ended is dropped: twice what a line with tags may have (8191 + 512)."""

_NO_TAGS: Mapping[str, str] = MappingProxyType({})

_FORMAT = re.compile(
    r"\x03(?:\d{1,2}(?:,\d{1,2})?)?"  # colour, https://modern.ircdocs.horse/formatting
    r"|\x04(?:[0-9A-Fa-f]{6}(?:,[0-9A-Fa-f]{6})?)?"  # hex colour
    r"|[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"  # bold and the like; controls; line ends; half characters
    r"|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # marks of direction: what is read is to be what was written
)
_MASK = re.compile(r"!([^!@\s]+@[^!@\s]+)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Source:
    """Who sent a message: a user with nick, user name and host, or a server, which is only a name."""

    nick: str = ""
    address: str = ""

    @property
    def is_user(self) -> bool:
        """Whether this is a person (or service) and no server."""
        return bool(self.address)

    @property
    def mask(self) -> str:
        """`user@host`; "" when the server does not show both, as for itself and for some services."""
        found = _MASK.fullmatch(self.address)
        return found[1] if found else ""

    @classmethod
    def parse(cls, prefix: str) -> Source:
        """`nick!user@host`, or the name of a server."""
        nick, bang, rest = prefix.partition("!")
        if bang:
            return cls(nick, f"!{rest}")
        nick, at, rest = prefix.partition("@")
        return cls(nick, f"@{rest}" if at else "")


@dataclass(frozen=True, slots=True)
class Message:
    """One line from the server.

    `name` is the command in lower case, or the numeric's name ("welcome", see `numerics`), or a
    numeric without a name here as its three digits; `code` is the command or numeric as sent.
    """

    name: str
    code: str
    params: tuple[str, ...] = ()
    source: Source = field(default_factory=Source)
    tags: Mapping[str, str] = field(default_factory=lambda: _NO_TAGS)

    def param(self, index: int) -> str:
        """The parameter at `index`, or "" when the server sent fewer."""
        return self.params[index] if -len(self.params) <= index < len(self.params) else ""


def parse(line: bytes) -> Message | None:
    """The message in `line` (without its line ending), or None when there is no command in it.

    What is not UTF-8 is replaced by U+FFFD, as servers cut lines inside a character.
    """
    text = line.replace(b"\0", b"").decode("utf-8", "replace")
    tags = _NO_TAGS
    if text.startswith("@"):
        raw, _, text = text[1:].partition(" ")
        tags = {str(tag["key"]): str(tag["value"] or "") for tag in Tag.from_group(raw) or ()}
        text = text.lstrip(" ")
    source = Source()
    if text.startswith(":"):
        prefix, _, text = text[1:].partition(" ")
        source = Source.parse(prefix)
        text = text.lstrip(" ")
    # Not `irc.message.Arguments`: it also splits at no-break spaces, which names may hold.
    head, colon, trailing = text.partition(" :")
    words = [word for word in head.split(" ") if word]
    if not words:
        return None
    params = (*words[1:], trailing) if colon else tuple(words[1:])
    code = words[0].upper()
    return Message(NAMES.get(code, code.lower()), code, params, source, tags)


class LineBuffer:
    """Cuts what arrives into lines, and never holds more than `limit` bytes of an unfinished one."""

    def __init__(self, limit: int = INPUT_LIMIT) -> None:
        self.dropped = 0
        self._limit = limit
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that `data` completes, without line endings; `dropped` counts those that were too long."""
        *ends, rest = data.split(b"\n")
        for end in ends:
            line, self._rest = self._rest + end, b""
            if self._skipping:
                self._skipping = False
            elif len(line) > self._limit:
                self.dropped += 1
            else:
                yield line.removesuffix(b"\r")
        self._rest += rest
        if len(self._rest) > self._limit:
            self.dropped += not self._skipping
            self._rest, self._skipping = b"", True


def plain(text: str) -> str:
    """`text` as people see it: without colours, formats, directions and control characters; a tab is a space."""
    if text.isascii() and text.isprintable():
        return text
    return _FORMAT.sub("", text.replace("\t", " "))


def clean(text: str) -> str:
    """`text` without anything that could end a line or is no character: safe to be written."""
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL.sub("", text)


def cut(text: str, limit: int) -> str:
    """As much of `text` as fits `limit` bytes of UTF-8, whole characters only."""
    data = text.encode("utf-8", "replace")
    return text if len(data) <= limit else data[: max(limit, 0)].decode("utf-8", "ignore")


def split(text: str, limit: int) -> Iterator[str]:
    """`text` in parts of at most `limit` bytes, whole characters, broken at a space where one is near.

    The space at a break is dropped (servers drop it at the end of a line); else the parts are the
    text again. `limit` is at least 4, the longest character.
    """
    limit = max(limit, 4)
    while text:
        part = cut(text, limit)
        rest = text[len(part) :]
        if rest and not rest.startswith(" "):
            space = part.rfind(" ")
            if space > len(part) // 2:
                part, rest = part[:space], text[space:]
        yield part
        text = rest.removeprefix(" ")
