"""What every room's topic shows: the lanes that live there, drawn from their queues, fitted to the room's limit."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from pushbot.errors import fault_reference
from pushbot.fleet.model import Tally
from pushbot.ports import Measuring
from pushbot.queue.topic import fit_lanes
from pushbot.service.lane.runbook import run_id

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pushbot.ports import Chat, Clock, RunRecord
    from pushbot.queue.model import Queue
    from pushbot.service.snapshot import Progress
    from pushbot.service.spec import LaneSpec, Room

LOG = structlog.get_logger()
PROGRESS_EVERY = 10.0
"""Seconds between two topics of a lane that tell nothing new but how far its run is.

Each is a line in everybody's window, and costs a turn of what a chat allows a bot: Slack about 20 topics a minute
for all rooms together, IRC a line of the budget that the bot's words need too.
"""
WIDEST = 4
"""Bytes that a character may have."""
NOBODY = Tally(0, 0)


@dataclass(slots=True)
class Topics:
    """The topics of all rooms that show lanes."""

    chats: Mapping[str, Chat]
    lanes: Sequence[LaneSpec]
    _queues: dict[str, Queue] = field(default_factory=dict)
    _drawn: dict[Room, str] = field(default_factory=dict)
    _tallies: dict[str, tuple[str, Tally]] = field(default_factory=dict)

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
            far = {name: str(tally) for name, _ in shown if (tally := self._tally(name)) is not None}
            try:
                self._drawn[room] = _fitted(chat, room.name, shown, far)
                chat.draw(room.name, self._drawn[room])
            except Exception:  # a chat that breaks keeps no other room from its topic
                LOG.exception("topic_not_drawn", room=str(room), reference=fault_reference())

    def drawn(self, room: Room) -> str:
        """What was drawn there last."""
        return self._drawn.get(room, "")

    def note(self, run: RunRecord, tally: Tally) -> Tally | None:
        """Keep how far a run is, for the next time that its lane is drawn.

        Gives how far it was before; None when the topic does not show that run, or nothing has changed.
        """
        if run.id != self._shown(run.lane):
            return None
        before = self._tally(run.lane)
        self._tallies[run.lane] = run.id, tally
        return (before or NOBODY) if tally != before else None

    def redraw_progress(self, run: RunRecord) -> bool:
        """Draw the lane of a run, unless it shows another by now or the end is near: that will be drawn anyway."""
        tally = self._tally(run.lane)
        if run.id != self._shown(run.lane) or tally is None or tally.done + tally.failed >= tally.total:
            return False
        for room in next((lane.rooms for lane in self.lanes if lane.name == run.lane), ()):
            self.redraw(room)
        return True

    def _shown(self, lane: str) -> str | None:
        """The run in flight that the lane's topic shows: that of its head."""
        head = self._queues[lane].head if lane in self._queues else None
        return run_id(lane, head.run) if head is not None and head.running and head.run is not None else None

    def _tally(self, lane: str) -> Tally | None:
        """How far the run is that the lane's topic shows."""
        run, tally = self._tallies.get(lane, (None, None))
        return tally if run is not None and run == self._shown(lane) else None


def _fitted(chat: Chat, room: str, shown: Sequence[tuple[str, Queue]], far: Mapping[str, str]) -> str:
    """The topic of these lanes, with as much of them as there is room for."""
    least = chat.topic_limit(room)
    topic, most = fit_lanes(shown, least, far), least * WIDEST
    if not isinstance(chat, Measuring):
        return topic
    if chat.topic_fits(room, longest := fit_lanes(shown, most, far)):
        return longest
    if not chat.topic_fits(room, topic):
        least, most = 0, least
    while most - least > 1:
        middle = (least + most) // 2
        longer = fit_lanes(shown, middle, far)
        if chat.topic_fits(room, longer):
            least, topic = middle, longer
        else:
            most = middle
    return topic


@dataclass(slots=True)
class Ticker:
    """Draws topics anew as runs get on: the first failure at once, all else seldom. Nothing is on record of it."""

    topics: Topics
    clock: Clock
    group: asyncio.TaskGroup
    _last: dict[str, datetime] = field(default_factory=dict)
    _waiting: set[str] = field(default_factory=set)

    def moved(self, run: RunRecord, progress: Progress) -> None:
        """A run got on. Never raises: what is drawn must not disturb what runs."""
        before = self.topics.note(run, progress.tally) if progress.tally is not None else None
        if before is None or progress.tally is None:
            return
        if progress.tally.failed and not before.failed:
            self._draw(run)
        elif run.id not in self._waiting:
            later = self._draw_later(run)
            try:
                self.group.create_task(later, name=f"topic of {run.id}")
            except RuntimeError:  # the bot is ending, and so is its group of tasks
                later.close()
            else:
                self._waiting.add(run.id)

    async def _draw_later(self, run: RunRecord) -> None:
        while (seconds := self._too_early(run)) > 0:
            await self.clock.sleep(seconds)
        self._waiting.discard(run.id)
        self._draw(run)

    def _too_early(self, run: RunRecord) -> float:
        """Seconds until the lane may be drawn for progress again: a run that has just begun was drawn as such."""
        last = max(self._last.get(run.lane, run.requested_at), run.started_at or run.requested_at)
        now = self.clock.now()
        if last > now:  # the clock was set back
            return 0.0
        return (last + timedelta(seconds=PROGRESS_EVERY) - now).total_seconds()

    def _draw(self, run: RunRecord) -> None:
        if self.topics.redraw_progress(run):
            self._last[run.lane] = self.clock.now()
