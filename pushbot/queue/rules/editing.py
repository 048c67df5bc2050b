"""A topic written by hand, taken as a command: what it says becomes the queue, as far as that is safe."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pushbot.queue.events import Event, Held, Released, TopicTaken
from pushbot.queue.model import Hold, Item, Person, Phase, Queue, Rider, Train
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.rules.decision import Decision, Facts, moved_up
from pushbot.queue.topic import Unreadable, parse, restore_tail

if TYPE_CHECKING:
    from pushbot.queue.commands import EditTopic


def edit(queue: Queue, command: EditTopic, facts: Facts) -> Decision | Refusal:
    """Make the queue what the topic says.

    Trains keep their number, revision and run when their riders are recognised; a run in flight must
    still be there, first, at its stage. Nothing changes when the text says what the queue already is.
    """
    read = parse(command.text, facts.named)
    if isinstance(read, Unreadable):
        return Refusal(Code.UNREADABLE_TOPIC, subject=read.why)
    wanted = restore_tail(read, command.drawn, queue)
    merged = _merge(queue, wanted, facts)
    if isinstance(merged, Refusal):
        return merged
    if merged == queue:
        return Decision(queue)
    return Decision(merged, (TopicTaken(facts.by), *_hold_words(queue, merged, facts), *moved_up(queue, merged)))


def _hold_words(before: Queue, after: Queue, facts: Facts) -> tuple[Event, ...]:
    if after.hold == before.hold:
        return ()
    if after.hold is None:
        return (Released(facts.by),)
    return (Held(after.hold.reason, facts.by, replaced=before.hold is not None),)


def _merge(queue: Queue, wanted: Queue, facts: Facts) -> Queue | Refusal:
    known = {facts.fold(rider.person.name): rider.person for train in queue.trains for rider in train.riders}
    unclaimed = list(queue.trains)
    items, next_train = list[Item](), queue.next_train
    for item in wanted.items:
        if isinstance(item, Hold):
            items.append(_same_hold(queue, item, facts))
            continue
        first = not any(isinstance(one, Train) for one in items)
        riders = _riders(item, known, facts)
        own = _recognised(unclaimed, riders)
        problem = _stage_problem(item, own, facts, first=first)
        if problem is not None:
            return problem
        if own is None:
            items.append(replace(item, riders=riders, number=next_train, phase=Phase.AT))
            next_train += 1
        else:
            unclaimed.remove(own)
            items.append(_updated(own, item, riders))
    if any(train.running for train in unclaimed):
        return Refusal(Code.RUN_IN_FLIGHT, fix=".abort")
    return replace(queue, items=tuple(items), message=wanted.message, next_train=next_train)


def _same_hold(queue: Queue, hold: Hold, facts: Facts) -> Hold:
    """The hold as it was put, when one with this reason stands; else a new one by the editor."""
    return next((item for item in queue.items if item == hold and isinstance(item, Hold)), replace(hold, by=facts.by))


def _riders(train: Train, known: dict[str, Person], facts: Facts) -> tuple[Rider, ...]:
    """The riders with the identities that the queue knows them by, each once."""
    riders = list[Rider]()
    for rider in train.riders:
        person = known.get(facts.fold(rider.person.name), rider.person)
        if not any(person.same(other.person) for other in riders):
            riders.append(replace(rider, person=person))
    return tuple(riders)


def _recognised(trains: list[Train], riders: tuple[Rider, ...]) -> Train | None:
    """The train that shares most riders with `riders`, the earliest of equals."""

    def shared(train: Train) -> int:
        return sum(train.seat(rider.person) is not None for rider in riders)

    best = max(trains, key=shared, default=None)
    return best if best is not None and shared(best) else None


def _stage_problem(item: Train, own: Train | None, facts: Facts, *, first: bool) -> Refusal | None:
    if own is not None and own.running:
        kept = first and item.stage == own.stage and item.phase is Phase.RUNNING
        return None if kept else Refusal(Code.RUN_IN_FLIGHT, subject=own.stage or "", fix=".abort")
    if item.stage is None:
        return None
    if not first:
        return Refusal(Code.STAGE_NOT_OF_HEAD, subject=item.stage)
    if facts.stages and item.stage not in facts.stages:
        return Refusal(Code.UNKNOWN_STAGE, subject=item.stage, fix=f".at {facts.stages[0]}")
    return None


def _updated(own: Train, item: Train, riders: tuple[Rider, ...]) -> Train:
    """`own` as the topic now shows it: a stage written by hand counts as set by hand."""
    if item.stage == own.stage:
        phase = own.phase if item.phase is own.phase else Phase.AT
        return replace(own, riders=riders, message=item.message, phase=phase)
    return replace(own, riders=riders, message=item.message, stage=item.stage, phase=Phase.AT, deployed=False)
