"""Block Kit as HTML, drawn as Slack draws it on a desk, as well as can be told from outside.

What is drawn is what the JSON says and nothing else: a block, element or field that is not known here is refused, so
that no picture shows less than there is. Times are shown as somebody in UTC reads them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

    Object = dict[str, JsonValue]

EMOJI = {
    "arrows_counterclockwise": "🔄",
    "large_blue_circle": "🔵",
    "lock": "🔒",
    "no_entry": "⛔",
    "warning": "⚠️",
    "white_check_mark": "✅",
    "white_circle": "⚪",
    "x": "❌",
}
_FIELDS = {
    "header": "text block_id",
    "section": "text accessory block_id",
    "actions": "elements block_id",
    "context": "elements block_id",
    "divider": "block_id",
    "rich_text": "elements block_id",
    "rich_text_section": "elements",
    "rich_text_list": "elements style",
    "rich_text_preformatted": "elements",
    "text": "text style",
    "link": "url text",
    "emoji": "name",
    "date": "timestamp format fallback",
    "plain_text": "text emoji",
    "button": "text value style action_id confirm",
    "overflow": "options action_id confirm",
}
_STYLES = {"bold": "b", "italic": "i", "code": "code"}
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


class UnknownPieceError(ValueError):
    """The blocks have something that this cannot draw."""


def page(blocks: Sequence[Object], now: datetime, opened: str = "") -> str:
    """The blocks as HTML; the menu whose `action_id` is `opened` is drawn with what it offers."""
    return "\n".join(f'<div class="block {_kind(one)}">{_block(one, now, opened)}</div>' for one in blocks)


def _kind(piece: Object) -> str:
    """The type of a piece of which everything is known."""
    kind = str(piece.get("type"))
    if kind not in _FIELDS:
        raise UnknownPieceError(f"nobody knows how to draw {kind}")
    unknown = piece.keys() - {"type", *_FIELDS[kind].split()}
    if unknown:
        raise UnknownPieceError(f"nobody knows how to draw {', '.join(sorted(unknown))} of {kind}")
    return kind


def _objects(value: JsonValue) -> list[Object]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _object(value: JsonValue) -> Object:
    assert isinstance(value, dict)
    return value


def _block(block: Object, now: datetime, opened: str) -> str:
    match _kind(block):
        case "header":
            return f"<h3>{_plain(block['text'])}</h3>"
        case "section":
            beside = block.get("accessory")
            accessory = _pressable(_object(beside), opened) if beside is not None else ""
            return f"<p>{_plain(block['text'])}</p>{accessory}"
        case "actions":
            return "".join(_pressable(one, opened) for one in _objects(block["elements"]))
        case "context":
            return " ".join(f"<span>{_plain(one)}</span>" for one in _objects(block["elements"]))
        case "divider":
            return "<hr>"
        case "rich_text":
            return "".join(_part(one, now) for one in _objects(block["elements"]))
        case other:
            raise UnknownPieceError(f"{other} is no block")


def _plain(value: JsonValue) -> str:
    piece = _object(value)
    if _kind(piece) != "plain_text":
        raise UnknownPieceError(f"{piece['type']} where plain text is wanted")
    return escape(str(piece["text"]))


def _pressable(element: Object, opened: str) -> str:
    match _kind(element):
        case "button":
            return f'<button class="{element.get("style", "")}">{_plain(element["text"])}</button>'
        case "overflow":
            menu = ""
            if element["action_id"] == opened:
                options = "".join(f"<li>{_plain(one['text'])}</li>" for one in _objects(element["options"]))
                menu = f'<ul class="menu">{options}</ul>'
            return f'<span class="overflow"><button class="dots">•••</button>{menu}</span>'
        case other:
            raise UnknownPieceError(f"{other} cannot be pressed")


def _part(part: Object, now: datetime) -> str:
    inside = _objects(part["elements"])
    match _kind(part):
        case "rich_text_section":
            return f"<div>{''.join(_inline(one, now) for one in inside)}</div>"
        case "rich_text_preformatted":
            return f"<pre>{''.join(_inline(one, now) for one in inside)}</pre>"
        case "rich_text_list":
            tag = "ol" if part["style"] == "ordered" else "ul"
            return f"<{tag}>{''.join(f'<li>{_part(one, now)}</li>' for one in inside)}</{tag}>"
        case other:
            raise UnknownPieceError(f"{other} is no part of rich text")


def _inline(element: Object, now: datetime) -> str:
    match _kind(element):
        case "text":
            return _styled(str(element["text"]), _object(element.get("style", {})))
        case "link":
            return f'<a href="{escape(str(element["url"]))}">{escape(str(element.get("text", element["url"])))}</a>'
        case "emoji":
            if element["name"] not in EMOJI:
                raise UnknownPieceError(f"nobody knows the emoji {element['name']}")
            return f'<span class="emoji">{EMOJI[str(element["name"])]}</span>'
        case "date":
            stamp = element["timestamp"]
            assert isinstance(stamp, int)
            return f"<time>{escape(_date(datetime.fromtimestamp(stamp, UTC), str(element['format']), now))}</time>"
        case other:
            raise UnknownPieceError(f"{other} is nothing that stands in a line")


def _styled(text: str, style: Object) -> str:
    made = escape(text).replace("\n", "<br>")
    for name, wanted in style.items():
        if name not in _STYLES:
            raise UnknownPieceError(f"nobody knows the style {name}")
        made = f"<{_STYLES[name]}>{made}</{_STYLES[name]}>" if wanted else made
    return made


def _date(when: datetime, form: str, now: datetime) -> str:
    """A date as https://docs.slack.dev/messaging/formatting-message-text describes it."""
    days = (when.date() - now.date()).days
    day = {-1: "yesterday", 0: "today", 1: "tomorrow"}.get(days, f"{when:%b} {when.day}, {when.year}")
    known = {"{ago}": _ago((now - when).total_seconds()), "{time}": f"{when:%H:%M}", "{date_short_pretty}": day}
    for name, shown in known.items():
        form = form.replace(name, shown)
    if "{" in form:
        raise UnknownPieceError(f"nobody knows the form {form} of a date")
    return form


def _ago(seconds: float) -> str:
    for size, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {name}{'' if number == 1 else 's'} ago"
    return "just now"
