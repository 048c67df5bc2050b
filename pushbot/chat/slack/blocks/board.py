"""The board of a lane: the pinned message that shows all that goes on there, and the next steps as two buttons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.chat.slack.blocks.drawn import Drawn, fallback, fitting
from pushbot.chat.slack.blocks.lane import SCALES, Scale, headline, hold, lock, title, trains
from pushbot.chat.slack.blocks.pieces import block_id, header, italic, listed, paragraph, remark, rich_text, section
from pushbot.chat.slack.blocks.press import actions, buttons, menus
from pushbot.chat.slack.blocks.stages import stages
from pushbot.chat.slack.blocks.text import words
from pushbot.service.voice.phrases import about
from pushbot.service.voice.plain import counted

if TYPE_CHECKING:
    from datetime import datetime

    from pushbot.chat.slack.shape import Object
    from pushbot.views import LaneBoard


def board(lane: LaneBoard, now: datetime) -> Drawn:
    """The board as it is at `now`: shortened from the tail, in words, where a message has no room for all.

    What can be pressed are `offers` as buttons, and `more` in menus: beside them what is done at once, at the top what
    is asked about first.
    """
    return fitting(lambda scale: _board(lane, now, scale), SCALES)


def past(lane: str) -> Drawn:
    """What stays of the board of a lane that is shown no more: a line, and nothing that can be pressed."""
    blocks = [section(f"The lane {lane} is no longer shown here", named=block_id("past", lane))]
    return Drawn(blocks, fallback(blocks))


def _board(lane: LaneBoard, now: datetime, scale: Scale) -> list[Object]:
    at_once, asking = menus(lane.more, lane.lane, lane.mark)
    pressed = [*buttons(lane.offers, lane.lane, lane.mark), *at_once, *asking[1:]]
    return [
        header(title(lane.lane, lane.branch)),
        section(headline(lane), next(iter(asking), None), named=block_id("now", lane.lane)),
        *_in_the_way(lane, now, scale),
        *_trains(lane, scale),
        *_stages(lane, now, scale),
        *actions(pressed, "next", lane.lane),
    ]


def _in_the_way(lane: LaneBoard, now: datetime, scale: Scale) -> list[Object]:
    """Everything that people said about the lane as a whole: a hold, its note, the places that they keep."""
    lines = [hold(lane.hold, now, scale)] if lane.hold is not None else []
    if lane.message:
        lines.append([words("Note: ", bold=True), *remark(lane.message, scale.text)])
    lines += [lock(kept, now, scale) for kept in lane.locks[: scale.stages]]
    if len(lane.locks) > scale.stages:
        lines.append([italic(f"+ {counted(len(lane.locks) - scale.stages, 'more lock')}")])
    return [rich_text(paragraph(*lines))] if lines else []


def _trains(lane: LaneBoard, scale: Scale) -> list[Object]:
    lines, more = trains(lane, scale)
    rest = [[italic(more)]] if more else []
    if lane.joining is not None and lines:
        rest.append([italic(f"Who joins now: {about(lane.joining)}")])
    if not lines:
        return []
    return [
        rich_text(
            paragraph([words("Trains", bold=True)]),
            listed(lines, ordered=True),
            *([paragraph(*rest)] if rest else []),
        )
    ]


def _stages(lane: LaneBoard, now: datetime, scale: Scale) -> list[Object]:
    lines, more = stages(lane.stages, now, scale)
    if not lines:
        return []
    return [rich_text(paragraph([words("Stages", bold=True)], *lines, *([[italic(more)]] if more else [])))]
