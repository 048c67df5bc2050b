"""A judge of Block Kit: every published limit of blocks and views, and precisely what breaks one.

    assert judge(blocks) == []
    assert judge_view(view, "home") == []

From docs.slack.dev/reference/block-kit/blocks (a page a block), docs.slack.dev/reference/views and the pages named in
`limits_elements`, `limits_parts` and `limits_rich`. It knows nothing of how our blocks are made. What is not on those
pages is wrong: unknown fields and unknown types too, as Slack refuses them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.rig.slack.limits_elements import IMAGE, IN_ACTIONS, IN_INPUT, IN_SECTION
from tests.rig.slack.limits_parts import (
    SLACK_FILE,
    Findings,
    Object,
    Problem,
    Rule,
    Shape,
    anything,
    boolean,
    kind_of,
    many,
    one_of,
    plain,
    string,
    text,
)
from tests.rig.slack.limits_rich import RICH_TEXT

if TYPE_CHECKING:
    from pydantic import JsonValue

MESSAGE, MODAL, HOME = "message", "modal", "home"
MOST = {MESSAGE: 50, MODAL: 100, HOME: 100}
"""Blocks."""
MARKDOWN = 12_000
"""Characters in all `markdown` blocks of a message."""
_ANY: dict[str, Rule] = {"type": string(255), "block_id": string(255)}


def _said(block: Object, where: str, found: Findings) -> None:
    if "text" not in block and "fields" not in block:
        found.add("must define either `text` or `fields`", where)


def _distinct(block: Object, where: str, found: Findings) -> None:
    """docs.slack.dev: an `action_id` should be unique among all others in the containing block; Slack insists."""
    elements = block.get("elements")
    ids = [one.get("action_id") for one in (elements if isinstance(elements, list) else []) if isinstance(one, dict)]
    for name in sorted({str(one) for one in ids if one is not None and ids.count(one) > 1}):
        found.add(f"`action_id` {name} already exists", where)


def _pictured(block: Object, where: str, found: Findings) -> None:
    if ("image_url" in block) == ("slack_file" in block):
        found.add("must define either `image_url` or `slack_file`", where)


ACTIONS = Shape({**_ANY, "elements": many(IN_ACTIONS, 25)}, ("elements",), _distinct)
CONTEXT = Shape(
    {
        **_ANY,
        "elements": many(
            kind_of({"image": IMAGE, "plain_text": text(3000), "mrkdwn": text(3000)}, "element in a context block"), 10
        ),
    },
    ("elements",),
)
IMAGE_BLOCK = Shape(
    {
        **_ANY,
        "image_url": string(3000),
        "slack_file": SLACK_FILE,
        "alt_text": string(2000),
        "title": plain(2000),
    },
    ("alt_text",),
    _pictured,
)
SECTION = Shape(
    {**_ANY, "text": text(3000), "fields": many(text(2000), 10), "accessory": IN_SECTION, "expand": boolean}, (), _said
)
INPUT = Shape(
    {
        **_ANY,
        "label": plain(2000),
        "element": IN_INPUT,
        "hint": plain(2000),
        "optional": boolean,
        "dispatch_action": boolean,
    },
    ("label", "element"),
)
_EVERYWHERE: dict[str, Rule] = {
    "actions": ACTIONS,
    "context": CONTEXT,
    "divider": Shape(_ANY),
    "header": Shape({**_ANY, "text": plain(150)}, ("text",)),
    "image": IMAGE_BLOCK,
    "input": INPUT,
    "rich_text": Shape({**_ANY, "elements": RICH_TEXT}, ("elements",)),
    "section": SECTION,
}
BLOCKS: dict[str, dict[str, Rule]] = {
    MESSAGE: {**_EVERYWHERE, "markdown": Shape({**_ANY, "text": string(MARKDOWN)}, ("text",))},
    MODAL: _EVERYWHERE,
    HOME: _EVERYWHERE,
}


def judge(blocks: JsonValue, surface: str = MESSAGE) -> list[Problem]:
    """What is wrong with the blocks of a `message`, `modal` or `home` tab; empty when nothing is."""
    found = Findings()
    _blocks(blocks, surface, "/blocks", found)
    return found.problems


def _blocks(blocks: JsonValue, surface: str, where: str, found: Findings) -> None:
    rule = many(kind_of(BLOCKS[surface], f"block in a {surface}"), MOST[surface], 0)
    rule(blocks, where, found)
    known = [one for one in blocks if isinstance(one, dict)] if isinstance(blocks, list) else []
    ids = [one.get("block_id") for one in known]
    for name in sorted({str(one) for one in ids if one is not None and ids.count(one) > 1}):
        found.add(f"`block_id` {name} already exists", where)
    markdown = sum(len(str(one.get("text"))) for one in known if one.get("type") == "markdown")
    if markdown > MARKDOWN:
        found.add(f"all markdown blocks must be less than {MARKDOWN + 1} characters together", where)
    if _focused(blocks) > 1:
        found.add("only one element may have `focus_on_load`", where)


def _focused(value: JsonValue) -> int:
    if isinstance(value, dict):
        return int(value.get("focus_on_load") is True) + sum(_focused(one) for one in value.values())
    return sum(_focused(one) for one in value) if isinstance(value, list) else 0


_VIEW: dict[str, Rule] = {
    "type": one_of(MODAL, HOME),
    "blocks": anything,
    "private_metadata": string(3000, 0),
    "callback_id": string(255, 0),
    "external_id": string(255, 0),
}
_VIEWS = {
    HOME: Shape(_VIEW, ("type", "blocks")),
    MODAL: Shape(
        {
            **_VIEW,
            "title": plain(24),
            "close": plain(24),
            "submit": plain(24),
            "clear_on_close": boolean,
            "notify_on_close": boolean,
            "submit_disabled": boolean,
        },
        ("type", "blocks", "title"),
    ),
}


def judge_view(view: JsonValue, kind: str = HOME) -> list[Problem]:
    """What is wrong with a view that is to be a `home` tab or a `modal`; empty when nothing is."""
    found = Findings()
    _VIEWS[kind](view, "/view", found)
    if isinstance(view, dict):
        if view.get("type") != kind:
            found.add(f"must be one of: {kind}", "/view/type")
        blocks = view.get("blocks")
        _blocks(blocks, kind, "/view/blocks", found)
        asks = isinstance(blocks, list) and any(isinstance(one, dict) and one.get("type") == "input" for one in blocks)
        if kind == MODAL and asks and "submit" not in view:
            found.add("a view with an input block must define `submit`", "/view")
    return found.problems
