"""What the rules are given and what they give back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot.queue.events import HeadChanged
from pushbot.queue.model import TRAIN_SIZE, Person, Queue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pushbot.queue.events import Event


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The deploy that was the last to touch its stage, and did not succeed there, or not on all hosts."""

    run: int
    ref: str | None
    revision: str | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rule may know of the world.

    `by` is who asks. `stages` are the lane's, in order; `rollbacks` those that can be rolled back;
    `targets` those with a good release to go back to, None when that is not known; `unfinished` what was left
    undone on a stage; `busy` the stages somebody else has claimed, with who. `fold` makes two spellings of one
    name equal; `named` finds the person a name means.
    """

    by: Person
    fold: Callable[[str], str] = str.casefold
    named: Callable[[str], Person] = field(default=lambda name: Person("", f"nick:{name.casefold()}", name))
    max_riders: int = TRAIN_SIZE
    max_trains: int = 200
    stages: tuple[str, ...] = ()
    rollbacks: frozenset[str] = frozenset()
    targets: frozenset[str] | None = None
    unfinished: Mapping[str, Unfinished] = field(default_factory=dict)
    busy: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """The queue as it shall be, and what happened on the way, in order."""

    queue: Queue
    events: tuple[Event, ...] = ()


def moved_up(before: Queue, after: Queue) -> tuple[Event, ...]:
    """The word for a head that is new, has new riders, or was set free; none when its stages have begun."""
    head, was = after.head, before.head
    if head is None or head.begun:
        return ()
    freed = before.hold is not None and after.hold is None
    same = was is not None and was.number == head.number
    boarded = same and was is not None and len(head.riders) > len(was.riders)
    if same and not boarded and not freed:
        return ()
    return (HeadChanged(head, held=after.hold is not None),)
