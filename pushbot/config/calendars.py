"""Calendars: what is made of `[calendars.NAME]`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pushbot.calendar.model import Calendar
from pushbot.calendar.source import CalendarSpec, Source
from pushbot.calendar.written import FORM, read_entry
from pushbot.config.problems import nearest
from pushbot.errors import PushbotError
from pushbot.secret import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pushbot.calendar.rules import Rule
    from pushbot.config.problems import Key
    from pushbot.config.reading import Reading
    from pushbot.config.tables.calendars import CalendarTable

_UTC = ZoneInfo("UTC")


def read_calendars(reading: Reading) -> dict[str, CalendarSpec]:
    """The calendars by name; what is no good in one is left out, and noted."""
    tables = reading.found.table.calendars
    reading.note_twice("calendar", ((("calendars", name), name) for name in tables))
    return {name: _calendar(reading, name, table) for name, table in tables.items()}


def hours_of(
    reading: Reading, names: Sequence[str], at: Key, calendars: Mapping[str, CalendarSpec]
) -> tuple[CalendarSpec, ...]:
    """The calendars that `hours` names, written at key `at`; one that there is not is noted."""
    for name in names:
        if name not in calendars and reading.found.whole("calendars", name):
            reading.note_unknown(at, "calendar", name, calendars)
    return tuple(calendars[name] for name in dict.fromkeys(names) if name in calendars)


def _calendar(reading: Reading, name: str, table: CalendarTable) -> CalendarSpec:
    key = ("calendars", name)
    for i, text in enumerate(table.open):
        if '"' in text:
            reading.note((*key, "open", i), f"found {text!r}: open hours have no reason", "a reason in `closed` only")
    opened = _rules(reading, (*key, "open"), (text.partition('"')[0] for text in table.open))
    closed = _rules(reading, (*key, "closed"), table.closed)
    sources = (_source(reading, (*key, "ical", i), text) for i, text in enumerate(table.ical))
    calendar = Calendar(name, _zone(reading, (*key, "zone"), table.zone), opened, closed)
    return CalendarSpec(calendar, tuple(source for source in sources if source is not None), table.every)


def _zone(reading: Reading, key: Key, name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # a name that is none, a folder, and one that is not there
        near = nearest(name, available_timezones())
        example = None if near else 'a name of the IANA time zones, such as "Europe/London"'
        reading.note(key, f"there is no time zone '{name}'", example, near)
        return _UTC


def _rules(reading: Reading, key: Key, texts: Iterable[str]) -> tuple[Rule, ...]:
    found: list[Rule] = []
    for i, text in enumerate(texts):
        try:
            found += read_entry(text)
        except PushbotError as error:
            reading.note((*key, i), f"found {text!r}: {error}", FORM)
    return tuple(found)


def _source(reading: Reading, key: Key, text: str) -> Source | None:
    """Where closed times come from. Only a host is told of a URL, as the rest of it may be a secret."""
    if re.match(REFERENCE, text):
        return Source(text, url=f"file:{reading.path(text[5:])}" if text.startswith("file:") else text)
    if "://" not in text:
        return Source(text, file=reading.path(text))
    try:
        parts = urlsplit(text)
        host = parts.hostname if parts.scheme in {"http", "https"} and "@" not in parts.netloc else None
        port = parts.port
    except ValueError:
        host = port = None
    if host is None or " " in text or not text.isprintable():
        reading.note(key, "cannot be read from", "a file, a URL that begins with http:// or https://, or env:NAME")
        return None
    return Source(f"{host}:{port}" if port else host, url=text)
