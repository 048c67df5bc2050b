"""Runs what was asked for: each run at most once, taken up again after a restart, or lost and said so.

The record of a run goes through these: requested (nothing has happened yet but checks), requested and starting (the
executor may have begun), running (the executor gave a token), and a final state. Each step is committed before the
next. A `reason` before the final state is that somebody asked to stop it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import structlog

from pushbot.errors import PushbotError, fault_reference
from pushbot.ports import Outcome, Work
from pushbot.queue.commands import AbortRefused, RunBegan, RunCounted, RunEnded, RunState
from pushbot.queue.model import Person, RunKind
from pushbot.service.asks import Ask
from pushbot.service.lane.history import STEP
from pushbot.service.lane.runbook import number
from pushbot.service.runs.checking import checked_run
from pushbot.service.runs.following import STOPPED_WITHIN, Following
from pushbot.service.runs.jobs import job_of
from pushbot.service.runs.preparing import NOWHERE, Prepared, prepared
from pushbot.service.runs.targets import beside
from pushbot.service.runs.timing import Timings
from pushbot.service.snapshot import BEGINNING, Progress
from pushbot.service.voice.rollout import counted_hosts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from datetime import datetime
    from pathlib import Path

    from pushbot.fleet.model import Tally
    from pushbot.ports import Clock, RunRecord, Store
    from pushbot.service.lane.runbook import Runbook
    from pushbot.service.runs.targets import Targets
    from pushbot.service.spec import LaneSpec, StageSpec

LOG = structlog.get_logger()
STARTED_WITHIN = 30.0
"""Seconds that an executor may take to begin a run before it is left to find out what became of it."""
BOT = Person("", "bot:pushbot", "pushbot")
"""Who reports on runs."""


@dataclass(slots=True)
class Dispatcher:
    """All runs in flight, each a task of `group`.

    `report` leaves word in a lane's mailbox; `moved` hears how far a run is, as that changes. `held` is whether a
    lane is held: a deploy that is still looked at by its checks does not begin then.
    """

    store: Store
    clock: Clock
    runbook: Runbook
    runs: Path
    lanes: dict[str, LaneSpec]
    group: asyncio.TaskGroup
    report: Callable[[str, Ask], Awaitable[None]]
    moved: Callable[[RunRecord, Progress], None] = lambda *_: None
    held: Callable[[str], bool] = lambda _: False
    progress: dict[str, Progress] = field(default_factory=dict)
    timings: Timings = field(default_factory=Timings)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _aborted: set[str] = field(default_factory=set)
    _preparing: dict[str, asyncio.Timeout] = field(default_factory=dict)
    _following: Following = field(default_factory=Following)
    _starting: dict[str, asyncio.Event] = field(default_factory=dict)
    _left: bool = False

    def begin(self, record: RunRecord) -> None:
        """Take up a run: one that was just asked for, or one that an earlier bot left in flight."""
        if self._left:
            return  # it is on record: whoever comes after takes it up
        if record.reason is not None:
            self._aborted.add(record.id)
        task = self._spawned(self._guarded(record), f"run {record.id}")
        if task is not None:
            self._tasks[record.id] = task
            task.add_done_callback(lambda _: self._tasks.pop(record.id, None))

    def abort(self, run: str) -> None:
        """Stop a run in flight; its end is reported like any other."""
        self._aborted.add(run)
        preparing = self._preparing.pop(run, None)
        if preparing is not None:
            preparing.reschedule(asyncio.get_running_loop().time())
        record = self.runbook.get(run)
        stage = self._stage(record) if record is not None else None
        if record is not None and stage is not None and record.starting:
            self._spawned(self._abort(record, stage), f"abort {run}")

    def _spawned(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None] | None:
        """A task that does the work; None when the bot is ending: what is on record the next one takes up."""
        try:
            return self.group.create_task(work, name=name)
        except RuntimeError:  # of a group that is shutting down, from Python 3.13 on also before it has
            work.close()
            return None

    @property
    def under_way(self) -> tuple[str, ...]:
        """The runs in flight."""
        return tuple(self._tasks)

    async def any_ended(self) -> None:
        """Return when one of the runs in flight has ended."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)

    async def abort_all(self) -> None:
        """Stop every run in flight and wait until each has ended, or is late in doing so."""
        tasks, longest = set(self._tasks.values()), 0.0
        for run in tuple(self._tasks):
            record = self.runbook.get(run)
            stage = self._stage(record) if record is not None else None
            longest = max(longest, stage.grace if stage is not None else 0.0)
            self.abort(run)
        if tasks:
            await asyncio.wait(tasks, timeout=longest + STOPPED_WITHIN)

    async def hand_over(self, within: float = STARTED_WITHIN) -> bool:
        """Leave the runs in flight to whoever comes after; those that just start are waited for: whether there are any.

        Of one that is left in the middle of that, nobody could tell whether it has been begun.
        """
        self._left, begins = True, bool(self._starting)
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self._starting:
                    await next(iter(self._starting.values())).wait()
        tasks = set(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        return begins

    async def _abort(self, record: RunRecord, stage: StageSpec) -> None:
        """Have the executor stop the run; when it cannot, those who wait for that hear why.

        One that is only being begun is stopped again when it has been: until then nothing is told.
        """
        try:
            await self._following.stopped(stage.executor, job_of(record, stage, self.runs), record.token)
            return
        except PushbotError as error:
            LOG.warning("abort_failed", run=record.id, error=str(error))
            reason = str(error)
        except Exception:
            reference = fault_reference()
            LOG.exception("abort_broke", run=record.id, reference=reference)
            reason = f"something broke in the bot, see {reference} in its log"
        if record.state is not RunState.RUNNING:
            return
        self._aborted.discard(record.id)
        refused = AbortRefused(record.train, number(record), reason)
        await self.report(record.lane, Ask(refused, BOT, f"{record.id} cannot be stopped"))

    async def _guarded(self, record: RunRecord) -> None:
        """Whatever happens in a run or an executor, its lane hears how it ended."""
        with structlog.contextvars.bound_contextvars(run=record.id):
            try:
                outcome, undo = await self._carry_out(record)
            except Exception:
                reference = fault_reference()
                LOG.exception("run_broke", reference=reference)
                known = self.runbook.get(record.id) or record
                state = RunState.LOST if known.starting else RunState.FAILED
                outcome, undo = Outcome(state, reason=f"something broke in the bot, see {reference} in its log"), False
            known = self.runbook.get(record.id) or record
            known = self._write(replace(known, took=self.timings.over(record.id, self.clock.now())))
            began = known.started_at or known.requested_at
            LOG.info("run_ended", state=outcome.state, step=outcome.step, reason=outcome.reason)
            ended = RunEnded(
                known.train,
                number(known),
                outcome.state,
                outcome.step,
                outcome.reason,
                outcome.tail,
                undo=undo,
                seconds=max(0.0, (self.clock.now() - began).total_seconds()),  # the clock may have been set back
            )
            await self.report(record.lane, Ask(ended, BOT, f"{record.id} {outcome.state}"))
            self.progress.pop(record.id, None)
            self._aborted.discard(record.id)

    async def _carry_out(self, record: RunRecord) -> tuple[Outcome, bool]:
        """The outcome of the run, and whether the stage's rollback shall follow."""
        stage = self._stage(record)
        if stage is None:
            state = RunState.LOST if record.starting else RunState.FAILED
            return Outcome(state, reason=f"{record.stage} is no longer in the configuration"), False
        targets = NOWHERE
        if not record.starting:
            self.timings.follow(record.id)
            try:
                found = await self._prepare(record, stage)
                if found is None or record.id in self._aborted:
                    return Outcome(RunState.CANCELLED), False
                if record.kind is RunKind.DEPLOY and self.held(record.lane):
                    return Outcome(RunState.CANCELLED, reason="the lane is held by now, and nothing was changed"), False
                if found.refused is not None:
                    return Outcome(RunState.FAILED, STEP, found.refused, changed=False), False
                if self._left:  # whoever comes after begins it
                    raise asyncio.CancelledError
                targets = found.targets
                starting = self._starting[record.id] = asyncio.Event()
                try:
                    record = await self._start(found.record, stage, targets)
                finally:
                    del self._starting[record.id]
                    starting.set()
            except PushbotError as error:
                return Outcome(RunState.FAILED, reason=str(error)), False
        elif record.started_at is None:  # nobody was told of it yet, and its train knows no revision
            record = await self._began(record, record.token, record.requested_at)
        if record.id in self._aborted:
            await self._abort(record, stage)
        job, stopping = job_of(record, stage, self.runs, targets), record.id in self._aborted
        outcome = await self._following.ended(stage.executor, job, record.token, self._note(record), stopping=stopping)
        failed = outcome.state is RunState.FAILED and record.kind is RunKind.DEPLOY
        changed = stage.changed_by(outcome.step) if outcome.changed is None else outcome.changed
        back = record.previous is not None and not (record.continues and record.previous == record.revision)
        return outcome, failed and changed and stage.rollback_auto and back

    def _note(self, record: RunRecord) -> Callable[[str | Tally], None]:
        def note(told: str | Tally) -> None:
            how_far = self.progress.get(record.id, BEGINNING).after(told)
            self.progress[record.id] = how_far
            self.timings.told(record.id, told, self.clock.now())
            self.moved(record, how_far)

        return note

    async def _prepare(self, record: RunRecord, stage: StageSpec) -> Prepared | None:
        """The run with its revision and hosts, checked, the lane being told of these; None when it was stopped."""
        if record.id in self._aborted:
            return None
        try:
            async with asyncio.timeout(None) as self._preparing[record.id]:
                found = await prepared(record, stage, self.lanes, self.store)
                lane, note = self.lanes[record.lane], self._note(record)
                ready, refused = await checked_run(found.record, lane, stage, self.store, note)
        except TimeoutError:
            if record.id not in self._aborted:
                raise
            return None
        finally:
            self._preparing.pop(record.id, None)
        found = replace(found, record=ready, refused=refused)
        if refused is not None:
            self._write(ready)
        elif found.targets.hosts:
            hosts, continues = found.targets.hosts, found.record.continues
            summary = await beside(len(hosts), partial(counted_hosts, hosts, stage.rollout, continues))
            counted = RunCounted(record.train, number(record), summary, found.targets.mismatches)
            self._write(ready)
            await self.report(record.lane, Ask(counted, BOT, f"{record.id} is for {summary}"))
        return found

    async def _start(self, record: RunRecord, stage: StageSpec, targets: Targets) -> RunRecord:
        """Begin the run: from the commit in here on, nobody begins it a second time."""
        job = job_of(record, stage, self.runs, targets)
        try:
            job.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PushbotError(f"cannot make the run's folder {job.directory}: {error.strerror}") from error
        record = self._write(replace(record, starting=True))
        await self.store.commit(Work(record.lane, runs=(record,), careful=True))
        LOG.info("run_starting", stage=record.stage, kind=record.kind, revision=record.revision)
        return await self._began(record, await self._following.began(stage.executor, job), self.clock.now())

    async def _began(self, record: RunRecord, token: str | None, at: datetime) -> RunRecord:
        """The executor has it, or may have: written down with its token, and told to the lane."""
        record = self._write(replace(record, token=token, state=RunState.RUNNING, started_at=at))
        await self.report(record.lane, Ask(RunBegan(record.train, number(record), record.revision), BOT, "run began"))
        return record

    def _write(self, record: RunRecord) -> RunRecord:
        """Put the run in the runbook, before its commit: whatever its lane commits next then has it too.

        That somebody asked to stop it, its lane may have written there meanwhile.
        """
        known = self.runbook.get(record.id) or record
        record = replace(record, reason=known.reason)
        self.runbook.write([record])
        return record

    def _stage(self, record: RunRecord) -> StageSpec | None:
        lane = self.lanes.get(record.lane)
        return lane.stage(record.stage) if lane is not None else None
