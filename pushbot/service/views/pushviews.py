"""Every push as it goes, for chats that show it: drawn before the lines that a commit owes, from what is in memory.

Nothing is kept of that but on record: after a restart the pushes under way are shown again, and so are those that ended
lately, as the bot may have ended before their end was shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from pushbot.errors import fault_reference
from pushbot.ports import PushRecord, PushState
from pushbot.queue.model import Person, Train
from pushbot.service.views.boards import displayed
from pushbot.service.views.stageviews import of_push
from pushbot.views import PushEnd, PushView

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from pushbot.ports import Clock, Displays, RunRecord, Store
    from pushbot.queue.model import Queue
    from pushbot.service.lane.aftermath import Committed
    from pushbot.service.lane.conductor import Conductor
    from pushbot.service.snapshot import Snapshot

LOG = structlog.get_logger()
LATELY = timedelta(days=1)
ENDED = 10
"""Pushes of a lane, ended lately, that are shown again after a restart."""
RUNS = 200
"""Runs of a lane, the newest, among which those of its pushes are looked for after a restart."""
ENDS = {
    PushState.UNDERWAY: PushEnd.UNDERWAY,
    PushState.DONE: PushEnd.DONE,
    PushState.FAILED: PushEnd.FAILED,
    PushState.GIVEN_UP: PushEnd.GIVEN_UP,
}


@dataclass(slots=True)
class _Journey:
    """A push in memory: who was aboard last, the last run of each stage, the newest of all, and what is shown."""

    push: PushRecord
    people: tuple[Person, ...] = ()
    branch: str | None = None
    runs: dict[str, RunRecord] = field(default_factory=dict)
    newest: RunRecord | None = None
    shown: str = ""

    def take(self, run: RunRecord) -> None:
        self.runs.pop(run.stage, None)
        self.runs[run.stage] = self.newest = run


@dataclass(slots=True)
class PushViews:
    """One for the whole bot."""

    conductors: Mapping[str, Conductor]
    store: Store
    clock: Clock
    _journeys: dict[tuple[str, int], _Journey] = field(default_factory=dict)

    async def take_up(self) -> None:
        """Show again what is under way or ended lately. Raises PushbotError when the record cannot be read."""
        for lane, conductor in self.conductors.items():
            if not displayed(conductor.lane, conductor.around.chats):
                continue
            runs = await self.store.runs(lane, limit=RUNS)
            lately = [push for push in await self.store.pushes(lane) if self._lately(push.ended_at)][:ENDED]
            for push in (*reversed(lately), *conductor.pushes.underway.values()):
                journey = self._journeys[lane, push.number] = _Journey(push)
                for run in reversed(runs):
                    if run.train == push.number:
                        journey.take(run)
            self._show(conductor.snapshot(), conductor.queue, self.clock.now())

    def _lately(self, ended: datetime | None) -> bool:
        return ended is not None and self.clock.now() - ended < LATELY

    def committed(self, what: Committed) -> None:
        """Show what has become of the pushes of a lane."""
        here, lane = what.now, what.now.spec.name
        if not self._rooms(lane):
            return
        for push in (*what.underway.values(), *what.pushes):
            self._journey(lane, push).push = push
        for train in here.queue.trains:
            if train.begun and (lane, train.number) not in self._journeys:  # somebody wrote it into the topic like this
                self._journey(lane, _begun(lane, train, self.clock.now()))
        for run in what.runs:
            known = self._journeys.get((lane, run.train))
            if known is not None:
                known.take(run)
        self._show(here, what.before, self.clock.now())

    def moved(self, lane: str) -> None:
        """Show how far the runs of a lane are."""
        if any(name == lane for name, _ in self._journeys):
            conductor = self.conductors[lane]
            self._show(conductor.snapshot(), conductor.queue, self.clock.now())

    def _journey(self, lane: str, push: PushRecord) -> _Journey:
        return self._journeys.setdefault((lane, push.number), _Journey(push))

    def _rooms(self, lane: str) -> Sequence[tuple[Displays, str]]:
        conductor = self.conductors[lane]
        return displayed(conductor.lane, conductor.around.chats)

    def _show(self, here: Snapshot, before: Queue, now: datetime) -> None:
        """Show the lane's pushes where they are not as they were shown; those that are over for the last time."""
        lane = here.spec.name
        for (name, number), journey in tuple(self._journeys.items()):
            if name != lane:
                continue
            train = here.queue.train(number)
            self._follow(journey, train or before.train(number), here)
            if train is None and journey.push.state is PushState.UNDERWAY:  # not on record, and out of the queue
                journey.push = replace(journey.push, state=PushState.GIVEN_UP, ended_at=now)
            view = self._view(journey, train, here)
            self._draw(view, journey)
            if view.end is not PushEnd.UNDERWAY:
                del self._journeys[name, number]

    def _follow(self, journey: _Journey, train: Train | None, here: Snapshot) -> None:
        for run in here.active:  # what a run found out since it was asked for
            if journey.runs.get(run.stage) is not run and run.train == journey.push.number:
                journey.take(run)
        if train is not None:
            journey.people = tuple(rider.person for rider in train.riders)
            journey.branch = train.ref

    def _view(self, journey: _Journey, train: Train | None, here: Snapshot) -> PushView:
        push, run = journey.push, journey.newest
        driver, *riders = _people(push, train, journey.people)
        outputs = self.conductors[push.lane].around.outputs
        return PushView(
            push.lane,
            push.number,
            driver,
            tuple(riders),
            of_push(push, train, journey.runs, here),
            push.began_at,
            ENDS[push.state],
            push.ended_at,
            revision=push.revision or (run.revision if run is not None else None),
            branch=journey.branch or (run.ref if run is not None else None) or here.spec.branch,
            size=next((one.size for one in reversed(journey.runs.values()) if one.size), None),
            run=run.id if run is not None else None,
            log=outputs.shown(run.id) if run is not None and run.token is not None else None,
        )

    def _draw(self, view: PushView, journey: _Journey) -> None:
        told = repr(view)
        if journey.shown == told:
            return
        journey.shown = told
        for chat, room in self._rooms(view.lane):
            try:
                chat.show_push(room, view)
            except Exception:  # a chat that breaks keeps no other from showing it, and no lane from its lines
                LOG.exception("push_not_shown", push=view.name, room=room, reference=fault_reference())


def _begun(lane: str, train: Train, at: datetime) -> PushRecord:
    """A push that is not on record yet."""
    names = tuple(rider.person.name for rider in train.riders)
    return PushRecord(lane, train.number, PushState.UNDERWAY, names[0], names, at, revision=train.revision)


def _people(push: PushRecord, train: Train | None, known: Iterable[Person]) -> tuple[Person, ...]:
    """Who is aboard, the driver first; once the train is gone their names are all that is shown."""
    if train is not None:
        return tuple(rider.person for rider in train.riders)
    there = {person.name: person for person in known}
    names = dict.fromkeys((push.driver, *push.riders))
    return tuple(there.get(name) or Person("", f"name:{name}", name) for name in names)
