"""Answers to `.eta`: how many go before somebody's train, and about how long that takes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pushbot.calendar.model import opening
from pushbot.queue.model import Hold
from pushbot.service.voice.hours import when
from pushbot.service.voice.phrases import about, clip, crew, to
from pushbot.service.voice.plain import counted, lasting
from pushbot.service.voice.status import first_of, guesses

if TYPE_CHECKING:
    from pushbot.queue.model import Person, Train
    from pushbot.service.voice.status import LaneNow


def _long(lane: LaneNow, guess: float) -> str:
    """How long it may take until a turn comes, and that it is the next opening which is waited for, if it is."""
    turn = lane.now + timedelta(seconds=guess)
    if not lane.calendars or opening(lane.calendars, turn - timedelta(seconds=1)) != turn:
        return about(guess)
    return f"at the next opening, {when(turn, lane.calendars[0].zone, lane.now)} ({about(guess)})"


def eta(lane: LaneNow, person: Person) -> tuple[str, ...]:
    """For each train the asker is aboard, or would be: how many go first, and about how long that takes."""
    trains = lane.snapshot.queue.trains
    if not any(train.seat(person) is not None for train in trains):
        guess = dict(guesses(lane)).get(0)
        ahead = f"at most {counted(len(trains), 'train')} {_go(len(trains))}" if trains else "nobody goes"
        long = f", {_long(lane, guess)}" if guess is not None and (trains or guess) else ""
        return (f"{to(person)}: you are aboard no train of {lane.name}; .join, and {ahead} before you{long}",)
    return tuple(clip(f"{to(person)}: {turn}") for turn in turns(lane, person))


def turns(lane: LaneNow, person: Person) -> tuple[str, ...]:
    """Where the trains stand that `person` is aboard of, the first three of them."""
    trains = enumerate(lane.snapshot.queue.trains)
    aboard = [(ahead, train) for ahead, train in trains if train.seat(person) is not None]
    return tuple(clip(_turn(ahead, train, lane)) for ahead, train in aboard[:3])


def _go(number: int) -> str:
    return "goes" if number == 1 else "go"


def _turn(ahead: int, train: Train, lane: LaneNow) -> str:
    if not ahead:
        return f"your train is the first of {lane.name}: {first_of(lane)}"
    who = crew(train.driver.name, [rider.person.name for rider in train.riders])
    first = f"{counted(ahead, 'train')} of {lane.name} {_go(ahead)} before yours ({who})"
    if lane.seconds is None:
        return f"{first}; there are too few finished pushes on record to say how long that takes"
    guess = dict(guesses(lane)).get(train.number)
    if guess is None and not any(isinstance(item, Hold) for item in lane.snapshot.queue.items):
        return f"{first}, and it cannot be told when the lane opens for it"
    if guess is None:
        return f"{first}, and a hold stands before it, so it depends on when that is released"
    return f"{first}: {_long(lane, guess)}, as a push takes {lasting(lane.seconds)} (the median of the last ones)"
