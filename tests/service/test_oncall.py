"""Who is on call: turns that follow the clock on the wall, rosters with mistakes, and what commands print."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushbot.children import printed as run
from pushbot.errors import PushbotError
from pushbot.service.house.oncall import Duty, OnCall, OncallSpec, Rotation, printed, read_roster
from pushbot.testing.clock import HandClock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LONDON = ZoneInfo("Europe/London")
ROSTER = """
[[rotations]]
team = "dev"
people = ["carol", "dave"]
start = 2026-01-05
days = 3
zone = "Europe/London"

[[rotations]]
team = "ops"
level = 2
people = ["olga"]
start = 2026-01-05
at = 18:30:00
zone = "America/New_York"
"""


def rotation(zone: ZoneInfo = LONDON, at: time = time(10), days: int = 3) -> Rotation:
    return Rotation("dev", ("carol", "dave", "erin"), date(2026, 3, 23), zone, days, at)


def test_three_days_each_from_hour_to_hour() -> None:
    turns = rotation()
    assert turns.duty(datetime(2026, 3, 23, 9, 59, 59, tzinfo=UTC)) is None
    first = turns.duty(datetime(2026, 3, 23, 10, tzinfo=UTC))
    assert first == Duty("dev", "carol", 1, datetime(2026, 3, 26, 10, tzinfo=LONDON))
    assert getattr(turns.duty(datetime(2026, 3, 26, 9, 59, tzinfo=UTC)), "who", "") == "carol"
    assert getattr(turns.duty(datetime(2026, 3, 26, 10, tzinfo=UTC)), "who", "") == "dave"


def test_the_hour_stays_where_it_is_on_the_wall_when_summer_begins_and_ends() -> None:
    turns = rotation(days=7)  # handed over on Mondays at 10; summer began on 29 March 2026 at 01:00 UTC
    assert turns.handover(1) == datetime(2026, 3, 30, 9, tzinfo=UTC)
    assert getattr(turns.duty(datetime(2026, 3, 30, 8, 59, tzinfo=UTC)), "who", "") == "carol"
    assert getattr(turns.duty(datetime(2026, 3, 30, 9, 0, tzinfo=UTC)), "who", "") == "dave"
    assert turns.handover(31) == datetime(2026, 10, 26, 10, tzinfo=UTC)  # winter began on the day before
    assert turns.handover(31) - turns.handover(30) == timedelta(days=7, hours=1)


@pytest.mark.parametrize(
    ("start", "at", "handover"),
    [
        (date(2026, 3, 29), time(1, 30), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),  # an hour that there is not
        (date(2026, 10, 25), time(1, 30), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # one that there is twice
    ],
)
def test_an_hour_that_is_skipped_or_comes_twice_is_one_moment(start: date, at: time, handover: datetime) -> None:
    turns = Rotation("dev", ("carol", "dave"), start, LONDON, 1, at)
    assert turns.handover(0) == handover
    assert turns.duty(handover - timedelta(seconds=1)) is None
    assert getattr(turns.duty(handover), "who", "") == "carol"
    assert getattr(turns.duty(handover + timedelta(hours=22, minutes=59)), "who", "") == "carol"


@given(
    st.datetimes(datetime(2026, 3, 24), datetime(2036, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis wants it
    st.sampled_from(
        ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo", "UTC"]
    ),
    st.times(),
    st.integers(1, 14),
)
def test_somebody_has_each_moment_and_the_next_one_follows(now: datetime, zone: str, at: time, days: int) -> None:
    turns = rotation(ZoneInfo(zone), at, days)
    duty = turns.duty(now)
    if duty is None:
        assert now < turns.handover(0)
        return
    assert duty.until is not None
    assert now < duty.until
    assert duty.until.astimezone(UTC) - now <= timedelta(days=days, hours=2)
    after = turns.duty(duty.until.astimezone(UTC))
    assert after is not None
    people = turns.people
    assert people.index(after.who) == (people.index(duty.who) + 1) % len(people)


def test_a_roster_is_read(tmp_path: Path) -> None:
    path = tmp_path / "oncall.toml"
    path.write_text(ROSTER)
    dev, ops = read_roster(path)
    assert (dev.team, dev.people, dev.days, dev.at, dev.level) == ("dev", ("carol", "dave"), 3, time(10), 1)
    assert (ops.days, ops.at, ops.level, ops.zone.key) == (7, time(18, 30), 2, "America/New_York")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("Europe/London", "Europe/Londn"), "wrong at rotations.0.zone: a name of the IANA time zones"),
        (("days = 3", "days = 0"), "wrong at rotations.0.days"),
        (("days = 3", "dayz = 3"), "wrong at rotations.0.dayz"),
        (('["carol", "dave"]', "[]"), "wrong at rotations.0.people"),
        (("18:30:00", '"18:30+02:00"'), "wrong at rotations.1.at: a time on the clock of the zone"),
        (("18:30:00", '"half past six"'), "wrong at rotations.1.at: a time on the clock of the zone"),
        (("[[rotations]]", "[[rotations"), "is not TOML"),
        ((ROSTER, ""), "wrong at rotations"),
    ],
)
def test_a_mistake_in_a_roster_is_named(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    path = tmp_path / "oncall.toml"
    path.write_text(ROSTER.replace(*change))
    with pytest.raises(PushbotError, match=told) as failure:
        read_roster(path)
    assert str(path) in str(failure.value)


def test_a_roster_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PushbotError, match=r"nowhere\.toml cannot be read: No such file"):
        read_roster(tmp_path / "nowhere.toml")


def test_what_a_command_prints() -> None:
    text = "# on call\ncarol\n\ndev: dave\n ops L2 : olga the third\nx: y: z\nops L1: frank\r\n\x1b[1mteam L12: gina\n"
    assert printed(text) == (
        Duty("", "carol"),
        Duty("dev", "dave"),
        Duty("ops", "olga the third", 2),
        Duty("ops", "frank", 1),
        Duty("[1mteam L12", "gina"),
    )
    assert len(printed("carol\n" * 1000)) == 100


async def test_a_roster_may_be_edited_while_the_bot_runs(tmp_path: Path) -> None:
    path, clock = tmp_path / "oncall.toml", HandClock(datetime(2026, 1, 9, 12, tzinfo=UTC))
    path.write_text(ROSTER)
    oncall = OnCall(OncallSpec(path), clock, run)
    assert [duty.who for duty in await oncall.now()] == ["dave", "olga"]
    path.write_text(ROSTER.replace("olga", "otto"))
    assert [duty.who for duty in await oncall.now()] == ["dave", "otto"]


async def test_a_command_is_asked_once_a_minute_also_when_it_fails(tmp_path: Path) -> None:
    clock, counted = HandClock(), tmp_path / "counted"
    spec = OncallSpec(command=("sh", "-c", f'echo x >> {counted}; test -e {tmp_path}/ok && printf "b L2: y\\nb: x\\n"'))
    oncall = OnCall(spec, clock, run)
    for _ in range(3):
        with pytest.raises(PushbotError, match="sh"):
            await oncall.now()
    (tmp_path / "ok").touch()
    clock.advance(61)
    for _ in range(3):
        assert await oncall.now() == (Duty("b", "x", 1), Duty("b", "y", 2))
    clock.advance(-3600)  # a clock that was set back asks again
    await oncall.now()
    assert counted.read_text().count("x") == 3


async def test_a_command_that_hangs_is_given_up() -> None:
    async def hangs(command: Sequence[str], seconds: float) -> str:
        return await run(command, seconds)

    oncall = OnCall(OncallSpec(command=("sleep", "60"), timeout=0.1), HandClock(), hangs)
    with pytest.raises(PushbotError):
        await oncall.now()


@given(st.text(st.characters(codec="utf-8")))
def test_whatever_a_command_prints_is_read(text: str) -> None:
    for duty in printed(text):
        assert duty.who
        assert len(f"{duty.team}{duty.who}".splitlines()) == 1
        assert 1 <= duty.level <= 9
