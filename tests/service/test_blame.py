"""What `.blame` and `.changes` tell, on a real record and real git repositories."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.queue import commands as c
from pushbot.queue.model import RunKind
from tests.service.world import World, commit, git, opened, train

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path) as made:
        yield made


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


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
    assert path[2].startswith("web: there are pushes I could not look into: ")


@pytest.mark.parametrize(
    "path", ["--output=stolen", "../../etc/passwd", "$(touch stolen)", "/etc/passwd", "*", ":(top)"]
)
async def test_no_path_from_chat_does_any_harm(world: World, source: Path, path: str) -> None:
    world.lane("web", repository=git(source))
    await world.run("production", commit(source, "door.py", subject="Make a door"))
    lines = await world.ask(c.Blame(("production", path)))
    assert lines[0].startswith(("web: none of the last 1 pushes", "web: there are pushes I could not look into: "))
    assert sorted(os.listdir(source)) == [".git", "door.py"]  # noqa: PTH208 - nobody waits for it here


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
