"""A whole bot without an outside world: fakes for every port, wired by `pushbot.app` as a real one is.

    async with Playground(tmp_path) as play:
        play.add_lane("web", stages=("princess", "production"))
        await play.start()
        play.server.say("alice", ".join; .go", "#push")
        await play.settle()
        assert play.server.topic("#push") == "<princess...> alice*"
        await play.crash()
        await play.start()
        play.executor.succeed()

Nothing in it waits for time: `settle` returns when nothing can go on by itself, and `clock.advance` moves the hours.
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from pushbot import app
from pushbot.fleet.model import AT_ONCE, Rollout
from pushbot.ports import Step
from pushbot.queue.access import Role
from pushbot.queue.model import TRAIN_SIZE
from pushbot.service.lane.runbook import Outputs
from pushbot.service.people.access import Access
from pushbot.service.people.directory import RoleSpec
from pushbot.service.spec import (
    Announce,
    HostsSpec,
    HouseSpec,
    InventorySpec,
    LaneSpec,
    Mismatch,
    News,
    Room,
    Source,
    StageSpec,
)
from pushbot.testing.chat import ChatServer, FakeChat
from pushbot.testing.check import HandCheck
from pushbot.testing.clock import HandClock
from pushbot.testing.displays import Screen, ShowingChat
from pushbot.testing.executor import HandExecutor
from pushbot.testing.inventory import HandInventory, hosts_in
from pushbot.testing.memory_store import MemoryStore
from pushbot.testing.quiet import MOST_TURNS, quiet
from pushbot.testing.repository import MemoryRepository
from pushbot.testing.timetable import HandTimetable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from pushbot.fleet.model import Amount
    from pushbot.ports import Chat
    from pushbot.service.house.oncall import OncallSpec
    from pushbot.testing.wire import Wire
    from pushbot.web.spec import WebSpec

PUSH = "#push"
WARROOM = "#warroom"
NEWS = Announce(rooms=(Room("irc", WARROOM),), lane=frozenset(News) - {News.DEPLOY_SUCCEEDED})
"""What is told where when the configuration says nothing else."""


@dataclass(slots=True)
class Playground:
    """One bot and its world. `runs` is a folder for the runs' output.

    The world (server, executor, repository, clock, store) outlives the bot, which can be stopped,
    crashed and started again. `chats` makes its connections, to `server` and what `add_chat` made if not given;
    `screens` are those of chats that show more than lines. `hosts` is the list of hosts, `dns` another one that it is
    compared with. Everybody is logged in, and nobody an operator but those in `operators`. Lanes and announcements live
    in the chats named in `places`, that of `server` if empty; `accounts` is how the configuration calls people who are
    not `CHAT/NAME`. `wire` is the server's side of other `chats`; while `unplugged` nothing reaches it.
    """

    runs: Path
    server: ChatServer = field(default_factory=ChatServer)
    executor: HandExecutor = field(default_factory=HandExecutor)
    repository: MemoryRepository = field(default_factory=MemoryRepository)
    clock: HandClock = field(default_factory=HandClock)
    store: MemoryStore = field(default_factory=MemoryStore)
    hosts: HandInventory = field(default_factory=HandInventory)
    dns: HandInventory = field(default_factory=HandInventory)
    checks: dict[str, HandCheck] = field(default_factory=dict)
    lanes: list[LaneSpec] = field(default_factory=list)
    announce: Announce = NEWS
    abort_on_stop: bool = False
    last_words: float = app.LAST_WORDS
    web: WebSpec | None = None
    chats: Callable[[], Mapping[str, Chat]] | None = None
    access: Access = field(default_factory=Access)
    operators: set[str] = field(default_factory=set)
    guide: bool = False
    commands_per_minute: int = 0
    oncall: OncallSpec | None = None
    places: tuple[str, ...] = ()
    accounts: dict[str, str] = field(default_factory=dict)
    wire: Wire | None = None
    unplugged: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    screens: dict[str, Screen] = field(default_factory=dict)
    timetable: HandTimetable = field(init=False)
    _others: list[ChatServer] = field(default_factory=list)
    _bot: asyncio.Task[None] | None = None
    _links: list[FakeChat] = field(default_factory=list)

    def add_chat(self, name: str) -> ChatServer:
        """Give the next bot another chat, which is a server of its own; its rooms are named `NAME/#room`."""
        self._others.append(ChatServer(name))
        return self._others[-1]

    def display(self, chat: str = "irc") -> Screen:
        """Have a chat show boards, pushes and people's own pages from the next bot on; gives what it shows."""
        return self.screens.setdefault(chat, Screen())

    def add_lane(
        self,
        name: str,
        *rooms: str,
        stages: tuple[str, ...] = (),
        undone: tuple[str, ...] = (),
        locks: Mapping[str, str] | None = None,
        branch: str | None = None,
        max_riders: int = TRAIN_SIZE,
        config: bool = False,
    ) -> LaneSpec:
        """Give the next bot a lane, in #push if no rooms are named; a room of another chat is `CHAT/#room`.

        All `stages` can be rolled back; those in `undone` are rolled back by themselves when they
        fail. `locks` names the claim of a stage that is not the lane's alone.
        """

        def stage(of: str) -> StageSpec:
            return StageSpec(
                name=of,
                executor=self.executor,
                workdir=self.runs,
                lock=(locks or {}).get(of, f"{name}/{of}"),
                steps=(Step("build"), Step("migrate"), Step("publish")),
                rollback_steps=(Step("publish"),),
                rollback_auto=of in undone,
                rollback_from="migrate",
            )

        lane = LaneSpec(
            name=name,
            rooms=tuple(one for room in rooms or (PUSH,) for one in self._rooms(room)),
            stages=tuple(map(stage, stages)),
            repository=self.repository if branch else None,
            branch=branch,
            max_riders=max_riders,
            config=config,
        )
        self.lanes.append(lane)
        return lane

    def _rooms(self, named: str) -> list[Room]:
        chat, _, room = named.rpartition("/")
        return [Room(one, room) for one in ((chat,) if chat else self.places or (self.server.chat,))]

    def _news(self) -> Announce:
        """`announce`, in all `places`."""
        rooms = self.announce.rooms
        return replace(self.announce, rooms=tuple(Room(at, one.name) for at in self.places for one in rooms) or rooms)

    def _gate(self) -> Access:
        """The access that the next bot is given: `access`, and those in `operators` by name."""
        people = tuple(self.accounts.get(name, f"{self.server.chat}/{name}") for name in sorted(self.operators))
        directory, role = self.access.directory, RoleSpec(Role.OPERATOR.value, people)
        return replace(self.access, directory=replace(directory, roles_kept=(*directory.roles_kept, role)))

    def check(self, name: str) -> HandCheck:
        """The check of that name, which outlives the bot like the rest of the world."""
        return self.checks.setdefault(name, HandCheck())

    def change_stage(self, name: str, change: Callable[[StageSpec], StageSpec]) -> None:
        """Have `change` made in every lane's stage of that name, for the next bot."""
        self.lanes[:] = [
            replace(lane, stages=tuple(change(stage) if stage.name == name else stage for stage in lane.stages))
            for lane in self.lanes
        ]

    def spread(self, stage: str, counts: dict[str, int], *batches: Amount, mismatch: Mismatch = Mismatch.WARN) -> None:
        """Make a stage one that is for hosts, so many in each region, gone over in these batches."""
        self.hosts.kept = self.dns.kept = hosts_in(counts)
        inventory = InventorySpec("fleet", (Source("list", self.hosts),), (Source("dns", self.dns),), mismatch)
        rollout = Rollout(batches) if batches else AT_ONCE
        self.change_stage(stage, lambda of: replace(of, hosts=HostsSpec(inventory), rollout=rollout))

    @property
    def rooms(self) -> tuple[str, ...]:
        """Where the bot has to be on `server`."""
        return self.rooms_of(self.server.chat)

    def rooms_of(self, chat: str) -> tuple[str, ...]:
        """Where the bot has to be on the chat of that name."""
        named = (*(room for lane in self.lanes for room in lane.rooms), *self._news().rooms)
        return tuple(dict.fromkeys(room.name for room in named if room.chat == chat))

    def __post_init__(self) -> None:
        self.timetable = HandTimetable(self.clock)

    async def __aenter__(self) -> Self:
        """Begin, with no bot yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the bot, if one runs."""
        await self.stop()

    async def start(self, *, settle: bool = True) -> None:
        """Start a bot on what the store remembers, and let it come to rest."""
        if self._bot is not None:
            raise RuntimeError("a bot is running already")
        await self.store.open()
        chats = self._connected() if self.chats is None else self.chats()
        plan = app.Plan(chats, tuple(self.lanes), self._news(), Outputs(self.runs), self.abort_on_stop)
        plan = replace(plan, last_words=self.last_words, commands_per_minute=self.commands_per_minute)
        plan = replace(plan, web=self.web, access=self._gate())
        plan = replace(plan, house=HouseSpec(self.runs / "incidents", self.guide, self.oncall))
        self.timetable = HandTimetable(self.clock)
        self._bot = asyncio.ensure_future(app.run(plan, self.store, self.clock, timetable=self.timetable))
        if settle:
            await self.settle()

    def _connected(self) -> Mapping[str, Chat]:
        """A connection to each server."""
        self._links = [FakeChat(each.chat, each, self.rooms_of(each.chat)) for each in (self.server, *self._others)]
        shown = self.screens
        return {one.name: ShowingChat(one, shown[one.name]) if one.name in shown else one for one in self._links}

    async def settle(self) -> None:
        """Let the bot do all that it can do by itself. Raises what it died of, if it has."""
        await quiet()
        if self._bot is not None and self._bot.done():
            bot, self._bot = self._bot, None
            await bot
            raise AssertionError("the bot has ended by itself")

    async def turns(self, *, until: Callable[[], bool]) -> None:
        """Let the event loop turn no further than to the moment when `until` is true: a good one for a crash."""
        for _ in range(MOST_TURNS):
            if until():
                return
            await asyncio.sleep(0)
        raise AssertionError("that moment did not come")

    async def until(self, true: Callable[[], bool], within: float = 60.0) -> None:
        """Wait for what takes real time, such as a retry; for `within` seconds at most."""
        async with asyncio.timeout(within):
            while not true():
                await asyncio.sleep(0.005)
                await self.settle()

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, and what waits for it happen; what is in the timetable, at its moment."""
        until = self.clock.now() + timedelta(seconds=seconds)
        due = self.clock.now()
        while (following := min(self.timetable.planned.values(), default=until)) < until:
            due = max(following, due + timedelta(seconds=1))  # what is always due cannot stop the time
            self.clock.advance(max(0.0, (due - self.clock.now()).total_seconds()))
            await self.settle()
        self.clock.advance(max(0.0, (until - self.clock.now()).total_seconds()))
        await self.settle()

    async def stop(self) -> None:
        """End the bot as an operator does."""
        bot, self._bot = self._bot, None
        if bot is not None:
            bot.cancel()
            await asyncio.wait([bot])
            if not bot.cancelled():
                await bot
        await self.store.close()
        again = [run for run, count in self.executor.starts.items() if count > 1]
        if again:
            raise AssertionError(f"started more than once: {', '.join(again)}")

    async def crash(self) -> None:
        """End the bot at this very moment, like `kill -9`: what it had committed stays, and so do its runs."""
        bot, self._bot = self._bot, None
        await self.store.close()
        while self._links:
            self._links.pop().cut()
        async with self.unplugged():
            if bot is not None:
                for _ in range(2):  # told a second time it waits for nothing
                    bot.cancel()
                    await asyncio.sleep(0)
                await asyncio.wait([bot])
            if bot is not None and not bot.cancelled():
                bot.exception()  # it stumbles over the closed store as it is torn down: a dead process does not
