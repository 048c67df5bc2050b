"""What people write in a calendar, and what they hear when it cannot be read."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pushbot.calendar.rules import DAY, Once, Rule, Weekly, Yearly
from pushbot.calendar.written import read_entry
from pushbot.errors import PushbotError

WORKDAYS = frozenset(range(5))


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("mon-fri 09:00-17:00", [Weekly(WORKDAYS, 540, 1020)]),
        ("Mon - Friday  9:00 - 17:00", [Weekly(WORKDAYS, 540, 1020)]),
        ("mon,wed 09:00-12:00,13:00-24:00", [Weekly(frozenset({0, 2}), 540, 720), Weekly(frozenset({0, 2}), 780, DAY)]),
        ("mon-wed, sat", [Weekly(frozenset({0, 1, 2, 5}))]),
        ("sat-mon 22:00-02:00", [Weekly(frozenset({5, 6, 0}), 1320, DAY + 120)]),
        ("every day 00:00-24:00", [Weekly(frozenset(range(7)))]),
        ('every day "never"', [Weekly(frozenset(range(7)), why="never")]),
        ('2026-12-24..2027-01-02 "year end"', [Once(datetime(2026, 12, 24), datetime(2027, 1, 3), "year end")]),  # noqa: DTZ001
        ("2026-12-24", [Once(datetime(2026, 12, 24), datetime(2026, 12, 25))]),  # noqa: DTZ001
        ("2026-11-27 12:00 .. 2026-11-30 09:00", [Once(datetime(2026, 11, 27, 12), datetime(2026, 11, 30, 9))]),  # noqa: DTZ001
        ("2026-11-27 22:00-02:00", [Once(datetime(2026, 11, 27, 22), datetime(2026, 11, 28, 2))]),  # noqa: DTZ001
        ('*-12-25 "christmas"', [Yearly((12, 25, 0), (12, 25, DAY), "christmas")]),
        ("*-12-24 12:00..*-01-01", [Yearly((12, 24, 720), (1, 1, DAY))]),
    ],
)
def test_what_can_be_written(text: str, rules: list[Rule]) -> None:
    assert list(read_entry(text)) == rules


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it says no time"),
        ("mon-fry 09:00-17:00", "there is no day 'fry'; did you mean 'fri'?"),
        ("mondy", "there is no day 'mondy'; did you mean 'monday'?"),
        ("9-5", "there is no day '9'"),
        ("mon wed 09:00-10:00", "'wed 09:00' is not a time like 09:00, at most 24:00"),
        ("mon 09:00", "'09:00' is not a span of time like 09:00-17:00"),
        ("mon 09:00-25:00", "'25:00' is not a time like 09:00, at most 24:00"),
        ("mon 09:00-24:30", "'24:30' is not a time like 09:00, at most 24:00"),
        ("mon 09:00-09:00", "'09:00-09:00' is no time at all; a whole day is 00:00-24:00"),
        ("mon-tue-wed", "'mon-tue-wed' is not a range of days like mon-fri"),
        ("2026-02-30", "there is no day 2026-02-30"),
        ("*-13-01", "there is no day *-13-01"),
        ("2026-1-1", "'2026-1-1' is not a date like 2026-12-24 or *-12-24"),
        ("2026-12-24..2026-12-01", "it ends before it begins"),
        ("*-12-24..2027-01-01", "one date is of every year (`*`), the other of one year"),
        ("mon..fri", "'mon' is not a date like 2026-12-24 or *-12-24"),
        ("2026-12-24..2026-12-26 09:00-10:00", "'09:00-10:00' is not a time like 09:00, at most 24:00"),
        ('mon "a" b', "the reason is not in one pair of quotes, at the end"),
        (f'mon "{"x" * 101}"', "the reason is not one line of at most 100 characters"),
    ],
)
def test_what_cannot_be_read_is_said(text: str, words: str) -> None:
    with pytest.raises(PushbotError) as caught:
        read_entry(text)
    assert str(caught.value) == words


@given(st.one_of(st.text(), st.text('0123456789:-.,* montuewdfrisayv"')))
@example("2999-12-31")
@example("*-02-29..*-02-29")
@example("٢٠٢٦-١٢-٢٤")
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(PushbotError):
        assert read_entry(text)
