"""A person's own page: their trains, the lanes with what can be done there, how they are called, their last pushes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pushbot.chat.slack.blocks.drawn import Drawn, fitting
from pushbot.chat.slack.blocks.lane import Scale, headline, hold, title, trains
from pushbot.chat.slack.blocks.pieces import (
    block_id,
    divider,
    header,
    italic,
    listed,
    paragraph,
    remark,
    rich_text,
    section,
)
from pushbot.chat.slack.blocks.press import actions, buttons, menus
from pushbot.chat.slack.blocks.text import words
from pushbot.service.voice.plain import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pushbot.chat.slack.shape import Object
    from pushbot.views import HomeView, LaneBoard, Offer

    Offers = tuple[Offer, ...]

_SCALES: Final = (
    Scale(trains=5, riders=8, stages=0, links=0, text=120),
    Scale(trains=3, riders=5, stages=0, links=0, text=60),
    Scale(trains=1, riders=3, stages=0, links=0, text=30),
)
_LANES: Final = 15
"""Lanes on a page, of five blocks each, so that a page keeps within the 100 that Slack takes."""
_MINE: Final = 10
_LAST: Final = 10
_WORDS: Final = 400
_MOST: Final = 60_000
"""Characters of a page as JSON, far from the 250 kB that Slack takes."""


def home(view: HomeView, now: datetime) -> Drawn:
    """The page as it is at `now`."""
    return fitting(lambda scale: _home(view, now, scale), _SCALES, _MOST)


def _home(view: HomeView, now: datetime, scale: Scale) -> list[Object]:
    offered = view.offered or tuple((lane.offers, lane.more) for lane in view.boards)
    there = zip(view.boards[:_LANES], offered, strict=False)
    lanes = [block for at, (lane, legal) in enumerate(there) for block in _lane(lane, legal, at, now, scale)]
    hidden = len(view.boards) - _LANES
    more = [rich_text(paragraph([italic(f"+ {counted(hidden, 'more lane')}")]))] if hidden > 0 else []
    return [
        header("Your trains"),
        _listed(view.mine, _MINE, "You are aboard no train."),
        *lanes,
        *more,
        *_wishes(view),
        divider(),
        header("Your last pushes"),
        _listed(view.last, _LAST, "None yet."),
    ]


def _lane(lane: LaneBoard, legal: tuple[Offers, Offers], at: int, now: datetime, scale: Scale) -> list[Object]:
    """One lane in at most five blocks, with what is legal there as buttons and in menus."""
    at_once, asking = menus(legal[1], lane.lane, lane.mark)
    pressed = [*buttons(legal[0], lane.lane, lane.mark), *at_once, *asking[1:]]
    lines, more = trains(lane, scale)
    held = [paragraph(hold(lane.hold, now, scale))] if lane.hold is not None else []
    parts = [*held, *([listed(lines, ordered=True)] if lines else []), *([paragraph([italic(more)])] if more else [])]
    return [
        divider(),
        header(title(lane.lane, lane.branch)),
        section(headline(lane), next(iter(asking), None), named=block_id("now", str(at), lane.lane)),
        *([rich_text(*parts)] if parts else []),
        *actions(pressed, "next", str(at), lane.lane),
    ]


def _wishes(view: HomeView) -> list[Object]:
    if not view.wish and not view.wishes:
        return []
    return [
        divider(),
        header("How I call you"),
        *([section(view.wish, named="wish")] if view.wish else []),
        *actions(buttons(view.wishes, "", ""), "wishes"),
    ]


def _listed(lines: Sequence[str], most: int, nothing: str) -> Object:
    if not lines:
        return rich_text(paragraph([italic(nothing)]))
    items = [remark(line, _WORDS) for line in lines[:most]]
    return rich_text(listed([*items, *([[words(f"+ {len(lines) - most} more")]] if len(lines) > most else [])]))
