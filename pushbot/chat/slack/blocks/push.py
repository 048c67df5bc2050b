"""A push from its first stage to its end: the parent message of the thread in which its lines are said."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from pushbot.chat.slack.blocks.drawn import Drawn, fallback, fitting
from pushbot.chat.slack.blocks.lane import SCALES, Scale
from pushbot.chat.slack.blocks.pieces import (
    ago,
    at_time,
    block_id,
    header,
    italic,
    joined,
    name,
    paragraph,
    remark,
    rich_text,
    section,
)
from pushbot.chat.slack.blocks.stages import journey
from pushbot.chat.slack.blocks.text import words
from pushbot.service.voice.plain import going, lasting
from pushbot.views import PushEnd, StageState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pushbot.chat.slack.blocks.pieces import Run
    from pushbot.chat.slack.shape import Object
    from pushbot.views import PushView

_SMALL = 200


def push(view: PushView, now: datetime) -> Drawn:
    """All that people want to know of a push: version, stages, hosts, people, and where its output is."""
    return fitting(lambda scale: _push(view, now, scale), SCALES)


def _push(view: PushView, now: datetime, scale: Scale) -> list[Object]:
    lines, more = journey(view.stages, view.revision, now, scale)
    facts = [_people(view, scale), _times(view, now), _small(view)]
    return [
        header(going(view.lane, view.branch, view.revision)),
        section(headline(view), named=block_id("push", view.name)),
        *([rich_text(paragraph(*lines, *([[italic(more)]] if more else [])))] if lines else []),
        rich_text(paragraph(*filter(None, facts))),
    ]


def unfollowed(name: str, shown: Sequence[Object]) -> Drawn:
    """What stays of a push under way whose lane is shown no more: the blocks that it has, but for how it stands."""
    lane, _, _ = name.rpartition("/")
    last = section(f"The lane {lane} is no longer shown here, nor how this push goes on", named=block_id("push", name))
    blocks = [last if one.get("block_id") == last["block_id"] else one for one in shown]
    blocks = blocks if last in blocks else [last]
    return Drawn(blocks, fallback(blocks))


def headline(view: PushView) -> str:
    """How a push stands, in one line."""
    match view.end:
        case PushEnd.DONE:
            return f"Done{_lasted(view)}"
        case PushEnd.FAILED:
            return f"Failed{_lasted(view)}"
        case PushEnd.GIVEN_UP:
            return f"Given up{_lasted(view)}"
        case PushEnd.UNDERWAY:
            return _underway(view)
        case _:
            assert_never(view.end)


def _underway(view: PushView) -> str:
    """The last stage at which something happened."""
    reached = [stage for stage in view.stages if stage.state is not StageState.WAITING]
    now = next((stage for stage in reached if stage.state is StageState.RUNNING), reached[-1] if reached else None)
    if now is None:
        return "Under way"
    match now.state:
        case StageState.RUNNING:
            verb = "Rolling back" if now.how else "Deploying to"
            return f"{verb} {now.name}" + (f": {now.tally}" if now.tally is not None else "")
        case StageState.FAILED:
            return f"{now.name} was {now.how}" if now.how else f"{now.name} failed"
        case StageState.HERE | StageState.DONE | StageState.WAITING:
            return f"On {now.name}"
        case _:
            assert_never(now.state)


def _lasted(view: PushView) -> str:
    return f" after {lasting((view.ended_at - view.began_at).total_seconds())}" if view.ended_at is not None else ""


def _people(view: PushView, scale: Scale) -> Run:
    shown: list[Run] = [[name(person.name)] for person in view.riders[: scale.riders]]
    hidden = len(view.riders) - len(shown)
    riders = joined([*shown, [words(f"{hidden} more")] if hidden > 0 else []], ", ")
    return [name(view.driver.name), words(" drives"), *([words(", with "), *riders] if riders else [])]


def _times(view: PushView, now: datetime) -> Run:
    size = remark(view.size, _SMALL) if view.size else []
    began = [words("began "), ago(view.began_at) if view.began_at <= now else at_time(view.began_at, now)]
    ended = [words("ended "), at_time(view.ended_at, now)] if view.ended_at is not None else []
    return joined([size, began, ended], " · ")


def _small(view: PushView) -> Run:
    """What names it and its run, and where the output is."""
    run = [words("run "), *remark(view.run, _SMALL)] if view.run else []
    log = [words("log: "), *remark(view.log, _SMALL)] if view.log else []
    return joined([[words("push "), *remark(view.name, _SMALL)], run, log], " · ")
