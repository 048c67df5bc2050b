"""What was drawn: blocks within the limits of a message or a page, and the same as plain text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pushbot.chat.slack.blocks.text import escaped, size
from pushbot.chat.slack.shape import objects, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pydantic import JsonValue

    from pushbot.chat.slack.blocks.lane import Scale
    from pushbot.chat.slack.shape import Object

MOST: Final = 9000
"""Characters that all blocks together show at most, far below where Slack refuses a message as too long."""
_LINES: Final = 60
_FALLBACK: Final = 3000


@dataclass(frozen=True, slots=True)
class Drawn:
    """Blocks, and `fallback`: what they say, escaped for the `text` of a message, which mentions nobody."""

    blocks: list[Object]
    fallback: str


def fitting(draw: Callable[[Scale], list[Object]], scales: Sequence[Scale], most: int = MOST) -> Drawn:
    """What is drawn at the first of `scales` at which it is not too much, or else at the last."""
    blocks: list[Object] = []
    for scale in scales:
        blocks = draw(scale)
        if shown(blocks) <= most:
            break
    return Drawn(blocks, fallback(blocks))


def shown(value: JsonValue | list[Object]) -> int:
    """How many characters of text there are in blocks, addresses of links among them."""
    if isinstance(value, list):
        return sum(map(shown, value))
    if not isinstance(value, dict):
        return 0
    own = [value[key] for key in ("text", "url", "value", "fallback") if key in value]
    return sum(size(one) for one in own if isinstance(one, str)) + sum(
        shown(one) for one in value.values() if not isinstance(one, str)
    )


def fallback(blocks: Sequence[Object]) -> str:
    """What blocks say, line by line, without what can be pressed; emoji are left out, as words stand beside them."""
    said, room = list[str](), _FALLBACK
    for line in _lines(blocks):
        made = escaped(line, most=room) if line.strip() and room > 1 else ""
        if made:
            said.append(made)
            room -= size(made) + 1
    return "\n".join(said[:_LINES])


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
