"""The timetable, on the real apscheduler, with a clock that can be set; and the one that is moved by hand."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

import apscheduler.schedulers.base
import pytest
import structlog

from pushbot.errors import PushbotError
from pushbot.schedule import Schedule, next_time
from pushbot.testing.clock import HandClock
from pushbot.testing.timetable import HandTimetable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pushbot.ports import Timetable

HEARTBEAT = 0.02
HOUR = 3600.0


class WallClock:
    """The machine's time, which can be set: both for us and for the library."""

    def __init__(self) -> None:
        self.off = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.off  # noqa: TID251 - the time of the machine is the point here

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def jump(self, seconds: float) -> None:
        self.off += timedelta(seconds=seconds)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> WallClock:
    clock = WallClock()

    class Datetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return clock.now().astimezone(tz)

    monkeypatch.setattr(apscheduler.schedulers.base, "datetime", Datetime)
    return clock


@asynccontextmanager
async def running(timetable: Timetable) -> AsyncIterator[None]:
    task = asyncio.ensure_future(timetable.run())
    await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        await asyncio.sleep(0)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - what is waited for is seen from outside alone
            await asyncio.sleep(0.002)


class Done:
    """What was done, in order."""

    def __init__(self) -> None:
        self.names = list[str]()

    def act(self, name: str) -> Callable[[], Awaitable[None]]:
        async def do() -> None:
            self.names.append(name)

        return do


async def test_things_are_done_at_their_time_and_each_name_has_one(wall: WallClock) -> None:
    timetable, done = Schedule(wall, HEARTBEAT), Done()
    timetable.at("late", wall.now() + timedelta(seconds=0.15), done.act("late"))
    timetable.at("early", wall.now() + timedelta(hours=5), done.act("never"))
    timetable.at("gone", wall.now(), done.act("never"))
    timetable.cancel("gone")
    timetable.cancel("unheard of")
    async with running(timetable):
        timetable.at("early", wall.now() + timedelta(seconds=0.05), done.act("early"))
        timetable.at("over", wall.now() - timedelta(hours=1), done.act("over"))
        await until(lambda: "late" in done.names)
    assert done.names == ["over", "early", "late"]


async def test_a_clock_set_forward_by_hours_has_what_is_due_done_once(wall: WallClock) -> None:
    timetable, done = Schedule(wall, HEARTBEAT), Done()
    timetable.at("at noon", wall.now() + timedelta(hours=2), done.act("at noon"))
    timetable.every("each hour", HOUR, done.act("each hour"))
    timetable.every("at times", "*/5 * * * *", done.act("at times"))
    async with running(timetable):
        wall.jump(3 * HOUR)
        await until(lambda: len(done.names) == 3)
        await asyncio.sleep(5 * HEARTBEAT)
        assert sorted(done.names) == ["at noon", "at times", "each hour"]


async def test_a_clock_set_back_leaves_times_as_they_are_and_nothing_that_repeats_hangs(wall: WallClock) -> None:
    timetable, done = Schedule(wall, HEARTBEAT), Done()
    noon = wall.now() + timedelta(hours=1)
    async with running(timetable):
        timetable.at("at noon", noon, done.act("at noon"))
        timetable.every("often", 0.1, done.act("often"))
        await until(lambda: "often" in done.names)
        wall.jump(-5 * HOUR)
        before = len(done.names)
        await until(lambda: len(done.names) > before + 2)
        assert "at noon" not in done.names
        wall.jump(6 * HOUR)
        await until(lambda: "at noon" in done.names)


async def test_work_that_breaks_is_on_the_log_and_costs_nothing_else(wall: WallClock) -> None:
    timetable, done = Schedule(wall, HEARTBEAT), Done()

    async def broken() -> None:
        raise ValueError("a bug")

    async def refused() -> None:
        raise PushbotError("the disk is full")

    with structlog.testing.capture_logs() as logs:
        async with running(timetable):
            timetable.at("broken", wall.now(), broken)
            timetable.at("refused", wall.now(), refused)
            timetable.at("well", wall.now() + timedelta(seconds=0.02), done.act("well"))
            await until(lambda: done.names == ["well"])
    told = {log["job"]: log for log in logs if log["event"] == "scheduled_work_failed"}
    assert told["broken"]["reference"].startswith("fault-")
    assert told["refused"]["error"] == "the disk is full"


async def test_work_put_up_again_from_within_is_done_again(wall: WallClock) -> None:
    timetable, times = Schedule(wall, HEARTBEAT), list[int]()

    async def once_more() -> None:
        times.append(1)
        if len(times) < 5:
            timetable.at("lane", wall.now() - timedelta(seconds=1), once_more)
        await asyncio.sleep(0.03)

    async with running(timetable):
        timetable.at("lane", wall.now(), once_more)
        await until(lambda: len(times) == 5)


async def test_what_takes_long_is_not_begun_twice_and_ends_with_the_bot(wall: WallClock) -> None:
    timetable, begun = Schedule(wall, HEARTBEAT), list[int]()

    async def long() -> None:
        begun.append(1)
        await asyncio.sleep(60)

    async with running(timetable):
        timetable.every("long", 0.02, long)
        await until(lambda: bool(begun))
        await asyncio.sleep(0.1)
    assert begun == [1]


def test_how_often_is_in_seconds_or_as_in_a_crontab() -> None:
    monday = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    assert next_time(90, monday) == monday + timedelta(seconds=90)
    assert next_time("30 3 * * *", monday) == datetime(2026, 1, 6, 3, 30, tzinfo=UTC)
    with pytest.raises(PushbotError, match="five fields"):
        next_time("whenever", monday)


async def test_the_timetable_by_hand_does_in_order_what_the_clock_was_moved_past() -> None:
    clock, done = HandClock(), Done()
    timetable = HandTimetable(clock)
    timetable.at("two", clock.now() + timedelta(hours=2), done.act("two"))
    timetable.every("each", HOUR, done.act("each"))
    timetable.at("one", clock.now() + timedelta(hours=1), done.act("one"))
    clock.advance(HOUR / 2)
    async with running(timetable):
        assert done.names == []
        clock.advance(5 * HOUR)
        await asyncio.sleep(0)
        assert done.names == ["each", "one", "two"]
        clock.jump(-10 * HOUR)
        timetable.cancel("each")
        assert timetable.planned == {}
