"""What the app gets from a configuration file: values that are complete, checked and of one meaning.

Paths are absolute, durations seconds, names resolved to what they name, plugins loaded and their
options validated; nothing of TOML is left. Lanes and announcements are in the words of the service
(service/spec.py), executors and repositories built; chats are built when the app is ready for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, cast

from pushbot.service.people.access import Access
from pushbot.service.spec import HouseSpec

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import BaseModel

    from pushbot.plugins import Plugin
    from pushbot.ports import Chat
    from pushbot.service.spec import Announce, BackupSpec, LaneSpec
    from pushbot.web.spec import WebSpec


class OnStop(StrEnum):
    """What becomes of the runs in flight when the bot is told to stop."""

    LEAVE = "leave"
    ABORT = "abort"
    DRAIN = "drain"


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


@dataclass(frozen=True, slots=True)
class Bot:
    """The bot itself: where it keeps its record and its runs, and how it logs. `url` has no slash at its end.

    `drain_for` is how many seconds `on_stop = "drain"` waits for the runs in flight. `commands_per_minute` is how many
    one person may send, 0 for no limit.
    """

    store: Path
    runs: Path
    on_stop: OnStop
    url: str | None
    log_format: LogFormat
    log_level: LogLevel
    drain_for: float = 600.0
    syslog: str | None = None
    commands_per_minute: int = 60


@dataclass(frozen=True, slots=True)
class ChatPart:
    """A chat, ready to be built; `rooms` are all of its rooms that a lane or `[announce]` names."""

    name: str
    plugin: Plugin
    options: BaseModel
    rooms: tuple[str, ...]

    def build(self) -> Chat:
        """A new chat, not yet connected."""
        return cast("Chat", self.plugin(self.name, self.options, self.rooms))


@dataclass(frozen=True, slots=True)
class Config:
    """A whole configuration; chats and lanes are in the order of the file, `text` is the file as it was read."""

    file: Path
    bot: Bot
    chats: tuple[ChatPart, ...]
    announce: Announce
    lanes: tuple[LaneSpec, ...]
    backup: BackupSpec
    text: str = field(default="", repr=False)
    web: WebSpec | None = None
    access: Access = field(default_factory=Access)
    house: HouseSpec = field(default_factory=HouseSpec)
