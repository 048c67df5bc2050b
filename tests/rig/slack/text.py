"""Text as Slack keeps it, and as people see it (docs.slack.dev/messaging/formatting-message-text).

`&`, `<` and `>` are kept as entities; mentions, links and specials stand between `<` and `>`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.rig.slack.state import Object, Workspace

_KEPT = re.compile(r"<(?:[@#][A-Z][A-Z0-9]{2,}|!(?:here|channel|everyone|subteam\^|date\^)|https?://|mailto:)[^<>\n]*>")
_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt);)")
_TYPED = re.compile(
    r"(?P<code>`[^`\n]+`)|(?P<url>https?://[^\s<>|]+[^\s<>|.,;:!?)\]'\"])|(?P<mail>\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b)"
    r"|(?P<at>(?<![\w@])@[\w.-]*\w)|(?P<room>(?<![\w#])#[\w-]+)|(?P<bare>\b(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev)\b)"
)
EMOJI = {
    "🎉": ":tada:",
    "🚀": ":rocket:",
    "🔒": ":lock:",
    "✅": ":white_check_mark:",
    "❌": ":x:",
    "⚠️": ":warning:",
    "🔥": ":fire:",
    "👍": ":+1:",
    "🚨": ":rotating_light:",
    "🛑": ":octagonal_sign:",
}
"""The page on formatting, "Emoji": what is sent as a character is kept in this form. Enough of them to notice."""
_MARK = re.compile(r"<(?P<body>[^<>\n]+)>")


def escape(text: str) -> str:
    """The three characters as entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def stored(text: str) -> str:
    """What Slack keeps of a text an app sent: what is no entity, mention or link becomes entities."""
    kept, at = [], 0
    for found in _KEPT.finditer(text):
        kept += [_loose(text[at : found.start()]), found[0]]
        at = found.end()
    return _coloned("".join([*kept, _loose(text[at:])]))


def _coloned(text: str) -> str:
    for character, name in EMOJI.items():
        text = text.replace(character, name)
    return text


def _loose(text: str) -> str:
    return _AMPERSAND.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")


def typed(text: str, space: Workspace) -> str:
    """What Slack makes of what somebody typed: entities, mentions of people and channels, links."""
    made, at, text = [], 0, text.strip()
    for found in _TYPED.finditer(text):
        made += [escape(text[at : found.start()]), _marked(found, space)]
        at = found.end()
    return _coloned("".join([*made, escape(text[at:])]))


def _marked(found: re.Match[str], space: Workspace) -> str:
    whole = escape(found[0])
    match found.lastgroup:
        case "url":
            return f"<{whole}>"
        case "mail":
            return f"<mailto:{whole}|{whole}>"
        case "bare":
            return f"<http://{whole}|{whole}>"
        case "at" if found[0] in {"@here", "@channel", "@everyone"}:
            return f"<!{found[0][1:]}>"
        case "at":
            named = [one for one in space.users.values() if found[0][1:] in {one.name, one.display}]
            groups = [one for one in space.groups.values() if found[0][1:] == one.handle]
            if named:
                return f"<@{named[0].id}>"
            return f"<!subteam^{groups[0].id}|@{groups[0].handle}>" if groups else whole
        case "room":
            rooms = [one for one in space.channels.values() if one.name == found[0][1:]]
            return f"<#{rooms[0].id}|{rooms[0].name}>" if rooms else whole
        case _:
            return whole


def plain(text: str, space: Workspace) -> str:
    """What people read: mentions as `@name` and `#channel`, links by their labels, entities and emoji as characters."""
    shown = _MARK.sub(lambda found: escape(_shown(found["body"], space)), text)
    for character, name in EMOJI.items():
        shown = shown.replace(name, character)
    return unescape(shown)


def _shown(body: str, space: Workspace) -> str:
    target, _, label = body.partition("|")
    if target.startswith("@"):
        user = space.users.get(target[1:])
        return f"@{user.shown if user else label or target[1:]}"
    if target.startswith("#"):
        channel = space.channels.get(target[1:])
        return f"#{channel.name if channel else label or target[1:]}"
    if target.startswith("!subteam^"):
        group = space.groups.get(target.removeprefix("!subteam^"))
        return f"@{group.handle}" if group else label
    if target.startswith("!"):
        return label or f"@{target[1:]}"
    return label or target


def as_blocks(text: str, block_id: str) -> list[Object]:
    """The `rich_text` that comes with what people type (its mentions as elements, the rest as text)."""
    elements: list[Object] = []
    at = 0
    for found in _MARK.finditer(text):
        if at < found.start():
            elements.append({"type": "text", "text": unescape(text[at : found.start()])})
        elements.append(_element(found["body"]))
        at = found.end()
    if at < len(text):
        elements.append({"type": "text", "text": unescape(text[at:])})
    section: Object = {"type": "rich_text_section", "elements": [*elements]}
    return [{"type": "rich_text", "block_id": block_id, "elements": [section]}]


def _element(body: str) -> Object:
    target, _, label = body.partition("|")
    if target.startswith("@"):
        return {"type": "user", "user_id": target[1:]}
    if target.startswith("#"):
        return {"type": "channel", "channel_id": target[1:]}
    if target.startswith("!subteam^"):
        return {"type": "usergroup", "usergroup_id": target.removeprefix("!subteam^")}
    if target.startswith("!"):
        return {"type": "broadcast", "range": target[1:]}
    return {"type": "link", "url": unescape(target), **({"text": unescape(label)} if label else {})}
