"""The stages of a lane, or of a push, as lines of rich text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from pushbot.chat.slack.blocks.pieces import ago, at_time, bar, emoji, joined, links, name, remark
from pushbot.chat.slack.blocks.text import said, words
from pushbot.service.voice.plain import counted, lasting, short
from pushbot.views import StageState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pushbot.chat.slack.blocks.lane import Scale
    from pushbot.chat.slack.blocks.pieces import Run
    from pushbot.views import StageView

_STEP: Final = 80
_REVISION: Final = 40


def stages(shown: Sequence[StageView], now: datetime, scale: Scale) -> tuple[list[Run], str]:
    """A line for each stage of a lane, with what is there; and in words how many more there are, "" for none.

    Where there are too many, those at which nothing goes on are left out first, from the end.
    """
    chosen, more = _chosen(shown, scale)
    return [_line(stage, _there(stage, now), scale) for stage in chosen], more


def journey(shown: Sequence[StageView], revision: str | None, now: datetime, scale: Scale) -> tuple[list[Run], str]:
    """The same for a push that brings `revision`, with how far it has come."""
    chosen, more = _chosen(shown, scale)
    return [_line(stage, _reached(stage, revision, now), scale) for stage in chosen], more


def _chosen(shown: Sequence[StageView], scale: Scale) -> tuple[list[StageView], str]:
    order = sorted(range(len(shown)), key=lambda at: (shown[at].state is StageState.WAITING, at))
    rest = len(shown) - scale.stages
    more = f"+ {counted(rest, 'more stage')}" if rest > 0 else ""
    return [shown[at] for at in sorted(order[: scale.stages])], more


def _line(stage: StageView, how: Run, scale: Scale) -> Run:
    line = [emoji(_picture(stage.state)), words("  "), name(stage.name)]
    about = joined([how, links(stage.links, scale.links)], " · ")
    if about:
        line += [words("  "), *about]
    if stage.state is StageState.RUNNING and stage.tally is not None:
        line += [words(f"\n{bar(stage.tally.done, stage.tally.total)} {stage.tally}")]
    told = stage.state is StageState.FAILED and stage.note == stage.how
    return [*line, words("\n"), *remark(stage.note, scale.text)] if stage.note and not told else line


def _there(stage: StageView, now: datetime) -> Run:
    """What is on a stage, by whom and since when; what goes on there in words, too."""
    by = [words(" by " if stage.revision else "by "), name(stage.by, bold=False)] if stage.by else []
    has = [*_revision(stage.revision), *by]
    match stage.state:
        case StageState.RUNNING:
            return joined(
                [_doing(stage.how or "running", stage), [words("replacing "), *has] if stage.revision else []], " · "
            )
        case StageState.FAILED:
            return joined([_doing(stage.how or "failed", stage), [*has, *_at(stage, now)]], " · ")
        case StageState.WAITING | StageState.HERE | StageState.DONE:
            return [*has, *_at(stage, now)] or [words("nothing yet")]
        case _:
            assert_never(stage.state)


def _reached(stage: StageView, revision: str | None, now: datetime) -> Run:
    """How a push has fared at a stage: how long it took, over how many hosts, what it brought where that is news."""
    other = _revision(stage.revision) if stage.revision != revision else []
    took = [words(f"in {lasting(stage.took)}")] if stage.took is not None else []
    match stage.state:
        case StageState.WAITING:
            return [words("to come")]
        case StageState.RUNNING:
            since = [words("began"), *_at(stage, now)] if stage.at is not None else []
            return joined([_doing(stage.how or "running", stage), since, other], " · ")
        case StageState.FAILED:
            return joined(
                [_doing(stage.how or "failed", stage), _hosts(stage), took, other, _at(stage, now)[1:]], " · "
            )
        case StageState.HERE | StageState.DONE:
            return joined(
                [[words("done"), *([words(" ")] if took else []), *took], _hosts(stage), other, _at(stage, now)[1:]],
                " · ",
            )
        case _:
            assert_never(stage.state)


def _picture(state: StageState) -> str:
    """The name of an emoji; what it shows is said in words, too."""
    match state:
        case StageState.WAITING:
            return "white_circle"
        case StageState.HERE:
            return "large_blue_circle"
        case StageState.RUNNING:
            return "arrows_counterclockwise"
        case StageState.FAILED:
            return "x"
        case StageState.DONE:
            return "white_check_mark"
        case _:
            assert_never(state)


def _doing(what: str, stage: StageView) -> Run:
    return [words(what, bold=True), *([words(" at "), *remark(stage.step, _STEP)] if stage.step else [])]


def _revision(revision: str | None) -> Run:
    return [words(said(short(revision), _REVISION), code=True)] if revision else []


def _at(stage: StageView, now: datetime) -> Run:
    """When, after a blank; how long ago, unless that is still to come."""
    if stage.at is None:
        return []
    return [words(" "), ago(stage.at) if stage.at <= now else at_time(stage.at, now)]


def _hosts(stage: StageView) -> Run:
    return [words(counted(stage.hosts, "host"))] if stage.hosts else []
