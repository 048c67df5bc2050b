"""What the service is told about its lanes: values made from the configuration, with plugins ready for use."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from pushbot.queue.model import TRAIN_SIZE

if TYPE_CHECKING:
    from pathlib import Path

    from pushbot.ports import Executor, Probe, Repository, Step


class News(StrEnum):
    """A kind of announcement, as `[announce]` in the configuration names it."""

    DEPLOY_STARTED = "deploy_started"
    DEPLOY_SUCCEEDED = "deploy_succeeded"
    DEPLOY_FAILED = "deploy_failed"
    DEPLOY_STOPPED = "deploy_stopped"
    ROLLBACK = "rollback"
    HOLD = "hold"
    UNHOLD = "unhold"
    UHOH = "uhoh"
    HOTFIX = "hotfix"


@dataclass(frozen=True, slots=True, order=True)
class Room:
    """A room of a chat: the chat's name in the configuration and the room's name there (`#push`)."""

    chat: str
    name: str

    def __str__(self) -> str:
        """As the configuration writes it: `irc/#push`."""
        return f"{self.chat}/{self.name}"


@dataclass(frozen=True, slots=True)
class StageSpec:
    """One place to deploy to, and how. `lock` is the exclusive claim that its runs hold."""

    name: str
    executor: Executor
    workdir: Path
    lock: str
    steps: tuple[Step, ...] = ()
    health: tuple[Probe, ...] = ()
    post: tuple[Step, ...] = ()
    rollback_steps: tuple[Step, ...] = ()
    rollback_auto: bool = False
    rollback_from: str | None = None
    timeout: float = 3600.0
    grace: float = 5.0
    env: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()

    def changed_by(self, step: str | None) -> bool:
        """Whether a deploy that failed at `step` may have changed something (None: it failed before any step)."""
        if step is None:
            return False
        names = [each.name for each in self.steps]
        if step not in names or self.rollback_from not in names:
            return True
        return names.index(step) >= names.index(self.rollback_from)


@dataclass(frozen=True, slots=True)
class LaneSpec:
    """One named queue: its rooms, its stages in order, and where its revisions come from."""

    name: str
    rooms: tuple[Room, ...]
    stages: tuple[StageSpec, ...] = ()
    repository: Repository | None = None
    branch: str | None = None
    max_riders: int = TRAIN_SIZE
    config: bool = False

    def stage(self, name: str) -> StageSpec | None:
        """The stage of that name."""
        return next((stage for stage in self.stages if stage.name == name), None)


@dataclass(frozen=True, slots=True)
class Announce:
    """Which news go where: `warroom` kinds to `rooms`, `lane` kinds to the lane's own rooms."""

    rooms: tuple[Room, ...] = ()
    warroom: frozenset[News] = field(default=frozenset(News))
    lane: frozenset[News] = field(default=frozenset(News))
