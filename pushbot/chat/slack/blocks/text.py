"""Text going out to Slack: what people and programs wrote, so that it is seen as it is and does nothing.

A message has its `text` (notifications show it, and clients that draw no blocks), in which `&`, `<` and `>` are escaped
(https://docs.slack.dev/messaging/formatting-message-text), and one `rich_text` block, whose parts are never parsed
(https://docs.slack.dev/reference/block-kit/blocks/rich-text-block). Nobody is mentioned but those who are called.
Lengths are counted in UTF-16 units, the larger of the two ways in which Slack may count.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pushbot.chat.slack.shape import Object

MOST = 4000
"""Characters of a message's `text`; Slack asks for no more."""
MOST_OF_LINE = 3000
"""Characters of one line within a block."""
MOST_OF_BLOCK = 6000
"""Characters of all lines of one block."""
NOTHING = "…"
"""Stands where there is no text, as Slack refuses an empty one."""

_USER = re.compile(r"[UW][A-Z0-9]{2,}")
_URL = re.compile(r"https?://[^\s<>\"'`|\\^{}]+", re.IGNORECASE)
_AFTER_URL = ".,:;!?)]}…*_~"
_URL_LIMIT = 3000
_GONE = frozenset({"Cf", "Cs", "Co"})
_BLANK = frozenset({"Cc", "Zl", "Zp"})
_PICTURE = frozenset({"So", "Sk"})
_JOINER = "\u200d"
_MOST_ACCENTS = 4
_BEFORE_NAME = re.compile(r"(?:\A|, | and |\) )\Z")
_AFTER_NAME = re.compile(r"\Z|: |, | and ")


@dataclass(frozen=True, slots=True)
class Line:
    """One line to be said: `calls` are names at its start, each with a Slack user id; `quote` is for output of a run.

    A name whose address is no user id of Slack's is left as text.
    """

    text: str
    calls: tuple[tuple[str, str], ...] = ()
    quote: bool = False


@dataclass(frozen=True, slots=True)
class _Call:
    """A person who is called, by their user id."""

    user: str


def clean(text: str) -> str:
    """`text` on one line without what cannot be seen: controls are blanks; marks of direction and zero width go.

    Emoji that are joined stay so, and of accents on one letter no more than four.
    """
    if text.isascii() and text.isprintable():
        return text
    kept: list[str] = []
    accents = 0
    for index, char in enumerate(text):
        kind = unicodedata.category(char)
        accents = accents + 1 if kind in {"Mn", "Me"} else 0
        if kind in _BLANK:
            kept.append(" ")
        elif kind == "Cs":
            kept.append("\ufffd")
        elif kind in _GONE:
            if char == _JOINER and _joins(text, index):
                kept.append(char)
        elif accents <= _MOST_ACCENTS:
            kept.append(char)
    return "".join(kept)


def size(text: str) -> int:
    """How long Slack may think that `text` is."""
    return len(text) if text.isascii() else len(text) + sum(char > "\uffff" for char in text)


def clip(text: str, most: int) -> str:
    """`text` in at most `most` characters, `…` showing where it was cut; NOTHING for one without anything to see."""
    text = text if text.strip() else NOTHING
    if size(text) <= most:
        return text
    room, at = most - 1, 0
    while at < len(text) and room >= size(text[at]):
        room -= size(text[at])
        at += 1
    return f"{text[:at].rstrip()}…"


def said(text: str, most: int = MOST_OF_LINE) -> str:
    """A text by others as a part of a block: one line, cleaned, of at most `most` characters, never empty."""
    return clip(clean(text[: 4 * most]), most)


def escaped(text: str, calls: Sequence[tuple[str, str]] = (), most: int = MOST) -> str:
    """A line for the `text` of a message: it says itself, and mentions nobody but the `calls`."""
    made: list[str] = []
    room = most - 1
    for part in _parts(said(text, most), calls):
        for piece in [f"<@{part.user}>"] if isinstance(part, _Call) else map(_entity, part):
            room -= size(piece)
            if room < 0:
                return "".join([*made, "…"])
            made.append(piece)
    return "".join(made)


def rich(lines: Sequence[Line]) -> Object:
    """One `rich_text` block of several lines: links can be followed, quoted lines stand together as output does.

    What is longer than a block may be ends with `…`.
    """
    parts: list[Object] = []
    room = MOST_OF_BLOCK
    for quote, together in groupby(lines, key=lambda line: line.quote):
        elements: list[Object] = []
        for line in together:
            if room <= 0:
                break
            text = said(line.text, min(room, MOST_OF_LINE))
            room -= size(text) + 1
            found = [words(text)] if quote else [*_elements(text, line.calls)]
            elements += [*([words("\n")] if elements else []), *found]
        if elements:
            kind = "rich_text_preformatted" if quote else "rich_text_section"
            parts.append({"type": kind, "elements": [*_merged(elements)]})
    if not parts:
        parts.append({"type": "rich_text_section", "elements": [words(NOTHING)]})
    return {"type": "rich_text", "elements": [*parts]}


def words(text: str, *, bold: bool = False, code: bool = False) -> Object:
    """An element of rich text: `text` as it stands, which is never parsed. It must not be empty."""
    style: Object = {name: True for name, wanted in (("bold", bold), ("code", code)) if wanted}
    return {"type": "text", "text": text, "style": style} if style else {"type": "text", "text": text}


def link(url: str, label: str = "") -> Object | None:
    """An element of rich text that leads to `url`; None for what is no address on the web."""
    if _URL.fullmatch(url) is None or size(url) > _URL_LIMIT:
        return None
    return {"type": "link", "url": url, "text": label} if label else {"type": "link", "url": url}


def linked(text: str) -> Iterator[Object]:
    """The elements for a text that is clean already: its addresses on the web are links."""
    at = 0
    for found in _URL.finditer(text):
        url = found[0].rstrip(_AFTER_URL)
        element = link(url)
        if element is not None:
            if at < found.start():
                yield words(text[at : found.start()])
            yield element
            at = found.start() + len(url)
    if at < len(text):
        yield words(text[at:])


def _elements(text: str, calls: Sequence[tuple[str, str]]) -> Iterator[Object]:
    for part in _parts(text, calls):
        if isinstance(part, _Call):
            yield {"type": "user", "user_id": part.user}
        else:
            yield from linked(part)


def _parts(text: str, calls: Sequence[tuple[str, str]]) -> Iterator[str | _Call]:
    """`text` with each of `calls` in the place where its name is first called; longer names first."""
    index: list[tuple[int, int, str]] = []
    for name, user in sorted(calls, key=lambda call: -len(call[0])):
        shown = clean(name)
        if not shown.strip() or _USER.fullmatch(user) is None:
            continue
        for found in re.finditer(re.escape(shown), text):
            free = all(found.end() <= start or end <= found.start() for start, end, _ in index)
            after = _AFTER_NAME.match(text, found.end())
            if free and after and _BEFORE_NAME.search(text[max(0, found.start() - 5) : found.start()]):
                index.append((found.start(), found.end(), user))
                break
    at = 0
    for start, end, user in sorted(index):
        if at < start:
            yield text[at:start]
        yield _Call(user)
        at = end
    if at < len(text):
        yield text[at:]


def _merged(elements: Sequence[Object]) -> Iterator[Object]:
    """The same elements, neighbouring plain texts as one."""
    for plain, together in groupby(elements, key=lambda one: one["type"] == "text"):
        if plain:
            yield words("".join(str(one["text"]) for one in together))
        else:
            yield from together


def _entity(char: str) -> str:
    match char:
        case "&":
            return "&amp;"
        case "<":
            return "&lt;"
        case ">":
            return "&gt;"
        case _:
            return char


def _joins(text: str, at: int) -> bool:
    """Whether the joiner there stands between two pictures, as in an emoji of a family."""
    before = text[max(0, at - 2) : at].rstrip("\ufe0f")[-1:]
    after = text[at + 1 : at + 2]
    return bool(before and after) and {unicodedata.category(before), unicodedata.category(after)} <= _PICTURE
