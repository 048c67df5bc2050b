"""Who watches the lanes for chats that show more than lines: boards, pushes and people's own pages, from one place.

There is none where no chat shows more than lines: then nothing of this costs anything.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot.ports import Displays
from pushbot.service.lane.aftermath import without_fail
from pushbot.service.views.boards import Boards, Look
from pushbot.service.views.homes import Homes
from pushbot.service.views.pushviews import PushViews

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pushbot.ports import Chat, Clock, RunRecord, Store
    from pushbot.service.audience import Wishes
    from pushbot.service.lane.aftermath import Committed
    from pushbot.service.lane.conductor import Conductor
    from pushbot.service.snapshot import Progress

PROGRESS_EVERY = 5.0
"""Seconds between two drawings that show nothing new but how far runs are; the first failure is shown at once."""


@dataclass(slots=True)
class Views:
    """All that is shown beside lines and topics."""

    boards: Boards
    pushes: PushViews
    homes: Homes
    clock: Clock
    _moving: dict[str, None] = field(default_factory=dict)
    _awake: asyncio.Event = field(default_factory=asyncio.Event)
    _failed: set[str] = field(default_factory=set)

    def committed(self, what: Committed) -> None:
        """A lane has committed something: its pushes are shown at once, before lines are said of them."""
        without_fail(self.pushes.committed, what)
        self.boards.changed(what.now.spec.name)
        self.homes.changed()
        self._failed -= {run.id for run in what.runs if run.state.final}

    def moved(self, run: RunRecord, progress: Progress) -> None:
        """A run got on. Never raises: what is drawn must not disturb what runs."""
        failed = progress.tally is not None and progress.tally.failed > 0 and run.id not in self._failed
        if failed:
            self._failed.add(run.id)
            self._draw(run.lane)
        else:
            self._moving[run.lane] = None
            self._awake.set()

    def _draw(self, lane: str) -> None:
        without_fail(self.pushes.moved, lane)
        without_fail(self.boards.changed, lane)
        self.homes.changed()

    async def take_up(self) -> None:
        """Tell chats which boards there are, and show pushes as the record has them.

        Raises PushbotError when it cannot be read.
        """
        lanes = [conductor.lane for conductor in self.boards.conductors.values()]
        for name, chat in self.homes.chats.items():
            if isinstance(chat, Displays):
                boards = {(room.name, lane.name) for lane in lanes for room in lane.rooms if room.chat == name}
                without_fail(chat.keep_boards, boards)
        await self.pushes.take_up()

    async def run(self) -> None:
        """Keep all up to date, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.boards.run(), name="boards")
            group.create_task(self.homes.run(), name="homes")
            while True:
                await self._awake.wait()
                self._awake.clear()
                lanes, self._moving = self._moving, {}
                for lane in lanes:
                    self._draw(lane)
                await self.clock.sleep(PROGRESS_EVERY)


def views_of(
    chats: Mapping[str, Chat],
    conductors: Mapping[str, Conductor],
    look: Look,
    wishes: Wishes,
    *,
    store: Store,
    clock: Clock,
) -> Views | None:
    """What shows the lanes of `conductors` in those of `chats` that can show more than lines; None without any."""
    if not any(isinstance(chat, Displays) for chat in chats.values()):
        return None
    boards = Boards(conductors, store, clock, look)
    homes = Homes(chats, boards, look, store, clock, wishes)
    wishes.people.changed = homes.changed
    return Views(boards, PushViews(conductors, store, clock), homes, clock)
