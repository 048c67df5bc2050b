"""The rooms of the configuration, by id (`C024BE91L`) or by name (`#push`), and the channels that they are.

A room keeps its channel, whatever that is called later: a name is looked up once, and noted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushbot.chat.slack.shape import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pushbot.chat.slack.shape import Object

ID = re.compile(r"[CG][A-Z0-9]{7,}")
"""A channel's id."""
NAME = re.compile(r"#?[^\s#,<>@!\"'.:;/\\|]{1,80}")
"""A channel's name: https://docs.slack.dev/reference/methods/conversations.rename, which also wants small letters."""
NOTED = "room/"
"""How notes begin that say which channel a room is; the room's name follows."""


@dataclass(slots=True)
class Room:
    """One room: `name` as the configuration has it, `title` as Slack shows it, `topic` as it is now, None: not known.

    `inside` is whether the bot is a member and may speak there, `setter` the id of who set the topic, `news` how often
    Slack told something of the room: what was asked before the last of it is old. `written` is when the topic was, as
    Slack counts its messages, 0 where that is not known; `found` is a topic that was there already, and its setter.
    """

    name: str
    id: str | None = None
    title: str = ""
    inside: bool = False
    topic: str | None = None
    setter: str = ""
    news: int = 0
    written: float = 0.0
    found: tuple[str, str] = ("", "")

    def is_called(self, name: str) -> bool:
        """Whether the configuration names the room so."""
        return self.name.removeprefix("#").casefold() == name.removeprefix("#").casefold()

    def is_meant(self, channel: Object) -> bool:
        """Whether it is this channel of Slack's: by its name, or by an id that looks like none of Slack's."""
        return self.is_called(text(channel, "name")) or self.name == text(channel, "id")

    @property
    def by_id(self) -> bool:
        """Whether the configuration gives the id."""
        return ID.fullmatch(self.name) is not None


class Rooms:
    """All rooms. What they are is filled in when the bot has asked."""

    def __init__(self, names: Sequence[str]) -> None:
        self._all = {name: Room(name, name if ID.fullmatch(name) else None) for name in names}

    def __iter__(self) -> Iterator[Room]:
        return iter(self._all.values())

    def room(self, name: str) -> Room | None:
        """The room that the configuration names so."""
        return self._all.get(name)

    def find(self, channel: str) -> Room | None:
        """The room that this channel is, None when it is none of ours."""
        return next((room for room in self if room.id == channel), None) if channel else None

    def id_of(self, room: str) -> str | None:
        """The channel that the room of the configuration is, None while that is not known."""
        found = self._all.get(room)
        return found.id if found is not None else None

    def named(self, channel: str) -> str | None:
        """How the configuration names the room that this channel is, None when it is none of ours."""
        room = self.find(channel)
        return room.name if room is not None else None

    def name_of(self, channel: str) -> str | None:
        """What the channel is called now, None when that is not known."""
        room = self.find(channel)
        return (room.title or None) if room is not None else None

    def recall(self, notes: Mapping[str, str]) -> None:
        """Take up which channels the rooms were before a restart."""
        for room in self:
            if room.id is None:
                room.id = notes.get(f"{NOTED}{room.name}")
