"""Who is on call: a roster in a file, whose turns are counted by the calendar on the wall, or what a command prints.

A roster is read anew each time it is asked for, so that it may be edited while the bot runs. A turn lasts whole days:
it begins and ends at the same time on the clock of the rotation's zone, also where that clock is put forward or back
in between. Level 1 is called first.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pushbot.errors import PushbotError
from pushbot.queue.topic import clean_text
from pushbot.values import Label, Positive, expected

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from pathlib import Path

    from pushbot.ports import Clock

MOST_PRINTED = 100
"""Lines of a command's output that count."""
FRESH = 60.0
"""Seconds for which what a command printed is taken for true, so that nobody keeps the bot busy by asking."""
_PRINTED = re.compile(r"(?:(?P<team>[^:]+?)(?:\s+L(?P<level>[1-9]))?\s*:\s*)?(?P<who>[^:]+)", re.IGNORECASE)


class Ping(StrEnum):
    """What those on call are called for, as `[oncall] ping` names it."""

    INCIDENT = "incident"
    DEPLOY_FAILED = "deploy_failed"


@dataclass(frozen=True, slots=True)
class OncallSpec:
    """Where it is known who is on call: a roster file, or a command that may take `timeout` seconds."""

    roster: Path | None = None
    command: tuple[str, ...] = ()
    timeout: float = 10.0
    ping: frozenset[Ping] = frozenset(Ping)


@dataclass(frozen=True, slots=True)
class Duty:
    """Somebody is on call for a team, at a level, until they hand over (in the rotation's zone; None: not known)."""

    team: str
    who: str
    level: int = 1
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rotation:
    """People who take turns of so many days: the first one's began at `at` on the day `start`, on the clock of `zone`.

    `people` has at least one name in it.
    """

    team: str
    people: tuple[str, ...]
    start: date
    zone: ZoneInfo
    days: int = 7
    at: time = time(10)
    level: int = 1

    def handover(self, turn: int) -> datetime:
        """When turn number `turn` begins, in UTC.

        Of a time that the clock on the wall shows twice the first one counts; one that it skips comes that much later.
        """
        day = self.start + timedelta(days=turn * self.days)
        return datetime.combine(day, self.at, self.zone).astimezone(UTC)

    def duty(self, now: datetime) -> Duty | None:
        """Who has the turn at `now`; None before the first one."""
        turn = (now.astimezone(self.zone).date() - self.start).days // self.days
        if now < self.handover(turn):  # later on the day of the hand-over
            turn -= 1
        if turn < 0:
            return None
        until = self.handover(turn + 1).astimezone(self.zone)
        return Duty(self.team, self.people[turn % len(self.people)], self.level, until)


def _zone(value: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(value))
    except (ValueError, OSError, KeyError) as error:
        raise expected('a name of the IANA time zones, such as "Europe/London"') from error


def _hour(value: object) -> object:
    try:
        found = time.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if not isinstance(found, time) or found.tzinfo is not None:
        raise expected('a time on the clock of the zone, such as "10:00"')
    return found


class RotationTable(BaseModel):
    """`[[rotations]]` of a roster file."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    team: Label
    people: Annotated[tuple[Label, ...], Field(min_length=1)]
    start: date
    zone: Annotated[ZoneInfo, BeforeValidator(_zone)]
    days: Positive = 7
    at: Annotated[time, BeforeValidator(_hour)] = time(10)
    level: Annotated[int, Field(strict=True, ge=1, le=9)] = 1

    def rotation(self) -> Rotation:
        """The same as a value with its rules."""
        return Rotation(self.team, self.people, self.start, self.zone, self.days, self.at, self.level)


class RosterFile(BaseModel):
    """A roster file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rotations: Annotated[tuple[RotationTable, ...], Field(min_length=1)]


def read_roster(path: Path) -> tuple[Rotation, ...]:
    """The rotations in the TOML file at `path`. Raises PushbotError that names what is wrong with it."""
    try:
        found = RosterFile.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise PushbotError(f"the roster {path} cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PushbotError(f"the roster {path} is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole of it"
        raise PushbotError(f"the roster {path} is wrong at {where}: {first['msg']}") from error
    return tuple(table.rotation() for table in found.rotations)


def printed(text: str) -> tuple[Duty, ...]:
    """What a command says: on each line `NAME`, `TEAM: NAME` or `TEAM L2: NAME`.

    Lines that are empty or begin with `#` do not count, nor does what is no such line.
    """
    lines = [clean_text(line) for line in text.splitlines()[:MOST_PRINTED]]
    found = (_PRINTED.fullmatch(line) for line in lines if line and not line.startswith("#"))
    return tuple(
        Duty(clean_text(line["team"] or ""), line["who"].strip(), int(line["level"] or 1))
        for line in found
        if line is not None and line["who"].strip()
    )


@dataclass(slots=True)
class OnCall:
    """The one who knows who is on call. `run` gives what a command prints within so many seconds."""

    spec: OncallSpec
    clock: Clock
    run: Callable[[Sequence[str], float], Awaitable[str]]
    _known: tuple[datetime, tuple[Duty, ...] | PushbotError] | None = None

    async def now(self) -> tuple[Duty, ...]:
        """Who is on call, by team and level. Raises PushbotError when that cannot be found out."""
        now = self.clock.now()
        if self.spec.roster is not None:
            duties = (rotation.duty(now) for rotation in read_roster(self.spec.roster))
            return _sorted(duty for duty in duties if duty is not None)
        if self._known is None or not timedelta() <= now - self._known[0] < timedelta(seconds=FRESH):
            self._known = now, await self._printed()
        if isinstance(self._known[1], PushbotError):
            raise self._known[1]
        return self._known[1]

    async def _printed(self) -> tuple[Duty, ...] | PushbotError:
        try:
            return _sorted(printed(await self.run(self.spec.command, self.spec.timeout)))
        except PushbotError as error:
            return error


def _sorted(duties: Iterable[Duty]) -> tuple[Duty, ...]:
    """By team as first named, and within it by level."""
    known = tuple(duties)
    teams = list(dict.fromkeys(duty.team for duty in known))
    return tuple(sorted(known, key=lambda duty: (teams.index(duty.team), duty.level)))
