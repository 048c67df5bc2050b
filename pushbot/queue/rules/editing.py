"""A topic written by hand, taken as a command: what was changed in it is changed in the queue, as far as that is safe.

The text is compared with what its writer saw: only what differs counts, so that nobody who got on in the meantime
falls off, and no word given in the meantime is unsaid.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from pushbot.queue.events import Event, Held, Released, TopicTaken
from pushbot.queue.model import Hold, Item, Phase, Queue, Rider, Train
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.rules.decision import Decision, Facts, moved_up
from pushbot.queue.topic import Unreadable, parse, restore_tail

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pushbot.queue.commands import EditTopic
    from pushbot.queue.model import Person

T = TypeVar("T")


def edit(queue: Queue, command: EditTopic, facts: Facts) -> Decision | Refusal:
    """Change the queue as the topic was changed.

    Trains keep their number, revision and run when their riders are recognised; a run in flight must
    still be there, first, at its stage. Nothing changes when the text says what stood there.
    """
    read = parse(command.text, facts.named, careful=True)
    if isinstance(read, Unreadable):
        return Refusal(Code.UNREADABLE_TOPIC, subject=read.why)
    seen = parse(command.drawn, facts.named)
    if isinstance(seen, Unreadable) or not command.drawn:
        seen = queue
    seen = restore_tail(seen, command.drawn, queue)
    wanted = restore_tail(read, command.drawn, queue)
    if wanted == seen:
        return Decision(queue)
    merged = _Merge(queue, seen, facts, _seats(queue, facts)).of(wanted)
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
    return (Held(after.hold.reason, facts.by, replaced=before.hold is not None, until=after.hold.until),)


def _theirs(wanted: T, seen: T, now: T) -> T:
    """What the writer wants if they changed it, else what it is now."""
    return now if wanted == seen else wanted


def _people(queue: Queue) -> list[Rider]:
    return [rider for train in queue.trains for rider in train.riders]


def _seats(queue: Queue, facts: Facts) -> dict[str, deque[Person]]:
    """Whom each name means, with one person for each seat."""
    names: dict[str, deque[Person]] = {}
    for rider in _people(queue):
        names.setdefault(facts.fold(rider.person.name), deque()).append(rider.person)
    return names


@dataclass(frozen=True, slots=True)
class _Merge:
    """`queue` as it is, with its `seats`; `seen` as the writer saw it."""

    queue: Queue
    seen: Queue
    facts: Facts
    seats: dict[str, deque[Person]]

    def of(self, wanted: Queue) -> Queue | Refusal:
        written = _seats(wanted, self.facts)
        for name, seats in self.seats.items():
            if any(not one.same(seats[0]) for one in seats) and len(seats) != len(written.get(name, ())):
                why = f"several people aboard are called {seats[0].name}, and it does not say which of them stay where"
                return Refusal(Code.UNREADABLE_TOPIC, subject=why)
        unclaimed = list(self.queue.trains)
        holds = [item for item in self.queue.items if isinstance(item, Hold)]
        items, next_train = list[Item](), self.queue.next_train
        for item in wanted.items:
            if isinstance(item, Hold):
                items.append(self._hold(item, holds))
                continue
            riders = self._known(item.riders)
            own = _recognised(unclaimed, riders)
            after = self._train(item, own, riders, first=not any(isinstance(one, Train) for one in items))
            if isinstance(after, Refusal):
                return after
            if own is None:
                after = replace(after, number=next_train)
                next_train += 1
            else:
                unclaimed.remove(own)
            items.append(after)
        return self._kept(wanted, items, unclaimed, next_train)

    def _hold(self, hold: Hold, unclaimed: list[Hold]) -> Hold:
        """The first of the `unclaimed` with this reason, as it was put, each once; else a new one by the writer."""
        if hold in unclaimed:
            return unclaimed.pop(unclaimed.index(hold))
        return replace(hold, by=self.facts.by, since=self.facts.now, reminded=True)

    def _known(self, riders: Iterable[Rider]) -> tuple[Rider, ...]:
        """Riders under the identities that the queue knows them by, each once; several of one name in their order."""
        known = list[Rider]()
        for rider in riders:
            seats = self.seats.get(self.facts.fold(rider.person.name), deque((rider.person,)))
            person = seats[0]
            seats.rotate(-1)
            if not any(person.same(other.person) for other in known):
                known.append(replace(rider, person=person))
        return tuple(known)

    def _train(self, item: Train, own: Train | None, riders: tuple[Rider, ...], *, first: bool) -> Train | Refusal:
        """What becomes of a train that the topic shows: `own` is the one it is now, if it is known."""
        if own is None:
            problem = self._stage_problem(item.stage, first=first)
            known = item.phase is Phase.AT  # of a run that is not ours nobody knows how it ended
            return problem or replace(item, riders=riders, phase=Phase.AT if known else Phase.FAILED)
        if item.phase is Phase.RUNNING and not own.running:  # nobody writes that by hand
            return Refusal(Code.STALE_TOPIC, subject=f"{item.stage}...")
        was = _recognised(list(self.seen.trains), riders) or own
        stage, phase = _theirs((item.stage, item.phase), (was.stage, was.phase), (own.stage, own.phase))
        if own.running and not (first and (stage, phase) == (own.stage, own.phase)):
            return Refusal(Code.RUN_IN_FLIGHT, subject=own.stage or "", fix=".abort")
        problem = self._stage_problem(stage, first=first) if stage != own.stage or not first else None
        if problem is not None:
            return problem
        same = stage == own.stage
        return replace(
            own,
            riders=self._marked(riders, was, own),
            message=_theirs(item.message, was.message, own.message),
            stage=stage,
            phase=phase if phase is own.phase and same else Phase.AT,
            deployed=own.deployed and same,
        )

    def _marked(self, riders: tuple[Rider, ...], was: Train, own: Train) -> tuple[Rider, ...]:
        """The riders with the tickets and marks that the writer changed, and the rest as it is now."""

        def one(rider: Rider) -> Rider:
            now, seat = own.seat(rider.person), was.seat(rider.person)
            if now is None or seat is None:
                return rider
            before, is_now = was.riders[seat], own.riders[now]
            return Rider(
                rider.person,
                _theirs(rider.ticket, before.ticket, is_now.ticket),
                _theirs(rider.mark, before.mark, is_now.mark),
            )

        return tuple(one(rider) for rider in riders)

    def _stage_problem(self, stage: str | None, *, first: bool) -> Refusal | None:
        if stage is None:
            return None
        if not first:
            return Refusal(Code.STAGE_NOT_OF_HEAD, subject=stage)
        if self.facts.stages and stage not in self.facts.stages:
            return Refusal(Code.UNKNOWN_STAGE, subject=stage, fix=f".at {self.facts.stages[0]}")
        return None

    def _kept(self, wanted: Queue, items: list[Item], unclaimed: list[Train], next_train: int) -> Queue | Refusal:
        """The merged queue, with those who got on after the writer looked; a run in flight has to stay."""
        if any(train.running for train in unclaimed):
            return Refusal(Code.RUN_IN_FLIGHT, fix=".abort")
        merged = replace(
            self.queue,
            items=tuple(items),
            message=_theirs(wanted.message, self.seen.message, self.queue.message),
            next_train=next_train,
        )
        seen = {self.facts.fold(rider.person.name) for rider in _people(self.seen)}
        for train in self.queue.trains:
            late = tuple(
                rider
                for rider in train.riders
                if self.facts.fold(rider.person.name) not in seen
                and not any(rider.person.same(other.person) for other in _people(merged))
            )
            there = merged.train(train.number)
            if late and there is not None:
                merged = merged.with_train(replace(there, riders=(*there.riders, *late)))
            elif late:
                merged = replace(merged, items=(*merged.items, replace(train, riders=late, stage=None, phase=Phase.AT)))
        return merged


def _recognised(trains: list[Train], riders: tuple[Rider, ...]) -> Train | None:
    """The train that shares most riders with `riders`, the earliest of equals."""

    def shared(train: Train) -> int:
        return sum(train.seat(rider.person) is not None for rider in riders)

    best = max(trains, key=shared, default=None)
    return best if best is not None and shared(best) else None
