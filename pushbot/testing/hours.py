"""Stage directions about time: push hours, and what pushes took before.

Before the bot starts; several entries stand between `;`, and what is closed behind `but not`:

    * web has hours office: mon-fri 09:00-17:00; sat 10:00-12:00 Europe/London
    * production has hours safe: every day but not 2026-12-24..2026-12-26 "year end" UTC

At any time:

    * it is 2026-11-20 16:30                         in UTC
    * 12 pushes of web took 15 minutes, after 5 in line
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from pushbot.calendar.model import Calendar
from pushbot.calendar.source import CalendarSpec
from pushbot.calendar.written import read_entry
from pushbot.ports import PushRecord, PushState, Work
from pushbot.testing.trust import default_lane

if TYPE_CHECKING:
    import re
    from collections.abc import Awaitable, Callable, Mapping

    from pushbot.calendar.rules import Rule
    from pushbot.testing.playground import Playground

    Words = re.Match[str]
    Prepare = Callable[[Playground, Words], None]
    Direct = Callable[[Playground, Words], Awaitable[None] | None]

_EARLIER = 9000
"""Numbers of pushes from before, which no train of a test comes to."""


def _entries(text: str | None) -> tuple[Rule, ...]:
    return tuple(rule for entry in (text or "").split("; ") if entry for rule in read_entry(entry))


def _hours(play: Playground, words: Words) -> None:
    default_lane(play)
    calendar = Calendar(words["name"], ZoneInfo(words["zone"]), _entries(words["open"]), _entries(words["closed"]))
    hours, whose = (CalendarSpec(calendar),), words["whose"]
    play.change_stage(whose, lambda stage: replace(stage, hours=(*stage.hours, *hours)))
    play.lanes[:] = [replace(lane, hours=(*lane.hours, *hours)) if lane.name == whose else lane for lane in play.lanes]


def _until(play: Playground, words: Words) -> float:
    moment = datetime.fromisoformat(words["when"]).replace(tzinfo=UTC)
    return (moment - play.clock.now()).total_seconds()


def _begin_at(play: Playground, words: Words) -> None:
    play.clock.advance(_until(play, words))


async def _it_is(play: Playground, words: Words) -> None:
    await play.pass_time(_until(play, words))


async def _took(play: Playground, words: Words) -> None:
    began = play.clock.now() - timedelta(days=1)
    joined = began - timedelta(minutes=float(words["wait"])) if words["wait"] else None
    for number in range(_EARLIER, _EARLIER + int(words["count"])):
        push = PushRecord(
            lane=words["lane"],
            number=number,
            state=PushState.DONE,
            driver="zoe",
            riders=("zoe",),
            began_at=began,
            ended_at=began + timedelta(minutes=float(words["minutes"])),
            joined_at=joined,
            up_at=began if joined is not None else None,
        )
        await play.store.commit(Work(words["lane"], pushes=(push,)))


_IT_IS = r"it is (?P<when>\d{4}-\d\d-\d\d \d\d:\d\d)"

BEFORE: Final[Mapping[str, Prepare]] = {
    r"(?P<whose>\S+) has hours (?P<name>\S+): (?P<open>.+?)(?: but not (?P<closed>.+))? (?P<zone>[\w/]+)": _hours,
    _IT_IS: _begin_at,
}
"""Directions that describe the world before the bot starts."""

DURING: Final[Mapping[str, Direct]] = {
    _IT_IS: _it_is,
    r"(?P<count>\d+) pushes of (?P<lane>\S+) took (?P<minutes>\d+) minutes(?:, after (?P<wait>\d+) in line)?": _took,
}
"""Directions for the time after that."""
