"""What happened on the stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pushbot.queue.model import Person, RunKind, Train


@dataclass(frozen=True, slots=True)
class StageRequested:
    """A run is to be started; the train already shows it as running.

    `continues` is the earlier run of the stage that it goes on with, where that had not done all; `override` is why
    it goes in spite of what stood in the way.
    """

    train: Train
    stage: str
    run: int
    kind: RunKind
    by: Person | None
    continues: int | None = None
    override: str | None = None


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
