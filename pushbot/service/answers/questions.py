"""Answers to questions: gathers what the record, git and the disk know, and lets the voice put it in words.

Nothing here changes anything. A queue is seen as it was last committed; trouble with git, the disk or hosts
becomes one plain line, and no answer takes longer than `LIMIT` seconds, but for one that hosts or checks are asked for.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

import structlog

from pushbot.errors import PushbotError
from pushbot.queue import commands as c
from pushbot.queue.model import RunKind
from pushbot.service.answers.capacity import capacity
from pushbot.service.hours.calendars import Hours
from pushbot.service.lane.beside import lately
from pushbot.service.lane.history import previous, push_seconds, there_now
from pushbot.service.lane.keepers import keeper, locks
from pushbot.service.people.access import Access
from pushbot.service.people.directory import told
from pushbot.service.runs.looking import LOOK_WITHIN, brought
from pushbot.service.runs.tail import last_lines
from pushbot.service.runs.trying import Trials
from pushbot.service.runs.versions import versions
from pushbot.service.voice import answers, blame
from pushbot.service.voice.eta import eta
from pushbot.service.voice.incident import standing
from pushbot.service.voice.phrases import shown, to
from pushbot.service.voice.status import LaneNow, StageNow, status
from pushbot.service.voice.whoami import whoami

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pushbot.ports import Clock, IncidentRecord, Repository, RunRecord, Store
    from pushbot.queue.commands import Question
    from pushbot.queue.model import Person
    from pushbot.service.lane.runbook import Outputs
    from pushbot.service.runs.looking import Looks
    from pushbot.service.snapshot import Snapshot
    from pushbot.service.spec import LaneSpec

    _OfLane = c.Status | c.Eta | c.Blame | c.Changes | c.Versions | c.Log | c.History | c.Capacity | c.Try

LOG = structlog.get_logger()
LIMIT = 10.0
"""Seconds in which a question is answered, or the asker hears that it cannot be."""
SEARCH = 8.0
"""Seconds that the search for a path may take; what was found by then is told."""
AT_ONCE = 4
"""Comparisons of revisions that are under way at the same time, over all questions."""
PUSHES = 50
"""Pushes in which a path is looked for, or which say how long the next one takes."""
HITS = 5
"""Pushes that are told of a path."""


class Questions:
    """The one who answers, for all lanes; of the questions under way, at most `AT_ONCE` ask git at the same time."""

    def __init__(
        self,
        snapshots: Callable[[], tuple[Snapshot, ...]],
        store: Store,
        clock: Clock,
        outputs: Outputs,
        looks: Looks,
        *,
        hours: Hours | None = None,
        access: Access | None = None,
        incident: Callable[[], IncidentRecord | None] = lambda: None,
    ) -> None:
        self._incident = incident
        self._access = access or Access()
        self._hours = hours or Hours((), clock)
        self._snapshots = snapshots
        self._store = store
        self._clock = clock
        self._outputs = outputs
        self._looks = looks
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._trials = Trials(store)

    async def answer(self, question: Question, lane: str, person: Person) -> tuple[str, ...]:
        """The lines to say to `person`, who asked where `lane` is meant; each stands for itself, below 400 characters.

        Never raises PushbotError: what goes wrong outside is said in one of the lines.
        """
        limit = LOOK_WITHIN + LIMIT if isinstance(question, c.Versions) else LIMIT
        try:
            async with asyncio.timeout(None if isinstance(question, c.Try) else limit):  # its checks have their own
                incident = self._incident() if isinstance(question, c.Status) else None
                first = (standing(incident, self._clock.now()),) if incident is not None else ()
                return (*first, *await self._answer(question, lane, person))
        except PushbotError as error:
            return (f"{to(person)}: {shown(str(error), 350)}",)
        except TimeoutError:
            LOG.warning("question_timed_out", question=type(question).__name__, lane=lane)
            return (f"{to(person)}: I could not find that out within {limit:g}s; please ask again later",)

    async def _answer(self, question: Question, lane: str, person: Person) -> tuple[str, ...]:
        lanes = self._snapshots()
        match question:
            case c.Help(topic):
                return answers.usage(topic) if topic else answers.commands()
            case c.Whoami():
                here = next((each for each in lanes if each.spec.name == lane), None)
                return whoami(person, lanes, self._access.standing(person, here), lane)
            case c.Locks():
                return locks(lane, lanes, self._clock.now())
            case c.Status(None):
                own_first = sorted(lanes, key=lambda each: each.spec.name != lane)
                return status([await self.lane_now(each, lanes) for each in own_first])
            case _:
                wanted = (question.lane or lane) if isinstance(question, c.Status | c.Capacity) else lane
                here = next((each for each in lanes if each.spec.name == wanted), None)
                if here is None:
                    return answers.unknown_lane(wanted, [each.spec.name for each in lanes])
                return await self._of_lane(question, here, lanes, person)

    async def _of_lane(
        self, question: _OfLane, here: Snapshot, lanes: Sequence[Snapshot], person: Person
    ) -> tuple[str, ...]:
        match question:
            case c.Status():
                return status([await self.lane_now(here, lanes)])
            case c.Eta():
                return eta(await self.lane_now(here, lanes), person)
            case c.Capacity():
                return await capacity(here, self._hours, self._store, self._clock.now())
            case c.Blame(words):
                return await self._blame(here.spec, words)
            case c.Changes():
                return await self._changes(here)
            case c.Versions(stage):
                return await versions(
                    here.spec, stage, self._snapshots, looks=self._looks, store=self._store, clock=self._clock
                )
            case c.Log(run):
                return await self._log(here.spec, run)
            case c.History(count):
                pushes = await self._store.pushes(here.spec.name, limit=count)
                return answers.history(here.spec.name, pushes, self._clock.now())
            case c.Try():
                return await self._trials.tried(question, here.spec, person)
            case _:
                assert_never(question)

    # --- .status and .eta --------------------------------------------------------------------------

    async def lane_now(self, here: Snapshot, lanes: Sequence[Snapshot]) -> LaneNow:
        """All that is known of a lane, one of `lanes`. Raises PushbotError when the record cannot be read."""
        name, head = here.spec.name, here.queue.head
        stages = [await self._stage(here, stage.name, lanes) for stage in here.spec.stages]
        return LaneNow(
            here,
            tuple(stages),
            self._clock.now(),
            push=await self._store.push(name, head.number) if head is not None else None,
            seconds=push_seconds(await self._store.pushes(name, limit=PUSHES)),
            calendars=self._hours.calendars(here.spec),
            beside=tuple([await self._stage(here, one, lanes) for one in await lately(here, self._store)]),
        )

    async def _stage(self, here: Snapshot, stage: str, lanes: Sequence[Snapshot]) -> StageNow:
        there, failed = await self._there(here.spec.name, stage)
        spec = here.spec.stage(stage)
        others = (run for each in lanes if each.spec.name != here.spec.name for run in each.active)
        claimed = next((run for run in others if spec is not None and run.lock == spec.lock), None)
        closed = self._hours.closed(spec, here.spec, self._clock.now()) if spec is not None else None
        kept = keeper(here, stage, lanes, self._clock.now())
        return StageNow(stage, there, failed, claimed, closed.why if closed is not None else "", kept)

    async def _there(self, lane: str, stage: str) -> tuple[RunRecord | None, RunRecord | None]:
        """The run that brought what is on the stage, and the newest that ended otherwise if that was later."""
        newest = await self._store.runs(lane, stage=stage, limit=5)
        there = there_now(newest) or await brought(self._store, lane, stage)
        ended = next((run for run in newest if run.state.final), None)
        return there, None if ended == there else ended

    # --- .blame and .changes -----------------------------------------------------------------------

    async def _blame(self, lane: LaneSpec, words: tuple[str, ...]) -> tuple[str, ...]:
        stages = [stage.name for stage in lane.widened(words[:1]).stages]
        if len(words) > 1 and words[0] not in stages:
            return blame.no_such_stage(lane.name, words[0], stages)
        stage = words[0] if words and words[0] in stages else stages[-1] if stages else None
        path = next((word for index, word in enumerate(words) if index or word not in stages), None)
        if path is not None and (lane.repository is None or stage is None):
            return blame.no_repository(lane.name, path, stages)
        if stage is None:
            pushes = await self._store.pushes(lane.name, limit=1)
            return blame.by_record(lane.name, next(iter(pushes), None), self._clock.now())
        there, failed = await self._there(lane.name, stage)
        scene = blame.Scene(lane.name, stage, self._clock.now(), there, failed)
        good = await self._store.runs(lane.name, stage=stage, state=c.RunState.SUCCEEDED, limit=2 * PUSHES)
        deploys = [run for run in good if run.kind is RunKind.DEPLOY][:PUSHES]
        if path is None or lane.repository is None:
            return blame.last_push(scene, await self._shipped(lane.repository, deploys[0]) if deploys else None)
        found = await self._search(lane.repository, deploys, path)
        return blame.touched(scene, replace(found, stages=() if len(words) > 1 else tuple(stages)))

    async def _changes(self, here: Snapshot) -> tuple[str, ...]:
        lane, head = here.spec, here.queue.head
        if lane.repository is None:
            return blame.no_repository(lane.name, None, ())
        ref = (head.ref if head else None) or lane.branch
        pinned = head.revision if head else None
        if ref is None and pinned is None:
            return blame.no_branch(lane.name)
        async with self._gate:
            new = pinned or await lane.repository.resolve(ref or "")
        old = None
        for stage in reversed(lane.stages):
            good = await self._store.runs(lane.name, stage=stage.name, state=c.RunState.SUCCEEDED, limit=PUSHES)
            if (old := previous(good)) is not None:
                break
        async with self._gate:
            what = told(self._access.directory, await lane.repository.changes(old, new, limit=HITS))
        people = [rider.person.name for rider in head.riders] if head else []
        return blame.changes(lane.name, people, ref or "", old=old, new=new, what=what, now=self._clock.now())

    async def _shipped(self, repository: Repository | None, run: RunRecord) -> blame.Shipped:
        """What came with a deploy, as far as git can tell."""
        if repository is None or run.revision is None:
            return blame.Shipped(run)
        try:
            async with asyncio.timeout(SEARCH), self._gate:
                changes = await repository.changes(run.previous, run.revision)
            return blame.Shipped(run, told(self._access.directory, changes))
        except PushbotError as error:
            return blame.Shipped(run, problem=str(error))
        except TimeoutError:
            return blame.Shipped(run, problem=f"git did not answer within {SEARCH:g}s")

    async def _search(self, repository: Repository, deploys: Sequence[RunRecord], path: str) -> blame.Search:
        """The newest deploys whose commits touched `path`; stops at `HITS` of them, or after `SEARCH` seconds."""
        looked: dict[int, blame.Shipped] = {}
        waiting = iter(enumerate(deploys))

        async def look() -> None:
            for index, run in waiting:
                looked[index] = await self._touching(repository, run, path)
                if sum(1 for each in looked.values() if each.changes is not None) >= HITS:
                    return

        try:
            async with asyncio.timeout(SEARCH), asyncio.TaskGroup() as tasks:
                for _ in range(AT_ONCE):
                    tasks.create_task(look())
            late = None
        except TimeoutError:
            late = f"I had seen {len(looked)} of {len(deploys)} pushes after {SEARCH:g}s"
        found = [looked[index] for index in sorted(looked)]
        problems = [each.problem for each in found if each.problem is not None]
        hits = tuple(each for each in found if each.changes is not None)[:HITS]
        return blame.Search(path, hits, len(found) - len(problems), next(iter(problems), late))

    async def _touching(self, repository: Repository, run: RunRecord, path: str) -> blame.Shipped:
        """The deploy with its commits to `path`; without changes when it had none."""
        if run.revision is None or run.revision == run.previous:
            return blame.Shipped(run)
        try:
            async with self._gate:
                changes = await repository.changes(run.previous, run.revision, path=path, limit=1)
        except PushbotError as error:
            return blame.Shipped(run, problem=str(error))
        return blame.Shipped(run, told(self._access.directory, changes) if changes.total else None)

    # --- .log --------------------------------------------------------------------------------------

    async def _log(self, lane: LaneSpec, wanted: str | None) -> tuple[str, ...]:
        """Only what is on record is looked for on the disk, so that no name from chat becomes a path."""
        if wanted is None:
            run = next(iter(await self._store.runs(lane.name, limit=1)), None)
        else:
            run = await self._store.run(f"{lane.name}-{wanted}" if wanted.isdecimal() else wanted)
        if run is None:
            return answers.no_run(lane.name, wanted)
        path = self._outputs.file(run.id)
        tail = await asyncio.to_thread(last_lines, path)
        return answers.log(run, self._outputs.shown(run.id), tail, self._clock.now())
