"""What the rules are given and what they give back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pushbot.queue.events import HeadChanged
from pushbot.queue.model import TRAIN_SIZE, Lock, Person, Queue
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.templates import makes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pushbot.queue.events import Event


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The deploy that was the last to touch its stage, and did not succeed there, or not on all hosts."""

    run: int
    ref: str | None
    revision: str | None


@dataclass(frozen=True, slots=True)
class Closed:
    """A stage is outside its hours: `why`, in words, and when it opens next (None: not within a year)."""

    why: str
    opens_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long people are waited for, in seconds; 0 for ever.

    `ask_after` is when a silent driver of the head, or a rider who has given no word, is asked; `grace` how much
    later the next train goes first. `remind` is how long before its end the owner of a lock or hold is told.
    `lock` is how long a lock lasts when nobody said.
    """

    ask_after: float = 0.0
    grace: float = 300.0
    remind: float = 600.0
    lock: float = 7200.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rule may know of the world.

    `by` is who asks. `stages` are the lane's, in order; `templates` make others, beside the line; `rollbacks` are those
    that can be rolled back; `targets` those with a good release to go back to, None when that is not known;
    `unfinished` what was left undone on a stage; `busy` the stages somebody else has claimed, with who. `fold` makes
    two spellings of one name equal; `named` finds the person a name means in a topic, and `people` all whom it may mean
    in a command, see `called`. `now` is the time; `locked` the stages that
    a person keeps, in this lane or in another that shares the place, which `elsewhere` names; `closed` those outside
    their hours; `second` those that want the word of another person than the driver; `asking` the names of the checks
    that asked for a `.confirm`, by stage.
    """

    by: Person
    fold: Callable[[str], str] = str.casefold
    people: Callable[[str], Sequence[Person]] = lambda _: ()
    named: Callable[[str], Person] = field(default=lambda name: Person("", f"nick:{name.casefold()}", name))
    max_riders: int = TRAIN_SIZE
    max_trains: int = 200
    stages: tuple[str, ...] = ()
    rollbacks: frozenset[str] = frozenset()
    targets: frozenset[str] | None = None
    unfinished: Mapping[str, Unfinished] = field(default_factory=dict)
    busy: Mapping[str, str] = field(default_factory=dict)
    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    locked: Mapping[str, Lock] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    closed: Mapping[str, Closed] = field(default_factory=dict)
    second: frozenset[str] = frozenset()
    asking: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    patience: Patience = Patience()
    templates: tuple[str, ...] = ()

    def beside(self, stage: str | None) -> bool:
        """Whether a template makes `stage`, and the line has none of that name."""
        return stage is not None and stage not in self.stages and makes(self.templates, stage)

    def unknown(self, stage: str, fix: str | None = None) -> Refusal | None:
        """The answer to who names a stage that is not there; `fix` is what would help, unless there are templates."""
        if stage in self.stages or self.beside(stage):
            return None
        if not (self.stages or self.templates):
            return Refusal(Code.LANE_HAS_NO_STAGES)
        example = next((template.replace("*", "NAME") for template in self.templates), None)
        return Refusal(Code.UNKNOWN_STAGE, subject=stage, fix=f".deploy REF to {example}" if example else fix)


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
    seated = {rider.person for rider in was.riders} if boarded and was is not None and not freed else set()
    came = tuple(rider.person for rider in head.riders if rider.person not in seated) if seated else ()
    return (HeadChanged(head, held=after.hold is not None, came=came),)
