"""Answers to `.capacity`: how many pushes fit into a day, how many are left, and how long people wait for theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.calendar.model import Open, day_of
from pushbot.calendar.wall_clock import on_the_wall
from pushbot.service.voice.hours import opens, when
from pushbot.service.voice.phrases import NAME, clip, shown
from pushbot.service.voice.plain import counted, lasting, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.service.answers.push_hours import Measured, Sums, Today


def capacity(lane: str, day: Today, took: Measured, sums: Sums | None, notes: Sequence[str]) -> tuple[str, ...]:
    """The day, what is left of it, and the wait; `sums` is None when too few pushes were measured for any."""
    lines = (_whole(day, took, sums), _left(day, sums), _wait(took), *notes)
    return tuple(clip(f"{lane}: {line}") for line in lines)


def unknown(lane: str, why: str, took: Measured) -> tuple[str, ...]:
    """Nobody knows when the lane is open."""
    return tuple(clip(f"{lane}: {line}") for line in (why, _push(took), _wait(took)))


def _whole(day: Today, took: Measured, sums: Sums | None) -> str:
    names = listed([shown(each.name, NAME) for each in day.calendars])
    hours = f"{lasting(day.minutes * 60)} of push hours today" if day.minutes else "no push hours today"
    hours = f"{hours} ({names})" if day.calendars else "no push hours are set, so a day has 24h"
    if sums is None or took.push is None or not day.minutes:
        return f"{hours}; {_push(took)}"
    return (
        f"{hours}, at {lasting(took.push)} a push (the median of the last {took.pushes}) that is {_pushes(sums.full)}"
    )


def _push(took: Measured) -> str:
    if not took.pushes:
        return "no push has been measured yet, so I cannot say how many fit"
    if took.push is None:
        return f"only {_pushes(took.pushes)} measured yet, too few to say how many fit"
    return f"a push takes {lasting(took.push)} (the median of the last {took.pushes})"


def _pushes(count: int) -> str:
    return "1 push" if count == 1 else f"{count} pushes"


def _left(day: Today, sums: Sums | None) -> str:
    time = f"{lasting(day.left * 60)}, {_until(day)}" if day.left else _until(day)
    if sums is None:
        return f"left today: {time}" if day.left else f"nothing left today: {time}"
    trains = counted(sums.left, "train") if sums.left else "no train"
    return f"{trains} left today: {time}; {_queue(sums)}"


def _until(day: Today) -> str:
    if not isinstance(day.verdict, Open):
        return f"closed now, {opens(day.verdict, day.now)}"
    until = day.verdict.until
    end = day_of(on_the_wall(day.now, day.zone).date(), day.zone).end
    return f"until {when(until, day.zone, day.now)}" if until and until < end else f"until midnight {day.zone.key}"


def _queue(sums: Sums) -> str:
    if not sums.waiting:
        return "nobody is in the queue"
    if not sums.late:
        return "the train in the queue fits" if sums.waiting == 1 else f"all {sums.waiting} in the queue fit"
    if sums.late == sums.waiting:
        return "the train in the queue does not fit" if sums.waiting == 1 else "nothing of the queue fits"
    return f"not all of the queue fits: {sums.late} of its {sums.waiting} trains will not be done today"


def _wait(took: Measured) -> str:
    if took.wait is None:
        return "how long people wait for their turn has not been measured yet"
    median = f"the median of the last {took.waits}"
    return f"people wait {lasting(took.wait)} for their turn ({median}), apart from the push itself"
