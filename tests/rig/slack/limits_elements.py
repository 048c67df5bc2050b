"""Block elements and what limits them (docs.slack.dev/reference/block-kit/block-elements, a page each)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.rig.slack.limits_parts import (
    CONFIRM,
    LINKED_OPTION,
    MARKED_OPTION,
    OPTION,
    OPTION_GROUP,
    SLACK_FILE,
    Findings,
    Object,
    Rule,
    Shape,
    boolean,
    kind_of,
    many,
    number,
    one_of,
    plain,
    string,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ACTION_ID = string(255)
ID = string(255, pattern="[A-Z][A-Z0-9]{2,}")
_ANY: dict[str, Rule] = {
    "type": string(255),
    "action_id": ACTION_ID,
    "confirm": CONFIRM,
    "focus_on_load": boolean,
}
"""What interactive elements have in common."""


def _shape(
    fields: dict[str, Rule],
    must: tuple[str, ...] = (),
    whole: Callable[[Object, str, Findings], None] | None = None,
    *,
    without: str = "",
) -> Shape:
    common = {name: rule for name, rule in _ANY.items() if name not in without.split()}
    return Shape({**common, **fields}, must, whole)


def _options_of(element: Object) -> list[object]:
    """All its options, of groups too."""
    groups = element.get("option_groups")
    lists = [element.get("options")]
    if isinstance(groups, list):
        lists += [one.get("options") for one in groups if isinstance(one, dict)]
    return [option for part in lists if isinstance(part, list) for option in part]


def _menu(element: Object, where: str, found: Findings) -> None:
    """Options or groups, not both; what is chosen at first is one of them; no value comes twice."""
    if ("options" in element) == ("option_groups" in element):
        found.add("must define either `options` or `option_groups`", where)
    _chosen(element, where, found)


def _chosen(element: Object, where: str, found: Findings) -> None:
    options = _options_of(element)
    first = element.get("initial_option")
    firsts = element.get("initial_options")
    for one in [first] if first is not None else firsts if isinstance(firsts, list) else []:
        if one not in options:
            found.add("what is chosen at first must be exactly one of the options", where)
    values = [str(one.get("value")) for one in options if isinstance(one, dict)]
    for value in sorted({one for one in values if values.count(one) > 1}):
        found.add(f"two options with the value {value}", where)


def _sized(element: Object, where: str, found: Findings) -> None:
    least, most = element.get("min_length"), element.get("max_length")
    if isinstance(least, int) and isinstance(most, int) and least > most:
        found.add("min_length must not be above max_length", where)


def _pictured(element: Object, where: str, found: Findings) -> None:
    if ("image_url" in element) == ("slack_file" in element):
        found.add("must define either `image_url` or `slack_file`", where)


PLACEHOLDER = plain(150)
GROUPS = many(OPTION_GROUP, 100)
OPTIONS = many(OPTION, 100)
BUTTON = _shape(
    {
        "text": plain(75),
        "url": string(3000),
        "value": string(2000, 0),
        "style": one_of("primary", "danger"),
        "accessibility_label": string(75),
    },
    ("text",),
    without="focus_on_load",
)
OVERFLOW = _shape({"options": many(LINKED_OPTION, 5)}, ("options",), _chosen, without="focus_on_load")
_SELECT: dict[str, Rule] = {"placeholder": PLACEHOLDER}
_MULTI: dict[str, Rule] = {"placeholder": PLACEHOLDER, "max_selected_items": number(1)}
_FILTER = Shape(
    {
        "include": many(one_of("im", "mpim", "private", "public"), 4),
        "exclude_external_shared_channels": boolean,
        "exclude_bot_users": boolean,
    }
)
_IN_MENU: dict[str, Rule] = {"options": OPTIONS, "option_groups": GROUPS}
SELECTS: dict[str, Rule] = {
    "static_select": _shape({**_SELECT, **_IN_MENU, "initial_option": OPTION}, (), _menu),
    "external_select": _shape({**_SELECT, "initial_option": OPTION, "min_query_length": number(0)}),
    "users_select": _shape({**_SELECT, "initial_user": ID}),
    "channels_select": _shape({**_SELECT, "initial_channel": ID, "response_url_enabled": boolean}),
    "conversations_select": _shape(
        {
            **_SELECT,
            "initial_conversation": ID,
            "default_to_current_conversation": boolean,
            "response_url_enabled": boolean,
            "filter": _FILTER,
        }
    ),
}
MULTI_SELECTS: dict[str, Rule] = {
    "multi_static_select": _shape({**_MULTI, **_IN_MENU, "initial_options": OPTIONS}, (), _menu),
    "multi_external_select": _shape({**_MULTI, "initial_options": OPTIONS, "min_query_length": number(0)}),
    "multi_users_select": _shape({**_MULTI, "initial_users": many(ID, 100)}),
    "multi_channels_select": _shape({**_MULTI, "initial_channels": many(ID, 100)}),
    "multi_conversations_select": _shape(
        {
            **_MULTI,
            "initial_conversations": many(ID, 100),
            "default_to_current_conversation": boolean,
            "filter": _FILTER,
        }
    ),
}
_TEN = many(MARKED_OPTION, 10)
_DATE, _TIME = r"\d{4}-\d{2}-\d{2}", r"([01]\d|2[0-3]):[0-5]\d"
INTERACTIVE: dict[str, Rule] = {
    "button": BUTTON,
    "overflow": OVERFLOW,
    **SELECTS,
    **MULTI_SELECTS,
    "checkboxes": _shape({"options": _TEN, "initial_options": _TEN}, ("options",), _chosen),
    "radio_buttons": _shape({"options": _TEN, "initial_option": MARKED_OPTION}, ("options",), _chosen),
    "datepicker": _shape({"placeholder": PLACEHOLDER, "initial_date": string(10, pattern=_DATE)}),
    "timepicker": _shape(
        {"placeholder": PLACEHOLDER, "initial_time": string(5, pattern=_TIME), "timezone": string(255)}
    ),
    "datetimepicker": _shape({"initial_date_time": number(10**9, 10**10 - 1)}),
}
IMAGE = Shape(
    {"type": string(255), "image_url": string(3000), "slack_file": SLACK_FILE, "alt_text": string(2000)},
    ("alt_text",),
    _pictured,
)
_DISPATCH = Shape({"trigger_actions_on": many(one_of("on_enter_pressed", "on_character_entered"), 2)})
_TYPED: dict[str, Rule] = {
    "placeholder": PLACEHOLDER,
    "initial_value": string(3000, 0),
    "dispatch_action_config": _DISPATCH,
}
_LENGTHS: dict[str, Rule] = {"multiline": boolean, "min_length": number(0, 3000), "max_length": number(1, 3000)}
INPUTS: dict[str, Rule] = {
    **{name: rule for name, rule in INTERACTIVE.items() if name not in {"button", "overflow"}},
    "plain_text_input": _shape({**_TYPED, **_LENGTHS}, (), _sized, without="confirm"),
    "email_text_input": _shape(_TYPED, without="confirm"),
    "url_text_input": _shape(_TYPED, without="confirm"),
    "number_input": _shape(
        {**_TYPED, "is_decimal_allowed": boolean, "min_value": string(100), "max_value": string(100)},
        ("is_decimal_allowed",),
        without="confirm",
    ),
}

IN_ACTIONS = kind_of(INTERACTIVE, "element in an actions block")
IN_SECTION = kind_of({**INTERACTIVE, "image": IMAGE}, "accessory")
IN_INPUT = kind_of(INPUTS, "element in an input block")
