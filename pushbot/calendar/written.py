"""How people write the times of a calendar: `mon-fri 09:00-17:00`, `2026-12-24..2027-01-02 "year end"`.

ENTRY  = WHEN [ TIMES ] [ "reason" ]  |  POINT .. POINT [ "reason" ]
WHEN   = every day  |  days and ranges of them (mon-wed,fri)  |  DATE
TIMES  = 09:00-12:00,13:00-17:00      over midnight: 22:00-02:00
POINT  = DATE [ 12:00 ]               a last day without a time is closed to its end
DATE   = 2026-12-24  |  *-12-24       of every year
"""

from __future__ import annotations

import re
from datetime import date
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pushbot.calendar.rules import DAY, Once, Weekly, Yearly, at_minute
from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pushbot.calendar.rules import Rule

FORM = (
    'days and times ("mon-fri 09:00-17:00", "sat,sun", "every day 22:00-02:00"), '
    'or dates ("2026-12-24..2027-01-02", "2026-11-27 12:00..2026-11-30 09:00", "*-12-25")'
)
"""What an entry may look like, in words."""
MOST_REASON = 100
"""Characters of a reason."""
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT = tuple(day[:3] for day in _DAYS)
_TIME = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)", re.ASCII)
_DATE = re.compile(r"(\*|2\d{3})-(\d\d)-(\d\d)", re.ASCII)
_DATE_LIKE = re.compile(r"[\d*]+-\d+-\d+", re.ASCII)
_LEAP = 2000

_Date = tuple[int | None, int, int]
"""Year (None: every year), month and day."""


def read_entry(text: str) -> tuple[Rule, ...]:
    """The rules that an entry stands for, one for each of its spans of time.

    Raises PushbotError that says what cannot be read.
    """
    match = re.fullmatch(r'\s*([^"]*?)\s*(?:"([^"]*)")?\s*', text)
    if match is None:
        raise PushbotError("the reason is not in one pair of quotes, at the end")
    when = re.sub(r"\s*([,-])\s*", r"\1", " ".join(match[1].lower().split()))
    why = (match[2] or "").strip()
    if len(why) > MOST_REASON or not why.isprintable():
        raise PushbotError(f"the reason is not one line of at most {MOST_REASON} characters")
    if not when:
        raise PushbotError("it says no time")
    if ".." in when:
        return (_from_to(when, why),)
    first, _, rest = re.sub(r"^every day\b", "mon-sun", when).partition(" ")
    times = list(_times(rest)) if rest else [(0, DAY)]
    if _DATE_LIKE.fullmatch(first):
        day = _date(first)
        return tuple(_between(day, start, day, end, why) for start, end in times)
    days = frozenset(_days(first))
    return tuple(Weekly(days, start, end, why) for start, end in times)


def _from_to(when: str, why: str) -> Rule:
    start, _, end = (part.strip() for part in when.partition(".."))
    first, last = _point(start, 0), _point(end, DAY)
    if (first[0][0] is None) != (last[0][0] is None):
        raise PushbotError("one date is of every year (`*`), the other of one year")
    return _between(*first, *last, why)


def _point(text: str, minute: int) -> tuple[_Date, int]:
    """A date with the minutes after its midnight, which are `minute` where no time is given."""
    words = text.split()
    if not words or len(words) > 2:  # noqa: PLR2004 - a date and a time
        raise PushbotError(f"'{text}' is not a date, or a date and a time")
    return _date(words[0]), _time(words[1]) if len(words) > 1 else minute


def _between(first: _Date, start: int, last: _Date, end: int, why: str) -> Rule:
    (year, *of_first), (last_year, *of_last) = first, last
    if year is None or last_year is None:
        return Yearly((of_first[0], of_first[1], start), (of_last[0], of_last[1], end), why)
    rule = Once(at_minute(date(year, *of_first), start), at_minute(date(last_year, *of_last), end), why)
    if rule.end <= rule.start:
        raise PushbotError("it ends before it begins")
    return rule


def _date(text: str) -> _Date:
    match = _DATE.fullmatch(text)
    if match is None:
        raise PushbotError(f"'{text}' is not a date like 2026-12-24 or *-12-24")
    year = None if match[1] == "*" else int(match[1])
    try:
        date(year or _LEAP, int(match[2]), int(match[3]))
    except ValueError:
        raise PushbotError(f"there is no day {text}") from None
    return year, int(match[2]), int(match[3])


def _days(text: str) -> Iterator[int]:
    for part in text.split(","):
        names = part.split("-")
        if len(names) > 2:  # noqa: PLR2004 - from one to another
            raise PushbotError(f"'{part}' is not a range of days like mon-fri")
        first, last = _day(names[0]), _day(names[-1])
        yield from ((first + i) % 7 for i in range((last - first) % 7 + 1))


def _day(name: str) -> int:
    if name in _SHORT or name in _DAYS:
        return _SHORT.index(name[:3])
    near = get_close_matches(name, _SHORT if len(name) <= 4 else _DAYS, n=1)  # noqa: PLR2004 - a short form, mistyped
    raise PushbotError(f"there is no day '{name}'" + (f"; did you mean '{near[0]}'?" if near else ""))


def _times(text: str) -> Iterator[tuple[int, int]]:
    """Each span as minutes after midnight; one over midnight ends after that of the next day."""
    for part in text.split(","):
        start, dash, end = part.partition("-")
        if not dash:
            raise PushbotError(f"'{part}' is not a span of time like 09:00-17:00")
        first, last = _time(start), _time(end)
        if first in (last, DAY):
            raise PushbotError(f"'{part}' is no time at all; a whole day is 00:00-24:00")
        yield first, last if first < last else last + DAY


def _time(text: str) -> int:
    match = _TIME.fullmatch(text)
    minute = int(match[1]) * 60 + int(match[2]) if match else DAY + 1
    if minute > DAY:
        raise PushbotError(f"'{text}' is not a time like 09:00, at most 24:00")
    return minute
