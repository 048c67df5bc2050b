"""Some days of a world, with every invariant looked at after each step.

A day is what people do between nine and the evening, then everybody finishes and goes home. What is to happen once or
so often (netsplits, the incident, a full disk, crashes) is put among the steps by the seed; the freeze is in the
calendar. The same seed plays the same days.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import time
import tracemalloc
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.soak.acts import Acts
from tests.soak.clockwork import HandLoop
from tests.soak.evening import finished
from tests.soak.invariants import BrokenInvariantError
from tests.soak.world import World, after

if TYPE_CHECKING:
    from collections.abc import Callable

DAYS = 3
STEPS = 3000
CRASHES = 20
TRAINS = 60
DEEP = 20
"""Each so many steps the record is read back."""
HOURS = 10
"""From nine to seven."""
GROWTH, SLACK = 1.05, 100_000
"""By how much a day may end with more memory in use than the first; so many bytes more for what fills up and stays.

That is what is known of 150 people, and Python's own lists of objects to use again: 30 bytes for each step of a day.
"""
NOT_THE_BOT = ("*/tests/soak/*", "*/pushbot/testing/*", "*/linecache.py", "*/pydantic/type_adapter.py")
"""Where memory is taken by the world, which has its own past, and by caches with a bound (pydantic's of strings)."""
HEALED_AFTER = 15
"""Steps after which what does not work is repaired."""


@dataclass(slots=True)
class Day:
    """What a day came to."""

    steps: int
    trains: int
    runs: int
    commits: int
    seconds: float
    traced: int
    resident: int


@dataclass(slots=True)
class Soak:
    """Some days of a world. `tell` is given a line for each of them."""

    world: World
    steps: int = STEPS
    crashes: int = CRASHES
    tell: Callable[[str], None] = lambda _: None
    acts: Acts = field(init=False)
    done: list[Day] = field(default_factory=list)
    crashed: int = 0
    stepped: int = 0
    _plan: dict[int, list[str]] = field(default_factory=dict)
    _heal_at: int = 0

    def __post_init__(self) -> None:
        self.acts = Acts(self.world)
        dice, total = self.world.dice, self.world.days * self.steps
        for _ in range(self.crashes):
            self._plan.setdefault(dice.randrange(total), []).append("crash")
        for at, what in ((0.2, "split"), (0.75, "split"), (0.5, "incident"), (0.56, "resolved"), (0.3, "full")):
            self._plan.setdefault(int(total * at), []).append(what)
        for at, what in ((0.33, "reload"), (0.85, "full"), (0.9, "reload"), (0.52, "noted"), (0.54, "noted")):
            self._plan.setdefault(int(total * at), []).append(what)

    async def run(self) -> None:
        """All days. Raises what breaks."""
        world = self.world
        world.watch()
        try:
            await world.play.start()
            for day in range(world.days):
                await self._day(day)
            await world.play.stop()
        except BaseException as error:
            where = f"seed {world.seed}, step {self.stepped}, {world.clock.now()}"
            error.add_note(f"{where}; the last steps:\n" + "\n".join(world.last))
            await world.play.crash()
            raise
        finally:
            world.unwatch()

    async def _day(self, day: int) -> None:
        world, began = self.world, time.monotonic()
        trains, runs, commits = world.ledger.trains, world.runs, world.ledger.commits
        for one in world.crowd.people:
            if not one.online and world.dice.random() < 0.85:
                world.crowd.come(one)
        acts, pace = self.acts.all(), HOURS * 3600 / self.steps
        names, weights = list(acts), [weight for weight, _ in acts.values()]
        for step in range(day * self.steps, (day + 1) * self.steps):
            self.stepped = step
            await world.play.pass_time(round(world.dice.uniform(0.2, 1.8) * pace, 1))
            what = world.dice.choices(names, weights)[0]
            behind = (world.ledger.trains - trains) < TRAINS * 1.2 * (step % self.steps) / self.steps
            what = "board" if behind and world.dice.random() < 0.1 else what
            world.kinds[what] += 1
            await self._step(acts[what][1], self._plan.pop(step, []))
        self._heal_at = 0
        await self._all_said()
        if not await finished(self.acts):
            raise BrokenInvariantError(f"the day does not come to its end: {world.ledger.queues}")
        for one in world.crowd.online:
            world.crowd.go(one)
        await self._all_said()
        await self._look(deep=True)
        world.forget()
        traced = held_by_the_bot()
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds = time.monotonic() - began
        told = Day(
            self.steps,
            world.ledger.trains - trains,
            world.runs - runs,
            world.ledger.commits - commits,
            seconds,
            traced,
            resident,
        )
        self.done.append(told)
        self.tell(
            f"day {day + 1}: {told.steps} steps ({told.steps / seconds:.0f}/s), {told.trains} trains, {told.runs} runs"
            f", {told.commits} commits; {self.crashed} crashes so far; memory traced {traced / 1024:.0f} KB, "
            f"at most {resident / 1024:.0f} MB resident"
        )
        if traced > self.done[0].traced * GROWTH + SLACK:
            raise BrokenInvariantError(f"memory grows: {[done.traced for done in self.done]} bytes by day")
        if day + 1 < world.days:
            await world.play.pass_time(after(world.clock.now(), 1, 9))
            await self._look(deep=True)

    async def _step(self, act: Callable[[], None], planned: list[str]) -> None:
        world, acts = self.world, self.acts
        acts.said.clear()
        world.ledger.entries.clear()
        well = world.well
        act()
        for what in planned:
            await self._planned(what)
        if "crash" not in planned:
            await world.play.settle()
            if well and world.well and not planned:
                self._outcomes()
        acts.machines.builds_told(crashed="crash" in planned)
        if world.last and any(word in world.last[-1] for word in ("trouble:", "wire:")):
            self._heal_at = self._heal_at or self.stepped + world.dice.randrange(1, HEALED_AFTER)
        if self._heal_at and self._heal_at <= self.stepped:
            self._heal_at = 0
            world.heal()
            await world.play.pass_time(2)
        await self._look(deep=self.stepped % DEEP == 0)
        if self.stepped % (5 * DEEP) == 0 and not self._heal_at:
            await self._all_said()

    async def _planned(self, what: str) -> None:
        world, acts = self.world, self.acts
        world.note(f"planned: {what}")
        world.kinds[what] += 1
        match what:
            case "crash":
                self.crashed += 1
                if world.dice.random() < 0.3:
                    world.play.executor.stall()
                acts.press_on()
                acts.burst()
                await world.crash(world.dice.randrange(60))
            case "split":
                world.play.server.disconnect()
                gone = world.crowd.split(world.dice)
                await world.play.settle()
                acts.steal()
                await world.play.pass_time(240)
                for one in gone:
                    world.crowd.come(one, logged_in=world.dice.random() < 0.7)
                world.play.server.let_in()
                await world.play.settle()
            case "full":
                world.record.fill(full=True)
                self._heal_at = self.stepped + HEALED_AFTER
            case "reload":
                world.heal()
                await world.play.settle()
                await world.reload(more=world.kinds["reload"] % 2 == 1)
            case _:
                await self._incident(what)

    async def _incident(self, what: str) -> None:
        """An incident is opened, noted and resolved; a person's hold is there before, and stays."""
        world, acts = self.world, self.acts
        world.heal()
        await world.play.pass_time(2)
        one = world.crowd.operators[0]
        acts.wake(one)
        await world.play.settle()
        acts.say(one, f'search: .hold "for {what}"', "#search")
        await world.play.settle()
        texts = {"incident": '.incident "checkout errors"', "noted": ".note it is the cache", "resolved": ".resolved"}
        acts.say(one, texts[what], "#warroom")
        world.play.server.say(one.nick, "the graphs look bad", "#warroom")
        await world.play.settle()
        held = [name for name, queue in world.ledger.queues.items() if queue.hold is not None and queue.hold.cause]
        if what == "incident" and len(held) < len(world.play.lanes):
            raise BrokenInvariantError(f"held for the incident are only {held}")
        if what == "resolved" and held:
            raise BrokenInvariantError(f"still held for the incident are {held}")
        mine = world.ledger.queues["search"].hold
        if what == "resolved" and (mine is None or mine.reason != "for resolved"):
            raise BrokenInvariantError(f"the hold of a person is gone with the incident: {mine}")

    def _outcomes(self) -> None:
        """Each command has one outcome in the journal."""
        world = self.world
        found = Counter(entry.what for entry in world.ledger.entries if "/" in entry.where)
        said = self.acts.said
        texts = {text for one in said for text in one.texts}
        count, wanted = sum(found[text] for text in texts), sum(one.outcomes for one in said)
        if count != wanted:
            raise BrokenInvariantError(f"{count} outcomes of {said}: {world.ledger.entries}")

    async def _look(self, *, deep: bool) -> None:
        world = self.world
        await world.invariants.look(world.here, full=world.record.full, deep=deep)

    async def _all_said(self) -> None:
        world = self.world
        world.heal()
        await world.play.settle()
        for _ in range(3):  # what is said at the very end of a moment is confirmed in the next one
            await world.play.pass_time(3)
            if not await world.record.store.owed():
                break
        await world.invariants.all_said()


def held_by_the_bot() -> int:
    """How many bytes are in use but by the world; 0 when memory is not traced."""
    if not tracemalloc.is_tracing():
        return 0
    gc.collect()
    others = [tracemalloc.Filter(inclusive=False, filename_pattern=pattern) for pattern in NOT_THE_BOT]
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces(others).traces)


def play(soak: Soak) -> None:
    """Run it in a loop that goes by its clock."""
    with asyncio.Runner(loop_factory=lambda: HandLoop(soak.world.clock)) as runner:
        runner.run(soak.run())
