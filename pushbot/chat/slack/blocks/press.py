"""What can be pressed, and what a press says: the command, its lane, and the mark of the board it was drawn for.

All three travel in the element's `value`, so that a press says the same whatever has been drawn since. Nothing has to
keep people from forging one: a press passes the same gate as what they type.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from pushbot.chat.slack.blocks.pieces import block_id, plain
from pushbot.chat.slack.blocks.text import size
from pushbot.chat.slack.shape import part, text
from pushbot.views import Weight

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import JsonValue

    from pushbot.chat.slack.shape import Object
    from pushbot.views import Offer

LABEL: Final = 30
OPTION_LABEL: Final = 75
BUTTON_VALUE: Final = 2000
OPTION_VALUE: Final = 150
"""What Slack takes as the value of an option: what a command in a menu, its lane and mark have together."""
OPTIONS: Final = 5
ELEMENTS: Final = 25
QUESTION: Final = 300
_ACTION_ID: Final = 255


@dataclass(frozen=True, slots=True)
class Press:
    """Somebody pressed something: do `command` in `lane`, as seen when the lane's `mark` was this."""

    command: str
    lane: str
    mark: str


def pressed(action: JsonValue) -> Press | None:
    """What an action of a `block_actions` payload says; None for anything that was not drawn here."""
    value = text(action, "value") or text(part(action, "selected_option"), "value")
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    match found:
        case [str() as command, str() as lane, str() as mark] if command.isprintable() and command:
            return Press(command, lane, mark)
        case _:
            return None


def value(offer: Offer, lane: str, mark: str) -> str:
    """What an element carries that makes the offer."""
    carried = [offer.command, lane, mark if offer.bound else ""]
    return json.dumps(carried, ensure_ascii=False, separators=(",", ":"))


def buttons(offers: Sequence[Offer], lane: str, mark: str) -> list[Object]:
    """A button for each offer that a button can carry."""
    return [
        _button(offer, number, carried)
        for number, offer in enumerate(offers)
        if size(carried := value(offer, lane, mark)) <= BUTTON_VALUE
    ]


def menus(offers: Iterable[Offer], lane: str, mark: str) -> tuple[list[Object], list[Object]]:
    """Overflow menus of the offers: those that are done at once, and those about which a question is asked first.

    Slack asks the same question for all of a menu, so it tells them apart. An offer too long to be carried by a menu is
    left out, and so is the second of two that say the same.
    """
    known = {size_and_value[1]: offer for offer in offers if (size_and_value := _carried(offer, lane, mark))}
    at_once = [(carried, offer) for carried, offer in known.items() if not offer.sure]
    asking = [(carried, offer) for carried, offer in known.items() if offer.sure]
    return _overflows("more", at_once), _overflows("sure", asking)


def actions(elements: Sequence[Object], *named: str) -> list[Object]:
    """The block with these elements, and none where there are none."""
    if not elements:
        return []
    return [{"type": "actions", "block_id": block_id(*named), "elements": [*elements[:ELEMENTS]]}]


def _carried(offer: Offer, lane: str, mark: str) -> tuple[int, str] | None:
    carried = value(offer, lane, mark)
    return (size(carried), carried) if size(carried) <= OPTION_VALUE else None


def _button(offer: Offer, number: int, carried: str) -> Object:
    made: Object = {
        "type": "button",
        "action_id": f"{offer.name}.{number}"[:_ACTION_ID],
        "text": plain(offer.label, LABEL),
        "value": carried,
    }
    if offer.weight is not Weight.PLAIN:
        made["style"] = offer.weight.value
    if offer.sure:
        made["confirm"] = _confirm([offer])
    return made


def _overflows(name: str, offers: Sequence[tuple[str, Offer]]) -> list[Object]:
    made: list[Object] = []
    for number, together in groupby(enumerate(offers), key=lambda each: each[0] // OPTIONS):
        chosen = [each for _, each in together]
        options: list[JsonValue] = [
            {"text": plain(offer.label, OPTION_LABEL), "value": carried} for carried, offer in chosen
        ]
        menu: Object = {"type": "overflow", "action_id": f"{name}.{number}", "options": options}
        asking = [offer for _, offer in chosen if offer.sure]
        made.append({**menu, "confirm": _confirm(asking)} if asking else menu)
    return made


def _confirm(offers: Sequence[Offer]) -> Object:
    """The question before one of these is done; whoever answers chose one, which Slack does not tell here."""
    alone = offers[0] if len(offers) == 1 else None
    asked = alone.sure if alone else "  ".join(f"{offer.label}: {offer.sure}" for offer in offers)
    made: Object = {
        "title": plain(alone.label if alone else "Are you sure?", 100),
        "text": plain(asked, QUESTION),
        "confirm": plain(alone.label if alone else "Yes", LABEL),
        "deny": plain("No", LABEL),
    }
    if any(offer.weight is Weight.DANGER for offer in offers):
        made["style"] = Weight.DANGER.value
    return made
