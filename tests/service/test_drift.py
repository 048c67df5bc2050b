"""The watch for drift: when it looks, when it does not, and that what it finds is said once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import PushbotError
from pushbot.fleet.model import Look, VersionProbe
from pushbot.service.spec import News, VersionSpec
from pushbot.testing.playground import Playground
from tests.service.door import Door

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pushbot.ports import Work

EVERY = 60.0


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Playground]:
    """Two lanes, of which `web` watches 500 hosts on production; the bot is not started yet."""
    async with Playground(tmp_path) as play:
        play.add_lane("web", "#push", stages=("production",), locks={"production": "here"})
        play.add_lane("search", "#search", stages=("canary",), locks={"canary": "here"})
        play.spread("production", {"lon": 500})
        watch(play, EVERY)
        play.executor.runs_on("one", *(host.name for host in play.hosts.kept))
        yield play


def watch(play: Playground, every: float) -> None:
    play.change_stage("production", lambda of: replace(of, versions=VersionSpec(VersionProbe(Look.FILE), every)))


async def minutes(play: Playground, count: int) -> list[str]:
    """What was said in #push of drift in so many minutes."""
    before = len(play.server.spoken)
    for _ in range(count):
        await play.pass_time(60)
    return [line.text for line in play.server.spoken[before:] if line.to == "#push"]


async def test_hosts_that_differ_from_most_are_told_where_nothing_was_deployed(fleet: Playground) -> None:
    await fleet.start()
    assert await minutes(fleet, 3) == []
    fleet.executor.runs_on("two", "lon-7", "lon-9")
    assert await minutes(fleet, 5) == [
        "web on production has drifted: most hosts run one, but I see two on lon-7, lon-9"
    ]
    assert fleet.executor.looks == 8
    fleet.executor.runs_on("one", "lon-7", "lon-9")
    assert await minutes(fleet, 5) == ["web on production is as it should be again: one on 500 hosts"]


async def test_all_hosts_astray_are_counted_and_a_short_version_is_none_astray(fleet: Playground) -> None:
    fleet.add_lane("app", "#push", stages=("live",), branch="main")
    production = fleet.lanes[0].stages[0]
    fleet.change_stage("live", lambda of: replace(of, hosts=production.hosts, versions=production.versions))
    fleet.repository.commit("6957bb87", "Sell hats", "alice", branch="main", at=fleet.clock.now())
    await fleet.start()
    fleet.server.say("alice", "app: .join; app: .go", "#push")
    fleet.server.say("alice", "app: .go", "#push")
    await fleet.settle()
    fleet.executor.succeed()
    await fleet.settle()
    fleet.executor.runs_on("6957bb87", *(host.name for host in fleet.hosts.kept))
    assert await minutes(fleet, 4) == []
    fleet.executor.runs_on("beef", *(host.name for host in fleet.hosts.kept))
    assert await minutes(fleet, 4) == [
        (
            "app on live has drifted: since app-1 it should run 6957bb87, but I see beef on "
            "500 hosts (lon-1, lon-2, lon-3, lon-4, lon-5 and 495 more)"
        )
    ]


async def test_nobody_looks_while_any_lane_has_the_place_and_for_a_while_after(fleet: Playground) -> None:
    await fleet.start()
    fleet.executor.runs_on("two", "lon-7")
    assert await minutes(fleet, 1) == []
    fleet.server.say("bob", ".join; .go", "#search")
    await fleet.settle()
    assert await minutes(fleet, 10) == []
    assert fleet.executor.looks == 1
    await fleet.pass_time(30)
    fleet.executor.succeed()
    await fleet.settle()
    assert await minutes(fleet, 1) == []
    assert fleet.executor.looks == 2  # the first of two again: what was seen before the run counts no more
    assert len(await minutes(fleet, 1)) == 1


async def test_a_look_during_which_a_run_began_counts_for_nothing(fleet: Playground) -> None:
    await fleet.start()
    fleet.executor.runs_on("two", "lon-7")
    await minutes(fleet, 1)
    fleet.executor.answering.clear()
    await minutes(fleet, 1)
    assert fleet.executor.looks == 2
    fleet.server.say("bob", ".join; .go", "#search")
    await fleet.settle()
    fleet.executor.succeed()
    fleet.executor.answering.set()
    await fleet.settle()
    assert await minutes(fleet, 1) == []
    assert len(await minutes(fleet, 1)) == 1


async def test_what_cannot_be_put_on_record_is_said_when_it_can(fleet: Playground) -> None:
    await fleet.start()
    fleet.executor.runs_on("two", "lon-7")
    await minutes(fleet, 1)
    fleet.store.trouble = PushbotError("the disk is full")
    assert await minutes(fleet, 3) == []
    fleet.store.trouble = None
    assert len(await minutes(fleet, 3)) == 1


async def test_what_is_put_on_record_as_the_bot_is_wired_anew_is_said(
    fleet: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    door, commit, here = Door(monkeypatch), fleet.store.commit, asyncio.Event()

    async def slow(work: Work) -> None:
        await commit(work)
        if any(line.kind == News.DRIFT for line in work.lines):
            here.set()
            for _ in range(50):
                await asyncio.sleep(0)

    monkeypatch.setattr(fleet.store, "commit", slow)
    await fleet.start()
    await minutes(fleet, 3)
    fleet.executor.runs_on("two", "lon-7")
    await minutes(fleet, 1)
    assert not here.is_set()
    async with asyncio.TaskGroup() as group:
        passing = group.create_task(fleet.pass_time(60))
        await here.wait()
        await door.bot.rewired(door.bot.plan)
        await passing
    await fleet.settle()
    assert [line.text for line in fleet.server.spoken if line.to == "#push"] == [
        "web on production has drifted: most hosts run one, but I see two on lon-7"
    ]


async def test_trouble_with_the_hosts_ends_no_watch(fleet: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    await fleet.start()
    fleet.hosts.trouble = PushbotError("the list is gone")
    assert await minutes(fleet, 2) == []
    fleet.hosts.trouble = None
    with monkeypatch.context() as broken:
        broken.setattr("pushbot.service.runs.drift.brought", None)
        assert await minutes(fleet, 2) == []
    fleet.executor.runs_on("two", "lon-7")
    assert len(await minutes(fleet, 2)) == 1
    fleet.executor.told.clear()
    assert await minutes(fleet, 3) == []  # nobody answers: neither worse nor well


async def test_it_is_said_where_the_configuration_wants_it(fleet: Playground) -> None:
    fleet.announce = replace(fleet.announce, lane=frozenset(), warroom=frozenset({News.DRIFT}))
    await fleet.start()
    fleet.executor.runs_on("two", "lon-7")
    assert await minutes(fleet, 3) == []
    assert [line.to for line in fleet.server.spoken] == ["#warroom"]


async def test_it_is_owed_until_it_was_heard(fleet: Playground) -> None:
    await fleet.start()
    fleet.executor.runs_on("two", "lon-7")
    fleet.server.losing, fleet.server.confirming = True, False
    await minutes(fleet, 2)
    await fleet.crash()
    fleet.server.losing, fleet.server.confirming = False, True
    fleet.server.spoken.clear()
    await fleet.start()
    assert [line.text.startswith("(maybe again) web on production has drifted") for line in fleet.server.spoken] == [
        True,
        True,
    ]
    assert await minutes(fleet, 3) == []


async def test_nobody_looks_where_that_is_not_wanted(fleet: Playground) -> None:
    watch(fleet, 0)
    await fleet.start()
    fleet.executor.runs_on("two", "lon-7")
    assert await minutes(fleet, 5) == []
    assert fleet.executor.looks == 0
