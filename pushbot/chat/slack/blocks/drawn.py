"""What was drawn: blocks within the limits of a message or a page, and the same as plain text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pushbot.chat.slack.blocks.text import escaped, size
from pushbot.chat.slack.shape import objects, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pushbot.chat.slack.blocks.lane import Scale
    from pushbot.chat.slack.shape import Object

MOST: Final = 12_000
"""Characters of a message's blocks as JSON.

Slack publishes no number; it refuses (`msg_blocks_too_long`) what has more than about 13,200 characters of some kind
(https://github.com/slackapi/bolt-js/issues/2509 and 2867).
"""
FALLBACK: Final = 3000
"""Bytes of the plain text; `chat.update` takes 4,000."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Blocks, and `fallback`: what they say, escaped for the `text` of a message, which mentions nobody."""

    blocks: list[Object]
    fallback: str


def fitting(draw: Callable[[Scale], list[Object]], scales: Sequence[Scale], most: int = MOST) -> Drawn:
    """What is drawn at the first of `scales` at which its JSON is no longer than `most`, or else at the last."""
    blocks: list[Object] = []
    for scale in scales:
        blocks = draw(scale)
        if weight(blocks) <= most:
            break
    return Drawn(blocks, fallback(blocks))


def weight(blocks: Sequence[Object]) -> int:
    """How many characters the blocks have as JSON."""
    return size(json.dumps(blocks, ensure_ascii=False, separators=(",", ":")))


def fallback(blocks: Sequence[Object]) -> str:
    """What blocks say, line by line, without what can be pressed; emoji are left out, as words stand beside them."""
    said, room = list[str](), FALLBACK
    for line in filter(str.strip, _lines(blocks)):
        made = escaped(line)
        room -= len(made.encode()) + 1
        if room < 0:
            break
        said.append(made)
    return "\n".join(said)


def _lines(blocks: Sequence[Object]) -> Iterator[str]:
    for block in blocks:
        match block["type"]:
            case "header" | "section":
                yield text(block, "text", "text")
            case "context":
                yield " · ".join(text(one, "text") for one in objects(block, "elements"))
            case "rich_text":
                for inner in objects(block, "elements"):
                    items = objects(inner, "elements") if inner["type"] == "rich_text_list" else [inner]
                    for number, item in enumerate(items, 1):
                        mark = "" if item is inner else f"{number}. " if inner["style"] == "ordered" else "- "
                        run = "".join(map(_element, objects(item, "elements")))
                        yield from f"{mark}{run.strip()}".split("\n")
            case _:
                pass


def _element(element: Object) -> str:
    match element["type"]:
        case "emoji":
            return ""
        case "link":
            label = text(element, "text")
            return f"{label} {text(element, 'url')}".strip()
        case "date":
            return text(element, "fallback")
        case _:
            return text(element, "text")
