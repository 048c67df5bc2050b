"""Lines of IRC (RFC 1459, section 2.3.1, and IRCv3 message tags, which are skipped), and text fit for a terminal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_FORMATS: Final = re.compile(r"\x03(?:\d{1,2}(?:,\d{1,2})?)?|\x04(?:[0-9a-fA-F]{6})?")
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_ROOM_FOR_TEXT: Final = 400


@dataclass(frozen=True, slots=True)
class Message:
    """One line: who sent it (a nick, or a server's name), whether a person did, the command and its parameters."""

    source: str
    person: bool
    command: str
    params: tuple[str, ...]

    def param(self, index: int) -> str:
        """The parameter at `index`, or nothing when the server left it out."""
        return self.params[index] if -len(self.params) <= index < len(self.params) else ""


def parse(line: bytes) -> Message | None:
    """What `line` says; bytes that are no UTF-8 become replacement characters. None when it says nothing."""
    text = line.decode(errors="replace").strip("\r\n")
    if text.startswith("@"):
        text = text.partition(" ")[2].lstrip(" ")
    prefix = ""
    if text.startswith(":"):
        prefix, _, text = text[1:].partition(" ")
    middle, colon, trailing = f" {text}".partition(" :")
    words = middle.split()
    if not words:
        return None
    nick, mark, _ = prefix.partition("!")
    return Message(clean(nick), bool(mark), words[0].upper(), (*words[1:], *([trailing] if colon else [])))


def clean(text: str) -> str:
    """`text` without what steers terminals, hides or reverses letters, or colours them."""
    return _UNSAFE.sub("", _FORMATS.sub("", text))


def pieces(text: str) -> list[str]:
    """`text` in pieces that fit into a line of IRC, none cut inside a character; nothing for blank text."""
    found, piece, size = [], "", 0
    for letter in clean(text).strip():
        size += len(letter.encode())
        if size > _ROOM_FOR_TEXT:
            found.append(piece)
            piece, size = "", len(letter.encode())
        piece += letter
    return [*found, piece] if piece else found
