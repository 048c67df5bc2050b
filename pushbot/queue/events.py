"""What has happened to a queue, in the past tense. The voice turns events into words, the service into runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pushbot.queue.model import Mark, Person, RunKind, Train
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
    """Another train, or one with other riders, is first in line; `held` while a hold stands before it."""

    train: Train
    held: bool


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
class StageRequested:
    """A run is to be started; the train already shows it as running.

    `continues` is the earlier run of the stage that it goes on with, where that had not done all.
    """

    train: Train
    stage: str
    run: int
    kind: RunKind
    by: Person | None
    continues: int | None = None


@dataclass(frozen=True, slots=True)
class AbortRequested:
    """The run in flight is to be stopped."""

    train: Train
    by: Person


@dataclass(frozen=True, slots=True)
class AbortFailed:
    """A run that was to be stopped goes on, for `reason`."""

    train: Train
    stage: str
    kind: RunKind
    reason: str


@dataclass(frozen=True, slots=True)
class HostsCounted:
    """A run over hosts is about to start: how many, in which batches, and the lists of them that do not agree."""

    train: Train
    stage: str
    summary: str
    mismatches: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run is under way."""

    train: Train
    stage: str
    kind: RunKind


@dataclass(frozen=True, slots=True)
class StageSucceeded:
    """The train's revision is on `stage`; `last` when no stage comes after it. `note` is what did not go well."""

    train: Train
    stage: str
    seconds: float
    last: bool
    note: str | None = None


@dataclass(frozen=True, slots=True)
class RolledBack:
    """The last good revision is back on `stage`. `note` is what did not go well."""

    train: Train
    stage: str
    seconds: float
    note: str | None = None


@dataclass(frozen=True, slots=True)
class RunFailed:
    """A run failed at `step`; `undo` when a rollback follows by itself."""

    train: Train
    stage: str
    kind: RunKind
    step: str | None
    reason: str | None
    tail: tuple[str, ...]
    undo: bool


@dataclass(frozen=True, slots=True)
class RunCancelled:
    """A run was stopped because somebody asked for it; `reason` says how far it was."""

    train: Train
    stage: str
    kind: RunKind
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RunWasLost:
    """Nobody can tell how a run ended; it is not started again by itself."""

    train: Train
    stage: str
    kind: RunKind
    reason: str | None


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
class Held:
    """The lane was stopped, by a person or (None) by the bot itself."""

    reason: str | None
    by: Person | None
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class Released:
    """The lane goes on."""

    by: Person


@dataclass(frozen=True, slots=True)
class NoteSet:
    """The lane's note in the topic is now `text`, or gone."""

    text: str | None


@dataclass(frozen=True, slots=True)
class Renamed:
    """A rider is known by another name now."""

    old: Person
    new: Person


@dataclass(frozen=True, slots=True)
class TopicTaken:
    """A topic written by hand was understood and is the queue now."""

    by: Person


Event = (
    Joined
    | Marked
    | TrainReady
    | Blocked
    | HeadChanged
    | DriverChanged
    | Left
    | StageSet
    | StageRequested
    | AbortRequested
    | AbortFailed
    | HostsCounted
    | RunStarted
    | StageSucceeded
    | RolledBack
    | RunFailed
    | RunCancelled
    | RunWasLost
    | Finished
    | GivenUp
    | Held
    | Released
    | NoteSet
    | Renamed
    | TopicTaken
)
