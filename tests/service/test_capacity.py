"""What a day takes, what is left of it, and who is up when: sums with a clock that stands still, and a real journey."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from pushbot.calendar.model import Calendar
from pushbot.calendar.source import CalendarSpec, Source
from pushbot.calendar.written import read_entry
from pushbot.ports import PushRecord, PushState
from pushbot.queue import commands as c
from pushbot.queue.model import Hold, Queue
from pushbot.service.answers.push_hours import Measured, fitting, late, measured, today
from pushbot.service.hours.calendars import Hours
from pushbot.service.lane.waiting import stamped
from pushbot.service.voice.eta import eta
from pushbot.service.voice.hours import when
from pushbot.testing.playground import Playground
from tests.service.facts import lane, person, train
from tests.service.world import World, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

THURSDAY = datetime(2026, 11, 19, tzinfo=UTC)
LONDON = ZoneInfo("Europe/London")
QUARTER = 15 * 60.0


def office(*opened: str, zone: str = "Europe/London") -> Calendar:
    entries = opened or ("mon-fri 09:00-17:00",)
    return Calendar("office", ZoneInfo(zone), tuple(rule for entry in entries for rule in read_entry(entry)))


def at(hour: int, minute: int = 0) -> datetime:
    return THURSDAY.replace(hour=hour, minute=minute)


def done(number: int, minutes: float, *, waited: float | None = None, **more: object) -> PushRecord:
    began = THURSDAY - timedelta(days=1)
    up = began if waited is not None else None
    joined = began - timedelta(minutes=waited) if waited is not None else None
    record = PushRecord(
        "web",
        number,
        PushState.DONE,
        "alice",
        ("alice",),
        began,
        began + timedelta(minutes=minutes),
        joined_at=joined,
        up_at=up,
    )
    return replace(record, **more)  # type: ignore[arg-type]


def test_eight_hours_at_a_quarter_of_an_hour_are_thirty_two() -> None:
    day = today((office(),), at(8))
    assert (day.minutes, day.left) == (480, 480)
    assert fitting(day.minutes, QUARTER) == 32
    assert fitting(today((office(),), at(16, 30)).left, QUARTER) == 2
    assert fitting(today((office(),), at(16, 46)).left, QUARTER) == 0
    assert fitting(today((), at(0)).minutes, QUARTER) == 96
    assert fitting(480, 0.0) == 480 * 60  # pushes of no time at all are taken for one second each


def test_a_day_has_the_hours_that_daylight_saving_leaves_it() -> None:
    always = (office("every day"),)
    assert today(always, datetime(2026, 3, 29, 12, tzinfo=UTC)).minutes == 23 * 60
    assert today(always, datetime(2026, 10, 25, 12, tzinfo=UTC)).minutes == 25 * 60


def test_medians_of_what_is_measured() -> None:
    pushes = [done(1, 10, waited=4), done(2, 15, waited=20), done(3, 60, waited=6)]
    others = [
        done(4, 500, waited=500, state=PushState.GIVEN_UP),
        done(5, 500, waited=500, aside=True),
        done(6, 500, waited=500, state=PushState.UNDERWAY, ended_at=None),
    ]
    assert measured([*pushes, *others]) == Measured(QUARTER, 3, 360.0, 3)
    assert measured([done(1, 10), done(2, 15, waited=5)]) == Measured(None, 2, 300.0, 1)
    assert measured([]) == Measured(None, 0, None, 0)
    assert measured([done(1, 10, waited=-5)]).wait == 0.0  # by a clock that was set back


def test_trains_that_will_not_be_done_today() -> None:
    queue, day = Queue((train("alice", 1), train("bob", 2), train("carol", 3))), today((office(),), at(16, 30))
    assert late(queue, None, day, QUARTER) == 1
    assert late(queue, at(16, 20), day, QUARTER) == 1  # 10 minutes of the first are over
    assert late(queue, at(16, 15), day, QUARTER) == 0
    assert late(queue, at(12), day, QUARTER) == 0  # and one that takes longer than most is taken to be about done
    assert late(Queue(), None, day, QUARTER) == 0
    assert late(queue, None, today((office(),), at(17)), QUARTER) == 3


def test_trains_are_stamped_when_they_come_and_when_they_are_up() -> None:
    queue = stamped(Queue((train("alice", 1), train("bob", 2))), at(9))
    assert [(each.joined_at, each.up_at) for each in queue.trains] == [(at(9), at(9)), (at(9), None)]
    assert stamped(queue, at(10)) is queue
    second = stamped(Queue((Hold(), *queue.items[1:])), at(10))
    assert [each.up_at for each in second.trains] == [None]
    freed = stamped(Queue(second.items[1:]), at(11))
    assert [(each.joined_at, each.up_at) for each in freed.trains] == [(at(9), at(11))]


@pytest.mark.parametrize(
    ("then", "words"),
    [
        (at(17), "17:00"),
        (datetime(2026, 11, 20, 9, tzinfo=UTC), "Friday 09:00"),
        (datetime(2026, 11, 25, 9, tzinfo=UTC), "Wednesday 09:00"),
        (datetime(2026, 11, 26, 9, tzinfo=UTC), "26 November 09:00"),
        (datetime(2027, 1, 4, 9, tzinfo=UTC), "4 January 2027 09:00"),
        (datetime(2026, 11, 18, 9, tzinfo=UTC), "18 November 09:00"),
    ],
)
def test_moments_as_people_say_them(then: datetime, words: str) -> None:
    assert when(then, LONDON, at(12)) == f"{words} Europe/London"


def told(now: datetime, *calendars: Calendar) -> list[str]:
    here = lane(train("alice", 1), train("bob", 2), train("carol", 3))
    return [*eta(replace(here, now=now, calendars=calendars), person("carol"))]


def test_who_does_not_get_their_turn_before_closing_is_up_when_it_opens() -> None:
    assert "before yours (carol): about 30m, as a push" in told(at(16), office())[0]
    assert (
        "(carol): at the next opening, Friday 09:00 Europe/London (about 16h30m), as" in told(at(16, 30), office())[0]
    )
    assert "(carol): about 16h30m, as a push" in told(at(16, 45), office())[0]  # bob is up when it opens
    assert "(carol): about 16h30m, as a push" in told(at(17), office())[0]  # two go first when it opens
    assert "(carol), and it cannot be told when the lane opens for it" in told(at(23, 50), office("2026-11-19"))[0]
    unknown = replace(lane(train("alice", 1), train("bob", 2)), calendars=None)
    assert "(bob), and it cannot be told when the lane opens for it" in eta(unknown, person("bob"))[0]


def test_who_is_not_aboard_hears_when_it_opens() -> None:
    empty = replace(lane(), now=at(18), calendars=(office(),))
    assert eta(empty, person("zoe")) == (
        (
            "zoe: you are aboard no train of web; .join, and nobody goes before you,"
            " at the next opening, Friday 09:00 Europe/London (about 15h00m)"
        ),
    )


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path) as made:
        yield made


async def test_capacity_of_a_lane_without_hours_and_without_history(world: World) -> None:
    world.lane("web", train("bob", 9))
    assert await world.ask(c.Capacity()) == (
        "web: no push hours are set, so a day has 24h; no push has been measured yet, so I cannot say how many fit",
        "web: left today: 15h00m, until midnight UTC",
        "web: how long people wait for their turn has not been measured yet",
    )
    for number in (1, 2):
        await world.push(number, minutes=15)
    assert "only 2 pushes measured yet, too few to say how many fit" in (await world.ask(c.Capacity("web")))[0]
    await world.push(3, minutes=15)
    assert (await world.ask(c.Capacity("web")))[:2] == (
        "web: no push hours are set, so a day has 24h, at 15m00s a push (the median of the last 3) that is 96 pushes",
        "web: 60 trains left today: 15h00m, until midnight UTC; the train in the queue fits",
    )
    assert await world.ask(c.Capacity("wep")) == (
        "There is no lane called wep (the nearest is web); the lanes are web",
    )


async def test_capacity_when_nobody_knows_the_hours(world: World) -> None:
    world.lane("web")
    sources = (Source("freeze.ics", world.runs / "freeze.ics"),)
    spec = replace(world.snapshots["web"].spec, hours=(CalendarSpec(office(), sources),))
    world.snapshots["web"] = replace(world.snapshots["web"], spec=spec)
    world.hours = Hours([spec], world.clock)
    assert (await world.ask(c.Capacity()))[0] == (
        "web: closed, as office cannot be told: freeze.ics is being read for the first time"
    )


async def test_the_wait_of_a_real_push_is_recorded(tmp_path: Path) -> None:
    async with Playground(tmp_path) as play:
        play.add_lane("web", stages=("production",))
        await play.start()

        async def say(who: str, what: str) -> None:
            play.server.say(who, what, "#push")
            await play.settle()

        start = play.clock.now()
        await say("alice", ".join; .go")
        await say("bob", ".join")
        await play.pass_time(300)
        play.executor.succeed()
        await play.settle()
        await say("alice", ".good; .done")
        await play.crash()
        await play.start()
        await play.pass_time(60)
        await say("bob", ".go")
        second = await play.store.push("web", 2)
        assert second is not None
        assert (second.joined_at, second.up_at) == (start, start + timedelta(seconds=300))
        assert second.began_at == start + timedelta(seconds=360)
