"""Block Kit as text: what people read of it, with `[label]` for buttons and menus."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.rig.slack.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

    from tests.rig.slack.posts import Ephemeral
    from tests.rig.slack.state import Message, Object, Workspace

_CALLS = re.compile(r"<(@[A-Z0-9]+|!subteam\^[A-Z0-9]+|!(?:here|channel|everyone))(?:\|[^>]*)?>")


def blocks_shown(blocks: Sequence[JsonValue] | Sequence[Object], space: Workspace) -> str:
    """One line or more a block."""
    return "\n".join(_block(one, space) for one in blocks if isinstance(one, dict))


def _block(block: Object, space: Workspace) -> str:
    match block.get("type"):
        case "header" | "section":
            fields = block.get("fields")
            parts = [block.get("text"), *(fields if isinstance(fields, list) else [])]
            lines = [_text(one, space) for one in parts if one is not None]
            beside = block.get("accessory")
            return "\n".join(lines) + (f" {_element(beside, space)}" if beside is not None else "")
        case "context" | "actions":
            elements = block.get("elements")
            shown = [_element(one, space) for one in (elements if isinstance(elements, list) else [])]
            return (" " if block.get("type") == "actions" else " · ").join(shown)
        case "divider":
            return "---"
        case "rich_text":
            return _rich(block, space)
        case "markdown":
            return str(block.get("text"))
        case other:
            return f"({other})"


def _text(text: JsonValue, space: Workspace) -> str:
    if not isinstance(text, dict):
        return ""
    said = str(text.get("text", ""))
    return plain(said, space) if text.get("type") == "mrkdwn" else said


def _element(element: JsonValue, space: Workspace) -> str:
    if not isinstance(element, dict):
        return ""
    match element.get("type"):
        case "plain_text" | "mrkdwn":
            return _text(element, space)
        case "button":
            return f"[{_text(element.get('text'), space)}]"
        case "image":
            return f"({element.get('alt_text')})"
        case _:
            options = element.get("options")
            shown = (
                [_text(one.get("text"), space) for one in options or [] if isinstance(one, dict)]
                if isinstance(options, list)
                else []
            )
            return f"[{' | '.join(shown)}]"


def _rich(block: Object, space: Workspace) -> str:
    inside = block.get("elements")
    parts = [one for one in (inside if isinstance(inside, list) else []) if isinstance(one, dict)]
    lines: list[str] = []
    for part in parts:
        match part.get("type"):
            case "rich_text_list":
                nested = part.get("elements")
                items = [one for one in (nested if isinstance(nested, list) else []) if isinstance(one, dict)]
                lines += [f"• {_run(one, space)}" for one in items]
            case "rich_text_quote":
                lines += [f"> {line}" for line in _run(part, space).split("\n")]
            case _:
                lines.append(_run(part, space))
    return "\n".join(lines)


def _run(section: Object, space: Workspace) -> str:
    inside = section.get("elements")
    return "".join(_inline(one, space) for one in (inside if isinstance(inside, list) else []))


def _inline(element: JsonValue, space: Workspace) -> str:
    if not isinstance(element, dict):
        return ""
    match element.get("type"):
        case "text":
            return str(element.get("text"))
        case "link":
            return str(element.get("text") or element.get("url"))
        case "emoji":
            return f":{element.get('name')}:"
        case "user":
            return plain(f"<@{element.get('user_id')}>", space)
        case "channel":
            return plain(f"<#{element.get('channel_id')}>", space)
        case "usergroup":
            return plain(f"<!subteam^{element.get('usergroup_id')}>", space)
        case "broadcast":
            return f"@{element.get('range')}"
        case "date":
            return str(element.get("fallback") or element.get("format"))
        case other:
            return f"({other})"


def mentions(message: Message | Ephemeral) -> list[str]:
    """Whom a message calls, each once: user ids, user group ids, and `here`, `channel` and `everyone`."""
    found = [whom for one in message.blocks for whom in _called(one)]
    found += [one.removeprefix("!subteam^").lstrip("@!") for one in _CALLS.findall(message.text)]
    return list(dict.fromkeys(found))


def _called(value: JsonValue) -> list[str]:
    if isinstance(value, list):
        return [whom for one in value for whom in _called(one)]
    if not isinstance(value, dict):
        return []
    match value.get("type"):
        case "user":
            return [str(value.get("user_id"))]
        case "usergroup":
            return [str(value.get("usergroup_id"))]
        case "broadcast":
            return [str(value.get("range"))]
        case "mrkdwn":
            found = _CALLS.findall(str(value.get("text")))
            return [one.removeprefix("!subteam^").lstrip("@!") for one in found]
        case _:
            return [whom for one in value.values() for whom in _called(one)]
