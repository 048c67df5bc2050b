"""Checks: what is looked at before a stage begins."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from pushbot.ports.repository import Repository


class Finding(StrEnum):
    """What a check found: all is well; it must not go; or a person has to say yes to it first."""

    PASSED = "passed"
    FAILED = "failed"
    ASKS = "asks"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found, and why, in one line for people."""

    finding: Finding
    why: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What a check looks at: the revision that is to go to a stage, and what is there now (None: not known).

    `branch` is what people named, `driver` and `riders` who brings it. `repository` is the lane's, `incident` the
    title of the one that is open. `directory` is a place of its own to work in, gone afterwards. `patience` is how many
    seconds the check has: it may say itself what it still waits for then, and is ended a little later. `called` is as
    that of a Job.
    """

    lane: str
    stage: str
    revision: str | None
    previous: str | None
    branch: str | None
    driver: str
    riders: tuple[str, ...]
    directory: Path
    repository: Repository | None = None
    incident: str | None = None
    patience: float = 300.0
    called: str = ""

    def facts(self) -> dict[str, str]:
        """The environment that tells a command what it looks at: as that of a step, without a run."""
        return {
            "PUSHBOT_LANE": self.lane,
            "PUSHBOT_STAGE": self.stage,
            "PUSHBOT_REVISION": self.revision or "",
            "PUSHBOT_PREVIOUS_REVISION": self.previous or "",
            "PUSHBOT_BRANCH": self.branch or "",
            "PUSHBOT_DRIVER": self.driver,
            "PUSHBOT_RIDERS": " ".join(self.riders),
            **({"PUSHBOT_NAME": self.called} if self.called else {}),
        }


class Check(Protocol):
    """Looks at a change before it goes to a stage. Constructed as `Type(options)`; the bot bounds its time."""

    async def look(self, change: Change) -> Verdict:
        """What it finds. Raises PushbotError when it cannot tell, which counts as not passed unless configured so."""
        ...
