"""Questions answered from a real record, in good time and in trouble."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import PushbotError
from pushbot.ports import ChangeSet, PushRecord
from pushbot.queue import commands as c
from pushbot.queue.commands import RunState
from pushbot.queue.model import Phase
from pushbot.service.answers import questions
from pushbot.service.runs.tail import last_lines
from pushbot.service.snapshot import Progress
from pushbot.store.sqlite import SqliteStore
from tests.service.world import ALICE, World, opened, train

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path) as made:
        yield made


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
        world.snapshots["config"], active=(running,), progress={running.id: Progress("restart 2/3")}
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
        "alice: you are alice on irc, known as nick:alice; proof: none; driving the first train of web",
        "alice: you may ask, and do nothing before you log in",
    )


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
    monkeypatch.setattr(questions, "LIMIT", 2.0)
    monkeypatch.setattr(questions, "SEARCH", 1.0)
    world.lane("web", repository=Stuck("stuck"))
    await world.run("production", "fine")
    await world.run("production", "stuck")
    assert await world.ask(c.Changes()) == ("alice: I could not find that out within 2s; please ask again later",)
    assert (await world.ask(c.Blame()))[1] == "what came with it I cannot tell: git did not answer within 1s"
    lines = await world.ask(c.Blame(("door.py",)))
    assert lines[1].startswith("push 1 by alice")
    assert lines[2] == "web: there are pushes I could not look into: I had seen 1 of 2 pushes after 1s"


async def test_many_searches_at_once_keep_within_the_bound(world: World) -> None:
    repository = Stuck("nothing")
    world.lane("web", repository=repository)
    for number in range(20):
        await world.run("production", f"{number:040}")
    async with asyncio.TaskGroup() as tasks:
        asked = world.questions(tasks)
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
