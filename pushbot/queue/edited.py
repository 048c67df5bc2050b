"""What somebody has done by writing the topic by hand, told as the verbs that would have done the same.

So that a topic is no way round the gate: the queue before and after are compared by trains' numbers and people's keys,
never by names, and whatever differs is somebody's verb.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pushbot.queue.access import Needs
from pushbot.queue.model import Hold, Mark, Rider, Train

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pushbot.queue.model import Person, Queue


def verbs_of(before: Queue, after: Queue, by: Person) -> Needs:
    """What it takes to make `after` of `before` by hand; of what is `by`'s own, nothing."""
    verbs = dict.fromkeys((*_lane(before, after), *_holds(before, after, by), *_trains(before, after, by)))
    stage = next((train.stage for train in (*after.trains[:1], *before.trains[:1]) if train.stage), None)
    return Needs(tuple(verbs), "", stage, (before.head,) if before.head is not None else ())


def _lane(before: Queue, after: Queue) -> Iterator[str]:
    if before.message != after.message:
        yield "message"


def _holds(before: Queue, after: Queue, by: Person) -> Iterator[str]:
    was, now = ([_whose(item) for item in queue.items if isinstance(item, Hold)] for queue in (before, after))
    if any(now.count(hold) > was.count(hold) for hold in now) or (after.hold is not None and before.hold is None):
        yield "hold"
    gone = [hold for hold in was if was.count(hold) > now.count(hold)]
    if before.hold is not None and (after.hold is None or _whose(after.hold) != _whose(before.hold)):
        gone.append(_whose(before.hold))  # also one that was only moved, or that a train was put in front of
    stopped = _in_front(after)
    for number, holds in _in_front(before).items():
        gone += [hold for hold in holds if number in stopped and holds.count(hold) > stopped[number].count(hold)]
    if any(owner is None or not owner.same(by) for _, _, owner in gone):
        yield "unhold"


class _Whose(NamedTuple):
    """What tells one hold from another, also where they read alike in the topic."""

    reason: str | None
    cause: str | None
    by: Person | None


def _whose(hold: Hold) -> _Whose:
    return _Whose(hold.reason, hold.cause, hold.by)


def _in_front(queue: Queue) -> dict[int, tuple[_Whose, ...]]:
    """The holds that stand before each train."""
    found, holds = dict[int, tuple[_Whose, ...]](), tuple[_Whose, ...]()
    for item in queue.items:
        if isinstance(item, Hold):
            holds = (*holds, _whose(item))
        else:
            found[item.number] = holds
    return found


def _trains(before: Queue, after: Queue, by: Person) -> Iterator[str]:
    was, now = ({train.number: train for train in queue.trains} for queue in (before, after))
    if [number for number in was if number in now] != [number for number in now if number in was]:
        yield "kick"
    for number in {**was, **now}:
        old, new = was.get(number), now.get(number)
        if new is None and old is not None:
            yield from _left(old.riders, by)
        elif old is None and new is not None:
            yield from _came(new.riders, by)
            if new.stage is not None:
                yield "at"
        elif old is not None and new is not None:
            yield from _changed(old, new, by)


def _left(riders: tuple[Rider, ...], by: Person) -> Iterator[str]:
    for rider in riders:
        yield "nevermind" if rider.person.same(by) else "kick"


def _came(riders: tuple[Rider, ...], by: Person) -> Iterator[str]:
    for rider in riders:
        yield "join"
        if rider.mark is not Mark.NONE:
            yield _marking(rider, by)


def _marking(rider: Rider, by: Person) -> str:
    if not rider.person.same(by):
        return "kick"  # nobody gives another's word
    return "uhoh" if rider.mark is Mark.BAD else "good"


def _changed(old: Train, new: Train, by: Person) -> Iterator[str]:
    """What was changed in one train."""
    stayed = [rider for rider in new.riders if old.seat(rider.person) is not None]
    came = tuple(rider for rider in new.riders if old.seat(rider.person) is None)
    yield from _left(tuple(rider for rider in old.riders if new.seat(rider.person) is None), by)
    yield from _came(came, by)
    if came and old.begun:
        yield "kick"  # `.join with` does not board it any more either
    if (old.stage, old.phase) != (new.stage, new.phase):
        yield "at"
    if old.message != new.message:
        yield "message"
    for rider in stayed:
        yield from _of_rider(old.riders[old.seat(rider.person) or 0], rider, by)
    yield from _order(old, new, by)


def _of_rider(old: Rider, new: Rider, by: Person) -> Iterator[str]:
    if old.mark is not new.mark:
        yield _marking(new, by)
    if old.ticket is not new.ticket:
        yield "join" if new.person.same(by) else "kick"


def _order(old: Train, new: Train, by: Person) -> Iterator[str]:
    """Who drives, and who sits behind whom."""
    was = [rider.person.key for rider in old.riders if new.seat(rider.person) is not None]
    now = [rider.person.key for rider in new.riders if old.seat(rider.person) is not None]
    drives = new.riders[0].person
    if was != now:
        mine = [key for key in now if key == by.key]
        taken = drives.same(by) and [*mine, *(key for key in was if key != by.key)] == now
        yield "drive" if taken else "kick"
    elif now and drives.key != now[0]:  # somebody who came sits in front
        yield "drive" if drives.same(by) else "kick"
