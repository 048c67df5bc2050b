"""What happened to the people in the line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pushbot.queue.model import Mark, Person, Train
    from pushbot.queue.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Joined:
    """A person got on; `ahead` trains go first, `alone` when it is a train of their own."""

    person: Person
    train: Train
    ahead: int
    alone: bool
    hotfix: bool = False


@dataclass(frozen=True, slots=True)
class Marked:
    """A rider gave their word on the current stage; `head` when it is the first train's."""

    person: Person
    train: Train
    mark: Mark
    head: bool


@dataclass(frozen=True, slots=True)
class TrainReady:
    """Everyone aboard the head said good; `next_stage` is where it goes next, None after the last."""

    train: Train
    next_stage: str | None


@dataclass(frozen=True, slots=True)
class Blocked:
    """The command did what it could; what stands in the way of the rest."""

    train: Train
    by: Refusal


@dataclass(frozen=True, slots=True)
class HeadChanged:
    """Another train, or one with other riders, is first in line; `held` while a hold stands before it.

    `came` are those who got aboard a train that was there already; the others know where they are.
    """

    train: Train
    held: bool
    came: tuple[Person, ...] = ()


@dataclass(frozen=True, slots=True)
class DriverChanged:
    """Somebody else drives the train now."""

    train: Train


@dataclass(frozen=True, slots=True)
class Left:
    """A person left trains; `by` is who took them off, the same person when by themselves."""

    person: Person
    by: Person
    trains: int


@dataclass(frozen=True, slots=True)
class StageSet:
    """The head's stage was set by hand."""

    train: Train
    by: Person


@dataclass(frozen=True, slots=True)
class Finished:
    """A train's journey is over; `stage` is the last it reached."""

    train: Train
    by: Person


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A train was taken off after a failure, its push given up."""

    train: Train
    by: Person


@dataclass(frozen=True, slots=True)
class Renamed:
    """A rider is known by another name now."""

    old: Person
    new: Person


@dataclass(frozen=True, slots=True)
class TopicTaken:
    """A topic written by hand was understood and is the queue now."""

    by: Person


@dataclass(frozen=True, slots=True)
class NoteSet:
    """The lane's note in the topic is now `text`, or gone."""

    text: str | None


@dataclass(frozen=True, slots=True)
class Quieted:
    """A driver wants silence for their train, or no longer."""

    train: Train


@dataclass(frozen=True, slots=True)
class DriverAsked:
    """The head's driver has said nothing for long; in `grace` seconds the next train that is ready goes first."""

    train: Train
    grace: float


@dataclass(frozen=True, slots=True)
class RidersAsked:
    """These riders of the head have not given their word on its stage yet."""

    train: Train
    riders: tuple[Person, ...]


@dataclass(frozen=True, slots=True)
class Overtaken:
    """`train` goes first, as the driver of `sleeper` did not answer; `sleeper` keeps the place behind it."""

    train: Train
    sleeper: Train


@dataclass(frozen=True, slots=True)
class BuildQueued:
    """The bot got in line with a build that has passed, or (`newer`) its waiting train takes this one over."""

    train: Train
    branch: str
    revision: str
    newer: bool = False


@dataclass(frozen=True, slots=True)
class BuildFailed:
    """A build failed. `riders` are those in the line whose work it is, `authors` who wrote it, as git has them."""

    name: str
    branch: str
    revision: str
    url: str | None
    riders: tuple[Person, ...]
    authors: tuple[str, ...]
