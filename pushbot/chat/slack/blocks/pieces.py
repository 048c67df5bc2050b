"""The pieces that boards are made of, each within what Slack takes (https://docs.slack.dev/reference/block-kit).

Words of others go through `name`, `remark` or `plain`, which clean and shorten them; nothing here is parsed as markup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pushbot.chat.slack.blocks.text import clip, link, linked, said, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from pushbot.chat.slack.shape import Object

    Run = list[Object]
    """Elements of rich text that stand in one line."""

HEADER = 150
SECTION = 3000
BLOCK_ID = 255
NAME = 60
"""Characters of a person's or a stage's name."""
LINK_LABEL = 40
_NEAR: Final = 6 * 3600
"""Seconds from now within which the time of day says enough."""
_BAR: Final = 20


def plain(text: str, most: int) -> Object:
    """A text object that is shown as it stands."""
    return {"type": "plain_text", "text": said(text, most), "emoji": False}


def block_id(*parts: str) -> str:
    """A name for a block: the same for the same thing, however often it is drawn."""
    return clip(":".join(parts), BLOCK_ID)


def header(text: str) -> Object:
    """A line in large letters."""
    return {"type": "header", "text": plain(text, HEADER)}


def section(text: str, beside: Object | None = None, *, named: str) -> Object:
    """A text, with something to press beside it."""
    made: Object = {"type": "section", "block_id": named, "text": plain(text, SECTION)}
    return made if beside is None else {**made, "accessory": beside}


def context(*texts: str) -> Object:
    """Small print."""
    return {"type": "context", "elements": [plain(text, HEADER) for text in texts[:10]]}


def divider() -> Object:
    """A thin line."""
    return {"type": "divider"}


def paragraph(*lines: Run) -> Object:
    """A part of rich text: lines below each other."""
    elements: Run = []
    for line in lines:
        elements += [*([words("\n")] if elements else []), *line]
    return {"type": "rich_text_section", "elements": [*elements]}


def listed(items: Iterable[Run], *, ordered: bool = False) -> Object:
    """A part of rich text: a list, numbered where the order is what matters."""
    style = "ordered" if ordered else "bullet"
    return {"type": "rich_text_list", "style": style, "elements": [paragraph(item) for item in items]}


def rich_text(*parts: Object) -> Object:
    """A block of paragraphs and lists; there must be one part at least."""
    return {"type": "rich_text", "elements": [*parts]}


def italic(text: str) -> Object:
    """Words that are an aside."""
    return {"type": "text", "text": text, "style": {"italic": True}}


def name(text: str, *, bold: bool = True) -> Object:
    """The name of somebody or something, which mentions nobody."""
    return words(said(text, NAME), bold=bold)


def remark(text: str, most: int) -> Run:
    """A text by others, with what is an address on the web as a link."""
    return [*linked(said(text, most))]


def emoji(short_name: str) -> Object:
    """One of the emoji that every workspace has."""
    return {"type": "emoji", "name": short_name}


def joined(parts: Sequence[Run], between: str) -> Run:
    """What is not empty of `parts`, with words between."""
    made: Run = []
    for part in filter(None, parts):
        made += [*([words(between)] if made else []), *part]
    return made


def links(named: Sequence[tuple[str, str]], most: int) -> Run:
    """Links by their names, the first `most` of them; what is no address on the web is left out."""
    known = (link(url, said(label, LINK_LABEL)) for label, url in named[:most])
    return joined([[one] for one in known if one is not None], " · ")


def ago(when: datetime) -> Object:
    """How long ago that was, which Slack keeps up to date by itself."""
    return _date(when, "{ago}")


def at_time(when: datetime, now: datetime) -> Object:
    """When that is, in the time zone of whoever reads it; with the day unless it is near."""
    near = abs((when - now).total_seconds()) < _NEAR
    return _date(when, "{time}" if near else "{date_short_pretty} at {time}")


def bar(done: int, total: int) -> str:
    """How much of the whole is done, as a bar; full only when all is."""
    filled = max(0, min(_BAR, _BAR * done // total)) if total > 0 else 0
    return "▰" * filled + "▱" * (_BAR - filled)


def _date(when: datetime, form: str) -> Object:
    stamp = max(0, int(when.timestamp()))
    return {"type": "date", "timestamp": stamp, "format": form, "fallback": f"{when:%Y-%m-%d %H:%M} UTC"}
