"""What the app gets from a configuration file: values that are complete, checked and of one meaning.

Paths are absolute, durations seconds, names resolved to what they name, plugins loaded and their
options validated; nothing of TOML is left. The keys of the file are in `schema.py`, and `load` of
`loader.py` makes one from the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pydantic import BaseModel

    from pushbot.ports import Chat, Executor, Probe, Repository, Step


class OnStop(StrEnum):
    """What becomes of the runs in flight when the bot is told to stop."""

    LEAVE = "leave"
    ABORT = "abort"


class LogFormat(StrEnum):
    """How log lines are written."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """The least important line that is still logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Rollback(StrEnum):
    """Who starts the rollback of a stage after a failed run: the bot, a person's `.rollback`, or nobody."""

    AUTO = "auto"
    MANUAL = "manual"
    NEVER = "never"


class News(StrEnum):
    """A kind of announcement, as `[announce]` names it."""

    DEPLOY_STARTED = "deploy_started"
    DEPLOY_SUCCEEDED = "deploy_succeeded"
    DEPLOY_FAILED = "deploy_failed"
    ROLLBACK = "rollback"
    HOLD = "hold"
    UNHOLD = "unhold"
    UHOH = "uhoh"
    HOTFIX = "hotfix"


@dataclass(frozen=True, slots=True)
class Room:
    """A room of a chat; `chat` is the chat's name in the file, `name` the room's name there (`#push`)."""

    chat: str
    name: str

    def __str__(self) -> str:
        """As the file writes it: `irc/#push`."""
        return f"{self.chat}/{self.name}"


@dataclass(frozen=True, slots=True)
class Bot:
    """The bot itself: where it keeps its record and its runs, and how it logs. `url` has no slash at its end."""

    store: Path
    runs: Path
    on_stop: OnStop
    url: str | None
    log_format: LogFormat
    log_level: LogLevel


@dataclass(frozen=True, slots=True)
class ChatPart:
    """A chat, ready to be built; `rooms` are all of its rooms that a lane or `[announce]` names."""

    name: str
    plugin: Callable[[str, BaseModel, tuple[str, ...]], Chat]
    options: BaseModel
    rooms: tuple[str, ...]

    def build(self) -> Chat:
        """A new chat, not yet connected."""
        return self.plugin(self.name, self.options, self.rooms)


@dataclass(frozen=True, slots=True)
class ExecutorPart:
    """An executor, ready to be built; `type` is its name in the file."""

    type: str
    plugin: Callable[[BaseModel], Executor]
    options: BaseModel

    def build(self) -> Executor:
        """A new executor."""
        return self.plugin(self.options)


@dataclass(frozen=True, slots=True)
class RepositoryPart:
    """A repository, ready to be built; `type` is its name in the file."""

    type: str
    plugin: Callable[[BaseModel], Repository]
    options: BaseModel

    def build(self) -> Repository:
        """A new repository."""
        return self.plugin(self.options)


@dataclass(frozen=True, slots=True)
class Stage:
    """One place to deploy to. `lock` is the exclusive claim that its runs hold; see ports.Job for the rest.

    `env` values may be references (`env:NAME`, `file:/ABSOLUTE`), to be resolved by the executor.
    """

    name: str
    executor: ExecutorPart
    workdir: Path
    lock: str
    timeout: float
    grace: float
    rollback: Rollback
    rollback_from: str | None
    steps: tuple[Step, ...]
    health: tuple[Probe, ...]
    post: tuple[Step, ...]
    rollback_steps: tuple[Step, ...]
    env: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]

    def changed_by(self, step: str | None) -> bool:
        """Whether a deploy that failed at `step` may have changed something (None: it failed before any step)."""
        if step is None:
            return False
        names = [each.name for each in self.steps]
        if step not in names or self.rollback_from is None:
            return True
        return names.index(step) >= names.index(self.rollback_from)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The ordered stages of a lane and where their revisions come from (`branch` is None without a repository)."""

    name: str
    stages: tuple[Stage, ...]
    repository: RepositoryPart | None
    branch: str | None

    def stage(self, name: str) -> Stage | None:
        """The stage of that name."""
        return next((stage for stage in self.stages if stage.name == name), None)


@dataclass(frozen=True, slots=True)
class Lane:
    """One named queue; `config` means that `.join config` said in its rooms goes to this lane."""

    name: str
    rooms: tuple[Room, ...]
    pipeline: Pipeline | None
    max_riders: int
    config: bool


@dataclass(frozen=True, slots=True)
class Announce:
    """Which news go where: `warroom` kinds to `rooms`, `lane` kinds to the lane's own rooms."""

    rooms: tuple[Room, ...]
    warroom: frozenset[News]
    lane: frozenset[News]


@dataclass(frozen=True, slots=True)
class Config:
    """A whole configuration; chats and lanes are in the order of the file."""

    file: Path
    bot: Bot
    chats: tuple[ChatPart, ...]
    announce: Announce
    pipelines: tuple[Pipeline, ...]
    lanes: tuple[Lane, ...]

    def lanes_in(self, room: Room) -> tuple[Lane, ...]:
        """The lanes that the topic of `room` shows, in order."""
        return tuple(lane for lane in self.lanes if room in lane.rooms)
