"""What somebody else wrote, made fit to stand in a line that people read."""

from __future__ import annotations

import re

_LONGEST_LOOK = 16 * 2**10
_UNPRINTABLE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|.)?|[\s\x00-\x1a\x1c-\x1f\x7f-\x9f]+")
_TAGS = re.compile(r"<(style|script)\b.*?(?:</\1>|\Z)|<[^<>]*>", re.DOTALL)


def one_line(text: str, width: int = 300) -> str:
    """What somebody else wrote, as one printable line of at most `width` characters.

    Of a text that is very long only the beginning is looked at.
    """
    seen = _UNPRINTABLE.sub(" ", text[:_LONGEST_LOOK])
    line = " ".join("".join(letter for letter in seen if letter.isprintable()).split())
    return line if len(line) <= width and len(text) <= _LONGEST_LOOK else line[: width - 3] + "..."


def without_tags(page: bytes) -> str:
    """The text of the beginning of a page that may be HTML."""
    return _TAGS.sub(" ", page[:_LONGEST_LOOK].decode(errors="replace"))
