from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings

from pushbot.chat.slack.blocks import Drawn, Press, board, home, pressed, push
from pushbot.chat.slack.blocks.drawn import MOST, weight
from pushbot.chat.slack.blocks.press import BUTTON_VALUE, OPTION_VALUE, value
from pushbot.chat.slack.blocks.text import size
from pushbot.chat.slack.shape import objects
from tests.chat import slack_views as views
from tests.rig.slack.limits import HOME, judge, judge_view
from tests.rig.slack.pressed import elements
from tests.rig.slack.shown import mentions
from tests.rig.slack.state import Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic import JsonValue

    from pushbot.chat.slack.shape import Object
    from pushbot.views import HomeView, LaneBoard, Offer, PushView

many = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def strings(value: JsonValue | Sequence[Object]) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def kinds(value: JsonValue | Sequence[Object]) -> set[str]:
    if isinstance(value, dict):
        return {str(value.get("type"))}.union(*map(kinds, value.values()))
    return set().union(*map(kinds, value)) if isinstance(value, list) else set()


def presses(drawn: Drawn) -> list[Press]:
    """What people can press, each pressed once, as Slack tells of it."""
    found = list[Press | None]()
    for element, block in elements({"blocks": [*drawn.blocks]}):
        action: Object = {"type": element["type"], "action_id": element.get("action_id"), "block_id": block}
        if element["type"] == "button":
            found.append(pressed({**action, "value": element["value"], "text": element["text"]}))
        else:
            found += [pressed({**action, "selected_option": option}) for option in objects(element, "options")]
    assert None not in found
    return [press for press in found if press is not None]


def meant(offers: Sequence[Offer], lane: str, mark: str, most: int) -> list[Press]:
    fit = (offer for offer in offers if size(value(offer, lane, mark)) <= most)
    return list(dict.fromkeys(Press(offer.command, lane, mark if offer.bound else "") for offer in fit))


def of_board(lane: LaneBoard) -> list[Press]:
    now = meant(lane.offers, lane.lane, lane.mark, BUTTON_VALUE)
    return [*now, *meant(lane.more, lane.lane, lane.mark, OPTION_VALUE)]


def weight_of(offer: Offer) -> int:
    """What an offer may add, as it is never left out for want of room."""
    return 400 + 8 * len(offer.command) + 4 * len(offer.sure[:300])


def harmless(drawn: Drawn) -> None:
    """Nobody is mentioned, nothing is parsed, nothing hides or turns what stands beside it."""
    message = Message("C0", "1.1", "U0", drawn.fallback, drawn.blocks)
    assert mentions(message) == []
    assert not kinds(drawn.blocks) & {"mrkdwn", "user", "usergroup", "channel", "broadcast", "markdown"}
    seen = [*strings(drawn.blocks), drawn.fallback]
    assert not {"\u202e", "\u200b", "\x00", "\x1b", "\ud83d", "\r"} & set("".join(seen))
    assert 0 < len(drawn.fallback.encode()) <= 3000


@many
@given(views.boards())
def test_any_board_is_one_that_slack_takes(lane: LaneBoard) -> None:
    drawn = board(lane, views.NOW)
    assert judge([*drawn.blocks]) == []
    assert weight(drawn.blocks) <= MOST + sum(map(weight_of, lane.more)) + sum(map(weight_of, lane.offers))
    assert set(presses(drawn)) == set(of_board(lane))
    harmless(drawn)


@many
@given(views.pushes)
def test_any_push_is_one_that_slack_takes(view: PushView) -> None:
    drawn = push(view, views.NOW)
    assert judge([*drawn.blocks]) == []
    assert presses(drawn) == []
    assert weight(drawn.blocks) <= MOST
    harmless(drawn)


@many
@given(views.homes)
def test_any_page_is_one_that_slack_takes(view: HomeView) -> None:
    drawn = home(view, views.NOW)
    assert judge_view({"type": "home", "blocks": [*drawn.blocks]}, HOME) == []
    wishes = meant(view.wishes, "", "", BUTTON_VALUE)
    lanes = [press for lane in view.boards[:15] for press in of_board(lane)]
    assert set(presses(drawn)) == {*wishes, *lanes}
    harmless(drawn)
