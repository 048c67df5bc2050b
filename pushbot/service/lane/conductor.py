"""The conductor of a lane: one mailbox, read by one task.

It takes up all that is waiting, decides it piece by piece on a draft, commits the draft in one transaction, and
only then lets anything follow: topic, words, runs. When the commit fails nothing has happened, and that is said.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from pushbot.errors import PushbotError, fault_reference
from pushbot.queue.commands import (
    Confirm,
    Deploy,
    EditTopic,
    Passed,
    Question,
    Report,
    Retry,
    Rollback,
    RunEnded,
    RunState,
    Stirred,
)
from pushbot.queue.model import Queue
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.rules.time import next_due
from pushbot.service.asks import Ask
from pushbot.service.feed import Declined
from pushbot.service.lane.aftermath import Committed, without_fail
from pushbot.service.lane.beside import around
from pushbot.service.lane.draft import Draft
from pushbot.service.lane.history import HISTORY
from pushbot.service.lane.records import Pushes
from pushbot.service.lane.runbook import run_id
from pushbot.service.people.directory import relinked
from pushbot.service.runs.dispatcher import BOT
from pushbot.service.snapshot import Snapshot
from pushbot.service.voice.refusals import broken, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from pushbot.ports import Clock, RunRecord, Store, Timetable, Work
    from pushbot.service.lane.aftermath import Runs, Watcher
    from pushbot.service.lane.draft import Surroundings
    from pushbot.service.speaker import Speaker
    from pushbot.service.spec import LaneSpec
    from pushbot.service.topics import Topics

LOG = structlog.get_logger()
MAILBOX = 1000
"""Pieces of work that may wait for a lane; whoever brings more has to wait, back to the chat's socket."""
BATCH = 200
"""Pieces of work that go into one transaction at most."""
AGAIN_AFTER = 1.0
"""Seconds until a report that could not be recorded is tried again."""


@dataclass(slots=True)
class Conductor:
    """One lane at work."""

    around: Surroundings
    store: Store
    clock: Clock
    speaker: Speaker
    topics: Topics
    runs: Runs
    answer: Callable[[str, Ask], None]
    queue: Queue = field(default_factory=Queue)
    pushes: Pushes = field(init=False)
    timetable: Timetable | None = None
    watcher: Watcher | None = None
    fresh: bool = True
    _busy: bool = False
    _due: datetime | None = None
    _owed: list[Ask] = field(default_factory=list)
    _mailbox: asyncio.Queue[Ask] = field(default_factory=lambda: asyncio.Queue(MAILBOX))

    def __post_init__(self) -> None:
        self.pushes = Pushes(self.around.lane.name)

    @property
    def lane(self) -> LaneSpec:
        """The lane that this is the conductor of."""
        return self.around.lane

    async def remember(self) -> tuple[RunRecord, ...]:
        """Take up what the store knows of the lane; gives the runs that were in flight."""
        known = await self.store.remember(self.lane.name)
        self.fresh = known.queue is None
        self.queue = relinked(known.queue or Queue(), self.around.access.directory)
        for train in (*self.queue.trains, *self.queue.aside):
            push = await self.store.push(self.lane.name, train.number)
            if push is not None:
                self.pushes.underway[train.number] = push
        self.around.runbook.write(known.runs)
        self._owed += await self._unheard({run.id for run in known.runs})
        self.around.runbook.keep(self.lane, self.queue.locks)
        self.topics.show(self.lane, self.queue)
        self._watch_the_clock()
        return known.runs

    async def _unheard(self, in_flight: set[str]) -> list[Ask]:
        """Word for trains whose run was closed while the lane was not configured, so that they do not wait for ever."""
        asks = []
        for train in (*self.queue.trains, *self.queue.aside):
            run = run_id(self.lane.name, train.run or 0)
            if train.running and train.run is not None and run not in in_flight:
                record = await self.store.run(run)
                reason = record.reason if record is not None else "it is not on record"
                lost = RunEnded(train.number, train.run, RunState.LOST, reason=reason)
                asks.append(Ask(lost, BOT, f"{run} {RunState.LOST}"))
        return asks

    def inherit(self, former: Conductor) -> None:
        """Go on with what another conductor of the lane, which does no more, was left and has not done."""
        self._mailbox, self._owed = former._mailbox, former._owed

    def snapshot(self) -> Snapshot:
        """The lane as it is now."""
        return Snapshot(self.lane, self.queue, self.around.runbook.of_lane(self.lane.name), dict(self.runs.progress))

    async def put(self, ask: Ask) -> None:
        """Leave a piece of work; waits while the mailbox is full. What is put is done in order."""
        await self._mailbox.put(ask)

    async def rest(self) -> None:
        """Return when all that has been put is done, or could not be recorded."""
        await self._mailbox.join()

    @property
    def resting(self) -> bool:
        """Whether nothing is under way: who ends it now takes nobody's work away."""
        return not self._busy and self._mailbox.empty()

    async def run(self) -> None:
        """Do what is put into the mailbox, for ever."""
        with structlog.contextvars.bound_contextvars(lane=self.lane.name):
            if self.around.hours is not None:
                await self.around.hours.tried(self.lane)
            while True:
                owed = len(self._owed)
                batch = await self._next_batch()
                self._busy = True
                try:
                    await self._do(batch)
                except Exception:
                    reference = fault_reference()
                    LOG.exception("batch_failed", reference=reference)
                    self._not_done(batch, broken(reference))
                looked = any(isinstance(ask.what, Passed) for ask in batch)
                without_fail(self._watch_the_clock, just_looked=looked)
                for ask in batch:  # only now, so that nobody waits for the log
                    ask.settled()
                    if ask.origin is not None:
                        LOG.info("asked", person=ask.by.name, command=type(ask.what).__name__.lower())
                for _ in batch[owed:]:
                    self._mailbox.task_done()
                self._busy = False

    async def _next_batch(self) -> list[Ask]:
        """All that waits, up to a bound; reports that could not be recorded come first, and once a second at least."""
        batch = list(self._owed)
        with suppress(TimeoutError):
            async with asyncio.timeout(AGAIN_AFTER if batch else None):
                batch.append(await self._mailbox.get())
        self._owed = []  # only now: who ends meanwhile leaves them to who comes after
        while len(batch) < BATCH and not self._mailbox.empty():
            batch.append(self._mailbox.get_nowait())
        return batch

    async def _do(self, batch: list[Ask]) -> None:
        draft = Draft(self.around, self.queue, self.pushes, self.clock.now(), await self._past(batch))
        for ask in batch:
            self._decide(draft, ask)
        work = draft.work(self.speaker)
        if work is not None:
            await self._commit(draft, work, batch)
        for ask in draft.questions:
            self.answer(self.lane.name, ask)

    def _watch_the_clock(self, *, just_looked: bool = False) -> None:
        """Have it looked at again when the next thing is due; not at once again, should there be nothing to do."""
        if self.timetable is None:
            return
        due = next_due(self.queue, self.lane.patience)
        if due is not None and just_looked:
            due = max(due, self.clock.now() + timedelta(seconds=AGAIN_AFTER))
        if due == self._due:
            return
        self._due, name = due, f"lane {self.lane.name}"
        if due is None:
            self.timetable.cancel(name)
        else:
            self.timetable.at(name, due, self._time_passes)

    async def _time_passes(self) -> None:
        self._due = None
        await self.put(Ask(Passed(), BOT, "time has passed"))

    async def _past(self, batch: list[Ask]) -> Mapping[str, Sequence[RunRecord]] | None:
        """The last runs of each stage; None when nobody asks for what needs them or they cannot be read."""
        if not any(isinstance(ask.what, Rollback | Deploy | Retry | Confirm) for ask in batch):
            return None
        name = self.lane.name
        try:
            stages = around(self.lane, batch, self.queue).stages
            return {one.name: await self.store.runs(name, stage=one.name, limit=HISTORY) for one in stages}
        except PushbotError as error:
            LOG.warning("record_unread", error=str(error))
            return None

    async def _commit(self, draft: Draft, work: Work, batch: list[Ask]) -> None:
        """Write the draft down and let it take effect, or take it back and say so."""
        try:
            await self.store.commit(work)
        except PushbotError as error:
            draft.forget()
            self.speaker.give_back(work.spoken)
            LOG.error("not_recorded", error=str(error))  # noqa: TRY400 - expected of a disk, told in words
            undone = [ask for ask in batch if not isinstance(ask.what, Question)]
            self._not_done(undone, refused(None, Refusal(Code.NOT_RECORDED, subject=str(error))))
        except BaseException:
            draft.forget()
            self.speaker.give_back(work.spoken)
            raise
        else:
            self.fresh = self.fresh and work.queue is None
            self._follow(draft, work, redraw=any(isinstance(ask.what, EditTopic) for ask in batch))

    def _decide(self, draft: Draft, ask: Ask) -> None:
        """One piece of work on the draft; a bug in a rule costs that piece alone."""
        try:
            draft.take(ask)
        except Exception:
            reference = fault_reference()
            LOG.exception("command_failed", reference=reference)
            draft.broke(ask, reference)
            self._tell([ask], broken(reference))

    def _follow(self, draft: Draft, work: Work, *, redraw: bool) -> None:
        """What was committed takes effect: words before the topic, and a fault in one thing keeps no other back."""
        before, changed = self.queue, draft.queue is not self.queue
        self.queue = draft.queue
        self.pushes.take(draft.pushes)
        if self.watcher is not None and (changed or work.runs or work.pushes):
            done = Committed(self.snapshot(), before, work.pushes, work.runs, self.pushes.underway)
            without_fail(self.watcher.committed, done)
        for line in work.lines:
            without_fail(self.speaker.hand, (line,))
        if changed or redraw:
            without_fail(self.topics.show, self.lane, self.queue)
        for record in draft.asked:
            without_fail(self.runs.begin, record)
        for run in draft.aborted:
            without_fail(self.runs.abort, run)
        for word in draft.words:
            without_fail(self.around.feed.tell, word)

    def _tell(self, batch: list[Ask], text: str) -> None:
        """Answer everybody in `batch` with the same line, off the record."""
        for origin in dict.fromkeys(ask.origin for ask in batch if ask.origin is not None):
            self.speaker.answer(origin, text, alone=True)
        for ask in batch:
            self.around.feed.tell(Declined(self.lane.name, ask, text))

    def _not_done(self, batch: list[Ask], why: str) -> None:
        """Say so to who asked. Reports have to be recorded sooner or later: nobody will bring them a second time.

        Not so the time, which passes again, and that somebody stirs: of these more and more would come to be owed.
        """
        self._tell(batch, why)
        reports = (ask for ask in batch if isinstance(ask.what, Report))
        self._owed += [ask for ask in reports if not isinstance(ask.what, Passed | Stirred)]
        without_fail(self.topics.show, self.lane, self.queue)
