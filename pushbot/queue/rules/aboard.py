"""What riders do aboard: give their word, take the wheel, leave; and what they are called."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pushbot.queue.called import called
from pushbot.queue.events import DriverChanged, Event, Left, Marked, Renamed, TrainReady
from pushbot.queue.model import Hold, Item, Mark, Person, Phase, Queue, Rider, Train, Word
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.rules.decision import Decision, Facts, moved_up

if TYPE_CHECKING:
    from collections.abc import Callable


def first_with(queue: Queue, person: Person) -> Train | None:
    """The first train `person` is aboard of."""
    return next((train for train in queue.trains if train.seat(person) is not None), None)


def next_stage(train: Train, facts: Facts) -> str | None:
    """Where `train` goes from where it is: to the same stage again when it failed there.

    None after the last stage, or when the lane has no stages.
    """
    if train.phase is Phase.FAILED:
        return train.stage
    if train.stage is None:
        return facts.stages[0] if facts.stages else None
    if train.stage not in facts.stages:
        return None
    after = facts.stages[facts.stages.index(train.stage) + 1 :]
    return after[0] if after else None


def not_aboard(queue: Queue) -> Refusal:
    """The answer to somebody who is on no train."""
    return Refusal(Code.NOT_ABOARD if queue.trains else Code.EMPTY_QUEUE, fix=".join")


def marked(train: Train, person: Person, mark: Mark) -> Train:
    """`train` with the word of `person`, who is aboard."""
    riders = tuple(replace(rider, mark=mark) if rider.person.same(person) else rider for rider in train.riders)
    return replace(train, riders=riders)


def good(queue: Queue, facts: Facts) -> Decision | Refusal:
    """Mark the asker good on the first train they are in."""
    train = first_with(queue, facts.by)
    if train is None:
        return not_aboard(queue)
    if train.running:
        return Refusal(Code.RUN_IN_FLIGHT, subject=train.stage or "", fix=".status")
    after = marked(train, facts.by, Mark.GOOD)
    head = train == queue.head and queue.head.number == train.number
    events: tuple[Event, ...] = (Marked(facts.by, after, Mark.GOOD, head=head),)
    if head and after.everyone_good:
        events = (*events, TrainReady(after, next_stage(after, facts)))
    return Decision(queue.with_train(after), events)


def uhoh(queue: Queue, facts: Facts) -> Decision | Refusal:
    """Mark the asker as not good; allowed at any time, also while a run is in flight. Others may stop the lane."""
    train = first_with(queue, facts.by)
    if train is None:
        return replace(not_aboard(queue), fix='.hold "why"')
    after = marked(train, facts.by, Mark.BAD)
    head = queue.head is not None and queue.head.number == train.number
    return Decision(queue.with_train(after), (Marked(facts.by, after, Mark.BAD, head=head),))


def drive(queue: Queue, facts: Facts) -> Decision | Refusal:
    """Move the asker to the front of the first train they are in."""
    train = first_with(queue, facts.by)
    if train is None:
        return not_aboard(queue)
    seat = train.seat(facts.by)
    if not seat:
        return Refusal(Code.ALREADY_DRIVING, subject=train.driver.name)
    riders = (train.riders[seat], *train.riders[:seat], *train.riders[seat + 1 :])
    after = replace(train, riders=riders)
    return Decision(queue.with_train(after), (DriverChanged(after),))


def leave(queue: Queue, facts: Facts) -> Decision | Refusal:
    """Take the asker off every train."""
    return _off(queue, lambda rider: rider.person.same(facts.by), facts) or not_aboard(queue)


def kick(queue: Queue, name: str, facts: Facts) -> Decision | Refusal:
    """Take whoever goes by `name` off every train."""
    seats = called(queue, name, facts.fold, facts.people)
    if isinstance(seats, Refusal):
        return seats
    return _off(queue, lambda rider: rider.person in seats, facts) or Refusal(
        Code.NOBODY_BY_THAT_NAME, subject=name, fix=".status"
    )


def _off(queue: Queue, who: Callable[[Rider], bool], facts: Facts) -> Decision | Refusal | None:
    gone = [rider.person for train in queue.trains for rider in train.riders if who(rider)]
    if not gone:
        return None
    after, changes = queue, list[Event]()
    for train in queue.trains:
        rest = tuple(rider for rider in train.riders if not who(rider))
        if not rest and train.running:
            return Refusal(Code.RUN_IN_FLIGHT, subject=train.stage or "", fix=".abort")
        if rest != train.riders:
            after, events = _with_riders(after, train, rest)
            changes += events
    left = Left(gone[0], facts.by, trains=len(gone))
    return Decision(after, (left, *changes, *moved_up(queue, after)))


def _with_riders(queue: Queue, train: Train, riders: tuple[Rider, ...]) -> tuple[Queue, tuple[Event, ...]]:
    """The queue in which only `riders` stay aboard `train`, and word of a new driver."""
    smaller = replace(train, riders=riders)
    new_driver = bool(riders) and not riders[0].person.same(train.driver)
    return queue.with_train(smaller), (DriverChanged(smaller),) if new_driver else ()


def pop(queue: Queue, facts: Facts) -> Decision | Refusal:
    """Take the asker off the last train they are in."""
    train = next((t for t in reversed(queue.trains) if t.seat(facts.by) is not None), None)
    if train is None:
        return not_aboard(queue)
    rest = tuple(rider for rider in train.riders if not rider.person.same(facts.by))
    if not rest and train.running:
        return Refusal(Code.RUN_IN_FLIGHT, subject=train.stage or "", fix=".abort")
    after, events = _with_riders(queue, train, rest)
    return Decision(after, (Left(facts.by, facts.by, trains=1), *events, *moved_up(queue, after)))


def rename(queue: Queue, old: Person, new: Person) -> Decision:
    """Follow a person who is known otherwise now; nothing happens when they are not in the queue."""

    def meant(person: Person) -> bool:  # in that chat: on others the same human has another name
        return person.same(old) and person.chat == old.chat

    def who(person: Person) -> Person:
        return new if meant(person) else person

    def word(one: Word | None) -> Word | None:
        return replace(one, by=who(one.by)) if one is not None else None

    def item(one: Item) -> Item:
        if isinstance(one, Hold):
            return replace(one, by=who(one.by)) if one.by is not None else one
        riders = list[Rider]()
        for rider in one.riders:
            known = replace(rider, person=who(rider.person))
            if not any(known.person.same(other.person) for other in riders):
                riders.append(known)
        asked = tuple(new.key if key == old.key else key for key in one.asked)
        return replace(one, riders=tuple(riders), second=word(one.second), override=word(one.override), asked=asked)

    known = [one.by for one in queue.items if isinstance(one, Hold) and one.by is not None]
    known += [one.owner for one in queue.locks]
    known += [said.by for one in queue.trains for said in (one.second, one.override) if said is not None]
    known += [rider.person for train in queue.trains for rider in train.riders]
    if all(person == new for person in known if meant(person)):
        return Decision(queue)
    aboard = first_with(queue, old) is not None
    locks = tuple(replace(lock, owner=who(lock.owner)) for lock in queue.locks)
    after = replace(queue, items=tuple(item(one) for one in queue.items), locks=locks)
    return Decision(after, (Renamed(old, new),) if aboard else ())
