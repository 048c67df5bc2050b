"""Short ways to the facts that answers are made of."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from pushbot.ports import ChangeSet, CommitInfo, PushRecord, RunRecord
from pushbot.queue.commands import RunState
from pushbot.queue.model import Item, Mark, Person, Queue, Rider, RunKind, Train
from pushbot.service.snapshot import Progress, Snapshot
from pushbot.service.spec import LaneSpec
from pushbot.service.voice.status import LaneNow, StageNow
from pushbot.testing.clock import START

REVISION = "6957bb87" * 5
OLDER = "1a2b3c4d" * 5


def ago(*, minutes: float = 0, seconds: float = 0) -> timedelta:
    return timedelta(minutes=minutes, seconds=seconds)


def person(name: str) -> Person:
    return Person("irc", f"nick:{name}", name)


def train(names: str, number: int = 1, **more: object) -> Train:
    """A train from `alice* bob! carol`."""
    riders = tuple(Rider(person(word.rstrip("*!")), mark=Mark(re.sub(r"[^*!]", "", word))) for word in names.split())
    return replace(Train(riders=riders, number=number), **more)  # type: ignore[arg-type]


def run(number: int = 7, *, minutes: float = 3, **more: object) -> RunRecord:
    """A deploy by alice, with bob, that was there `minutes` before START."""
    record = RunRecord(
        id=f"web-{number}",
        lane="web",
        train=number,
        stage="production",
        kind=RunKind.DEPLOY,
        state=RunState.SUCCEEDED,
        lock="production",
        driver="alice",
        riders=("alice", "bob"),
        requested_at=START - ago(minutes=minutes, seconds=23),
        started_at=START - ago(minutes=minutes, seconds=23),
        ended_at=START - ago(minutes=minutes),
        revision=REVISION,
        previous=OLDER,
    )
    return replace(record, **more)  # type: ignore[arg-type]


def underway(number: int = 8, **more: object) -> RunRecord:
    return replace(replace(run(number), ended_at=None, state=RunState.RUNNING), **more)  # type: ignore[arg-type]


PRINCESS = StageNow("princess", run(7, stage="princess", driver="alice", minutes=3))
PRODUCTION = StageNow("production", run(5, driver="bob", minutes=130, revision=OLDER))


def lane(
    *items: Item,
    name: str = "web",
    stages: tuple[StageNow, ...] = (PRINCESS, PRODUCTION),
    active: tuple[RunRecord, ...] = (),
    progress: Progress | str | None = None,
    seconds: float | None = 900.0,
    push: PushRecord | None = None,
) -> LaneNow:
    notes = {active[0].id: Progress(progress) if isinstance(progress, str) else progress} if progress else {}
    snapshot = Snapshot(LaneSpec(name, ()), Queue(items), active, notes)
    return LaneNow(snapshot, stages, START, push=push, seconds=seconds)


def commits(*subjects: str, total: int | None = None) -> ChangeSet:
    made = tuple(CommitInfo(REVISION, "Alice", START - ago(minutes=60), subject) for subject in subjects)
    return ChangeSet(made, total or len(made), ("Alice", "Bob"), 4, 30, 2)
