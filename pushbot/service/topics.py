"""What every room's topic shows: the lanes that live there, drawn from their queues, fitted to the room's limit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot.queue.topic import fit_lanes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pushbot.ports import Chat
    from pushbot.queue.model import Queue
    from pushbot.service.spec import LaneSpec, Room


@dataclass(slots=True)
class Topics:
    """The topics of all rooms that show lanes."""

    chats: Mapping[str, Chat]
    lanes: Sequence[LaneSpec]
    _queues: dict[str, Queue] = field(default_factory=dict)
    _drawn: dict[Room, str] = field(default_factory=dict)

    def lanes_in(self, room: Room) -> tuple[LaneSpec, ...]:
        """The lanes that `room` shows, in the order of the configuration."""
        return tuple(lane for lane in self.lanes if room in lane.rooms)

    def show(self, lane: LaneSpec, queue: Queue) -> None:
        """Draw `queue` wherever its lane is shown."""
        self._queues[lane.name] = queue
        for room in lane.rooms:
            self.redraw(room)

    def redraw(self, room: Room) -> None:
        """Draw the topic of `room` as it should be; the chat writes it only where it differs from what is there."""
        shown = [(lane.name, self._queues[lane.name]) for lane in self.lanes_in(room) if lane.name in self._queues]
        if shown and room.chat in self.chats:
            chat = self.chats[room.chat]
            self._drawn[room] = fit_lanes(shown, chat.topic_limit(room.name))
            chat.draw(room.name, self._drawn[room])

    def drawn(self, room: Room) -> str:
        """What was drawn there last."""
        return self._drawn.get(room, "")
