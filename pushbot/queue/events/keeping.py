"""What keeps a lane or a stage from going on, and what people said to that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from pushbot.queue.model import Hold, Lock, Person, Train


@dataclass(frozen=True, slots=True)
class Held:
    """The lane was stopped, by a person or (None) by the bot itself."""

    reason: str | None
    by: Person | None
    replaced: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Released:
    """The lane goes on; `by` is None when the hold came to its end."""

    by: Person | None
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class Locked:
    """A person keeps a stage; `extended` when they kept it already."""

    lock: Lock
    extended: bool = False


@dataclass(frozen=True, slots=True)
class Unlocked:
    """A stage is free again: its owner gave it back, or another took it away (`by`), or (None) its time is over."""

    lock: Lock
    by: Person | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class EndsSoon:
    """The owner of a lock or a hold is to hear that its end is near."""

    what: Lock | Hold


@dataclass(frozen=True, slots=True)
class Seconded:
    """Another person than the driver gave their word for `stage`."""

    train: Train
    stage: str
    by: Person


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What `checks` asked about was answered with yes."""

    train: Train
    checks: tuple[str, ...]
    by: Person


@dataclass(frozen=True, slots=True)
class Overridden:
    """An operator lets the head's next start go in spite of what stands in the way."""

    train: Train
    by: Person
    reason: str
