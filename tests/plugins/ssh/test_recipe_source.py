"""The mirror: fetched when a revision is missing, mended when it is broken, left alone when it has what is wanted."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

import pytest

from pushbot_plugins.ssh.worker.seams import StepFailed
from tests.rig.shellhost import Origin, ShellHost, content

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


@pytest.fixture
def host(tmp_path: Path) -> ShellHost:
    return ShellHost(tmp_path / "web1")


async def shipped(origin: Origin, host: ShellHost, revision: str, **more: object) -> dict[str, str]:
    recipe = origin.recipe(origin.releasing(host.root, **more), revision)
    await recipe.ship(host)
    await recipe.switch(host)
    await recipe.good(host)
    return content(host.live)


async def test_what_the_mirror_has_needs_no_remote(origin: Origin, host: ShellHost) -> None:
    first, second = origin.commit(index="one"), origin.commit(index="two")
    assert await shipped(origin, host, second) == {"index": "two"}
    url = str(origin.folder)
    away = origin.folder.with_name("away")
    origin.folder.rename(away)
    assert await shipped(origin, host, first, repository=url) == {"index": "one"}
    with pytest.raises(StepFailed, match=r"git fetch of .* failed"):
        await shipped(origin, host, "0" * 40, repository=url)


async def test_branches_and_tags_are_looked_up_anew(origin: Origin, host: ShellHost) -> None:
    origin.commit(index="one")
    origin.git("tag", "v1")
    assert await shipped(origin, host, "main") == {"index": "one"}
    second = origin.commit(index="two")
    assert await shipped(origin, host, "main") == {"index": "two"}
    assert await shipped(origin, host, "v1") == {"index": "one"}
    standing = await origin.recipe(origin.releasing(host.root), second).look(host)
    assert standing.there is not None
    assert standing.there.revision == second


@pytest.mark.parametrize("revision", ["--upload-pack=x", "", "a..b", "x\ny", "-n"])
async def test_a_revision_that_is_none(origin: Origin, host: ShellHost, revision: str) -> None:
    origin.commit(index="one")
    with pytest.raises(StepFailed) as caught:
        await shipped(origin, host, revision)
    assert caught.value.step == "identify"


async def test_an_unknown_revision_is_named(origin: Origin, host: ShellHost) -> None:
    origin.commit(index="one")
    with pytest.raises(StepFailed, match="has no revision 'nowhere'"):
        await shipped(origin, host, "nowhere")


async def test_a_broken_mirror_is_made_anew(origin: Origin, host: ShellHost) -> None:
    await shipped(origin, host, origin.commit(index="one"))
    (mirror,) = origin.cache.glob("*/mirror.git")
    (mirror / "HEAD").write_text("nonsense")
    shutil.rmtree(mirror / "objects")
    assert await shipped(origin, host, origin.commit(index="two")) == {"index": "two"}
    assert any("the mirror is made anew" in note for note in origin.told.notes)


async def test_a_lock_that_a_killed_git_left(origin: Origin, host: ShellHost) -> None:
    await shipped(origin, host, origin.commit(index="one"))
    (mirror,) = origin.cache.glob("*/mirror.git")
    (mirror / "packed-refs.lock").touch()
    (mirror / "refs" / "heads" / "main.lock").touch()
    assert await shipped(origin, host, origin.commit(index="two")) == {"index": "two"}


async def test_a_password_in_the_url_is_not_told(origin: Origin, host: ShellHost) -> None:
    with pytest.raises(StepFailed) as caught:
        await shipped(origin, host, "main", repository="http://ann:hunter2@127.0.0.1:1/x.git")
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in "".join(origin.told.notes)


async def test_two_runs_share_the_cache(origin: Origin, tmp_path: Path) -> None:
    build = "sleep 0.2; date +%s%N >built"
    revision = origin.commit(index="one")
    hosts = [ShellHost(tmp_path / f"shop{number}") for number in range(2)]
    async with asyncio.TaskGroup() as group:
        for host in hosts:
            group.create_task(shipped(origin, host, revision, build=build))
    assert content(hosts[0].live) == content(hosts[1].live)
    assert any("another run uses the cache" in note for note in origin.told.notes)
