"""Calendars in a configuration: what is made of them, and every mistake with its line."""
# ruff: noqa: E501 - a problem is one line

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from pushbot.calendar.rules import Weekly
from pushbot.calendar.source import Source
from pushbot.cli.explain import explain
from pushbot.config import ConfigErrors, load

if TYPE_CHECKING:
    from pathlib import Path

    from pushbot.config import Config

GOOD = """\
[chats.console]
type = "irc"
host = "localhost"

[lanes.web]
rooms = ["console/#push"]
pipeline = "web"
hours = "office"

[calendars.office]
zone = "Europe/London"
open = ["mon-fri 09:00-17:00"]
closed = ['*-12-25 "christmas"']
ical = ["freeze.ics", "https://calendar.example.org/private-token/freezes.ics", "env:FREEZES"]
every = "5m"

[calendars.night]
zone = "UTC"
open = ["every day 22:00-02:00"]

[pipelines.web.defaults]
executor = "dryrun"
hours = ["night", "office"]
steps = [{ name = "build", run = ["make"] }]

[[pipelines.web.stages]]
name = "princess"
hours = []

[[pipelines.web.stages]]
name = "staging"
hours = "night"

[[pipelines.web.stages]]
name = "production"
"""


def read(folder: Path, text: str) -> Config:
    file = folder / "pushbot.toml"
    file.write_text(text, encoding="utf-8")
    return load(file)


def test_lanes_and_stages_get_their_calendars(tmp_path: Path) -> None:
    (lane,) = read(tmp_path, GOOD).lanes
    (office,) = lane.hours
    assert office.calendar.opened == (Weekly(frozenset(range(5)), 540, 1020),)
    assert (office.calendar.zone.key, office.every) == ("Europe/London", 300.0)
    assert office.sources == (
        Source("freeze.ics", file=tmp_path / "freeze.ics"),
        Source("calendar.example.org", url="https://calendar.example.org/private-token/freezes.ics"),
        Source("env:FREEZES", url="env:FREEZES"),
    )
    hours = {stage.name: [each.name for each in stage.hours] for stage in lane.stages}
    assert hours == {"princess": [], "staging": ["night"], "production": ["night", "office"]}
    assert lane.stages[2].hours[1] is office


def test_two_readings_of_one_file_are_equal(tmp_path: Path) -> None:
    first, second = (read(tmp_path, GOOD).lanes[0] for _ in range(2))
    assert first.hours == second.hours


WRONG = """\
[chats.console]
type = "irc"
host = "localhost"
[lanes.web]
rooms = ["console/#push"]
hours = "offise"
pipeline = "web"
[calendars.office]
zone = "Europe/Lodnon"
open = ["mon-fry 09:00-17:00"]
closed = ["mon 09:00-17:00",
    "2026-13-24"]
ical = ["ftp://example.org/a.ics"]
every = 0
[calendars.Office]
open = ['mon "no"']
[calendars.utc]
zone = "UTC"
opens = []
[pipelines.web.defaults]
hours = ["utc", "nowhere"]
[[pipelines.web.stages]]
name = "princess"
executor = "dryrun"
steps = [{ name = "build", run = ["make"] }]
"""

FORM = (
    'expected days and times ("mon-fri 09:00-17:00", "sat,sun", "every day 22:00-02:00"), or dates '
    '("2026-12-24..2027-01-02", "2026-11-27 12:00..2026-11-30 09:00", "*-12-25")'
)


def test_mistakes_are_told_with_their_lines(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as caught:
        read(tmp_path, WRONG)
    told = [str(problem).removeprefix(f"{tmp_path}/pushbot.toml:") for problem in caught.value.problems]
    assert told == [
        "6: lanes.web.hours: there is no calendar 'offise'; did you mean 'office'?",
        "9: calendars.office.zone: there is no time zone 'Europe/Lodnon'; did you mean 'Europe/London'?",
        f"10: calendars.office.open[0]: found 'mon-fry 09:00-17:00': there is no day 'fry'; did you mean 'fri'?; {FORM}",
        f"11: calendars.office.closed[1]: found '2026-13-24': there is no day 2026-13-24; {FORM}",
        "13: calendars.office.ical[0]: cannot be read from; expected a file, a URL that begins with http:// or https://, or env:NAME",
        "14: calendars.office.every: found 0; expected a duration longer than nothing",
        "15: calendars.Office.zone: missing",
        "19: calendars.utc.opens: unknown key; did you mean 'open'?",
        "21: pipelines.web.defaults.hours: there is no calendar 'nowhere'; expected one of office, utc",
    ]


@pytest.mark.parametrize(
    "zone", ["", "Europe", "../../etc/passwd", "/etc/localtime", "Mars\\u0007", "localtime5", "e" * 500]
)
def test_no_name_of_a_zone_breaks_the_reading(tmp_path: Path, zone: str) -> None:
    with pytest.raises(ConfigErrors, match="there is no time zone"):
        read(tmp_path, f'{GOOD}\n[calendars.x]\nzone = "{zone}"\n')


def test_a_reason_belongs_to_what_is_closed(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="open hours have no reason; expected a reason in `closed` only"):
        read(tmp_path, f'{GOOD}\n[calendars.x]\nzone = "UTC"\nopen = [\'mon "no"\']\n')


def test_explain_tells_the_hours(tmp_path: Path) -> None:
    read(tmp_path, GOOD)
    done = CliRunner().invoke(explain, [str(tmp_path / "pushbot.toml")])
    assert "  Deploys start within the hours of office (Europe/London).\n" in done.output
    assert "    and within the hours of night (UTC) and office (Europe/London)\n" in done.output
