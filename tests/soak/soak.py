"""`make soak`: three days of 150 people in a few minutes, with every invariant looked at after each step.

    python -m tests.soak.soak [--seed N] [--days N] [--steps N] [--memory]

A day is what people do between nine and the evening, then everybody finishes and goes home. What is to happen once or
so often (netsplits, the incident, a full disk, crashes) is put among the steps by the seed; the freeze is in the
calendar. The same seed plays the same days. Exits with 1 when an invariant breaks, and tells the seed and the last
steps.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import resource
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pushbot.queue.model import Queue
from tests.soak.acts import Acts
from tests.soak.clockwork import HandLoop
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
    days: int = DAYS
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
        dice, total = self.world.dice, self.days * self.steps
        self._plan = {step: [] for step in range(total)}
        for _ in range(self.crashes):
            self._plan[dice.randrange(total)].append("crash")
        for at, what in ((0.2, "split"), (0.75, "split"), (0.5, "incident"), (0.56, "resolved"), (0.3, "full")):
            self._plan[int(total * at)].append(what)
        for at, what in ((0.33, "reload"), (0.85, "full"), (0.9, "reload"), (0.52, "noted"), (0.54, "noted")):
            self._plan[int(total * at)].append(what)

    async def run(self) -> None:
        """All days. Raises what breaks."""
        world = self.world
        world.watch()
        try:
            await world.play.start()
            world.ledger.lanes.update({lane.name: lane for lane in world.play.lanes})
            for day in range(self.days):
                await self._day(day)
        except BaseException as error:
            where = f"seed {world.seed}, step {self.stepped}, {world.clock.now()}"
            error.add_note(f"{where}; the last steps:\n" + "\n".join(self.acts.last))
            raise
        finally:
            await world.play.stop()
            world.unwatch()

    async def _day(self, day: int) -> None:
        world, began = self.world, time.monotonic()
        trains, runs, commits = world.ledger.trains, sum(world.kinds.values()), world.ledger.commits
        for one in world.crowd.people:
            if not one.online and world.dice.random() < 0.85:  # noqa: PLR2004 - the others are on holiday
                world.crowd.come(one)
        acts, pace = self.acts.all(), HOURS * 3600 / self.steps
        names, weights = list(acts), [weight for weight, _ in acts.values()]
        for step in range(day * self.steps, (day + 1) * self.steps):
            self.stepped = step
            await world.play.pass_time(round(world.dice.uniform(0.2, 1.8) * pace, 1))
            what = world.dice.choices(names, weights)[0]
            behind = (world.ledger.trains - trains) < TRAINS * 1.2 * (step % self.steps) / self.steps
            what = "board" if behind and world.dice.random() < 0.1 else what  # noqa: PLR2004 - as people want to ship
            world.kinds[what] += 1
            await self._step(acts[what][1], self._plan.pop(step))
        await self._evening()
        runs = sum(count for kind, count in world.kinds.items() if kind.startswith("run "))
        gc.collect()
        traced = tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else 0
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds = time.monotonic() - began
        told = Day(
            self.steps, world.ledger.trains - trains, runs, world.ledger.commits - commits, seconds, traced, resident
        )
        self.done.append(told)
        self.tell(
            f"day {day + 1}: {told.steps} steps ({told.steps / seconds:.0f}/s), {told.trains} trains, {told.runs} runs so "
            f"far, {told.commits} commits, {self.crashed} crashes so far, traced {traced / 1024:.0f} KB, "
            f"at most {resident / 1024:.0f} MB resident"
        )
        if day + 1 < self.days:
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
        acts.builds_told()
        if acts.last and any(word in acts.last[-1] for word in ("trouble:", "wire:")):
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
        acts.note(f"planned: {what}")
        world.kinds[what] += 1
        match what:
            case "crash":
                self.crashed += 1
                if world.dice.random() < 0.3:  # noqa: PLR2004 - some starts take long
                    world.play.executor.stall()
                acts.press_on()
                await world.crash(world.dice.randrange(40))
            case "split":
                world.play.server.disconnect()
                gone = world.crowd.split(world.dice)
                await world.play.settle()
                acts.steal()
                await world.play.pass_time(240)
                for one in gone:
                    world.crowd.come(one, logged_in=world.dice.random() < 0.7)  # noqa: PLR2004 - as people are
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
        if not one.online:
            world.crowd.come(one)
        if not world.crowd.logged_in(one):
            world.crowd.log(one, into=True)
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

    def _outcomes(self) -> None:
        """Each command has one outcome in the journal."""
        world = self.world
        found = Counter(entry.what for entry in world.ledger.entries if "/" in entry.where)
        for said in self.acts.said:
            count = sum(found[text] for text in said.texts)
            if count != said.outcomes:
                raise BrokenInvariantError(f"{count} outcomes of {said}: {world.ledger.entries}")

    async def _look(self, *, deep: bool) -> None:
        world = self.world
        await world.invariants.look(world.here, full=world.record.full, deep=deep)

    async def _all_said(self) -> None:
        world = self.world
        world.heal()
        await world.play.pass_time(3)
        await world.invariants.all_said()

    # --- the evening -------------------------------------------------------------------------------

    async def _evening(self) -> None:
        """Everybody finishes, and goes home."""
        world, acts = self.world, self.acts
        self._heal_at = 0
        await self._all_said()
        operator = world.crowd.operators[0]
        if not operator.online:
            world.crowd.come(operator)
        if not world.crowd.logged_in(operator):
            world.crowd.log(operator, into=True)
        for _ in range(400):
            busy = [lane for lane in world.play.lanes if acts.queue(lane) != Queue() or acts.queue(lane).aside]
            if not busy:
                break
            for run in world.play.executor.under_way:
                acts.due.pop(run, None)
                world.play.executor.succeed(run)
            await world.play.settle()
            for lane in busy:
                self._clear(acts.queue(lane), lane.name, lane.rooms[0].name)
                await world.play.pass_time(10)
            await self._look(deep=True)
        else:
            raise BrokenInvariantError(f"the day does not come to its end: {world.ledger.queues}")
        for one in world.crowd.online:
            world.crowd.go(one)
        await self._all_said()
        await self._look(deep=True)
        world.forget()

    def _clear(self, queue: Queue, lane: str, room: str) -> None:
        operator, world = self.world.crowd.operators[0], self.world
        for lock in queue.locks:
            world.play.server.say(operator.nick, f'{lane}: .unlock! {lock.stage} "good night"', room)
        texts = [".unhold"] if queue.hold is not None else []
        names = {rider.person.name for train in queue.trains if not train.running for rider in train.riders}
        texts += [f'.kick "{name}"' if " " in name else f".kick {name}" for name in sorted(names)]
        texts += [".message -"] if queue.message is not None else []
        for text in texts:
            world.play.server.say(operator.nick, f"{lane}: {text}", room)


def play(soak: Soak) -> None:
    """Run it in a loop that goes by its clock."""
    with asyncio.Runner(loop_factory=lambda: HandLoop(soak.world.clock)) as runner:
        runner.run(soak.run())


def main() -> int:
    """Play the days, and tell of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of a day")
    parser.add_argument("--memory", action="store_true", help="trace memory, and see that it stays flat")
    parser.add_argument("--in-memory", action="store_true", help="keep the record in memory, and not in SQLite")
    given = parser.parse_args()
    if given.memory:
        tracemalloc.start()
    with tempfile.TemporaryDirectory(prefix="pushbot-soak-") as folder:
        soak = Soak(World(given.seed, Path(folder), sqlite=not given.in_memory), given.days, given.steps, tell=_say)
        _say(f"seed {given.seed}: {given.days} days of {given.steps} steps")
        try:
            play(soak)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told with how to see it again
            notes = "\n".join(getattr(error, "__notes__", ()))
            _say(f"BROKEN: {type(error).__name__}: {error}\n{notes}")
            return 1
        _say(f"well: {dict(sorted(soak.world.kinds.items()))}")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
