"""Builds that go by themselves: what webhooks and polls tell of goes into the lanes, and the bot drives its trains.

All that lasts is in the record: the bot's train with its revision in the queue, the builds that have passed as
deliveries. A bot that starts again goes on from there.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import structlog

from pushbot.errors import PushbotError, fault_reference
from pushbot.ports import Delivery
from pushbot.queue import commands as c
from pushbot.queue.model import Phase
from pushbot.service.asks import Ask
from pushbot.service.feed import Declined, Happened, Lost
from pushbot.service.lane.runbook import run_id
from pushbot.service.runs.dispatcher import BOT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pushbot.ports import Clock, Store
    from pushbot.queue.model import Train
    from pushbot.service.feed import Feed
    from pushbot.service.lane.conductor import Conductor
    from pushbot.service.spec import AutoSpec, LaneSpec

LOG = structlog.get_logger()
RESOLVE_WITHIN = 60.0
"""Seconds that git may take to tell what a branch is, or who wrote a revision."""
AGAIN_EVERY = 300.0
"""Seconds after which the bot tries once more to go on with its train: hours begin, locks end."""
CHECKS = "checks"
"""The step at which a run ends that was not let go: nothing was changed, and the place is given up."""
NEWEST = 20
"""Runs of a stage among which a revision counts as tried."""


class Ended(Protocol):
    """A build that came to its end, as a webhook tells it."""

    @property
    def name(self) -> str:
        """What the build is called."""
        ...

    @property
    def branch(self) -> str:
        """What it was made from."""
        ...

    @property
    def revision(self) -> str:
        """The full id of the commit."""
        ...

    @property
    def state(self) -> str:
        """`success` or `failure`."""
        ...

    @property
    def url(self) -> str | None:
        """Where more of it is told."""
        ...


@dataclass(slots=True)
class Autopilot:
    """One for all lanes. `people_of` gives the keys of the people who go by names that git has."""

    conductors: Mapping[str, Conductor]
    store: Store
    clock: Clock
    feed: Feed
    people_of: Callable[[Sequence[str]], frozenset[str]] = lambda _: frozenset()
    _tried: dict[str, tuple[object, ...]] = field(default_factory=dict)

    async def run(self) -> None:
        """Poll and drive until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._drive(), name="autopilot")
            tasks.create_task(self._nudge(), name="autopilot's patience")
            for name, conductor in self.conductors.items():
                auto = conductor.lane.auto
                if auto is not None and auto.poll > 0:
                    tasks.create_task(self._poll(conductor, auto), name=f"poll for {name}")

    # --- what is told --------------------------------------------------------------------------------

    async def known(self, message: str, lanes: Sequence[str]) -> bool:
        """Whether the message was taken before, in any of the lanes."""
        for lane in lanes:
            if await self.store.delivered(f"{message}/{lane}"):
                return True
        return False

    async def take(self, message: str, lanes: Sequence[str], builds: Sequence[Ended]) -> bool:
        """Put what a message says into the lanes, and return when that is on record; False when it is not for them.

        Raises PushbotError when git cannot tell what it has to.
        """
        found = False
        for name in lanes:
            conductor = self.conductors.get(name)
            if conductor is None:
                continue
            delivery = Delivery(f"{message}/{name}", self.clock.now())
            for build in builds:
                if build.branch == conductor.lane.branch or _brought(conductor, build):
                    found = True
                    await self._build(conductor, build, delivery)
                    break
        return found

    async def _build(self, conductor: Conductor, build: Ended, delivery: Delivery) -> None:
        lane = conductor.lane
        passed, wanted = build.state == "success", False
        deliveries = [delivery]
        if passed and lane.auto is not None:
            proof = Delivery(_proof(lane, build.revision, build.name), delivery.at)
            if not await self.store.delivered(proof.id):
                deliveries.append(proof)
            needed = [one for one in lane.auto.builds if one != build.name]
            wanted = await self._all_passed(lane, build.revision, needed) and await self._is_tip(lane, build.revision)
            wanted = wanted and (not lane.auto.builds or build.name in lane.auto.builds)
            wanted = wanted and not await self._went(lane, build.revision)
        authors = () if passed else await self._authors(lane, build.revision)
        built = c.Built(
            build.name,
            build.branch,
            build.revision,
            passed,
            build.url,
            self.people_of(authors),
            authors,
            wanted=wanted,
        )
        words = f"build {build.name} {build.state} on {build.branch} {build.revision}"
        await self._recorded(conductor, Ask(built, BOT, words, deliveries=tuple(deliveries)))

    async def _recorded(self, conductor: Conductor, ask: Ask) -> None:
        """Put it into the mailbox and wait for what came of it."""
        with self.feed.watched() as words:
            await conductor.put(ask)
            while True:
                match await words.get():
                    case Happened(ask=about) if about is ask:
                        return
                    case Declined(ask=about, why=why) if about is ask:
                        raise PushbotError(why)
                    case Lost():
                        raise PushbotError("too much is going on")
                    case _:
                        pass

    async def _all_passed(self, lane: LaneSpec, revision: str, names: Sequence[str]) -> bool:
        for name in names:
            if not await self.store.delivered(_proof(lane, revision, name)):
                return False
        return True

    async def _is_tip(self, lane: LaneSpec, revision: str) -> bool:
        """Whether the branch is still at that revision: what is older was overtaken by what is to come."""
        tip = await self._tip(lane)
        if tip != revision:
            LOG.info("build_outdated", lane=lane.name, revision=revision, tip=tip)
        return tip == revision

    async def _tip(self, lane: LaneSpec) -> str | None:
        if lane.repository is None or lane.branch is None:
            return None
        try:
            async with asyncio.timeout(RESOLVE_WITHIN):
                return await lane.repository.resolve(lane.branch)
        except TimeoutError:
            raise PushbotError(f"git did not tell within {RESOLVE_WITHIN:g}s what {lane.branch} is") from None

    async def _authors(self, lane: LaneSpec, revision: str) -> tuple[str, ...]:
        """Who wrote what is new in that revision, or the last of it when nothing was deployed yet.

        As far as git can tell: nobody goes without word for that.
        """
        if lane.repository is None or lane.auto is None:
            return ()
        runs = await self.store.runs(lane.name, stage=lane.auto.stage, state=c.RunState.SUCCEEDED, limit=1)
        try:
            async with asyncio.timeout(RESOLVE_WITHIN / 10):
                await self._tip(lane)  # brings the mirror up to date
                changes = await lane.repository.changes(runs[0].revision if runs else None, revision, limit=1)
        except (PushbotError, TimeoutError) as error:
            LOG.info("authors_unknown", revision=revision, why=str(error))
            return ()
        return changes.authors if runs else tuple(commit.author for commit in changes.commits)

    # --- polls ---------------------------------------------------------------------------------------

    async def _poll(self, conductor: Conductor, auto: AutoSpec) -> None:
        """Look at the lane's branch every so often; trouble is logged, and the next look is another matter."""
        lane, seen = conductor.lane, None
        while True:
            try:
                tip = await self._tip(lane)
                if tip is not None and tip != seen and await self._is_news(lane, auto, tip):
                    built = c.Built("poll", lane.branch or "", tip, passed=True, wanted=True)
                    await self._recorded(conductor, Ask(built, BOT, f"poll: {lane.branch} is at {tip}"))
                    seen = tip
            except PushbotError as error:
                LOG.warning("poll_failed", lane=lane.name, why=str(error))
            except Exception:
                LOG.exception("poll_broke", lane=lane.name, reference=fault_reference())
            await self.clock.sleep(auto.poll)

    async def _is_news(self, lane: LaneSpec, auto: AutoSpec, tip: str) -> bool:
        runs = await self.store.runs(lane.name, limit=NEWEST)
        return all(run.revision != tip for run in runs) and await self._all_passed(lane, tip, auto.builds)

    async def _went(self, lane: LaneSpec, revision: str) -> bool:
        """Whether that revision was on its way before, further than to checks that did not let it go."""
        runs = await self.store.runs(lane.name, limit=NEWEST)
        return any(run.revision == revision and run.step != CHECKS for run in runs)

    # --- the bot's own trains --------------------------------------------------------------------------

    async def _drive(self) -> None:
        while True:
            with self.feed.watched() as words:
                for lane in self.conductors:
                    await self._consider(lane)
                while not isinstance(word := await words.get(), Lost):
                    if isinstance(word, Happened):
                        await self._consider(word.lane)

    async def _nudge(self) -> None:
        while True:
            await self.clock.sleep(AGAIN_EVERY)
            self._tried.clear()
            for lane in self.conductors:
                await self._consider(lane)

    async def _consider(self, lane: str) -> None:
        """Go on with the head if the bot is aboard; the same thing is tried once until something has changed."""
        conductor = self.conductors[lane]
        queue, head = conductor.queue, conductor.queue.head
        if head is None or head.seat(BOT) is None or head.running:
            return
        others = tuple(rider for rider in head.riders if not rider.person.bot)
        said = (others, head.driver, head.second, head.override, head.confirmed)
        now = (head.number, head.stage, head.phase, head.run, queue.hold is not None, queue.locks, said)
        if self._tried.get(lane) == now:
            return
        self._tried[lane] = now
        try:
            step = next_step(head, conductor.lane, await self._failed_at(lane, head))
        except PushbotError as error:
            LOG.warning("autopilot_waits", lane=lane, why=str(error))
            return
        if step is not None and not (isinstance(step, c.Go) and queue.hold is not None):
            await conductor.put(Ask(step, BOT, f"{type(step).__name__.lower()} by myself"))

    async def _failed_at(self, lane: str, head: Train) -> str | None:
        if head.phase is not Phase.FAILED or head.run is None:
            return None
        run = await self.store.run(run_id(lane, head.run))
        return run.step if run is not None else None


def _proof(lane: LaneSpec, revision: str, name: str) -> str:
    """What is on record of a build that has passed."""
    return f"passed {lane.name} {revision} {name}"


def next_step(head: Train, lane: LaneSpec, failed_at: str | None) -> c.Command | None:
    """What the bot does about its own train at the head; None when people have to decide.

    What its checks did not let go has changed nothing, and gives the place up; any other failure is for people.
    People who got aboard keep the train at the end of the bot's way, and as soon as one of them drives.
    """
    names, alone = [stage.name for stage in lane.stages], head.by_itself
    if not head.driver.same(BOT):
        return c.Nevermind()
    if head.phase is Phase.FAILED:
        return (c.Abort() if alone else c.Nevermind()) if failed_at == CHECKS else None
    if lane.auto is None or lane.auto.stage not in names:
        return c.Nevermind() if not (head.begun and alone) else c.Done()
    if head.stage is not None and (head.stage not in names or names.index(head.stage) >= names.index(lane.auto.stage)):
        return c.Done() if alone else c.Nevermind()
    return c.Go()


def _brought(conductor: Conductor, build: Ended) -> bool:
    """Whether the build failed, and somebody in line brings what it was made from."""
    brought = {ref for train in conductor.queue.trains for ref in (train.ref, train.revision)}
    return build.state != "success" and bool({build.branch, build.revision} & brought)
