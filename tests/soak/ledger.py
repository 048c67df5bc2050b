"""What has to be true of each commit, at the moment at which it is made: the bot's word against the world's.

A fault that is found is kept in `broken`, as raising it here would be the bot's to deal with.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot.queue.access import BOT
from pushbot.queue.model import Hold, Queue, RunKind
from pushbot.service.journal.entries import DONE
from pushbot.service.lane.runbook import number, place_of
from pushbot.service.speaker import REPLY
from pushbot.testing.chat import Spoken

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pushbot.ports import Entry, RunRecord, Work
    from pushbot.queue.model import Lock
    from pushbot.service.spec import LaneSpec
    from pushbot.testing.clock import HandClock

OWN = re.compile(r"\.(nevermind|pop|good|uhoh|drive|quiet)")
"""Commands that move nobody but who says them."""
FOR_GUESTS = re.compile(r"\.(oncall|incident)")
"""What is in the journal as done though it does nothing."""


@dataclass(slots=True)
class Ledger:
    """The record as the commits say that it is. `shut` is whether a stage is closed at a time, by the world's word."""

    clock: HandClock
    lanes: dict[str, LaneSpec]
    shut: Callable[[str, str, datetime], bool]
    queues: dict[str, Queue] = field(default_factory=dict)
    runs: dict[str, RunRecord] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    lines: Counter[Spoken] = field(default_factory=Counter)
    replies: set[Spoken] = field(default_factory=set)
    entries: list[Entry] = field(default_factory=list)
    trains: int = 0
    commits: int = 0
    broken: list[str] = field(default_factory=list)

    def committed(self, work: Work) -> None:
        """Look at what was just committed, and take it down."""
        self.commits += 1
        now, before = self.clock.now(), self.queues.get(work.lane, Queue())
        after = work.queue or before
        for entry in work.entries:
            self._trusted(entry)
        for run in work.runs:
            self._run(run, work, before, after)
        if work.queue is not None:
            self._numbers(work.lane, before, after)
            self._aboard_once(work.lane, after)
            self._leases(work, before, after, now)
            self._own_seats(work, before, after)
            self.trains += after.next_train - before.next_train
            self.queues[work.lane] = after
        self.entries += work.entries
        self.lines.update(Spoken(line.to, line.text) for line in work.lines)
        self.replies |= {Spoken(line.to, line.text) for line in work.lines if line.kind == REPLY}

    def _fault(self, what: str) -> None:
        self.broken.append(what)

    def _trusted(self, entry: Entry) -> None:
        spoken = "/" in entry.where and entry.who != BOT
        if spoken and not entry.proof and entry.outcome == DONE and not FOR_GUESTS.match(entry.what):
            self._fault(f"nobody vouches for who did this: {entry}")

    # --- runs --------------------------------------------------------------------------------------

    def _run(self, run: RunRecord, work: Work, before: Queue, after: Queue) -> None:
        if run.id in self.ended:
            self._fault(f"{run.id} was over, and is {run.state} again")
        if run.state.final:
            self.runs.pop(run.id, None)
            self.ended.add(run.id)
            return
        if run.id not in self.runs:
            self._begins(run, work, before, after)
        self.runs[run.id] = run

    def _begins(self, run: RunRecord, work: Work, before: Queue, after: Queue) -> None:
        """A run is asked for that was not there before."""
        others = [other.id for other in self.runs.values() if other.lock == run.lock and other.id != run.id]
        if others:
            self._fault(f"{run.id} begins on {run.lock} beside {others}")
        if number(run) < before.next_run:
            self._fault(f"the number of {run.id} was used: the next was {before.next_run}")
        alone = work.entries[-1] if len(work.entries) == 1 else None
        if run.override is not None or alone is None:
            return
        self._locked(run, after, alone)
        if run.kind is not RunKind.DEPLOY:
            return
        if before.hold is not None:
            self._fault(f"{run.id} begins on a lane that is held: {before.hold}")
        if self.shut(run.lane, run.stage, self.clock.now()):
            self._fault(f"{run.id} begins while {run.stage} is closed")
        self._seconded(run, before)

    def _locked(self, run: RunRecord, after: Queue, asked: Entry) -> None:
        if run.kind is RunKind.ROLLBACK and "/" not in asked.where:
            return  # what follows on a failure by itself undoes what the run did that had the place
        train, now = after.train(run.train), self.clock.now()
        for lane, queue in self.queues.items():
            for lock in queue.locks:
                here = place_of(self.lanes[lane], lock.stage) == run.lock and lock.until > now
                aboard = train is not None and train.seat(lock.owner) is not None
                if here and not aboard and asked.who != lock.owner.key:
                    self._fault(f"{run.id} begins where there is {lock}")

    def _seconded(self, run: RunRecord, before: Queue) -> None:
        spec, train = self.lanes[run.lane].stage(run.stage), before.train(run.train)
        if spec is None or spec.second is None:
            return
        if train is None or train.second is None or train.second.text != run.stage:
            self._fault(f"{run.id} begins without a second word for {run.stage}")
        elif train.second.by.same(train.driver):
            self._fault(f"{run.id} begins on the driver's own second word")

    # --- the queue ---------------------------------------------------------------------------------

    def _numbers(self, lane: str, before: Queue, after: Queue) -> None:
        for name in ("next_train", "next_run", "next_lock"):
            if getattr(after, name) < getattr(before, name):
                self._fault(f"{lane}: {name} went back from {getattr(before, name)} to {getattr(after, name)}")
        known = {train.number for train in (*before.trains, *before.aside)}
        numbers = [train.number for train in (*after.trains, *after.aside)]
        if len(set(numbers)) < len(numbers):
            self._fault(f"{lane}: two trains have one number: {numbers}")
        again = [one for one in numbers if one not in known and one < before.next_train]
        if again:
            self._fault(f"{lane}: numbers of trains were used again: {again}, the next was {before.next_train}")
        had = {lock.number for lock in before.locks}
        if any(lock.number not in had and lock.number < before.next_lock for lock in after.locks):
            self._fault(f"{lane}: the number of a lock was used again: {after.locks}")

    def _aboard_once(self, lane: str, after: Queue) -> None:
        for train in (*after.trains, *after.aside):
            keys = Counter((rider.person.chat, rider.person.key) for rider in train.riders)
            if any(count > 1 for count in keys.values()):
                self._fault(f"{lane}: somebody is aboard train {train.number} twice: {train.riders}")

    def _leases(self, work: Work, before: Queue, after: Queue, now: datetime) -> None:
        """Locks and holds end with their time, or by somebody's word."""
        said = [entry.what for entry in work.entries if "/" in entry.where and entry.outcome == DONE]
        there = {lock.number for lock in after.locks}
        for lock in before.locks:
            if lock.number not in there and not self._may_end(lock, said, now):
                self._fault(f"{work.lane}: {lock} is gone at {now} by {work.entries}")
        holds = [(hold.reason, hold.since) for hold in _held(after)]
        for hold in _held(before):
            over = hold.until is not None and hold.until <= now
            words = any(re.search(r"hold|^topic:", text) for text in said)
            if (hold.reason, hold.since) not in holds and not over and not words:
                self._fault(f"{work.lane}: {hold} is gone at {now} by {work.entries}")

    def _may_end(self, lock: Lock, said: list[str], now: datetime) -> bool:
        return lock.until <= now or any(".unlock" in text for text in said)

    def _own_seats(self, work: Work, before: Queue, after: Queue) -> None:
        """Who speaks of themselves moves nobody else."""
        by = [entry for entry in work.entries if "/" in entry.where]
        if not by and _known(before, after) != _known(after, before):
            self._fault(f"{work.lane}: nobody said anything, {work.entries} moved people, from {before} to {after}")
        if len(work.entries) != 1 or not by or not OWN.match(by[0].what) or ";" in by[0].what:
            return
        if _others(before, by[0].who) != _others(after, by[0].who):
            self._fault(f"{work.lane}: {by[0]} moved others, from {before} to {after}")


def _held(queue: Queue) -> list[Hold]:
    """What people hold."""
    return [item for item in queue.items if isinstance(item, Hold) and item.cause is None]


def _others(queue: Queue, who: str) -> Counter[tuple[int, str]]:
    """The seats of all but one."""
    seats = ((train.number, rider.person.key) for train in queue.trains for rider in train.riders)
    return Counter(seat for seat in seats if seat[1] != who)


def _known(queue: Queue, other: Queue) -> Counter[tuple[int, str]]:
    """The seats of people with accounts on the trains that are also in `other`."""
    seats = ((train.number, rider.person.key) for train in queue.trains for rider in train.riders)
    return Counter(seat for seat in seats if other.train(seat[0]) is not None and seat[1].startswith("account:"))
