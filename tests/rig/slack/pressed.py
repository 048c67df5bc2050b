"""What can be pressed or chosen from, in the blocks of a message or a view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.rig.slack.state import Message

if TYPE_CHECKING:
    from pydantic import JsonValue

    from tests.rig.slack.state import Object


def elements(on: Message | Object) -> list[tuple[Object, str]]:
    """What can be pressed or chosen from in a message or view, each with the `block_id` it is in."""
    blocks: JsonValue = [*on.blocks] if isinstance(on, Message) else on.get("blocks")
    found: list[tuple[Object, str]] = []
    for block in blocks if isinstance(blocks, list) else []:
        if isinstance(block, dict):
            inside = block.get("elements") if block.get("type") == "actions" else [block.get("accessory")]
            known = inside if isinstance(inside, list) else []
            found += [(one, str(block.get("block_id"))) for one in known if isinstance(one, dict)]
    return found


def _label(element: Object) -> str:
    text = element.get("text")
    return str(text.get("text")) if isinstance(text, dict) else ""


def button(on: Message | Object, what: str) -> tuple[Object, str]:
    """The button with this `action_id`, value or label, and its `block_id`; AssertionError when there is none."""
    there = [(one, block) for one, block in elements(on) if one.get("type") == "button"]
    for key in ("action_id", "value"):
        for one, block in there:
            if one.get(key) == what:
                return one, block
    for one, block in there:
        if _label(one) == what:
            return one, block
    raise AssertionError(f"nothing to press that is called {what!r}; there are {[_label(one) for one, _ in there]}")


def option(on: Message | Object, what: str, menu: str) -> tuple[Object, str, Object]:
    """The menu (with this `action_id`, when given), its `block_id`, and its option with this value or label."""
    seen: list[str] = []
    for element, block in elements(on):
        options = element.get("options")
        if (menu and element.get("action_id") != menu) or not isinstance(options, list):
            continue
        for option in options:
            assert isinstance(option, dict)
            if what in {option.get("value"), _label(option)}:
                return element, block, option
            seen.append(_label(option))
    raise AssertionError(f"nothing to choose that is called {what!r}; there are {seen}")
