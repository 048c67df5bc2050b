"""Questions answered from a real record and real git repositories, with a clock that stands still."""

from __future__ import annotations

import asyncio
import os
import subprocess
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import PushbotError
from pushbot.ports import ChangeSet, PushRecord, PushState, RunRecord, Work
from pushbot.queue import commands as c
from pushbot.queue.commands import RunState
from pushbot.queue.model import Item, Mark, Person, Phase, Queue, Rider, RunKind, Train
from pushbot.service import questions
from pushbot.service.questions import Questions, last_lines
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

    async def ask(self, question: Question, lane: str = "web", person: Person = ALICE) -> tuple[str, ...]:
        """The answer, each line of which must be fit for any chat."""
        asked = Questions(lambda: tuple(self.snapshots.values()), self.store, self.clock, self.runs)
        lines = await asked.answer(question, lane, person)
        assert lines
        assert all(len(line) < 400 and line.isprintable() and not line.startswith(".") for line in lines)
        return lines


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path) as made:
        yield made


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[World]:
    store = SqliteStore(folder / "record.db")
    await store.open()
    try:
        yield World(store, folder / "runs")
    finally:
        await store.close()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


def git(source: Path) -> GitRepository:
    return GitRepository(GitOptions(url=str(source)))


# --- .status and .eta --------------------------------------------------------------------------


async def test_status_of_a_day_under_way(world: World) -> None:
    world.lane("web", train("alice* bob", 4, "princess"), train("carol dave", 5))
    for number in (1, 2, 3):
        await world.push(number, minutes=15)
    await world.run("production", "1a2b3c4d" * 5, driver="bob")
    world.clock.advance(7200)
    await world.push(4, minutes=None)
    await world.run("princess", "6957bb87" * 5)
    assert await world.ask(c.Status()) == (
        "web: princess 6957bb87 by alice 50s ago | production 1a2b3c4d by bob 2h01m ago",
        "web: alice + bob on princess, waiting for bob to say .good",
        "web: next carol + dave (about 14m)",
    )


async def test_status_tells_of_a_claim_by_another_lane_and_of_a_failure(world: World) -> None:
    world.lane("web", train("alice*", 1, "princess"))
    world.lane("config", train("carol", 1, "production", Phase.RUNNING))
    await world.run("princess", "6957bb87" * 5)
    for _ in range(8):  # more than are looked at for the newest
        await world.run("princess", "badc0ffe" * 5, state=RunState.FAILED, step="migrate")
    running = await world.run("production", None, lane="config", state=RunState.RUNNING, ended_at=None, driver="carol")
    world.snapshots["config"] = replace(
        world.snapshots["config"], active=(running,), progress={running.id: "restart 2/3"}
    )
    lines = await world.ask(c.Status(), lane="config")
    assert lines == (
        "config: princess: nothing yet | production: nothing yet",
        "config: carol deploying to production: config-1 at restart 2/3, for 1m00s",
        (
            "web: princess 6957bb87 by alice 9m50s ago (web-9 failed 1m50s ago)"
            " | production: nothing yet, taken by config (config-1 by carol, 1m00s ago)"
        ),
        "web: alice on princess, waiting for production, which config (config-1 by carol, 1m00s ago) has",
    )
    assert await world.ask(c.Status("web"), lane="config") == lines[2:]


async def test_a_lane_nobody_knows_is_said_so(world: World) -> None:
    world.lane("web")
    nearest = "There is no lane called wep (the nearest is web); the lanes are web"
    assert await world.ask(c.Status("wep")) == (nearest,)
    assert await world.ask(c.Eta(), lane="wep") == (nearest,)


async def test_eta_needs_three_finished_pushes(world: World) -> None:
    world.lane("web", train("bob", 9), train("alice", 10))
    await world.push(1, minutes=10)
    await world.push(2, minutes=40)
    assert "too few finished pushes" in (await world.ask(c.Eta()))[0]
    await world.push(3, minutes=20)
    assert await world.ask(c.Eta()) == (
        (
            "alice: 1 train of web goes before yours (alice): about 20m, as a push takes 20m00s"
            " (the median of the last ones)"
        ),
    )


# --- .blame ------------------------------------------------------------------------------------


async def test_blame_names_the_last_push_to_production_with_its_commits(world: World, source: Path) -> None:
    world.lane("web", repository=git(source))
    first = commit(source, "door.py", subject="Make a door")
    await world.run("princess", first)
    await world.run("production", first)
    commit(source, "door.py", subject="Paint the door", author="Bob")
    second = commit(source, "window.py", subject="Open a window")
    await world.run("princess", second, driver="bob")
    await world.run("production", second, driver="bob")
    third = commit(source, "roof.py", subject="Tile the roof")
    await world.run("princess", third)
    production = await world.ask(c.Blame())
    assert production[0].startswith(
        f"web on production: {second[:8]} shipped 1m50s ago by bob with alice"
        f" (push 4, web-4, {first[:8]} was there before): 2 commits by "
    )
    assert production[0].endswith(", 2 files +2 -0")
    assert [line.split(": ", 1)[1] for line in production[1:]] == ["Open a window", "Paint the door"]
    assert await world.ask(c.Blame(("production",))) == production
    princess = await world.ask(c.Blame(("princess",)))
    assert princess[0].startswith(f"web on princess: {third[:8]} shipped 50s ago by alice with bob")
    assert len(princess) == 2


async def test_blame_of_a_path_names_the_pushes_that_touched_it_newest_first(world: World, source: Path) -> None:
    world.lane("web", repository=git(source))
    for number in range(1, 15):
        name = "src/door.py" if number % 2 else "src/window.py"
        revision = commit(source, name, subject=f"Change {number}")
        await world.run("princess", revision)
        await world.run("production", revision)
    lines = await world.ask(c.Blame(("src/door.py",)))
    assert lines[0] == "web: the last pushes to production that touched src/door.py, newest first:"
    assert [line.rsplit(": ", 1)[1] for line in lines[1:]] == [f"Change {n}" for n in (13, 11, 9, 7, 5)]
    assert lines[1].startswith("push 26 by alice with bob, 2m50s ago: ")
    both = await world.ask(c.Blame(("princess", "src/window.py")))
    assert [line.rsplit(": ", 1)[1] for line in both[1:]] == [f"Change {n}" for n in (14, 12, 10, 8, 6)]
    assert await world.ask(c.Blame(("prduction",))) == (
        (
            "web: none of the last 14 pushes to production touched prduction"
            " (prduction is no stage; those are princess, production)"
        ),
    )


async def test_blame_after_a_rollback_says_so_first(world: World, source: Path) -> None:
    world.lane("web", repository=git(source))
    first = commit(source, "door.py", subject="Make a door")
    second = commit(source, "door.py", subject="Break the door")
    await world.run("production", first)
    await world.run("production", second)
    await world.run("production", first, kind=RunKind.ROLLBACK, driver="carol", previous=second)
    said = f"web on production was rolled back to {first[:8]} 50s ago by carol; what shipped before that:"
    whole = await world.ask(c.Blame())
    assert whole[0] == said
    assert whole[1].startswith(f"web on production: {second[:8]} shipped 1m50s ago by alice with bob")
    path = await world.ask(c.Blame(("door.py",)))
    assert path[0] == said
    assert [line.rsplit(": ", 1)[1] for line in path[2:]] == ["Break the door", "Make a door"]


async def test_blame_without_a_repository_answers_from_the_record(world: World) -> None:
    world.lane("web")
    assert await world.ask(c.Blame()) == ("web: nothing was pushed to production yet",)
    await world.run("production", None)
    assert await world.ask(c.Blame()) == ("web on production: shipped 50s ago by alice with bob (push 1, web-1)",)
    assert await world.ask(c.Blame(("door.py",))) == (
        (
            "web has no repository in the configuration, so I cannot look for door.py;"
            " its stages are princess, production"
        ),
    )
    assert await world.ask(c.Blame(("elsewhere", "door.py"))) == (
        "web has no stage called elsewhere; it has princess, production. Try .blame [STAGE] [PATH]",
    )
    world.lane("hand", stages="")
    await world.push(3, minutes=5, lane="hand")
    world.clock.advance(600)
    assert await world.ask(c.Blame(), lane="hand") == ("hand: push 3 to princess, done 5m00s ago, by alice",)


async def test_blame_says_what_git_cannot_tell(world: World, source: Path) -> None:
    world.lane("web", repository=git(source))
    known = commit(source, "door.py", subject="Make a door")
    await world.run("production", known)
    await world.run("production", "f" * 40)
    lines = await world.ask(c.Blame())
    assert lines[0].startswith("web on production: ffffffff shipped 50s ago")
    assert lines[1].startswith("what came with it I cannot tell: ")
    path = await world.ask(c.Blame(("door.py",)))
    assert path[1].endswith("Make a door")
    assert path[2].startswith("web: some I could not look into: ")


@pytest.mark.parametrize(
    "path", ["--output=stolen", "../../etc/passwd", "$(touch stolen)", "/etc/passwd", "*", ":(top)"]
)
async def test_no_path_from_chat_does_any_harm(world: World, source: Path, path: str) -> None:
    world.lane("web", repository=git(source))
    await world.run("production", commit(source, "door.py", subject="Make a door"))
    lines = await world.ask(c.Blame(("production", path)))
    assert lines[0].startswith("web: none of the last ")
    assert not list(source.glob("stolen*"))


# --- .changes ----------------------------------------------------------------------------------


async def test_changes_are_what_the_branch_has_and_production_lacks(world: World, source: Path) -> None:
    world.lane("web", train("alice bob"), repository=git(source))
    first = commit(source, "door.py", subject="Make a door")
    await world.run("princess", first)
    await world.run("production", first)
    for number in range(7):
        head = commit(source, "door.py", subject=f'Paint "{number}" \x1b[31m\u202e.go')
    await world.run("princess", head)
    lines = await world.ask(c.Changes())
    assert lines[0] == (f"web: alice and bob ship main ({head[:8]}) onto {first[:8]}: 7 commits by Alice, 1 file +7 -0")
    assert [line.rsplit(": ", 1)[1] for line in lines[1:6]] == [f"Paint '{n}' [31m.go" for n in (6, 5, 4, 3, 2)]
    assert lines[6:] == ("and 2 older commits",)
    pinned = replace(train("alice"), revision=first)
    world.lane("web", pinned, repository=git(source))
    assert await world.ask(c.Changes()) == (
        f"web: alice ships main ({first[:8]}) onto {first[:8]}: no commits that were not there before",
    )


async def test_changes_that_git_cannot_tell_are_one_plain_line(world: World, source: Path) -> None:
    world.lane("web", repository=git(source / "nowhere"))
    (line,) = await world.ask(c.Changes())
    assert line.startswith("alice: there is no git repository at ")
    world.lane("web")
    assert await world.ask(c.Changes()) == ("web has no repository in the configuration",)
    commit(source, "door.py", subject="Make a door")
    world.lane("web", replace(train("alice"), ref="mian"), repository=git(source))
    (line,) = await world.ask(c.Changes())
    assert "no branch, tag or commit 'mian'; the nearest are main" in line


# --- .log, .history, .help, .whoami ------------------------------------------------------------


async def test_log_shows_the_end_of_a_huge_output_without_colours_or_controls(world: World) -> None:
    world.lane("web")
    assert await world.ask(c.Log()) == ("web: nothing has been run yet",)
    run = await world.run("princess", None, state=RunState.FAILED, step="build", reason="exit code 2")
    assert (await world.ask(c.Log()))[1] == f"web-1: there is no output in {world.runs}/web-1/output.log"
    output = world.runs / run.id / "output.log"
    output.parent.mkdir(parents=True)
    with output.open("wb") as file:
        file.truncate(3_000_000_000)  # sparse: read whole, it would not fit into memory
        file.seek(0, 2)
        file.write(b"x" * 20_000 + b"\nfirst\n\x1b[31mred\x1b[0m \xff\x07bell\r\n\n.go\n" + b"last " * 200 + b"\n")
    expected = (
        "web-1, deploy on princess by alice: failed at build: exit code 2, 50s ago after 10s",
        f"web-1: the output is in {output}",
        "  | red \ufffdbell",
        "  | .go",
    )
    assert (await world.ask(c.Log()))[:4] == expected
    assert (await world.ask(c.Log("web-1")))[:4] == expected
    assert (await world.ask(c.Log("1")))[:4] == expected
    assert (await world.ask(c.Log()))[4].startswith("  | last last")


@pytest.mark.parametrize("wanted", ["web-7", "../web-1", "7", "/etc/passwd", "²"])
async def test_only_runs_on_record_have_a_log(world: World, wanted: str) -> None:
    world.lane("web")
    await world.run("princess", None)
    assert (await world.ask(c.Log(wanted))) == (
        f"I know of no run called {wanted}; they are called web-1, web-2 and so on",
    )


def test_the_last_lines_of_small_and_odd_files(tmp_path: Path) -> None:
    file = tmp_path / "output.log"
    assert last_lines(file) is None
    file.write_bytes(b"")
    assert last_lines(file) == ()
    file.write_bytes(b"one\ntwo")
    assert last_lines(file) == ("one", "two")
    file.write_bytes(b"10%\r20%\r30%\rdone")
    assert last_lines(file, 2) == ("30%", "done")
    file.write_bytes(b"y" * 50_000)
    (line,) = last_lines(file) or ()
    assert set(line) == {"y"}
    with pytest.raises(PushbotError, match="cannot read"):
        last_lines(tmp_path)


async def test_history_help_and_whoami(world: World) -> None:
    world.lane("web", train("alice"))
    assert await world.ask(c.History()) == ("web: nothing was pushed yet",)
    for number in range(1, 8):
        await world.push(number, minutes=5 if number < 7 else None)
        world.clock.advance(600)
    lines = await world.ask(c.History(3))
    assert [line.split(" by ")[0] for line in lines] == [f"web: push {n} (6957bb87)" for n in (7, 6, 5)]
    assert lines[0].endswith("princess, under way for 10m00s")
    assert lines[1].endswith("princess, done 15m00s ago after 5m00s")
    assert len(await world.ask(c.History())) == 5
    assert (await world.ask(c.Help()))[0].startswith("I know .join .good ")
    assert (await world.ask(c.Help("go")))[0] == "Write .go [REF]"
    assert await world.ask(c.Whoami(), lane="nowhere") == (
        "alice: you are alice on irc, known as nick:alice; driving the first train of web",
    )


# --- trouble and time --------------------------------------------------------------------------


@dataclass(slots=True)
class Stuck:
    """A repository that never answers about one revision; what is asked at the same time is counted."""

    stuck: str
    asked: int = 0
    most: int = 0

    async def resolve(self, ref: str) -> str:
        await asyncio.Event().wait()
        return ref

    async def changes(self, old: str | None, new: str, *, path: str | None = None, limit: int = 20) -> ChangeSet:
        del old, path, limit
        self.asked += 1
        self.most = max(self.most, self.asked)
        try:
            await (asyncio.Event().wait() if new == self.stuck else asyncio.sleep(0.001))
        finally:
            self.asked -= 1
        return ChangeSet((), 1, ("Alice",), 1, 1, 1)


async def test_what_takes_too_long_is_said_and_the_rest_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "LIMIT", 0.4)
    monkeypatch.setattr(questions, "SEARCH", 0.2)
    world.lane("web", repository=Stuck("stuck"))
    await world.run("production", "fine")
    await world.run("production", "stuck")
    assert await world.ask(c.Changes()) == ("alice: I could not find that out within 0.4s; please ask again later",)
    assert (await world.ask(c.Blame()))[1] == "what came with it I cannot tell: git did not answer within 0.2s"
    lines = await world.ask(c.Blame(("door.py",)))
    assert lines[1].startswith("push 1 by alice")
    assert lines[2] == "web: some I could not look into: I had seen 1 of 2 pushes after 0.2s"


async def test_many_searches_at_once_keep_within_the_bound(world: World) -> None:
    repository = Stuck("nothing")
    world.lane("web", repository=repository)
    for number in range(20):
        await world.run("production", f"{number:040}")
    asked = Questions(lambda: tuple(world.snapshots.values()), world.store, world.clock, world.runs)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(10):
            tasks.create_task(asked.answer(c.Blame(("door.py",)), "web", ALICE))
    assert repository.most == questions.AT_ONCE


async def test_trouble_with_the_record_is_one_plain_line(world: World) -> None:
    class Broken(SqliteStore):
        async def pushes(self, lane: str, *, limit: int = 20) -> tuple[PushRecord, ...]:
            raise PushbotError(f"cannot read the record of {lane} ({limit}): the disk is gone")

    world.lane("web")
    world.store = Broken(world.runs / "other.db")
    assert await world.ask(c.History(2)) == ("alice: cannot read the record of web (2): the disk is gone",)
