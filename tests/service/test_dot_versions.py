"""`.versions`: one look for all who ask, in good time, and trouble told in a line."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import PushbotError
from pushbot.fleet.grouping import Alike, grouped
from pushbot.fleet.model import Host, HostVersion, Look, VersionProbe
from pushbot.service.answers import answering
from pushbot.service.runs import looking
from pushbot.service.runs.looking import Looks, complete
from pushbot.service.spec import HostsSpec, InventorySpec, Source, StageSpec, VersionSpec
from pushbot.service.voice.phrases import LINE
from pushbot.service.voice.versions import StageVersions, drifted, versions, well_again
from pushbot.testing.clock import START
from pushbot.testing.executor import HandExecutor
from pushbot.testing.inventory import HandInventory, hosts_in
from pushbot.testing.playground import Playground
from tests.service.facts import REVISION, run, underway
from tests.service.world import NoExecutor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FLEET = hosts_in({"lon": 500})


def stage(executor: HandExecutor | NoExecutor, folder: Path, inventory: HandInventory | None = None) -> StageSpec:
    hosts = HostsSpec(InventorySpec("fleet", (Source("list", inventory or HandInventory(FLEET)),)))
    asked = VersionSpec(VersionProbe(Look.FILE, "VERSION"), 300.0)
    return StageSpec("production", executor, folder, lock="production", hosts=hosts, versions=asked)


# --- the look


async def test_who_asks_at_the_same_time_shares_one_look(tmp_path: Path) -> None:
    executor = HandExecutor()
    executor.runs_on("41aa02ce", "lon-7")
    executor.answering.clear()
    async with asyncio.TaskGroup() as group:
        looks = Looks(group)
        production = stage(executor, tmp_path)
        asked = [group.create_task(looks.look("web", production)) for _ in range(20)]
        hasty = group.create_task(looks.look("web", production))
        other = group.create_task(looks.look("search", production))
        for _ in range(20):
            await asyncio.sleep(0)
        assert executor.looks == 2
        hasty.cancel()  # who loses patience spoils it for nobody
        executor.answering.set()
    assert executor.looks == 2
    assert len({id(task.result()) for task in asked}) == 1
    assert asked[0].result()[6] == HostVersion("lon-7", "41aa02ce")
    assert other.result() == asked[0].result()
    async with asyncio.TaskGroup() as group:
        await Looks(group).look("web", production)
    assert executor.looks == 3


async def test_looks_at_many_stages_keep_within_the_bound(tmp_path: Path) -> None:
    executor = HandExecutor()
    executor.answering.clear()
    async with asyncio.TaskGroup() as group:
        looks = Looks(group)
        for lane in range(20):
            group.create_task(looks.look(str(lane), stage(executor, tmp_path)))
        for _ in range(100):
            await asyncio.sleep(0)
        assert executor.looks == looking.AT_ONCE
        executor.answering.set()
    assert executor.looks == 20


class Broken(HandExecutor):
    """Its hosts cannot be asked, by somebody's mistake."""

    async def versions(self, hosts: Sequence[Host], probe: VersionProbe) -> tuple[HostVersion, ...]:
        raise KeyError(hosts, probe)


async def test_trouble_is_told_to_all_who_asked_and_is_over_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor, inventory = HandExecutor(), HandInventory(FLEET)
    inventory.trouble = PushbotError("the list is gone")
    async with asyncio.TaskGroup() as group:
        looks = Looks(group)
        for wanted in ("list: the list is gone", "list: the list is gone"):
            with pytest.raises(PushbotError, match=wanted):
                await looks.look("web", stage(executor, tmp_path, inventory))
        for bare in (replace(stage(executor, tmp_path), hosts=None), stage(NoExecutor(), tmp_path)):
            with pytest.raises(PushbotError, match="no hosts that could be asked"):
                await looks.look("web", bare)
        with pytest.raises(PushbotError, match=r"something broke .* in my log"):
            await looks.look("web", stage(Broken(), tmp_path))
        executor.answering.clear()
        with monkeypatch.context() as hasty:
            hasty.setattr(looking, "LOOK_WITHIN", 0.01)
            with pytest.raises(PushbotError, match=r"did not all tell their versions within 0\.01s"):
                await looks.look("web", stage(executor, tmp_path))
        executor.answering.set()
        assert len(await looks.look("web", stage(executor, tmp_path))) == 500


def test_what_an_executor_leaves_out_is_said_to_be_missing() -> None:
    hosts = (Host("a"), Host("b"), Host("c"))
    assert complete(hosts, (HostVersion("c", ""), HostVersion("a", "1"), HostVersion("x", "9"))) == (
        HostVersion("a", "1"),
        HostVersion("b", None, "it was not asked"),
        HostVersion("c", None, "empty"),
    )


async def test_a_bot_that_ends_while_it_looks_ends(tmp_path: Path) -> None:
    async with Playground(tmp_path) as play:
        play.add_lane("web", stages=("production",))
        play.spread("production", {"lon": 3})
        play.change_stage("production", lambda of: replace(of, versions=VersionSpec(VersionProbe(Look.FILE), 0)))
        await play.start()
        play.executor.answering.clear()
        play.server.say("alice", ".versions", "#push")
        await play.settle()
        assert play.executor.looks == 1


async def test_who_asks_again_while_hosts_take_their_time_takes_nobodys_turn(tmp_path: Path) -> None:
    async with Playground(tmp_path) as play:
        play.add_lane("web", stages=("production",))
        play.spread("production", {"lon": 3})
        play.change_stage("production", lambda of: replace(of, versions=VersionSpec(VersionProbe(Look.FILE), 0)))
        await play.start()
        play.executor.answering.clear()
        for _ in range(2 * answering.AT_ONCE):
            play.server.say("alice", ".versions", "#push")
        play.server.say("alice", ".whoami", "#push")
        await play.settle()
        assert [line.text[:20] for line in play.server.spoken] == ["alice: you are alice", "alice: you have no r"]
        play.executor.answering.set()
        await play.settle()
        assert [line.text[:20] for line in play.server.spoken[2:]] == ["production: no answe"]
        play.server.say("alice", ".versions", "#push")
        await play.settle()
        assert len(play.server.spoken) == 4


# --- in words


def words(*told: HostVersion, **more: object) -> tuple[str, ...]:
    seen = replace(StageVersions("production", grouped(told, REVISION)), **more)  # type: ignore[arg-type]
    lines = versions(seen, START)
    assert all(len(line) <= LINE and line.isprintable() for line in lines)
    return lines


def on(version: str | None, *hosts: str, trouble: str | None = None) -> list[HostVersion]:
    return [HostVersion(host, version, trouble) for host in hosts]


def test_the_answer_names_the_few_and_counts_the_many() -> None:
    many = on(REVISION[:8], *(f"web{number:03}" for number in range(118)))
    odd = [*on("41aa02ce", "web131", "web207"), *on(None, "web144", trouble="connection refused")]
    assert words(*many, *odd, there=run()) == (
        (
            "production: 6957bb87 on 118 hosts, 41aa02ce on web131, web207, no answer from web144 (connection refused);"
            " 6957bb87 should be there (web-7 by alice, 3m00s ago)"
        ),
    )
    assert words(*many, there=run()) == (
        "production: 6957bb87 on 118 hosts; as it should be (web-7 by alice, 3m00s ago)",
    )
    assert words(*many, active=underway()) == ("production: 6957bb87 on 118 hosts; web-8 brings 6957bb87 now",)
    assert words(*on("1.2", "a"), there=run(revision=None), active=underway(revision=None)) == (
        "production: 1.2 on a; web-8 is under way now",
    )


def test_an_answer_that_is_too_long_takes_more_lines_and_ends_somewhere() -> None:
    hosts = [f"a-host-with-quite-a-long-name-{number:03}.example.org" for number in range(200)]
    told = [HostVersion(host, f"{number % 20:08x}{'x' * 40}\x1b[31m") for number, host in enumerate(hosts)]
    silent = [HostVersion(f"x{number}", None, f"trouble {number} {'y' * 100}") for number in range(30)]
    lines = words(*told, *silent, there=run())
    assert 3 < len(lines) <= 11
    assert all(line.startswith("production: ") for line in lines)
    assert "15 other versions on 150 hosts" in " ".join(lines)
    assert "no answer from 25 more hosts" in " ".join(lines)
    assert lines[-1].endswith("6957bb87 should be there (web-7 by alice, 3m00s ago)")


def test_the_alert_names_what_should_be_there_and_what_is() -> None:
    astray = (Alike(("web007", "web031"), "41aa02ce"), Alike(("web009",), "dev"))
    assert drifted("web on production", astray, REVISION, run()) == (
        "web on production has drifted: since web-7 it should run 6957bb87, but I see 41aa02ce on web007, web031, "
        "dev on web009"
    )
    assert drifted("web on production", astray[1:], "41aa02ce", None) == (
        "web on production has drifted: most hosts run 41aa02ce, but I see dev on web009"
    )
    many = (Alike(tuple(f"a-long-name-for-a-host-{number}" for number in range(500)), "x" * 100),)
    assert len(drifted("web on production", many, REVISION, run())) <= LINE
    assert well_again("web on production", (Alike(("a", "b"), REVISION), Alike(("c",), None, "timed out"))) == (
        "web on production is as it should be again: 6957bb87 on 2 hosts, no answer from c (timed out)"
    )
