"""What there is to see: for each room its topic and its latest lines."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, assert_never

from pushbot.chat.console.voice import Remark, Said, Sound, TopicIs

_KEPT: Final = 500


class Tone(StrEnum):
    """What sort of line it is; the value is the name of its style."""

    SPEECH = "speech"
    PRIVATE = "private"
    REMARK = "remark"
    HINT = "hint"


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of a room: who spoke (nobody: a remark) and the text."""

    tone: Tone
    who: str
    text: str


@dataclass(slots=True)
class Room:
    """A room's topic, its last 500 lines, and how many of them are below what is shown (0: none)."""

    name: str
    topic: str = ""
    lines: deque[Shown] = field(default_factory=lambda: deque(maxlen=_KEPT))
    behind: int = 0

    def scroll(self, lines: int) -> None:
        """Look `lines` further back (forward if negative)."""
        self.behind = max(0, min(self.behind + lines, len(self.lines) - 1))


class Scene:
    """The rooms, in the order in which they are shown; the first takes what belongs to none."""

    def __init__(self, rooms: tuple[str, ...]) -> None:
        self.rooms = {name.lower(): Room(name) for name in rooms}
        self.main = self.rooms[rooms[0].lower()]

    def take(self, sound: Sound) -> None:
        """Add what was heard."""
        match sound:
            case Said(where, who, text):
                room = self.rooms.get(where.lower())
                if room:
                    self._add(room, Shown(Tone.SPEECH, who, text))
                else:
                    self._add(self.main, Shown(Tone.PRIVATE, f"{who} to {where}", text))
            case TopicIs(name, text):
                if room := self.rooms.get(name.lower()):
                    room.topic = text
            case Remark(text, name):
                room = self.rooms.get(name.lower()) if name else None
                self._add(room or self.main, Shown(Tone.REMARK, "", text))
            case _:
                assert_never(sound)

    def hint(self, text: str) -> None:
        """Add a line of help to the first room."""
        self._add(self.main, Shown(Tone.HINT, "", text))

    def _add(self, room: Room, shown: Shown) -> None:
        """Add a line; somebody who looks back keeps seeing the same ones."""
        room.lines.append(shown)
        if room.behind:
            room.scroll(1)
