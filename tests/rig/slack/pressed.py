"""What can be pressed or chosen from, in the blocks of a message or a view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.rig.slack.posts import Ephemeral
from tests.rig.slack.state import Message

if TYPE_CHECKING:
    from pydantic import JsonValue

    from tests.rig.slack.state import Channel, Object


def elements(on: Message | Ephemeral | Object) -> list[tuple[Object, str]]:
    """What can be pressed or chosen from in a message or view, each with the `block_id` it is in."""
    blocks: JsonValue = [*on.blocks] if isinstance(on, Message | Ephemeral) else on.get("blocks")
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


def button(on: Message | Ephemeral | Object, what: str) -> tuple[Object, str]:
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


def option(on: Message | Ephemeral | Object, what: str, menu: str) -> tuple[Object, str, Object]:
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


def inputs(view: Object) -> list[tuple[str, Object, str]]:
    """The inputs of a modal: `action_id`, element, `block_id`."""
    blocks = view.get("blocks")
    return [
        (str(element.get("action_id")), element, str(block.get("block_id")))
        for block in (blocks if isinstance(blocks, list) else [])
        if isinstance(block, dict) and isinstance(element := block.get("element"), dict)
    ]


def filled(element: Object, value: str) -> Object:
    """The state of an input with this in it: typed, or the option with this value."""
    options = element.get("options")
    if isinstance(options, list):
        chosen = next(one for one in options if isinstance(one, dict) and one.get("value") == value)
        return {"type": element["type"], "selected_option": chosen}
    return {"type": element["type"], "value": value}


def on_message(channel: Channel, message: Message, shown: Object) -> Object:
    """What a `block_actions` payload says of the message it came from."""
    container: Object = {"type": "message", "message_ts": message.ts, "channel_id": channel.id}
    if message.thread:
        container["thread_ts"] = message.thread
    name = "directmessage" if channel.kind == "im" else channel.name
    return {
        "container": {**container, "is_ephemeral": False},
        "channel": {"id": channel.id, "name": name},
        "message": shown,
        "state": {"values": {}},
    }


def on_ephemeral(whisper: Ephemeral, channel: Channel) -> Object:
    """The same of one that only one person sees: its text is not told."""
    container: Object = {"type": "message", "message_ts": whisper.ts, "channel_id": channel.id, "is_ephemeral": True}
    return {"container": container, "channel": {"id": channel.id, "name": channel.name}, "state": {"values": {}}}
