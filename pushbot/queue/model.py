"""The words of the queue as values: person, rider, train, hold, queue.

All are frozen: a rule returns a new queue and never changes one. Names of people are shown,
never compared: who somebody is, is `Person.key`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

TRAIN_SIZE = 8
"""Riders a train takes by itself: "we found ~8 to be our limit" (Etsy's talk on scaling deployment)."""


LINKED = "person:"
"""How the keys of people begin whom the configuration knows."""


class Ticket(StrEnum):
    """What a rider brings along; the value is how the topic shows it."""

    NONE = ""
    CONFIG = "c"
    ASKME = "askme"
    HOLD = "HOLD"


class Mark(StrEnum):
    """A rider's word on the current stage; the value is how the topic shows it."""

    NONE = ""
    GOOD = "*"
    BAD = "!"


class Phase(StrEnum):
    """How the head's current stage stands; the value is how the topic shows it."""

    AT = ""
    RUNNING = "..."
    FAILED = "!"


class RunKind(StrEnum):
    """What a run does to its stage."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Person:
    """An identity in one chat, or of somebody whom the configuration knows in several.

    `key` says who it is (`account:alice`, `mask:` and user@host, `nick:` and the nick folded by the server's
    casemapping, `uid:1000`; `person:alice` for one of `[people]`) and is what rules compare; `name` is what is shown.
    `proof` is what vouches for that at this moment, in words; empty when nobody does. `address` is how the chat
    reaches them in private, where that is not their name.
    """

    chat: str
    key: str
    name: str
    proof: str = field(default="", compare=False)
    address: str = field(default="", compare=False)

    @property
    def reach(self) -> str:
        """To whom a private line for them is said."""
        return self.address or self.name

    @property
    def linked(self) -> bool:
        """Whether the configuration knows this person, in whatever chat."""
        return self.key.startswith(LINKED)

    @property
    def bot(self) -> bool:
        """Whether it is the bot itself, which rides with builds that have passed."""
        return self.key.startswith("bot:")

    @property
    def trusted(self) -> bool:
        """Whether something vouches for them being who they are."""
        return bool(self.proof)

    def same(self, other: Person) -> bool:
        """Whether both are the same person, whatever name is shown and, if the configuration links them, wherever."""
        return self.key == other.key and (self.chat == other.chat or self.linked)


@dataclass(frozen=True, slots=True)
class Rider:
    """A person aboard a train."""

    person: Person
    ticket: Ticket = Ticket.NONE
    mark: Mark = Mark.NONE


@dataclass(frozen=True, slots=True)
class Hold:
    """People stop the lane, with a reason and, if given, an end.

    `cause` is what it belongs to when not to a person alone (`incident 3`), which is then what ends it.
    `reminded` is whether its owner was told that the end is near.
    """

    reason: str | None = None
    by: Person | None = field(default=None, compare=False)
    since: datetime | None = field(default=None, compare=False)
    until: datetime | None = field(default=None, compare=False)
    cause: str | None = field(default=None, compare=False)
    reminded: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Lock:
    """A person keeps a stage for themselves: a lease, which ends by itself.

    `number` is the owner's token: it is given once, and what ends this lock names it.
    """

    number: int
    stage: str
    owner: Person
    since: datetime
    until: datetime
    reason: str | None = None
    reminded: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody said for a train: who, and why or about what."""

    by: Person
    text: str = ""


@dataclass(frozen=True, slots=True)
class Train:
    """People who deploy together; the first rider drives.

    `number` names the train's push for ever ("push 12"). `stage` is the place it is at, None before
    the first; `run` is the number of the run in flight, or of the last one.
    `deployed` is whether a run (and not only `.at`) brought it to `stage`. `revision` is pinned by
    the train's first run. `aside` is a train that stands in no line: one stage, by `.deploy` or `pushbot stage`.
    `second` is another person's word for the stage named in it, `override` an operator's for the next start in spite
    of what stands in the way, `confirmed` the checks that a person answered. `quiet`: its driver wants no chatter.
    `idle_since` is since when its driver is waited for as the head, `asked_at` when that was said; `asked` are the
    keys of the riders who were asked for their word on this stage. `joined_at` is since when it stands in the line,
    `up_at` when its turn came: first in line, and the lane not held.
    Two trains are equal when the topic shows the same for both.
    """

    riders: tuple[Rider, ...]
    stage: str | None = None
    phase: Phase = Phase.AT
    message: str | None = None
    number: int = field(default=0, compare=False)
    run: int | None = field(default=None, compare=False)
    run_kind: RunKind = field(default=RunKind.DEPLOY, compare=False)
    deployed: bool = field(default=False, compare=False)
    ref: str | None = field(default=None, compare=False)
    revision: str | None = field(default=None, compare=False)
    aside: bool = field(default=False, compare=False)
    second: Word | None = field(default=None, compare=False)
    override: Word | None = field(default=None, compare=False)
    confirmed: tuple[str, ...] = field(default=(), compare=False)
    quiet: bool = field(default=False, compare=False)
    idle_since: datetime | None = field(default=None, compare=False)
    asked_at: datetime | None = field(default=None, compare=False)
    asked: tuple[str, ...] = field(default=(), compare=False)
    joined_at: datetime | None = field(default=None, compare=False)
    up_at: datetime | None = field(default=None, compare=False)

    @property
    def driver(self) -> Person:
        """The first rider, who leads the train."""
        return self.riders[0].person

    @property
    def by_itself(self) -> bool:
        """Whether nobody is aboard but the bot."""
        return all(rider.person.bot for rider in self.riders)

    @property
    def begun(self) -> bool:
        """Whether any stage of this train has been started or set."""
        return self.stage is not None

    @property
    def running(self) -> bool:
        """Whether a run of this train is in flight."""
        return self.phase is Phase.RUNNING

    @property
    def everyone_good(self) -> bool:
        """Whether all aboard said that the current stage is good."""
        return all(rider.mark is Mark.GOOD for rider in self.riders)

    def seat(self, person: Person) -> int | None:
        """Where `person` sits, counted from 0, or None when not aboard."""
        for index, rider in enumerate(self.riders):
            if rider.person.same(person):
                return index
        return None

    def fresh_marks(self) -> Train:
        """The same train with nobody's word given yet."""
        return replace(self, riders=tuple(replace(rider, mark=Mark.NONE) for rider in self.riders))


Item = Hold | Train


@dataclass(frozen=True, slots=True)
class Queue:
    """The ordered holds and trains of one lane, and its note in the topic.

    `next_train`, `next_run` and `next_lock` are the numbers the next ones will get; they never go back. `aside` are
    the trains that run beside the line, by number, `locks` the stages that people keep; the topic shows neither.
    """

    items: tuple[Item, ...] = ()
    message: str | None = None
    next_train: int = field(default=1, compare=False)
    next_run: int = field(default=1, compare=False)
    aside: tuple[Train, ...] = field(default=(), compare=False)
    locks: tuple[Lock, ...] = field(default=(), compare=False)
    next_lock: int = field(default=1, compare=False)

    @property
    def trains(self) -> tuple[Train, ...]:
        """The trains in the line alone, head first."""
        return tuple(item for item in self.items if isinstance(item, Train))

    @property
    def head(self) -> Train | None:
        """The first train, whether or not the lane is held."""
        return next((item for item in self.items if isinstance(item, Train)), None)

    @property
    def hold(self) -> Hold | None:
        """The hold that stands before the head and keeps it from starting stages, or None."""
        first = self.items[0] if self.items else None
        return first if isinstance(first, Hold) else None

    @property
    def moment(self) -> str:
        """What goes on at the head, as one word: it is another one once the train, its stage, phase or run is."""
        head = self.head
        return "" if head is None else f"{head.number}.{head.stage or ''}{head.phase}.{head.run or ''}"

    def position(self, train: Train) -> int:
        """Where `train` stands among the items, by its number."""
        return next(i for i, item in enumerate(self.items) if isinstance(item, Train) and item.number == train.number)

    def train(self, number: int) -> Train | None:
        """The train of that number, in the line or aside, or None when it has left the queue."""
        return next((train for train in (*self.trains, *self.aside) if train.number == number), None)

    def with_train(self, train: Train) -> Queue:
        """The queue in which `train` replaces the train of the same number.

        Without riders it is gone; one that is aside stays only while it has a run in flight.
        """
        if train.aside:
            others = [one for one in self.aside if one.number != train.number]
            there = [*others, train] if train.running else others
            return replace(self, aside=tuple(sorted(there, key=lambda one: one.number)))
        at = self.position(train)
        rest = (train,) if train.riders else ()
        return replace(self, items=(*self.items[:at], *rest, *self.items[at + 1 :]))

    def inserted(self, at: int, train: Train) -> tuple[Queue, Train]:
        """The queue with `train` put in at item `at`, numbered; and the train as numbered."""
        numbered = replace(train, number=self.next_train)
        items = (*self.items[:at], numbered, *self.items[at:])
        return replace(self, items=items, next_train=self.next_train + 1), numbered
