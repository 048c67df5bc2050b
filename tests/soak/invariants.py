"""What has to be true whenever nothing can go on by itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from pushbot.queue.model import Hold, Queue
from pushbot.queue.topic import fit_lanes
from pushbot.service.house.incidents import causes
from pushbot.service.voice.incident import name_of
from pushbot.testing.chat import Spoken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pushbot.app import Bot
    from pushbot.ports import Store
    from pushbot.testing.playground import Playground
    from tests.soak.ledger import Ledger

MARK = "(maybe again) "
LATE = timedelta(seconds=3)
"""How much later than its time something may be done: a look a second after the last one."""


class BrokenInvariantError(AssertionError):
    """Something that has to be true is not."""


@dataclass(slots=True)
class Invariants:
    """All of them, of one bot at a time. `tallies` is how far the runs in flight said that they are, by lane."""

    play: Playground
    store: Store
    ledger: Ledger
    faults: list[str]
    tallies: dict[str, list[str]] = field(default_factory=dict)
    tasks: int = 0
    looks: int = 0

    async def look(self, bot: Bot, *, full: bool, deep: bool) -> None:
        """Look at everything; raises what is broken. On a `full` disk some of it has to wait."""
        self.looks += 1
        found = [*self.ledger.broken, *self.faults, *self._executed(), *self._same(bot), *self._tasks(bot)]
        if not full and not any(conductor._owed for conductor in bot.conductors.values()):
            found += [*self._in_flight(bot), *self._in_time(), *self._incident(bot)]
        if self.play.server.connected:
            found += self._topics(bot)
        if deep:
            found += await self._read_back()
        if found:
            raise BrokenInvariantError("\n".join(found))

    def _executed(self) -> Iterator[str]:
        again = [run for run, count in self.play.executor.starts.items() if count > 1]
        if again:
            yield f"started more than once: {again}"
        for run in self.play.executor.starts:
            if run not in self.ledger.runs and run not in self.ledger.ended:
                yield f"{run} was started and is not on record"
        places = Counter(self.ledger.runs[run].lock for run in self.play.executor.under_way if run in self.ledger.runs)
        if any(count > 1 for count in places.values()):
            yield f"two runs on one stage: {places}"

    def _same(self, bot: Bot) -> Iterator[str]:
        """What the bot has in mind is what it wrote down."""
        for name, conductor in bot.conductors.items():
            known = self.ledger.queues.get(name, Queue())
            if conductor.queue is not known and repr(conductor.queue) != repr(known):
                yield f"{name} has in mind {conductor.queue}\nand on record {known}"

    def _tasks(self, bot: Bot) -> Iterator[str]:
        there = asyncio.all_tasks()
        flying = len(bot.dispatcher.under_way)
        self.tasks = self.tasks or len(there) + 10
        if len(there) > self.tasks + 6 * flying:
            yield f"{len(there)} tasks with {flying} runs in flight: {sorted(task.get_name() for task in there)}"

    def _in_flight(self, bot: Bot) -> Iterator[str]:
        lost = self.ledger.runs.keys() - set(bot.dispatcher.under_way)
        if lost:
            yield f"nobody follows {sorted(lost)}"
        for name, queue in self.ledger.queues.items():
            for train in (*queue.trains, *queue.aside):
                if train.running and f"{name}-{train.run}" not in self.ledger.runs:
                    yield f"{name}: train {train.number} shows a run that is over: {train}"

    def _in_time(self) -> Iterator[str]:
        now = self.play.clock.now() - LATE
        for name, queue in self.ledger.queues.items():
            holds = [item for item in queue.items if isinstance(item, Hold)]
            over = [lock for lock in queue.locks if lock.until < now]
            late = [hold for hold in holds if hold.until is not None and hold.until < now]
            if over or late:
                yield f"{name}: {over} {late} stand over their time, at {now}"

    def _incident(self, bot: Bot) -> Iterator[str]:
        mine = {name_of(bot.house.incident)} if bot.house.incident is not None else set[str]()
        for name, queue in self.ledger.queues.items():
            if causes(queue) - mine:
                yield f"{name} is held for an incident that is over: {queue}"

    def _topics(self, bot: Bot) -> Iterator[str]:
        server = self.play.server
        for room in {room for lane in bot.plan.lanes for room in lane.rooms}:
            lanes = bot.topics.lanes_in(room)
            shown = [(lane.name, self.ledger.queues.get(lane.name, Queue())) for lane in lanes]
            if room.name in server.guarded or (server.topic(room.name) == "" and not server.topics_set):
                continue
            told = [{}, *({lane.name: tally} for lane in lanes for tally in self.tallies.get(lane.name, ()))]
            wanted = [fit_lanes(shown, server.topic_limit, far) for far in told]
            if server.topic(room.name) not in wanted:
                yield f"{room} shows {server.topic(room.name)!r}\nand not {wanted[-1]!r}"

    async def _read_back(self) -> list[str]:
        """What the store gives back is what was committed."""
        found = []
        for name in self.ledger.lanes:
            known = self.ledger.queues.get(name)
            flying = tuple(run for run in self.ledger.runs.values() if run.lane == name)
            there = await self.store.remember(name)
            if repr(there.queue) != repr(known):
                found.append(f"{name}: the record gives {there.queue}\nand was given {known}")
            if sorted(map(repr, there.runs)) != sorted(map(repr, flying)):
                found.append(f"{name}: the record gives {there.runs}\nand was given {flying}")
        return found

    async def read_after_crash(self) -> None:
        """The record alone, with no bot."""
        found = await self._read_back()
        if found:
            raise BrokenInvariantError("\n".join(found))

    async def all_said(self) -> None:
        """Nothing is owed any more, and every line was said: once, or with a word that it may have been said before."""
        owed = await self.store.owed()
        if owed:
            raise BrokenInvariantError(f"still owed: {owed}")
        said = Counter(self.play.server.spoken)
        for line, count in self.ledger.lines.items():
            plainly, marked = said[line], said[Spoken(line.to, MARK + line.text)]
            merged = line in self.ledger.replies  # a reply that waits already is not said twice
            if plainly > count:
                raise BrokenInvariantError(f"said again without a word: {line}")
            if plainly + marked < (1 if merged else count):
                raise BrokenInvariantError(f"said {plainly} times, and {marked} marked, of {count}: {line}")
        self.ledger.lines.clear()
        self.ledger.replies.clear()
        self.play.server.spoken.clear()
        del self.play.server.topics_set[:-1]
