"""What the world tells about runs, people and time; decided by the same rules as what is asked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pushbot.queue.model import Person  # noqa: TC001 - the store reads the types of the fields


class RunState(StrEnum):
    """Where a run stands; the last four are final."""

    REQUESTED = "requested"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to a run in this state."""
        return self not in (RunState.REQUESTED, RunState.RUNNING)


@dataclass(frozen=True, slots=True)
class RunCounted:
    """The hosts of run `run` are known, and it is about to start: `summary` says how many and in which batches.

    `mismatches` are the lists of hosts that do not agree, a sentence each.
    """

    train: int
    run: int
    summary: str
    mismatches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunBegan:
    """The executor has taken up run `run` of train `train`, with its revision resolved."""

    train: int
    run: int
    revision: str | None


@dataclass(frozen=True, slots=True)
class AbortRefused:
    """Run `run` of train `train` was to be stopped, and cannot be, for `reason`; it goes on."""

    train: int
    run: int
    reason: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """Run `run` of train `train` came to the final state `state`.

    `step` and `reason` say where and why it did not succeed, or not everywhere; `undo` asks for the stage's rollback
    (its policy is automatic and something had been changed).
    """

    train: int
    run: int
    state: RunState
    step: str | None = None
    reason: str | None = None
    tail: tuple[str, ...] = ()
    undo: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Built:
    """A build of `revision` on `branch` has passed, or failed.

    `url` tells more of it. `people` are the keys of those whose work it is, `authors` their names as git has them.
    `wanted` is whether the lane takes what has passed to a stage by itself; the bot then rides with it.
    """

    name: str
    branch: str
    revision: str
    passed: bool
    url: str | None = None
    people: frozenset[str] = frozenset()
    authors: tuple[str, ...] = ()
    wanted: bool = False


@dataclass(frozen=True, slots=True)
class Passed:
    """Time has passed: what is due at `Facts.now` is to be done."""


@dataclass(frozen=True, slots=True)
class Stirred:
    """`person` said something, whatever it was: they are there."""

    person: Person


@dataclass(frozen=True, slots=True)
class Rename:
    """A person is now known as another: a new nick, or logged in."""

    old: Person
    new: Person


Report = RunCounted | RunBegan | AbortRefused | RunEnded | Built | Passed | Stirred | Rename
