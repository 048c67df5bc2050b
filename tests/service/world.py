"""Lanes with a real record, real git repositories and a clock that stands still, for tests that ask questions."""

from __future__ import annotations

import asyncio
import os
import subprocess
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from pushbot.ports import PushRecord, PushState, RunRecord, Work
from pushbot.queue.commands import RunState
from pushbot.queue.model import Item, Mark, Person, Phase, Queue, Rider, RunKind, Train
from pushbot.service.answers.questions import Questions
from pushbot.service.lane.runbook import Outputs
from pushbot.service.runs.looking import Looks
from pushbot.service.snapshot import Snapshot
from pushbot.service.spec import LaneSpec, StageSpec
from pushbot.store.sqlite import SqliteStore
from pushbot.testing.clock import HandClock
from pushbot_plugins.git import GitOptions, GitRepository

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from pushbot.ports import Executor, Job, Outcome, Repository
    from pushbot.queue.commands import Question
    from pushbot.service.hours.calendars import Hours

ALICE = Person("irc", "nick:alice", "alice")
QUIET = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


class NoExecutor:
    """An executor for lanes whose stages nobody starts."""

    async def start(self, job: Job) -> str:
        raise NotImplementedError(job.run)

    async def wait(self, job: Job, token: str | None, progress: Callable[[str], None]) -> Outcome:
        raise NotImplementedError(job.run, token, progress)

    async def abort(self, job: Job, token: str | None) -> None:
        raise NotImplementedError(job.run, token)


def commit(folder: Path, name: str, *, subject: str, author: str = "Alice", at: int = 1_767_600_000) -> str:
    """Write a file and commit it, as `author`, at the time given in seconds."""
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("a") as file:
        file.write(f"{subject}\n")
    who = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", author), ("EMAIL", "x@example.org"), ("DATE", f"{at} +0000"))
    }

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=folder, env=os.environ | QUIET | who, check=True, capture_output=True)
        return done.stdout.decode().strip()

    if not (folder / ".git").exists():
        git("init", "--quiet", "--initial-branch=main")
    git("add", "--all")
    git("commit", "--quiet", "--message", subject)
    return git("rev-parse", "HEAD")


def train(names: str, number: int = 1, stage: str | None = None, phase: Phase = Phase.AT) -> Train:
    """A train from `alice* bob`."""
    riders = (Rider(Person("irc", f"nick:{name.rstrip('*')}", name.rstrip("*"))) for name in names.split())
    marks = (Mark.GOOD if name.endswith("*") else Mark.NONE for name in names.split())
    aboard = tuple(replace(rider, mark=mark) for rider, mark in zip(riders, marks, strict=True))
    return Train(aboard, stage, phase, number=number)


@dataclass(slots=True)
class World:
    """Lanes with their queues, a record and a clock; `ask` is how people see it."""

    store: SqliteStore
    runs: Path
    clock: HandClock = field(default_factory=HandClock)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    hours: Hours | None = None

    def lane(
        self, name: str, *items: Item, stages: str = "princess production", repository: Repository | None = None
    ) -> None:
        """Have a lane with this queue; the stages of all lanes that have one name share it."""
        executor: Executor = NoExecutor()
        specs = tuple(StageSpec(stage, executor, self.runs, lock=stage) for stage in stages.split())
        spec = LaneSpec(name, (), specs, repository, "main" if repository is not None else None)
        self.snapshots[name] = Snapshot(spec, Queue(items), (), {})

    async def run(self, stage: str, revision: str | None, *, lane: str = "web", **more: object) -> RunRecord:
        """Put a deploy on record that takes ten seconds, and let a minute pass."""
        number = self.counts[lane] = self.counts.get(lane, 0) + 1
        began = self.clock.now()
        before = await self.store.runs(lane, stage=stage, state=RunState.SUCCEEDED, limit=1)
        record = RunRecord(
            id=f"{lane}-{number}",
            lane=lane,
            train=number,
            stage=stage,
            kind=RunKind.DEPLOY,
            state=RunState.SUCCEEDED,
            lock=stage,
            driver="alice",
            riders=("alice", "bob"),
            requested_at=began,
            started_at=began,
            ended_at=began + timedelta(seconds=10),
            revision=revision,
            previous=before[0].revision if before else None,
        )
        record = replace(record, **more)  # type: ignore[arg-type]
        await self.store.commit(Work(lane, runs=(record,)))
        self.clock.advance(60)
        return record

    async def push(self, number: int, *, minutes: float | None, lane: str = "web") -> None:
        """Put a push on record that began now and takes so long, or is under way."""
        now = self.clock.now()
        ended = None if minutes is None else now + timedelta(minutes=minutes)
        state = PushState.UNDERWAY if minutes is None else PushState.DONE
        record = PushRecord(lane, number, state, "alice", ("alice",), now, ended, "6957bb87", ("princess",))
        await self.store.commit(Work(lane, pushes=(record,)))

    def questions(self, group: asyncio.TaskGroup) -> Questions:
        """The one who answers."""
        outputs = Outputs(self.runs)
        return Questions(
            lambda: tuple(self.snapshots.values()), self.store, self.clock, outputs, Looks(group), hours=self.hours
        )

    async def ask(self, question: Question, lane: str = "web", person: Person = ALICE) -> tuple[str, ...]:
        """The answer, each line of which must be fit for any chat."""
        async with asyncio.TaskGroup() as group:
            asked = self.questions(group)
            lines = await asked.answer(question, lane, person)
        assert lines
        assert all(len(line) < 400 and line.isprintable() and not line.startswith(".") for line in lines)
        return lines


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[World]:
    store = SqliteStore(folder / "record.db")
    await store.open()
    try:
        yield World(store, folder / "runs")
    finally:
        await store.close()


def git(source: Path) -> GitRepository:
    return GitRepository(GitOptions(url=str(source)))
