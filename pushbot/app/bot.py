"""The wired parts of a bot, and the order in which they start and stop."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

import structlog

from pushbot.app.plan import LAST_WORDS
from pushbot.children import printed
from pushbot.control.server import ControlServer
from pushbot.ports import Work
from pushbot.queue.commands import RunState
from pushbot.service.answering import Answering
from pushbot.service.autopilot import Autopilot
from pushbot.service.conductor import Conductor
from pushbot.service.desk import Desk
from pushbot.service.dispatcher import Dispatcher
from pushbot.service.draft import Surroundings
from pushbot.service.drift import Drift
from pushbot.service.feed import Feed, HowFar
from pushbot.service.hailing import TALK
from pushbot.service.hours import Hours
from pushbot.service.looking import Looks
from pushbot.service.membership import Membership
from pushbot.service.questions import Questions
from pushbot.service.runbook import Runbook
from pushbot.service.speaker import Speaker
from pushbot.service.topics import Ticker, Topics
from pushbot.service.voice.news import stray
from pushbot.web.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from pushbot.app.plan import Errand, Plan
    from pushbot.ports import Clock, RunRecord, Store, Timetable
    from pushbot.service.asks import Ask
    from pushbot.service.house import House
    from pushbot.service.snapshot import Progress, Snapshot

LOG = structlog.get_logger()


class Service(Protocol):
    """What runs beside the lanes as long as the bot does."""

    async def run(self) -> None:
        """Do its work until cancelled."""
        ...


@dataclass(slots=True)
class Bot:
    """The wired parts and the order in which they start and stop."""

    plan: Plan
    store: Store
    clock: Clock
    conductors: dict[str, Conductor]
    speaker: Speaker
    dispatcher: Dispatcher
    desk: Desk
    house: House
    control: ControlServer | None
    background: Mapping[str, Service]
    group: asyncio.TaskGroup
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @classmethod
    async def wired(cls, plan: Plan, store: Store, clock: Clock, group: asyncio.TaskGroup, timetable: Timetable) -> Bot:
        """All parts, knowing each other, before anything runs."""
        speaker = Speaker(plan.chats, store, clock, last_id=await store.last_line())
        topics = Topics(plan.chats, plan.lanes)
        runbook = Runbook()
        conductors = dict[str, Conductor]()

        async def report(lane: str, ask: Ask) -> None:
            await conductors[lane].put(ask)

        def snapshots() -> tuple[Snapshot, ...]:
            return tuple(conductor.snapshot() for conductor in conductors.values())

        lanes = {lane.name: lane for lane in plan.lanes}
        ticker, feed = Ticker(topics, clock, group), Feed()

        def moved(record: RunRecord, progress: Progress) -> None:
            ticker.moved(record, progress)
            feed.tell(HowFar(record.id, progress.step, progress.tally))

        dispatcher = Dispatcher(store, clock, runbook, plan.outputs.folder, lanes, group, report, moved)
        looks, hours = Looks(group), Hours(plan.lanes, clock)
        wishes = plan.house.wishes()
        house = plan.house.house(
            plan, wishes, conductors, store=store, clock=clock, speaker=speaker, feed=feed, run=printed
        )
        aware = partial(Questions, hours=hours, access=plan.access, incident=lambda: house.incident)
        questions = aware(snapshots, store, clock, plan.outputs, looks)
        answering = Answering(questions, speaker, group)
        for lane in plan.lanes:
            around = Surroundings(
                lane, plan.announce, plan.chats, runbook, plan.outputs, feed, hours, access=plan.access, wishes=wishes
            )
            conductors[lane.name] = Conductor(
                around, store, clock, speaker, topics, dispatcher, answering.take, timetable=timetable
            )
        control = None
        if plan.control is not None:
            control = ControlServer(plan.control, conductors, feed, plan.outputs, plan.access.directory)
        desk = Desk(conductors, house, topics, speaker, plan.access.directory)
        autopilot = Autopilot(conductors, store, clock, feed, plan.access.directory.authors)
        background: dict[str, Service] = {
            "timetable": timetable,
            "drift": Drift(plan.lanes, plan.announce, looks, store, clock, speaker, runbook),
            "autopilot": autopilot,
            "house": house,
            "hours": hours,
            "roles": Membership(plan.access.directory, clock, printed),
        }
        if plan.web is not None:
            background["web"] = Listener(plan.web, autopilot, clock)
        return cls(plan, store, clock, conductors, speaker, dispatcher, desk, house, control, background, group)

    async def start(self) -> None:
        """Take up what was going on before, then connect."""
        await self.house.remember()
        in_flight = [record for conductor in self.conductors.values() for record in await conductor.remember()]
        for conductor in self.conductors.values():
            self._spawn(conductor.run(), f"lane {conductor.lane.name}")
        self._spawn(self.speaker.run(), "speaker")
        for record in in_flight:
            LOG.info("run_taken_up", run=record.id, state=record.state, stage=record.stage)
            self.dispatcher.begin(record)
        self.speaker.hand(await self.store.owed(), repeat=True)
        await self._close_strays()
        for name, service in self.background.items():
            self._spawn(service.run(), name)
        for chat in self.plan.chats.values():
            self._spawn(chat.run(self.desk.tell), f"chat {chat.name}")
        if self.control is not None:
            self.control.open()
            self._spawn(self.control.run(), "control socket")

    async def _close_strays(self) -> None:
        """Runs of lanes that are no longer configured are lost: nobody follows them, and their stages must be free."""
        for run in await self.store.unfinished():
            if run.lane not in self.conductors:
                reason = f"lane {run.lane} is no longer in the configuration"
                ended = replace(run, state=RunState.LOST, ended_at=self.clock.now(), reason=reason, starting=False)
                rooms = self.plan.announce.rooms
                lines = [self.speaker.line(room.chat, room.name, TALK, stray(ended)) for room in rooms]
                await self.store.commit(Work(run.lane, runs=(ended,), lines=tuple(lines), careful=True))
                self.speaker.hand(lines)
                LOG.warning("stray_run_closed", run=run.id, stage=run.stage)

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        self.tasks.append(self.group.create_task(work, name=name))

    async def stay(self, errand: Errand | None) -> None:
        """Return when the errand is over and nothing runs any more; without an errand never."""
        if errand is None:
            await asyncio.get_running_loop().create_future()
            return
        errand.listening.set()
        await errand.over.wait()
        told = False
        while True:
            for conductor in self.conductors.values():
                await conductor.rest()  # what follows on a run has been begun then
            if not self.dispatcher.under_way:
                return
            if not told:
                errand.staying(self.dispatcher.under_way)
                told = True
            await self.dispatcher.any_ended()

    async def stop(self) -> None:
        """Finish what the plan wants finished, say the last words, and let go."""
        if self.plan.abort_on_stop:
            await self.dispatcher.abort_all()
            with suppress(TimeoutError):  # what is not recorded now is found out at the next start
                async with asyncio.timeout(LAST_WORDS):
                    for conductor in self.conductors.values():
                        await conductor.rest()
        await self.speaker.settle(self.plan.last_words)
        self.dispatcher.leave()
        for task in self.tasks:
            task.cancel()
