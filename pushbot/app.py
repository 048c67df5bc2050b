"""Puts the parts together: what the configuration names, wired to the service, run until told to stop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from pushbot.clock import SystemClock
from pushbot.config import OnStop, Rollback
from pushbot.errors import PushbotError
from pushbot.service.answering import Answering
from pushbot.service.conductor import Conductor
from pushbot.service.desk import Desk
from pushbot.service.dispatcher import Dispatcher
from pushbot.service.draft import Surroundings
from pushbot.service.questions import Questions
from pushbot.service.runbook import Runbook
from pushbot.service.speaker import Speaker
from pushbot.service.spec import Announce, LaneSpec, Room, StageSpec
from pushbot.service.topics import Topics
from pushbot.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pushbot.config import Config, Lane, Pipeline
    from pushbot.ports import Chat, Clock, Repository, Store
    from pushbot.service.asks import Ask

LOG = structlog.get_logger()
LAST_WORDS = 2.0
"""Seconds at the end for what was said last to be confirmed."""


async def serve(config: Config) -> None:
    """Run the bot until cancelled; runs in flight are then left or aborted, as the configuration says.

    Raises PushbotError when it cannot begin or go on: a store that is not to be used, a chat that refuses for good.
    """
    store = SqliteStore(config.bot.store)
    await store.open()
    try:
        chats = {part.name: part.build() for part in config.chats}
        async with asyncio.TaskGroup() as group:
            bot = await Bot.wired(config, store, chats, SystemClock(), group)
            try:
                await bot.start()
                await asyncio.get_running_loop().create_future()
            finally:
                await bot.stop()
    except* PushbotError as errors:
        raise _first(errors) from None
    finally:
        await store.close()


def _first(errors: BaseExceptionGroup[PushbotError]) -> PushbotError:
    """One of several troubles, to be told in one line."""
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


@dataclass(slots=True)
class Bot:
    """The wired parts and the order in which they start and stop."""

    config: Config
    chats: dict[str, Chat]
    store: Store
    conductors: dict[str, Conductor]
    speaker: Speaker
    dispatcher: Dispatcher
    desk: Desk
    group: asyncio.TaskGroup
    tasks: list[asyncio.Task[None]]

    @classmethod
    async def wired(
        cls, config: Config, store: Store, chats: dict[str, Chat], clock: Clock, group: asyncio.TaskGroup
    ) -> Bot:
        """All parts, knowing each other, before anything runs."""
        lanes = {lane.name: lane for lane in _lanes(config)}
        announce = Announce(
            rooms=tuple(Room(room.chat, room.name) for room in config.announce.rooms),
            warroom=config.announce.warroom,
            lane=config.announce.lane,
        )
        speaker = Speaker(chats, store, clock, last_id=await store.last_line())
        topics = Topics(chats, tuple(lanes.values()))
        runbook = Runbook()
        conductors = dict[str, Conductor]()

        async def report(lane: str, ask: Ask) -> None:
            await conductors[lane].put(ask)

        dispatcher = Dispatcher(store, clock, runbook, config.bot.runs, lanes, group, report)
        questions = Questions(
            lambda: tuple(conductor.snapshot() for conductor in conductors.values()), store, clock, config.bot.runs
        )
        answering = Answering(questions, speaker, group)
        for name, lane in lanes.items():
            around = Surroundings(lane, announce, chats, runbook, config.bot.runs)
            conductors[name] = Conductor(around, store, clock, speaker, topics, dispatcher, answering.take)
        desk = Desk(conductors, topics, speaker)
        return cls(config, chats, store, conductors, speaker, dispatcher, desk, group, [])

    async def start(self) -> None:
        """Take up what was going on before, then connect."""
        in_flight = [run for conductor in self.conductors.values() for run in await conductor.remember()]
        for conductor in self.conductors.values():
            self._spawn(conductor.run(), f"lane {conductor.lane.name}")
        self._spawn(self.speaker.run(), "speaker")
        for record in in_flight:
            LOG.info("run_taken_up", run=record.id, state=record.state, stage=record.stage)
            self.dispatcher.begin(record)
        self.speaker.hand(await self.store.owed(), repeat=True)
        for chat in self.chats.values():
            self._spawn(chat.run(self.desk.tell), f"chat {chat.name}")

    def _spawn(self, work: asyncio._CoroutineLike[None], name: str) -> None:
        self.tasks.append(self.group.create_task(work, name=name))

    async def stop(self) -> None:
        """Finish what the configuration wants finished, say the last words, and let go."""
        if self.config.bot.on_stop is OnStop.ABORT:
            await self.dispatcher.abort_all()
        await self.speaker.settle(LAST_WORDS)
        self.dispatcher.leave()
        for task in self.tasks:
            task.cancel()


def _lanes(config: Config) -> Iterable[LaneSpec]:
    """The lanes with the stages of their pipelines; lanes of one pipeline share its stages and its repository."""
    built = {pipeline.name: _stages(pipeline) for pipeline in config.pipelines}
    sources = {p.name: p.repository.build() for p in config.pipelines if p.repository is not None}
    return [_lane(lane, built, sources) for lane in config.lanes]


def _stages(pipeline: Pipeline) -> tuple[StageSpec, ...]:
    return tuple(
        StageSpec(
            name=stage.name,
            executor=stage.executor.build(),
            workdir=stage.workdir,
            lock=stage.lock,
            steps=stage.steps,
            health=stage.health,
            post=stage.post,
            rollback_steps=() if stage.rollback is Rollback.NEVER else stage.rollback_steps,
            rollback_auto=stage.rollback is Rollback.AUTO,
            rollback_from=stage.rollback_from,
            timeout=stage.timeout,
            grace=stage.grace,
            env=stage.env,
            links=stage.links,
        )
        for stage in pipeline.stages
    )


def _lane(lane: Lane, stages: dict[str, tuple[StageSpec, ...]], sources: dict[str, Repository]) -> LaneSpec:
    pipeline = lane.pipeline
    return LaneSpec(
        name=lane.name,
        rooms=tuple(Room(room.chat, room.name) for room in lane.rooms),
        stages=stages[pipeline.name] if pipeline else (),
        repository=sources.get(pipeline.name) if pipeline else None,
        branch=pipeline.branch if pipeline else None,
        max_riders=lane.max_riders,
        config=lane.config,
    )
