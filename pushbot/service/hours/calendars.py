"""The calendars of all lanes, kept up to date: whether a stage is open is answered at once, from what was read last.

A source that cannot be read leaves its calendar as it was. As long as it has never been read, the calendar is
closed: nobody knows about a freeze.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from pushbot.calendar.model import HORIZON, Open, Verdict, combined
from pushbot.errors import PushbotError
from pushbot.queue.rules.decision import Closed
from pushbot.service.hours import ical
from pushbot.service.voice import hours as words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pushbot.calendar.model import Calendar
    from pushbot.calendar.source import CalendarSpec, Source
    from pushbot.calendar.wall_clock import Span
    from pushbot.ports import Clock
    from pushbot.service.spec import LaneSpec, StageSpec

LOG = structlog.get_logger()
TRIED_WITHIN = 5.0
"""Seconds that a lane waits at the start for its calendars to be read, before it does what it is asked."""
AGAIN_AFTER = 30.0
"""Seconds until a source that has never been read is tried again."""
_PAST = timedelta(days=3)
"""How much of what is over is read too, so that the present day is whole in every zone."""
_GOOD_FOR = timedelta(minutes=1)
"""How long a verdict is remembered, as long as it holds: calendars may be large, and it is asked for all the time."""


@dataclass(slots=True)
class _Reading:
    """One source: what it held when it was last read, why it could not be since, and whether that was tried at all."""

    source: Source
    text: bytes = b""
    events: tuple[Span, ...] = ()
    since: datetime | None = None
    trouble: str | None = None
    tried: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class _Kept:
    """A calendar as it is now."""

    spec: CalendarSpec
    calendar: Calendar
    readings: list[_Reading] = field(default_factory=list)

    @property
    def unread(self) -> _Reading | None:
        """A source that has never been read."""
        return next((each for each in self.readings if each.since is None), None)


class Hours:
    """When lanes and their stages are open. `run` keeps it up to date; without sources to read it has nothing to do."""

    def __init__(self, lanes: Iterable[LaneSpec], clock: Clock) -> None:
        self._clock = clock
        self._kept = dict[str, _Kept]()
        self._verdicts = dict[tuple[str, ...], tuple[datetime, datetime, Verdict]]()
        for lane in lanes:
            for spec in _all_calendars(lane):
                readings = [_Reading(source) for source in spec.sources]
                self._kept.setdefault(spec.name, _Kept(spec, spec.calendar, readings))

    async def run(self) -> None:
        """Read all sources, and again every so often, for ever; return at once when there are none."""
        async with asyncio.TaskGroup() as group:
            for kept in self._kept.values():
                for reading in kept.readings:
                    group.create_task(self._follow(kept, reading), name=f"calendar {kept.spec.name}")

    async def tried(self, lane: LaneSpec) -> None:
        """Return when all sources of a lane have been read, or could not be, once; or after `TRIED_WITHIN` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(TRIED_WITHIN):
                for reading in self._readings(lane):
                    await reading.tried.wait()

    def closed(self, stage: StageSpec, lane: LaneSpec, at: datetime) -> Closed | None:
        """Why no deploy to the stage may start at that moment, and when it opens; None when it is open."""
        return self._closed([*lane.hours, *stage.hours], at)

    def shut(self, lane: LaneSpec, at: datetime) -> dict[str, Closed]:
        """The stages of a lane that are not open at that moment, by name."""
        found = {stage.name: self.closed(stage, lane, at) for stage in lane.stages}
        return {name: closed for name, closed in found.items() if closed is not None}

    def lane_closed(self, lane: LaneSpec, at: datetime) -> Closed | None:
        """The same for a push through all stages of the lane."""
        return self._closed(calendars_of(lane), at)

    def calendars(self, lane: LaneSpec) -> tuple[Calendar, ...] | None:
        """The calendars of a lane and of its stages, as they are now; None when one has never been read."""
        kept = [self._kept[spec.name] for spec in calendars_of(lane)]
        return None if any(each.unread for each in kept) else tuple(each.calendar for each in kept)

    def stale(self, lane: LaneSpec) -> tuple[str, ...]:
        """What could not be read again lately, in words."""
        return tuple(
            words.stale(reading.source.name, reading.since, self._clock.now(), reading.trouble)
            for reading in self._readings(lane)
            if reading.since is not None and reading.trouble is not None
        )

    def _readings(self, lane: LaneSpec) -> list[_Reading]:
        return [reading for spec in _all_calendars(lane) for reading in self._kept[spec.name].readings]

    def _closed(self, specs: Sequence[CalendarSpec], at: datetime) -> Closed | None:
        names = tuple(dict.fromkeys(spec.name for spec in specs))
        for name in names:
            unread = self._kept[name].unread
            if unread is not None:
                return Closed(words.never_read(name, unread.source.name, unread.trouble))
        verdict = self._verdict(names, at)
        if isinstance(verdict, Open):
            return None
        old = (each for each in self._kept[verdict.by.name].readings if each.trouble is not None)
        since = min((each.since for each in old if each.since is not None), default=None)
        return Closed(words.outside(verdict, at, since), verdict.opens_at)

    def _verdict(self, names: tuple[str, ...], at: datetime) -> Verdict:
        known = self._verdicts.get(names)
        if known is not None and known[0] <= at < known[1]:
            return known[2]
        verdict = combined([self._kept[name].calendar for name in names], at)
        changes = verdict.until if isinstance(verdict, Open) else verdict.opens_at
        self._verdicts[names] = at, min(changes or at + _GOOD_FOR, at + _GOOD_FOR), verdict
        return verdict

    async def _follow(self, kept: _Kept, reading: _Reading) -> None:
        """Read one source again and again."""
        while True:
            try:
                await self._read(kept, reading)
            except PushbotError as error:
                LOG.warning(
                    "calendar_unread",
                    calendar=kept.spec.name,
                    source=reading.source.name,
                    since=reading.since and reading.since.isoformat(),
                    error=str(error),
                )
                reading.trouble = str(error)
            reading.tried.set()
            every = kept.spec.every
            await self._clock.sleep(every if reading.since is not None else min(every, AGAIN_AFTER))

    async def _read(self, kept: _Kept, reading: _Reading) -> None:
        """Take what is in the source now; when that is no good, look further ahead in what was there before."""
        try:
            text = await ical.fetched(reading.source)
            await self._take(kept, reading, text)
        except PushbotError:
            if reading.since is not None:
                with suppress(PushbotError):  # it was good before; the trouble that is told is the new one
                    await self._take(kept, reading, reading.text)
            raise
        reading.since, reading.trouble = self._clock.now(), None

    async def _take(self, kept: _Kept, reading: _Reading, text: bytes) -> None:
        now, ahead = self._clock.now(), HORIZON + timedelta(seconds=kept.spec.every) + _PAST
        reading.events = await ical.read(text, kept.spec.calendar.zone, now - _PAST, now + ahead)
        reading.text = text
        events = tuple(event for each in kept.readings for event in each.events)
        kept.calendar = replace(kept.spec.calendar, events=events)
        self._verdicts.clear()


def calendars_of(lane: LaneSpec) -> tuple[CalendarSpec, ...]:
    """All calendars that a push through a lane has to do with, each once."""
    specs = (*lane.hours, *(spec for stage in lane.stages for spec in stage.hours))
    return tuple({spec.name: spec for spec in specs}.values())


def _all_calendars(lane: LaneSpec) -> tuple[CalendarSpec, ...]:
    """Those, and the ones of stages beside the line."""
    return calendars_of(replace(lane, stages=(*lane.stages, *lane.templates)))
