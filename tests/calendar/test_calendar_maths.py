"""When it is open, held against a clock that is read minute by minute, over both changes of daylight saving."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushbot.calendar.model import Calendar, Open, Shut, combined, day_of, left_today, open_minutes
from pushbot.calendar.rules import DAY, Once, Rule, Weekly, at_minute
from pushbot.calendar.wall_clock import Span
from pushbot.calendar.written import read_entry

MINUTE = timedelta(minutes=1)
LONDON = ZoneInfo("Europe/London")
CHANGES = {
    "Europe/London": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Australia/Lord_Howe": (date(2026, 4, 5), date(2026, 10, 4)),
    "America/Havana": (date(2026, 3, 8), date(2026, 11, 1)),  # at midnight
    "Asia/Kolkata": (date(2026, 3, 29), date(2026, 10, 25)),  # none
    "UTC": (date(2026, 3, 29), date(2026, 10, 25)),
}


def rules(*entries: str) -> tuple[Rule, ...]:
    return tuple(rule for entry in entries for rule in read_entry(entry))


def calendar(*opened: str, closed: tuple[str, ...] = (), zone: str = "Europe/London") -> Calendar:
    return Calendar("office", ZoneInfo(zone), rules(*opened), rules(*closed))


def at(text: str) -> datetime:
    """A moment in UTC from `2026-11-20 16:30`, or of another zone from `… Europe/London`."""
    when, _, zone = text.partition(" ")[2].partition(" ")
    return datetime.fromisoformat(f"{text[:10]} {when}").replace(tzinfo=ZoneInfo(zone or "UTC")).astimezone(UTC)


OFFICE = calendar(
    "mon-fri 09:00-17:00",
    "sat 10:00-12:00",
    closed=(
        '2026-12-24..2027-01-02 "year end"',
        "fri 16:00-24:00",
        '2026-11-27 12:00..2026-11-30 09:00 "black friday"',
        '*-12-25 "christmas"',
    ),
)


@pytest.mark.parametrize(
    ("when", "verdict"),
    [
        ("2026-11-20 15:30", Open(at("2026-11-20 16:00"))),
        ("2026-11-20 16:00", Shut(OFFICE, "", at("2026-11-21 10:00"))),
        ("2026-11-21 12:00", Shut(OFFICE, "", at("2026-11-23 09:00"))),
        ("2026-11-28 11:00", Shut(OFFICE, "black friday", at("2026-11-30 09:00"))),
        ("2026-12-25 10:00", Shut(OFFICE, "year end", at("2027-01-04 09:00"))),
        ("2026-07-20 08:00", Open(at("2026-07-20 16:00"))),  # 09:00 and 17:00 in London's summer
        ("2026-07-20 07:59", Shut(OFFICE, "", at("2026-07-20 08:00"))),
    ],
)
def test_an_office(when: str, verdict: Open | Shut) -> None:
    assert OFFICE.verdict(at(when)) == verdict


def test_without_open_hours_it_is_open_but_for_what_is_closed() -> None:
    always = calendar(closed=('2026-12-24 "year end"',))
    assert always.verdict(at("2026-12-01 00:00")) == Open(at("2026-12-24 00:00"))
    assert always.verdict(at("2026-12-25 00:00")) == Open(None)


@pytest.mark.parametrize("closed", ["every day", "2020-01-01..2999-12-31"])
def test_what_does_not_open_within_a_year_is_said_so(closed: str) -> None:
    shut = calendar("mon 09:00-10:00", closed=(closed,))
    assert shut.verdict(at("2026-06-01 00:00")) == Shut(shut, "", None)


def test_windows_over_midnight_end_on_the_next_day() -> None:
    night = calendar("fri 22:00-02:00", zone="UTC")
    assert night.verdict(at("2026-11-21 01:59")) == Open(at("2026-11-21 02:00"))
    assert night.verdict(at("2026-11-21 02:00")) == Shut(night, "", at("2026-11-27 22:00"))


def test_a_year_may_end_in_a_freeze_that_comes_every_year() -> None:
    freeze = calendar(closed=('*-12-23 12:00..*-01-02 "holidays"', '*-02-29 "leap"'), zone="UTC")
    for year in (2026, 2027):
        assert freeze.verdict(at(f"{year}-12-23 12:00")) == Shut(freeze, "holidays", at(f"{year + 1}-01-03 00:00"))
    assert freeze.verdict(at("2028-02-29 03:00")) == Shut(freeze, "leap", at("2028-03-01 00:00"))
    assert freeze.verdict(at("2027-02-28 23:59")) == Open(at("2027-12-23 12:00"))


def test_all_calendars_have_to_be_open() -> None:
    here, there = calendar("mon-fri 09:00-17:00"), calendar("mon-fri 09:00-17:00", zone="America/New_York")
    assert combined((here, there), at("2026-11-19 12:00")) == Shut(there, "", at("2026-11-19 14:00"))
    assert combined((here, there), at("2026-11-19 15:00")) == Open(at("2026-11-19 17:00"))
    assert combined((here, there), at("2026-11-19 18:00")) == Shut(here, "", at("2026-11-20 14:00"))
    assert combined((), at("2026-11-19 18:00")) == Open(None)
    never = calendar("mon-fri 17:00-18:00", zone="UTC")
    assert combined((never, calendar("mon-fri 09:00-17:00", zone="UTC")), at("2026-11-19 12:00")).__class__ is Shut


def test_an_hour_that_the_clock_skips_is_no_time_and_one_shown_twice_is_two() -> None:
    small = calendar("sun 01:00-02:00")
    assert open_minutes((small,), date(2026, 3, 29), LONDON) == 0
    assert open_minutes((small,), date(2026, 10, 25), LONDON) == 120
    assert open_minutes((small,), date(2026, 11, 1), LONDON) == 60
    assert small.verdict(at("2026-03-28 12:00")) == Shut(small, "", at("2026-04-05 00:00"))


def test_a_freeze_that_has_begun_has_no_gap_when_an_hour_is_shown_twice() -> None:
    freeze = calendar(closed=('2026-10-25 01:30..2026-10-25 09:00 "move"',))
    assert freeze.verdict(at("2026-10-25 00:30")) == Shut(freeze, "move", at("2026-10-25 09:00"))
    assert freeze.verdict(at("2026-10-25 01:10")) == Shut(freeze, "move", at("2026-10-25 09:00"))


def test_minutes_of_a_day() -> None:
    assert open_minutes((OFFICE,), date(2026, 11, 19), LONDON) == 480
    assert open_minutes((OFFICE,), date(2026, 11, 20), LONDON) == 420
    assert open_minutes((OFFICE,), date(2026, 11, 22), LONDON) == 0
    assert left_today((OFFICE,), at("2026-11-19 16:30"), LONDON) == 30
    assert left_today((OFFICE,), at("2026-11-19 08:00"), LONDON) == 480
    assert open_minutes((), date(2026, 3, 29), LONDON) == 23 * 60
    assert open_minutes((), date(2026, 10, 25), LONDON) == 25 * 60
    assert left_today((), at("2026-11-19 18:00"), ZoneInfo("UTC")) == 6 * 60


# --- held against a clock that is read every minute -----------------------------------------------

quarters = st.integers(0, 95).map(lambda quarter: quarter * 15)


@st.composite
def weekly(draw: st.DrawFn) -> Weekly:
    start = draw(quarters)
    length = draw(st.integers(1, 96)) * 15
    return Weekly(frozenset(draw(st.sets(st.integers(0, 6), min_size=1))), start, start + length, draw(reasons))


@st.composite
def once(draw: st.DrawFn, day: date) -> Once:
    start = at_minute(day + timedelta(days=draw(st.integers(-2, 3))), draw(quarters))
    return Once(start, start + draw(st.integers(1, 200)) * 15 * MINUTE, draw(reasons))


reasons = st.sampled_from(["", "freeze"])


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Calendar, datetime]:
    """A calendar, and a moment near a change of its clock."""
    name = draw(st.sampled_from(sorted(CHANGES)))
    zone, change = ZoneInfo(name), draw(st.sampled_from(CHANGES[name]))
    opened = draw(st.lists(st.one_of(weekly(), once(change)), max_size=3))
    closed = draw(st.lists(st.one_of(weekly(), once(change)), max_size=3))
    begin = datetime(change.year, change.month, change.day, tzinfo=UTC) - timedelta(days=1)
    start = begin + draw(st.integers(0, 2 * 96)) * 15 * MINUTE
    events = draw(st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 600)), max_size=2))
    spans = tuple(Span(begin + first * MINUTE, begin + (first + long) * MINUTE, "event") for first, long in events)
    return Calendar("any", zone, tuple(opened), tuple(closed), spans), start


def walls(rule: Rule, day: date) -> list[tuple[datetime, datetime]]:
    if isinstance(rule, Once):
        return [(rule.start, rule.end)]
    assert isinstance(rule, Weekly)
    days = [day + timedelta(days=offset) for offset in range(-3, 8)]
    return [(at_minute(one, rule.start), at_minute(one, rule.end)) for one in days if one.weekday() in rule.days]


def brute(calendar: Calendar, start: datetime, minutes: int) -> list[bool]:
    """Whether it is open at each minute, by nothing but looking at the clock; four days before are looked at too."""
    before = 4 * DAY
    moments = [start + (i - before) * MINUTE for i in range(minutes + 2 * before)]
    shown = [moment.astimezone(calendar.zone).replace(tzinfo=None, fold=0) for moment in moments]
    is_open = [not calendar.opened] * len(moments)
    for rule in calendar.opened:
        for first, last in walls(rule, start.date()):
            is_open = [was or first <= clock < last for was, clock in zip(is_open, shown, strict=True)]
    for rule in calendar.closed:
        for first, last in walls(rule, start.date()):
            inside = [i for i, clock in enumerate(shown) if first <= clock < last]
            for i in range(inside[0], inside[-1] + 1) if inside else ():
                is_open[i] = False
    for event in calendar.events:
        is_open = [was and not event.start <= each < event.end for was, each in zip(is_open, moments, strict=True)]
    return is_open[before : before + minutes]


@settings(max_examples=25, deadline=None)
@given(scenes())
def test_it_agrees_with_a_clock_that_is_read_every_minute(scene: tuple[Calendar, datetime]) -> None:
    calendar, start = scene
    minutes = 36 * 60
    truth = brute(calendar, start, minutes)
    spans = calendar.open_spans(start, start + minutes * MINUTE)
    found = [any(span.start <= start + i * MINUTE < span.end for span in spans) for i in range(minutes)]
    assert found == truth
    assert all(one.end < other.start for one, other in pairwise(spans))
    verdict = calendar.verdict(start)
    change = next((start + i * MINUTE for i, each in enumerate(truth) if each != truth[0]), None)
    when = verdict.until if isinstance(verdict, Open) else verdict.opens_at
    assert isinstance(verdict, Open) == truth[0]
    assert when == change if change is not None else when is None or when >= start + minutes * MINUTE


@settings(max_examples=100, deadline=None)
@given(scenes(), st.integers(0, 10**6))
def test_what_opens_next_is_open_and_nothing_before_it_is(scene: tuple[Calendar, datetime], pick: int) -> None:
    calendar, start = scene
    verdict = calendar.verdict(start)
    if isinstance(verdict, Open):
        assert verdict.until is None or isinstance(calendar.verdict(verdict.until), Shut)
        return
    if verdict.opens_at is None:
        assert not calendar.open_spans(start, start + timedelta(days=400))
        return
    assert verdict.opens_at > start
    assert isinstance(calendar.verdict(verdict.opens_at), Open)
    between = start + timedelta(seconds=pick % int((verdict.opens_at - start).total_seconds()))
    later = calendar.verdict(between)
    assert isinstance(later, Shut)
    assert later.opens_at == verdict.opens_at


@settings(max_examples=25, deadline=None)
@given(scenes(), scenes())
def test_what_all_are_open_for_is_what_each_is_open_for(
    one: tuple[Calendar, datetime], other: tuple[Calendar, datetime]
) -> None:
    both, start = (one[0], other[0]), one[1]
    assert isinstance(combined(both, start), Open) == all(isinstance(each.verdict(start), Open) for each in both)
    day, zone = start.date(), one[0].zone
    whole = day_of(day, zone)
    minutes = range((whole.end - whole.start) // MINUTE)
    spans = [each.open_spans(whole.start, whole.end) for each in both]
    moments = [whole.start + i * MINUTE for i in minutes]
    every = [all(any(span.start <= at < span.end for span in each) for each in spans) for at in moments]
    assert open_minutes(both, day, zone) == sum(every)
