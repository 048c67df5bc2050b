"""What is asked of the bot itself, and concerns no lane, or all of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """`.incident "checkout errors"`: hold every lane and gather what is known; without a title, how it stands."""

    title: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """`.note TEXT`: one more line in the incident's timeline."""

    text: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """`.resolved ["how"]`: the incident is over."""

    how: str | None = None


@dataclass(frozen=True, slots=True)
class Oncall:
    """`.oncall`: who is on call."""


class Notify(StrEnum):
    """When somebody wants to be told that their train's turn comes."""

    UP = "up"
    AHEAD = "ahead"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class SetNotify:
    """`.notify me when up | when N ahead | off [privately]`; without anything, how it is set.

    `ahead` is how many trains go first at that moment; `privately` None leaves that as it is.
    """

    when: Notify | None = None
    ahead: int = 0
    privately: bool | None = None


@dataclass(frozen=True, slots=True)
class Say:
    """`.say ROOM TEXT`: the bot says it there."""

    room: str
    text: str


@dataclass(frozen=True, slots=True)
class Reload:
    """`.reload`: read the configuration again, all of it or nothing."""


BotCommand = OpenIncident | Note | Resolved | Oncall | SetNotify | Say | Reload
