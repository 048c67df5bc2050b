"""Closed times from iCalendar (RFC 5545): every event, its SUMMARY the reason.

All that a file may have in it comes from others. A file that repeats every second, or never comes to an end, has to
be stopped from outside: see `__main__`, which reads it in a process of its own.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import icalendar
import recurring_ical_events

from pushbot.calendar.rules import at_minute
from pushbot.calendar.wall_clock import Span
from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from zoneinfo import ZoneInfo

MOST_EVENTS = 10_000
"""Times that an event takes place which are taken from one file; with more the file is refused."""
MOST_REASON = 100
"""Characters that are kept of a SUMMARY, and of what is wrong with an event."""
_MARGIN = timedelta(days=2)
"""What is looked at round the time asked for, as events without a zone are elsewhere in it."""
_VITAL = frozenset({"DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"})
"""What has to be readable of an event, else it is not known when it is."""
_TOO_OFTEN = frozenset({"SECONDLY", "MINUTELY"})


def events(text: bytes, zone: ZoneInfo, start: datetime, end: datetime) -> tuple[Span, ...]:
    """The events of a file from `start` to `end`, in order.

    `zone` is for whole days and for times without a zone. Cancelled events and those that last no time are left out.
    Raises PushbotError for what is no iCalendar file, and for an event of which it cannot be told when it is.
    """
    try:
        calendars = icalendar.Calendar.from_ical(text, multiple=True)
        _check(calendars)
        found = [event for one in calendars for event in _between(one, start - _MARGIN, end + _MARGIN)]
    except PushbotError:
        raise
    except Exception as error:  # what a file of others makes libraries raise has no end
        words = f"{type(error).__name__}: {_plain(str(error))}"
        raise PushbotError(f"it is not an iCalendar file that can be read ({words})") from error
    if len(found) > MOST_EVENTS:
        raise PushbotError(f"it has {len(found)} events within the time that is looked at; {MOST_EVENTS} are taken")
    spans = (_span(event, zone) for event in found if str(event.get("STATUS", "")).upper() != "CANCELLED")
    kept = (span for span in spans if span.start < span.end and span.start < end and start < span.end)
    return tuple(sorted(kept, key=lambda span: (span.start, span.end)))


def _between(calendar: icalendar.Component, start: datetime, end: datetime) -> Iterable[icalendar.Event]:
    query = recurring_ical_events.of(calendar, components=["VEVENT"])
    found: Iterable[icalendar.Event] = query.between(start, end)
    return found


def _check(calendars: Sequence[icalendar.Component]) -> None:
    """Refuse what would be read as something else than was meant."""
    if not calendars or any(one.name != "VCALENDAR" for one in calendars):
        raise PushbotError("it is not an iCalendar file: there is no VCALENDAR in it")
    for event in (event for one in calendars for event in one.walk("VEVENT")):
        broken = [f"{key}: {why}" for key, why in event.errors if key in _VITAL] or list(_oddities(event))
        if broken:
            name = _plain(str(event.get("SUMMARY", "without a SUMMARY")))
            raise PushbotError(f"it cannot be told when the event '{name}' is: {_plain(broken[0])}")


def _oddities(event: icalendar.Component) -> Iterator[str]:
    if "DTSTART" not in event:
        yield "there is no DTSTART"
    for key in ("DTSTART", "DTEND"):
        when: object = event.get(key)
        at, zone = getattr(when, "dt", None), getattr(when, "params", {}).get("TZID")
        if zone is not None and isinstance(at, datetime) and at.tzinfo is None:
            yield f"{key} is in a zone that is not known, {zone}"
    rules: object = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        how_often = rule.get("FREQ", []) if isinstance(rule, dict) else []
        often = {str(each).upper() for each in how_often} & _TOO_OFTEN
        if often:
            yield f"it repeats {often.pop().lower()}"


def _span(event: icalendar.Event, zone: ZoneInfo) -> Span:
    return Span(_moment(event.start, zone), _moment(event.end, zone), _plain(str(event.get("SUMMARY", ""))))


def _plain(text: str) -> str:
    """A text of others on one line, without anything that a terminal or a chat would take for more than a letter."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:MOST_REASON]


def _moment(when: date, zone: ZoneInfo) -> datetime:
    """A date, a time of the wall or a moment as a moment."""
    if not isinstance(when, datetime):
        when = at_minute(when, 0)
    return (when if when.tzinfo is not None else when.replace(tzinfo=zone)).astimezone(UTC)
