"""The wired parts of a bot, and the order in which they start and stop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

import structlog

from pushbot.app.orphans import close_orphans
from pushbot.app.resting import at_rest, ended
from pushbot.children import printed
from pushbot.control.server import ControlServer
from pushbot.errors import PushbotError
from pushbot.ports import Work
from pushbot.service.answers.answering import Answering
from pushbot.service.answers.questions import Questions
from pushbot.service.audience import TALK, Wishes
from pushbot.service.desk import Desk
from pushbot.service.feed import Gone, HowFar
from pushbot.service.hours.calendars import Hours
from pushbot.service.house.autopilot import Autopilot
from pushbot.service.house.wiring import house_of
from pushbot.service.isolation import kept_up
from pushbot.service.lane.conductor import Conductor
from pushbot.service.lane.draft import Surroundings
from pushbot.service.lane.runbook import Runbook
from pushbot.service.letters import Letters
from pushbot.service.people.membership import Membership
from pushbot.service.people.remembered import People
from pushbot.service.runs.dispatcher import Dispatcher
from pushbot.service.runs.drift import Drift
from pushbot.service.runs.looking import Looks
from pushbot.service.topics import Ticker, Topics
from pushbot.service.views.watching import views_of
from pushbot.store.scheduled import Backups

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pushbot.app.lasting import Lasting
    from pushbot.app.plan import Errand, Plan
    from pushbot.app.resting import Resting
    from pushbot.ports import Entry, RunRecord
    from pushbot.service.asks import Ask
    from pushbot.service.house.house import House
    from pushbot.service.snapshot import Progress, Snapshot
    from pushbot.service.views.watching import Views

LOG = structlog.get_logger()
SOURCES = frozenset({"drift", "autopilot", "roles"})
"""Services that ask for things by themselves: they end first."""


class Service(Protocol):
    """What runs beside the lanes as long as the bot does."""

    async def run(self) -> None:
        """Do its work until cancelled."""
        ...


@dataclass(slots=True)
class Bot:
    """The wired parts and the order in which they start and stop."""

    plan: Plan
    lasting: Lasting
    conductors: dict[str, Conductor]
    dispatcher: Dispatcher
    desk: Desk
    house: House
    topics: Topics
    autopilot: Autopilot
    background: Mapping[str, Service]
    views: Views | None = None
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    sources: list[asyncio.Task[None]] = field(default_factory=list)
    again: bool = False

    @classmethod
    def wired(cls, plan: Plan, lasting: Lasting) -> Bot:
        """All parts, knowing each other, before anything runs."""
        store, clock, group = lasting.store, lasting.clock, lasting.group
        speaker, feed = lasting.speaker, lasting.feed
        topics = Topics(plan.chats, plan.lanes)
        runbook = Runbook()
        conductors = dict[str, Conductor]()

        async def report(lane: str, ask: Ask) -> None:
            await conductors[lane].put(ask)

        def snapshots() -> tuple[Snapshot, ...]:
            return tuple(conductor.snapshot() for conductor in conductors.values())

        lanes = {lane.name: lane for lane in plan.lanes}
        ticker = Ticker(topics, clock, group)

        def moved(record: RunRecord, progress: Progress) -> None:
            ticker.moved(record, progress)
            if views is not None:
                views.moved(record, progress)
            feed.tell(HowFar(record.id, progress.step, progress.tally))

        def held(lane: str) -> bool:
            return conductors[lane].queue.hold is not None

        dispatcher = Dispatcher(store, clock, runbook, plan.outputs.folder, lanes, group, report, moved, held)
        looks, hours = Looks(group), Hours(plan.lanes, clock)
        wishes = Wishes(People(), plan.house.guide, plan.access.directory)
        house = house_of(plan, wishes, conductors, store=store, clock=clock, speaker=speaker, feed=feed, run=printed)
        aware = partial(Questions, hours=hours, access=plan.access, incident=lambda: house.incident)
        questions = aware(snapshots, store, clock, plan.outputs, looks)
        answering = Answering(questions, speaker, group)
        views = views_of(plan.chats, conductors, questions.lane_now, wishes, store=store, clock=clock)
        for lane in plan.lanes:
            around = Surroundings(
                lane, plan.announce, plan.chats, runbook, plan.outputs, feed, hours, access=plan.access, wishes=wishes
            )
            conductors[lane.name] = Conductor(
                around,
                store,
                clock,
                speaker,
                topics,
                dispatcher,
                answering.take,
                timetable=lasting.timetable,
                watcher=views,
            )
        homes = views.homes if views is not None else None
        letters, limits, clerk = Letters(store, clock), lasting.limits, lasting.clerk
        limits.per_minute = plan.commands_per_minute
        desk = Desk(conductors, house, topics, speaker, letters, limits, plan.access.directory, None, clerk, homes)
        autopilot = Autopilot(conductors, store, clock, feed, plan.access.directory.authors)
        background: dict[str, Service] = {
            "drift": Drift(plan.lanes, plan.announce, looks, store, clock, speaker, runbook),
            "autopilot": autopilot,
            "house": house,
            "hours": hours,
            "roles": Membership(plan.access.directory, clock, printed, plan.chats),
        }
        if views is not None:
            background["views"] = views
        bot = cls(plan, lasting, conductors, dispatcher, desk, house, topics, autopilot, background, views)
        if plan.copied is not None:
            copied = plan.copied
            background["backups"] = Backups(
                copied.spec, copied.store, copied.config, clock, lasting.timetable, bot.announce
            )
        return bot

    async def start(self) -> None:
        """Take up what was going on before, then connect."""
        speaker, store = self.lasting.speaker, self.lasting.store
        self.lasting.spawn(speaker.run(), "speaker")
        self.lasting.spawn(self.lasting.limits.run(), "limits")
        self.lasting.spawn(self.lasting.clerk.run(), "clerk")
        self.lasting.spawn(self.lasting.timetable.run(), "timetable")
        await self.take_up()
        speaker.hand(await store.owed(), repeat=True)
        await close_orphans(self.plan, self.lasting)
        self.begin()
        for chat in self.plan.chats.values():
            self.lasting.connect(chat, None)
        self.listen()
        self.lasting.door.open(self.desk.tell)

    async def take_up(self) -> None:
        """Go on with what is on record."""
        await self.house.remember()
        in_flight = [record for conductor in self.conductors.values() for record in await conductor.remember()]
        if self.views is not None:
            await self.views.take_up()
        for record in in_flight:
            LOG.info("run_taken_up", run=record.id, state=record.state, stage=record.stage)
            self.dispatcher.begin(record)

    def begin(self) -> None:
        """Set everything to work that is wired anew with each configuration."""
        for conductor in self.conductors.values():
            self.tasks.append(self.lasting.group.create_task(conductor.run(), name=f"lane {conductor.lane.name}"))
        for name, service in self.background.items():
            tasks = self.sources if name in SOURCES else self.tasks
            work = kept_up(name, service.run, self.lasting.clock, ends=True)
            tasks.append(self.lasting.group.create_task(work, name=name))

    def listen(self) -> None:
        """Open the doors for programs, or let them know the parts that are new."""
        plan, lasting = self.plan, self.lasting
        if lasting.control is not None:
            lasting.control.conductors, lasting.control.outputs = self.conductors, plan.outputs
            lasting.control.directory = plan.access.directory
        elif plan.control is not None:
            lasting.control = ControlServer(
                plan.control, self.conductors, lasting.feed, plan.outputs, plan.access.directory
            )
            lasting.control.open()
            lasting.spawn(lasting.control.run(), "control socket")
        if lasting.web is not None:
            lasting.web.listener.autopilot = self.autopilot
        elif plan.web is not None:
            from pushbot.web.listener import Listener  # noqa: PLC0415 - aiohttp, 150 ms that only bots with [web] need

            lasting.listen(Listener(plan.web, self.autopilot, lasting.clock), self.given_up if self.again else None)

    # --- another configuration ----------------------------------------------------------------------

    async def rewired(self, plan: Plan) -> Bot:
        """The same bot by another plan, at work; nothing that was asked is lost or done twice meanwhile.

        A chat that is the same object as before stays connected. Runs in flight go on, and are taken up as after a
        restart. Raises PushbotError when the record cannot be read.
        """
        await self._rest()
        lasting = self.lasting
        bot = Bot.wired(plan, lasting)
        bot.again = True
        for name, conductor in bot.conductors.items():
            if name in self.conductors:
                conductor.inherit(self.conductors[name])
        bot.house.inherit(self.house)
        bot.desk.inherit(self.desk)
        plan.access.directory.listed.update(self.plan.access.directory.listed)
        await lasting.part_with(plan.chats, plan.web)
        lasting.speaker.move(plan.chats)
        await bot.take_up()
        try:
            await close_orphans(plan, lasting)
        except PushbotError as error:  # the disk: the next start or reload does it
            LOG.warning("orphans_not_closed", error=str(error))
        bot.begin()
        for name, chat in plan.chats.items():
            if name not in lasting.links:
                lasting.connect(chat, bot.given_up)
        bot.listen()
        for lane in self.conductors.keys() - bot.conductors.keys():  # who asked it since it rests, and who follows it
            lasting.feed.tell(Gone(lane))
        lasting.door.open(bot.desk.tell)
        return bot

    async def _rest(self) -> None:
        """Do what was asked so far, then nothing more: what comes from now on waits for who comes after."""
        await self.lasting.door.shut()
        await ended(self.sources)
        await self.house.rest()
        await self.settled()
        await self.dispatcher.hand_over()
        await at_rest(self.parts)  # also with what the runs told as their last words
        await ended(self.tasks)
        self.topics.chats = {}  # whoever draws late draws nothing

    @property
    def parts(self) -> tuple[Resting, ...]:
        """Those that work on what they are asked for."""
        return (*self.conductors.values(), self.house)

    async def settled(self) -> None:
        """Return when the lanes have done all that was asked of them, or could not record it."""
        for conductor in self.conductors.values():
            await conductor.rest()

    async def given_up(self, what: str, error: PushbotError) -> None:
        """Say where operators hear it that a part of a new configuration does not work; the rest goes on."""
        LOG.error("part_gave_up", part=what, error=str(error))
        await self.announce([f"{what} does not work: {error}. It stays off until .reload or a restart"])

    async def announce(self, texts: Iterable[str], *entries: Entry) -> None:
        """Say lines in the rooms for announcements, and put entries into the bot's own journal.

        A record that cannot be written is logged, no more.
        """
        speaker, rooms = self.lasting.speaker, self.plan.announce.rooms
        lines = tuple(speaker.line(room.chat, room.name, TALK, text) for text in texts for room in rooms)
        try:
            await self.lasting.store.commit(Work("", entries=entries, lines=lines))
        except PushbotError as error:
            LOG.error("not_recorded", error=str(error))  # noqa: TRY400 - expected of a disk, told in words
        else:
            speaker.hand(lines)

    async def stay(self, errand: Errand | None) -> None:
        """Return when the errand is over and nothing runs any more; without an errand never."""
        if errand is None:
            await asyncio.get_running_loop().create_future()
            return
        errand.listening.set()
        await errand.over.wait()
        told = False
        while True:
            await self.settled()  # what follows on a run has been begun then
            if not self.dispatcher.under_way:
                return
            if not told:
                errand.staying(self.dispatcher.under_way)
                told = True
            await self.dispatcher.any_ended()
