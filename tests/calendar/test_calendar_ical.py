"""iCalendar files: which closed times come out of them, and that none of them does the bot any harm."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushbot.calendar.ical import MOST_EVENTS, events
from pushbot.errors import PushbotError
from pushbot.service.hours import ical
from tests.calendar.ical_files import calendar, event

LONDON = ZoneInfo("Europe/London")
START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 11, 1, tzinfo=UTC)


def found(*bodies: str, zone: str = "Europe/London") -> list[str]:
    """The closed times of a file with these events, in UTC: `2026-12-25 00:00 .. 2026-12-26 00:00 christmas`."""
    spans = events(calendar(*bodies), ZoneInfo(zone), START, END)
    return [f"{span.start:%Y-%m-%d %H:%M} .. {span.end:%Y-%m-%d %H:%M} {span.why}".rstrip() for span in spans]


def refusal(text: bytes) -> str:
    with pytest.raises(PushbotError) as caught:
        events(text, LONDON, START, END)
    return str(caught.value)


def test_whole_days_are_those_of_the_calendars_zone() -> None:
    christmas = event("DTSTART;VALUE=DATE:20261225", "SUMMARY:christmas")
    assert found(christmas) == ["2026-12-25 00:00 .. 2026-12-26 00:00 christmas"]
    assert found(christmas, zone="America/New_York") == ["2026-12-25 05:00 .. 2026-12-26 05:00 christmas"]
    days = event("DTSTART;VALUE=DATE:20261224", "DTEND;VALUE=DATE:20270103", "SUMMARY:year end")
    assert found(days) == ["2026-12-24 00:00 .. 2027-01-03 00:00 year end"]


def test_times_are_in_utc_in_a_zone_of_their_own_or_floating() -> None:
    utc = event("DTSTART:20270701T120000Z", "DTEND:20270701T130000Z")
    zoned = event("DTSTART;TZID=America/New_York:20270701T120000", "DURATION:PT1H")
    floating = event("DTSTART:20270701T120000", "DTEND:20270701T130000")
    windows = event("DTSTART;TZID=Eastern Standard Time:20270701T120000", "DURATION:PT1H")
    assert found(utc) == ["2027-07-01 12:00 .. 2027-07-01 13:00"]
    assert found(zoned) == found(windows) == ["2027-07-01 16:00 .. 2027-07-01 17:00"]
    assert found(floating) == ["2027-07-01 11:00 .. 2027-07-01 12:00"]
    assert found(floating, zone="Asia/Tokyo") == ["2027-07-01 03:00 .. 2027-07-01 04:00"]


def test_what_comes_again_keeps_its_time_on_the_wall_over_daylight_saving() -> None:
    weekly = event("DTSTART;TZID=Europe/London:20270321T090000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;COUNT=2")
    assert found(weekly) == ["2027-03-21 09:00 .. 2027-03-21 10:00", "2027-03-28 08:00 .. 2027-03-28 09:00"]


def test_dates_are_left_out_moved_and_cancelled() -> None:
    series = event(
        "DTSTART;TZID=Europe/London:20261201T090000",
        "DURATION:PT1H",
        "RRULE:FREQ=DAILY;COUNT=4",
        "EXDATE;TZID=Europe/London:20261202T090000",
        "SUMMARY:move",
        uid="1",
    )
    moved = event(
        "RECURRENCE-ID;TZID=Europe/London:20261203T090000",
        "DTSTART;TZID=Europe/London:20261203T150000",
        "DURATION:PT2H",
        "SUMMARY:later",
        uid="1",
    )
    off = event(
        "RECURRENCE-ID;TZID=Europe/London:20261204T090000",
        "DTSTART;TZID=Europe/London:20261204T090000",
        "DURATION:PT1H",
        "STATUS:CANCELLED",
        uid="1",
    )
    never = event("DTSTART:20261210T090000Z", "DURATION:PT1H", "STATUS:CANCELLED", uid="2")
    assert found(series, moved, off, never) == [
        "2026-12-01 09:00 .. 2026-12-01 10:00 move",
        "2026-12-03 15:00 .. 2026-12-03 17:00 later",
    ]


def test_what_is_no_event_or_takes_no_time_or_is_elsewhere_in_time_is_left_out() -> None:
    instant = event("DTSTART:20261210T090000Z")
    over = event("DTSTART:20250101T090000Z", "DURATION:P1D")
    task = event("DTSTART:20261210T090000Z", "DUE:20261211T090000Z").replace("VEVENT", "VTODO")
    assert found(instant, over, task) == []
    assert found() == []


def test_an_event_that_has_begun_counts() -> None:
    assert found(event("DTSTART:20261020T000000Z", "DTEND:20261105T000000Z")) == [
        "2026-10-20 00:00 .. 2026-11-05 00:00"
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "it is not an iCalendar file: there is no VCALENDAR in it"),
        (b"<html>not found</html>", "it is not an iCalendar file that can be read"),
        (b"\xff\xfe\x00", "it is not an iCalendar file that can be read"),
        (calendar()[:-20], "it is not an iCalendar file: there is no VCALENDAR in it"),
        (event("DTSTART:20261210T090000Z").encode(), "it is not an iCalendar file: there is no VCALENDAR in it"),
        (calendar(event("SUMMARY:freeze")), "it cannot be told when the event 'freeze' is: there is no DTSTART"),
        (
            calendar(event("DTSTART:soon", "SUMMARY:freeze")),
            "it cannot be told when the event 'freeze' is: DTSTART: Expected datetime, date, or time. Got: 'soon'",
        ),
        (
            calendar(event("DTSTART;TZID=Mars/Olympus:20261210T090000")),
            "it cannot be told when the event 'without a SUMMARY' is: DTSTART is in a zone that is not known, Mars",
        ),
        (
            calendar(event("DTSTART:20261210T090000Z", "RRULE:FREQ=SECONDLY")),
            "it cannot be told when the event 'without a SUMMARY' is: it repeats secondly",
        ),
        (
            calendar(event("DTSTART:20261210T090000Z", "RRULE:FREQ=NEVER")),
            "it cannot be told when the event 'without a SUMMARY' is: RRULE: Expected frequency, got: NEVER",
        ),
        (calendar(event("DTSTART:20261210T090000Z", "DURATION:P9999999D")), "it is not an iCalendar file that can be"),
    ],
)
def test_a_file_that_is_no_good_is_refused_in_words(text: bytes, words: str) -> None:
    assert refusal(text).startswith(words)


def test_a_file_has_so_many_events_and_no_more() -> None:
    hourly = event(
        "DTSTART:20261101T000000Z", "DURATION:PT1M", f"RRULE:FREQ=HOURLY;COUNT={MOST_EVENTS + 1};BYMINUTE=0,30"
    )
    assert refusal(calendar(hourly)) == (
        f"it has {MOST_EVENTS + 1} events within the time that is looked at; {MOST_EVENTS} are taken"
    )


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.lists(
            st.tuples(
                st.sampled_from(["DTSTART", "DTEND", "RRULE", "EXDATE", "DURATION", "SUMMARY", "BEGIN", "END", "UID"]),
                st.sampled_from(["", ";VALUE=DATE", ";TZID=Europe/London", ";TZID=x", ";X"]),
                st.sampled_from(["20261210", "20261210T090000Z", "FREQ=DAILY;COUNT=3", "VEVENT", "P1D", "", ":;,\\n"]),
            ),
            max_size=8,
        ).map(lambda lines: calendar(event(*(f"{name}{param}:{value}" for name, param, value in lines)))),
    )
)
def test_any_file_is_read_or_refused(text: bytes) -> None:
    try:
        spans = events(text, LONDON, START, END)
    except PushbotError:
        return
    assert all(span.start < span.end for span in spans)


# --- in a process of its own ------------------------------------------------------------------------


async def test_a_file_is_read_in_another_process() -> None:
    text = calendar(event("DTSTART;VALUE=DATE:20261225", "SUMMARY:Heilig\u00e4bend, \u2028 \u202e\x07"))
    (span,) = await ical.read(text, LONDON, START, END)
    assert (span.start, span.end) == (datetime(2026, 12, 25, tzinfo=UTC), datetime(2026, 12, 26, tzinfo=UTC))
    assert span.why == "Heilig\u00e4bend,"  # nothing that is no letter comes through


async def test_what_is_wrong_with_a_file_comes_back_from_there() -> None:
    with pytest.raises(PushbotError, match="there is no DTSTART"):
        await ical.read(calendar(event("SUMMARY:x")), LONDON, START, END)


@pytest.mark.parametrize("rule", ["FREQ=DAILY;INTERVAL=0", "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30"])
async def test_a_file_that_never_ends_is_ended(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ical, "READ_WITHIN", 1.5)
    with pytest.raises(PushbotError, match="it takes too long to read"):
        await ical.read(calendar(event("DTSTART:20260101T000000Z", f"RRULE:{rule}")), LONDON, START, END)
