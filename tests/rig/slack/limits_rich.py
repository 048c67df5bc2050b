"""The inside of `rich_text` (docs.slack.dev/reference/block-kit/blocks/rich-text-block and its elements' pages)."""

from __future__ import annotations

from tests.rig.slack.limits_parts import Rule, Shape, boolean, kind_of, many, number, one_of, string

MOST = 10_000
"""No number of elements is published: more than this is surely an error."""
_TYPE = string(255)
_STYLE = Shape({"bold": boolean, "italic": boolean, "strike": boolean, "code": boolean, "underline": boolean})
_MENTION_STYLE = Shape(
    {
        "bold": boolean,
        "italic": boolean,
        "strike": boolean,
        "highlight": boolean,
        "client_highlight": boolean,
        "unlink": boolean,
    }
)
TEXT = Shape({"type": _TYPE, "text": string(40_000), "style": _STYLE}, ("text",))
LINK = Shape(
    {"type": _TYPE, "url": string(3000, pattern=r"[a-z][a-z0-9+.-]*:\S+"), "text": string(40_000), "unsafe": boolean,
     "style": _STYLE},
    ("url",),
)  # fmt: skip


def _mention(name: str, pattern: str) -> Rule:
    return Shape({"type": _TYPE, name: string(255, pattern=pattern), "style": _MENTION_STYLE}, (name,))


INLINE: dict[str, Rule] = {
    "text": TEXT,
    "link": LINK,
    "emoji": Shape(
        {
            "type": _TYPE,
            "name": string(255, pattern=r"[\w+'-]+"),
            "unicode": string(255),
            "skin_tone": number(1, 6),
            "style": _STYLE,
        },
        ("name",),
    ),
    "user": _mention("user_id", "[UW][A-Z0-9]{2,}"),
    "usergroup": _mention("usergroup_id", "S[A-Z0-9]{2,}"),
    "channel": _mention("channel_id", "[CDG][A-Z0-9]{2,}"),
    "broadcast": Shape({"type": _TYPE, "range": one_of("here", "channel", "everyone"), "style": _STYLE}, ("range",)),
    "date": Shape(
        {
            "type": _TYPE,
            "timestamp": number(0),
            "format": string(255),
            "url": string(3000),
            "fallback": string(255),
            "style": _STYLE,
        },
        ("timestamp", "format"),
    ),
    "color": Shape({"type": _TYPE, "value": string(7, pattern="#[0-9A-Fa-f]{3,6}")}, ("value",)),
}
_LINE = many(kind_of(INLINE, "rich text element"), MOST, 0)
_BORDER = one_of(0, 1)
SECTION = Shape({"type": _TYPE, "elements": _LINE}, ("elements",))
_KINDS: dict[str, Rule] = {
    "rich_text_section": SECTION,
    "rich_text_list": Shape(
        {
            "type": _TYPE,
            "style": one_of("bullet", "ordered"),
            "elements": many(kind_of({"rich_text_section": SECTION}, "list element"), MOST),
            "indent": number(0, 8),
            "offset": number(0),
            "border": _BORDER,
        },
        ("style", "elements"),
    ),
    "rich_text_preformatted": Shape(
        {
            "type": _TYPE,
            "elements": many(kind_of({"text": TEXT, "link": LINK}, "preformatted element"), MOST, 0),
            "border": _BORDER,
            "language": string(255),
        },
        ("elements",),
    ),
    "rich_text_quote": Shape({"type": _TYPE, "elements": _LINE, "border": _BORDER}, ("elements",)),
}
RICH_TEXT = many(kind_of(_KINDS, "rich text object"), MOST)
