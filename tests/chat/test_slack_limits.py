"""The judge of Block Kit: what is right passes, and what breaks a published limit is named, with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from slack_sdk.models.blocks import (
    ActionsBlock,
    ButtonElement,
    ConfirmObject,
    ContextBlock,
    DividerBlock,
    HeaderBlock,
    ImageBlock,
    ImageElement,
    InputBlock,
    MarkdownBlock,
    MarkdownTextObject,
    Option,
    OptionGroup,
    OverflowMenuElement,
    PlainTextInputElement,
    PlainTextObject,
    RadioButtonsElement,
    RichTextBlock,
    RichTextElementParts,
    RichTextListElement,
    RichTextPreformattedElement,
    RichTextQuoteElement,
    RichTextSectionElement,
    SectionBlock,
    StaticSelectElement,
    UserSelectElement,
)
from slack_sdk.models.views import View

from tests.rig.slack.limits import HOME, MESSAGE, judge, judge_view

if TYPE_CHECKING:
    from pydantic import JsonValue

    Object = dict[str, JsonValue]


def text(said: str = "x", kind: str = "plain_text") -> Object:
    return {"type": kind, "text": said}


def section(**more: JsonValue) -> Object:
    return {"type": "section", "text": text(kind="mrkdwn"), **more}


def button(**more: JsonValue) -> Object:
    return {"type": "button", "text": text(), **more}


def actions(*elements: JsonValue) -> Object:
    return {"type": "actions", "elements": [*elements]}


def option(value: str = "v", **more: JsonValue) -> Object:
    return {"text": text(), "value": value, **more}


def menu(kind: str, options: int, **more: JsonValue) -> Object:
    return {"type": kind, "options": [option(str(at)) for at in range(options)], **more}


def rich(*elements: JsonValue) -> Object:
    return {"type": "rich_text", "elements": [*elements]}


def line(*elements: JsonValue, kind: str = "rich_text_section") -> Object:
    return {"type": kind, "elements": [*elements]}


def confirm(**more: JsonValue) -> Object:
    return {"title": text(), "text": text(), "confirm": text(), "deny": text(), **more}


def test_what_slacks_own_models_make_is_right() -> None:
    sure = ConfirmObject(title="Sure?", text=PlainTextObject(text="Really?"), confirm="Yes", deny="No")
    options = [Option(value="a", label="A"), Option(value="b", label="B", description="b")]
    part = RichTextElementParts
    blocks = [
        HeaderBlock(text="web"),
        SectionBlock(text="*hello*", fields=["a", "b"], accessory=ButtonElement(text="Go", action_id="go")),
        SectionBlock(text="pick", accessory=OverflowMenuElement(options=options, action_id="more")),
        SectionBlock(text="see", accessory=ImageElement(image_url="https://x.org/y.png", alt_text="y")),
        DividerBlock(block_id="line"),
        ContextBlock(elements=[MarkdownTextObject(text="by _ada_")]),
        ImageBlock(image_url="https://x.org/y.png", alt_text="y", title="why"),
        ActionsBlock(
            elements=[
                ButtonElement(text="Ready", action_id="ready", value="v", style="primary", confirm=sure),
                ButtonElement(text="Docs", action_id="docs", url="https://x.org"),
                StaticSelectElement(
                    action_id="pick", placeholder="pick", option_groups=[OptionGroup(label="all", options=options)]
                ),
                UserSelectElement(action_id="who", initial_user="U024BE7LH"),
                RadioButtonsElement(action_id="one", options=options, initial_option=options[0]),
            ]
        ),
        RichTextBlock(
            elements=[
                RichTextSectionElement(
                    elements=[
                        part.Text(text="hi ", style=part.TextStyle(bold=True)),
                        part.User(user_id="U024BE7LH"),
                        part.Link(url="https://x.org", text="there"),
                        part.Emoji(name="tada"),
                        part.Channel(channel_id="C024BE7LH"),
                        part.UserGroup(usergroup_id="S024BE7LH"),
                        part.Broadcast(range="here"),
                        part.Date(timestamp=1700000000, format="{date}", fallback="then"),
                    ]
                ),
                RichTextListElement(
                    style="bullet", indent=1, elements=[RichTextSectionElement(elements=[part.Text(text="one")])]
                ),
                RichTextPreformattedElement(elements=[part.Text(text="$ make")], border=0),
                RichTextQuoteElement(elements=[part.Text(text="quoted")]),
            ]
        ),
    ]
    made: JsonValue = [block.to_dict() for block in blocks]
    assert judge(made) == []
    assert judge([MarkdownBlock(text="# hi").to_dict()]) == []
    assert judge_view(View(type="home", blocks=blocks).to_dict(), "home") == []
    asks = InputBlock(label="why", element=PlainTextInputElement(action_id="why", max_length=100))
    modal = View(type="modal", title="Abort", submit="Abort", close="Back", blocks=[asks, *blocks])
    assert judge_view(modal.to_dict(), "modal") == []


LONG = "must be less than {} characters"
WRONG: list[tuple[Object, str]] = [
    ({"type": "header", "text": text("x" * 151)}, f"{LONG.format(151)} [json-pointer:/blocks/0/text/text]"),
    ({"type": "header", "text": text(kind="mrkdwn")}, "must be one of: plain_text [json-pointer:/blocks/0/text/type]"),
    (section(text=text("x" * 3001)), f"{LONG.format(3001)} [json-pointer:/blocks/0/text/text]"),
    (section(text=text("")), "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    (section(text="x"), "must be an object [json-pointer:/blocks/0/text]"),
    (section(fields=[text()] * 11), "no more than 10 items allowed [json-pointer:/blocks/0/fields]"),
    (section(fields=[text("x" * 2001)]), f"{LONG.format(2001)} [json-pointer:/blocks/0/fields/0/text]"),
    (section(accessory=rich()), "unsupported type of accessory: rich_text [json-pointer:/blocks/0/accessory/type]"),
    (section(block_id="x" * 256), f"{LONG.format(256)} [json-pointer:/blocks/0/block_id]"),
    (section(colour="red"), "invalid additional property: colour [json-pointer:/blocks/0]"),
    (
        section(text=text(kind="mrkdwn") | {"emoji": True}),
        "invalid additional property: emoji [json-pointer:/blocks/0/text]",
    ),
    ({"type": "section"}, "must define either `text` or `fields` [json-pointer:/blocks/0]"),
    ({"type": "table"}, "unsupported type of block in a message: table [json-pointer:/blocks/0/type]"),
    ({}, "missing required field: type [json-pointer:/blocks/0]"),
    ({"type": "context", "elements": [text()] * 11}, "no more than 10 items allowed [json-pointer:/blocks/0/elements]"),
    ({"type": "context", "elements": []}, "no less than 1 items allowed [json-pointer:/blocks/0/elements]"),
    (
        {"type": "context", "elements": [button()]},
        "unsupported type of element in a context block: button [json-pointer:/blocks/0/elements/0/type]",
    ),
    (actions(*[button()] * 26), "no more than 25 items allowed [json-pointer:/blocks/0/elements]"),
    (actions(button(action_id="a"), button(action_id="a")), "`action_id` a already exists [json-pointer:/blocks/0]"),
    (actions(button(action_id="x" * 256)), f"{LONG.format(256)} [json-pointer:/blocks/0/elements/0/action_id]"),
    (actions(button(text=text("x" * 76))), f"{LONG.format(76)} [json-pointer:/blocks/0/elements/0/text/text]"),
    (actions(button(value="x" * 2001)), f"{LONG.format(2001)} [json-pointer:/blocks/0/elements/0/value]"),
    (actions(button(url="x" * 3001)), f"{LONG.format(3001)} [json-pointer:/blocks/0/elements/0/url]"),
    (actions(button(style="green")), "must be one of: primary, danger [json-pointer:/blocks/0/elements/0/style]"),
    (actions({"type": "button"}), "missing required field: text [json-pointer:/blocks/0/elements/0]"),
    (actions(menu("overflow", 6)), "no more than 5 items allowed [json-pointer:/blocks/0/elements/0/options]"),
    (actions(menu("overflow", 0)), "no less than 1 items allowed [json-pointer:/blocks/0/elements/0/options]"),
    (
        actions({"type": "overflow", "options": [option("x" * 151)]}),
        f"{LONG.format(151)} [json-pointer:/blocks/0/elements/0/options/0/value]",
    ),
    (
        actions({"type": "overflow", "options": [option(text=text("x" * 76))]}),
        f"{LONG.format(76)} [json-pointer:/blocks/0/elements/0/options/0/text/text]",
    ),
    (
        actions({"type": "overflow", "options": [option(), option()]}),
        "two options with the value v [json-pointer:/blocks/0/elements/0]",
    ),
    (actions(menu("static_select", 101)), "no more than 100 items allowed [json-pointer:/blocks/0/elements/0/options]"),
    (
        actions({"type": "static_select"}),
        "must define either `options` or `option_groups` [json-pointer:/blocks/0/elements/0]",
    ),
    (
        actions(menu("static_select", 2, initial_option=option("3"))),
        "what is chosen at first must be exactly one of the options [json-pointer:/blocks/0/elements/0]",
    ),
    (
        actions(menu("static_select", 2, placeholder=text("x" * 151))),
        f"{LONG.format(151)} [json-pointer:/blocks/0/elements/0/placeholder/text]",
    ),
    (
        actions({"type": "static_select", "options": [option(url="https://x.org")]}),
        "invalid additional property: url [json-pointer:/blocks/0/elements/0/options/0]",
    ),
    (actions(menu("radio_buttons", 11)), "no more than 10 items allowed [json-pointer:/blocks/0/elements/0/options]"),
    (
        actions(button(confirm=confirm(title=text("x" * 101)))),
        f"{LONG.format(101)} [json-pointer:/blocks/0/elements/0/confirm/title/text]",
    ),
    (
        actions(button(confirm=confirm(text=text("x" * 301)))),
        f"{LONG.format(301)} [json-pointer:/blocks/0/elements/0/confirm/text/text]",
    ),
    (
        actions(button(confirm=confirm(deny=text("x" * 31)))),
        f"{LONG.format(31)} [json-pointer:/blocks/0/elements/0/confirm/deny/text]",
    ),
    (
        rich(line({"type": "text", "text": ""})),
        "must be more than 0 characters [json-pointer:/blocks/0/elements/0/elements/0/text]",
    ),
    (
        rich({"type": "text", "text": "x"}),
        "unsupported type of rich text object: text [json-pointer:/blocks/0/elements/0/type]",
    ),
    (
        rich(line({"type": "mrkdwn", "text": "x"})),
        "unsupported type of rich text element: mrkdwn [json-pointer:/blocks/0/elements/0/elements/0/type]",
    ),
    (
        rich(line({"type": "user", "user_id": "ada"})),
        "must match [UW][A-Z0-9]{2,} [json-pointer:/blocks/0/elements/0/elements/0/user_id]",
    ),
    (
        rich(line({"type": "user", "user_id": "U024BE7LH"}, kind="rich_text_preformatted")),
        "unsupported type of preformatted element: user [json-pointer:/blocks/0/elements/0/elements/0/type]",
    ),
    (
        rich(line({"type": "text", "text": "x", "style": {"bold": "yes"}})),
        "must be a boolean [json-pointer:/blocks/0/elements/0/elements/0/style/bold]",
    ),
    (
        rich(line(line(), kind="rich_text_list")),
        "missing required field: style [json-pointer:/blocks/0/elements/0]",
    ),
    ({"type": "image", "alt_text": "x"}, "must define either `image_url` or `slack_file` [json-pointer:/blocks/0]"),
]


@pytest.mark.parametrize(("block", "problem"), WRONG, ids=[problem for _, problem in WRONG])
def test_what_is_wrong_is_named(block: Object, problem: str) -> None:
    assert [str(one) for one in judge([block])] == [problem]


def test_numbers_of_blocks_differ_by_surface() -> None:
    many: JsonValue = [{"type": "divider"}] * 51
    assert [one.what for one in judge(many, MESSAGE)] == ["no more than 50 items allowed"]
    assert judge(many, HOME) == []
    view: Object = {"type": "home", "blocks": [{"type": "divider"}] * 101}
    assert [str(one) for one in judge_view(view)] == ["no more than 100 items allowed [json-pointer:/view/blocks]"]


def test_blocks_among_each_other() -> None:
    same: JsonValue = [section(block_id="a"), section(block_id="b"), section(block_id="a")]
    assert [one.what for one in judge(same)] == ["`block_id` a already exists"]
    long: JsonValue = [{"type": "markdown", "text": "x" * 7000}] * 2
    assert [one.what for one in judge(long)] == ["all markdown blocks must be less than 12001 characters together"]
    focused: JsonValue = [section(accessory=menu("static_select", 1, focus_on_load=True))] * 2
    assert [one.what for one in judge(focused)] == ["only one element may have `focus_on_load`"]
    assert [one.what for one in judge({"type": "divider"})] == ["must be an array"]


def test_views() -> None:
    asks: Object = {"type": "input", "label": text(), "element": {"type": "plain_text_input"}}
    view: Object = {"type": "modal", "title": text("x" * 25), "blocks": [asks], "private_metadata": "x" * 3001}
    assert [str(one) for one in judge_view(view, "modal")] == [
        "must be less than 25 characters [json-pointer:/view/title/text]",
        "must be less than 3001 characters [json-pointer:/view/private_metadata]",
        "a view with an input block must define `submit` [json-pointer:/view]",
    ]
    home: Object = {"type": "home", "title": text(), "blocks": []}
    assert [one.what for one in judge_view(home)] == ["invalid additional property: title"]
    assert [one.where for one in judge_view({"type": "modal", "blocks": []})] == ["/view/type"]
