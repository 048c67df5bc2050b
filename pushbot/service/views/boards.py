"""The boards of the lanes: what `.status` knows and what can be done next, as one value, made anew when that changes.

A board is made beside the lanes, from the record and from what is in memory: whoever is slow there holds up no lane,
and of several changes only the last counts. What goes wrong costs that board alone, and is tried again in a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from pushbot.errors import PushbotError, fault_reference
from pushbot.ports import Displays
from pushbot.queue.model import LINKED, Person
from pushbot.service.lane.draft import Draft
from pushbot.service.lane.history import HISTORY
from pushbot.service.snapshot import Snapshot
from pushbot.service.views.offers import OPERATOR, Scene, offers
from pushbot.service.views.stageviews import of_lane
from pushbot.service.voice.phrases import SOON
from pushbot.service.voice.plain import HOUR, MINUTE
from pushbot.service.voice.status import LaneNow, guesses
from pushbot.views import LaneBoard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pushbot.ports import Chat, Clock, RunRecord, Store
    from pushbot.queue.model import Lock, Train
    from pushbot.service.lane.conductor import Conductor
    from pushbot.service.spec import LaneSpec

Look = Callable[[Snapshot, Sequence[Snapshot]], Awaitable[LaneNow]]
"""What is known of a lane, one of these, see Questions.lane_now."""

LOG = structlog.get_logger()
MADE_WITHIN = 10.0
"""Seconds that a board may take to be made."""
ANEW_EVERY = 30.0
"""Seconds after which every board is made anew, for what changes by itself: hours, how long people wait, roles."""
HUMANS = 200
"""People of the configuration who are asked what they could do, when those aboard cannot."""


def displayed(lane: LaneSpec, chats: Mapping[str, Chat]) -> tuple[tuple[Displays, str], ...]:
    """The rooms of a lane that can show more than lines, each with its chat."""
    found = list[tuple[Displays, str]]()
    for room in lane.rooms:
        chat: object = chats.get(room.chat)
        if isinstance(chat, Displays):
            found.append((chat, room.name))
    return tuple(found)


@dataclass(slots=True)
class Boards:
    """One for the whole bot; `run` draws whatever `changed` since, for ever. Nothing is drawn where none is shown."""

    conductors: Mapping[str, Conductor]
    store: Store
    clock: Clock
    look: Look
    _rooms: dict[str, tuple[tuple[Displays, str], ...]] = field(default_factory=dict)
    _changed: dict[str, None] = field(default_factory=dict)
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _shown: dict[tuple[int, str, str], str] = field(default_factory=dict)

    def changed(self, lane: str) -> None:
        """Something is not as the board of `lane` shows it, nor perhaps those of lanes that share a place with it."""
        if not self._rooms:
            found = ((name, displayed(one.lane, one.around.chats)) for name, one in self.conductors.items())
            self._rooms |= {name: rooms for name, rooms in found if rooms}
        places = {stage.lock for stage in self.conductors[lane].lane.stages}
        for name in self._rooms:
            if name == lane or any(stage.lock in places for stage in self.conductors[name].lane.stages):
                self._changed[name] = None
                self._wanted.set()

    async def run(self) -> None:
        """Show all boards, and each again when it is another one."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._again_and_again(), name="boards anew")
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                while self._changed:
                    lane = next(iter(self._changed))
                    del self._changed[lane]
                    await self._draw(lane)

    async def _again_and_again(self) -> None:
        while True:
            for lane in self.conductors:
                self.changed(lane)
            await self.clock.sleep(ANEW_EVERY)

    async def _draw(self, lane: str) -> None:
        try:
            async with asyncio.timeout(MADE_WITHIN):
                board = await self.board(lane)
        except (PushbotError, TimeoutError) as error:
            LOG.warning("board_not_made", lane=lane, error=str(error) or "it took too long")
            return
        except Exception:
            LOG.exception("board_not_made", lane=lane, reference=fault_reference())
            return
        told = repr(board)  # unlike `==` it knows of all that people see: since when, by whom
        for chat, room in self._rooms[lane]:
            if self._shown.get((id(chat), room, lane)) == told:
                continue
            try:
                chat.show_board(room, board)
                self._shown[id(chat), room, lane] = told
            except Exception:  # a chat that breaks keeps no other room from its board
                LOG.exception("board_not_shown", lane=lane, room=room, reference=fault_reference())

    async def board(self, lane: str) -> LaneBoard:
        """The board of `lane` as it is now. Raises PushbotError when the record cannot be read."""
        return (await self.seen(lane))[0]

    async def seen(self, lane: str) -> tuple[LaneBoard, Scene]:
        """The same, and what its offers were made from: for who wants to know what one person could do."""
        snapshots = tuple(conductor.snapshot() for conductor in self.conductors.values())
        here = next(each for each in snapshots if each.spec.name == lane)
        now, past, queue = await self.look(here, snapshots), await self._past(here), here.queue
        turns, conductor = dict(guesses(now)), self.conductors[lane]
        draft = Draft(conductor.around, queue, conductor.pushes, now.now, past)
        spec = here.spec.stage(queue.head.stage) if queue.head is not None and queue.head.stage is not None else None
        scene = Scene(
            queue,
            tuple(stage.name for stage in here.spec.stages),
            draft.would,
            hosts=spec is not None and spec.hosts is not None,
            others=self._others(conductor),
        )
        shown, more = offers(scene)
        board = LaneBoard(
            lane,
            trains=tuple(map(_as_seen, queue.trains)),
            waits=tuple(_roughly(turns.get(train.number)) for train in queue.trains),
            hold=queue.hold,
            message=queue.message,
            stages=of_lane(now),
            locks=_locks(now),
            offers=shown,
            more=more,
            mark=queue.moment,
            branch=here.spec.branch,
            joining=_roughly(turns.get(0)),
        )
        return board, scene

    async def _past(self, here: Snapshot) -> Mapping[str, Sequence[RunRecord]] | None:
        """The last runs of the stage at which the first train stands, while something may be tried again there."""
        head = here.queue.head
        if head is None or head.stage is None or head.running:
            return None
        return {head.stage: await self.store.runs(here.spec.name, stage=head.stage, limit=HISTORY)}

    def _others(self, conductor: Conductor) -> list[Person]:
        access = conductor.around.access
        humans = access.directory.people[:HUMANS]
        known = [Person("", f"{LINKED}{human.name}", human.name, "the configuration") for human in humans]
        return [*([OPERATOR] if access.operators else []), *known]


def _as_seen(train: Train) -> Train:
    """`train` without what nobody sees: how long its people have been silent."""
    return replace(train, idle_since=None, asked_at=None, asked=())


def _roughly(seconds: float | None) -> float | None:
    """No finer than it is told, so that a board is not drawn anew for a second less."""
    if seconds is None:
        return None
    step = MINUTE if seconds < HOUR else 5 * MINUTE
    return 0.0 if seconds < SOON else float(max(step, round(seconds / step) * step))


def _locks(lane: LaneNow) -> tuple[Lock, ...]:
    kept = [stage.kept for stage in lane.stages if stage.kept is not None]
    beside = [lock for lock in lane.snapshot.queue.locks if lock.until > lane.now]
    return tuple({(lock.number, lock.stage, lock.owner.key): lock for lock in (*kept, *beside)}.values())
