"""Answers to `.capacity`: how many pushes fit into a day, how many are left, and how long people wait for theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.calendar.model import Open
from pushbot.service.voice.hours import opens, when
from pushbot.service.voice.phrases import NAME, clip, shown
from pushbot.service.voice.plain import counted, lasting, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.service.capacity import Measured, Sums, Today


def capacity(lane: str, day: Today, took: Measured, sums: Sums | None, notes: Sequence[str]) -> tuple[str, ...]:
    """The day, what is left of it, and the wait; `sums` is None when too few pushes were measured for any."""
    lines = (_whole(day, took, sums), _left(day, sums), _wait(took), *notes)
    return tuple(clip(f"{lane}: {line}") for line in lines)


def unknown(lane: str, why: str, took: Measured) -> tuple[str, ...]:
    """Nobody knows when the lane is open."""
    return tuple(clip(f"{lane}: {line}") for line in (why, _push(took), _wait(took)))


def _whole(day: Today, took: Measured, sums: Sums | None) -> str:
    names = listed([shown(each.name, NAME) for each in day.calendars])
    hours = f"{lasting(day.minutes * 60)} of push hours today ({names})"
    if not day.calendars:
        hours = "no push hours are set, so a day has 24h"
    if sums is None:
        return f"{hours}; {_push(took)}"
    return f"{hours}, and {_push(took)}: {_pushes(sums.full)} a day"


def _push(took: Measured) -> str:
    if not took.pushes:
        return "no push has been measured yet, so I cannot say how many fit"
    if took.push is None:
        return f"only {_pushes(took.pushes)} measured yet, too few to say how many fit"
    return f"a push takes {lasting(took.push)} (the median of the last {took.pushes})"


def _pushes(count: int) -> str:
    return "1 push" if count == 1 else f"{count} pushes"


def _left(day: Today, sums: Sums | None) -> str:
    time = f"{lasting(day.left * 60)} left today, {_until(day)}"
    if sums is None:
        return time
    trains = f"{counted(sums.left, 'train')} left today" if sums.left else "no train is left today"
    return f"{trains}, {_until(day)} ({lasting(day.left * 60)} left); {_queue(sums)}"


def _until(day: Today) -> str:
    if not isinstance(day.verdict, Open):
        return f"closed now, {opens(day.verdict, day.now)}"
    until = day.verdict.until
    return f"open until {when(until, day.zone, day.now)}" if until is not None else f"until midnight {day.zone.key}"


def _queue(sums: Sums) -> str:
    if not sums.waiting:
        return "nobody is in the queue"
    if not sums.late:
        return "the train in the queue fits" if sums.waiting == 1 else f"all {sums.waiting} in the queue fit"
    if sums.late == sums.waiting:
        return "the queue does not fit any more" if sums.waiting > 1 else "the train in the queue does not fit any more"
    return f"not all of the queue fits: {sums.late} of its {sums.waiting} trains will not be done today"


def _wait(took: Measured) -> str:
    if took.wait is None:
        return "how long people wait for their turn has not been measured yet"
    over = "the last push" if took.waits == 1 else f"the last {took.waits}, median"
    return f"people wait {lasting(took.wait)} for their turn ({over}), apart from what the push itself takes"
