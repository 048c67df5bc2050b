"""The watch for drift: hosts that run something else than what was brought to them, while nobody deploys.

The hosts of each stage that has `versions.every` are asked that often. Who is astray at two looks in a row is
announced, again only when that changes, and once more when at two looks in a row all was well. What was said last is
in the journal, so that a bot that starts again does not repeat it.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from pushbot.errors import PushbotError, fault_reference
from pushbot.fleet.grouping import TWICE, Sightings, grouped, most
from pushbot.fleet.model import HostVersion
from pushbot.ports import Entry, Work
from pushbot.service.runs.dispatcher import BOT
from pushbot.service.runs.looking import brought
from pushbot.service.runs.targets import beside
from pushbot.service.spec import News
from pushbot.service.voice.versions import drifted, well_again

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pushbot.ports import Clock, RunRecord, Store
    from pushbot.service.lane.runbook import Runbook
    from pushbot.service.runs.looking import Looks
    from pushbot.service.speaker import Speaker
    from pushbot.service.spec import Announce, LaneSpec, Room, StageSpec

LOG = structlog.get_logger()
WELL = "as it should be"
"""What the journal has of a stage when all is well with it, or was said to be so again."""
REMEMBERED = 1000
"""Entries of the journal in which a new bot finds what was said last; what is older is said again."""
NEWEST = 5
"""Runs of a stage among which the last that ended is found: later ones are in flight."""


@dataclass(frozen=True, slots=True)
class Drift:
    """The watch over the stages of all lanes."""

    lanes: Sequence[LaneSpec]
    announce: Announce
    looks: Looks
    store: Store
    clock: Clock
    speaker: Speaker
    runbook: Runbook

    async def run(self) -> None:
        """Watch for ever, each stage by itself; returns at once when there is none to watch."""
        async with asyncio.TaskGroup() as tasks:
            for lane in self.lanes:
                for stage in lane.stages:
                    if stage.versions is not None and stage.versions.every > 0:
                        watch = _Watch(self, lane, stage, timedelta(seconds=stage.versions.every))
                        tasks.create_task(watch.run(), name=f"drift of {lane.name}/{stage.name}")

    def rooms(self, lane: LaneSpec) -> tuple[Room, ...]:
        """Where it is said that a stage of the lane has drifted."""
        own = lane.rooms if News.DRIFT in self.announce.lane else ()
        others = self.announce.rooms if News.DRIFT in self.announce.warroom else ()
        return tuple(dict.fromkeys((*own, *others)))

    async def undisturbed(self, lock: str, since: datetime) -> bool:
        """Whether no run of any lane has had what `lock` stands for since then."""
        if self.runbook.holder(lock) is not None:
            return False
        for lane in self.lanes:
            for stage in lane.stages:
                runs = await self.store.runs(lane.name, stage=stage.name, limit=NEWEST) if stage.lock == lock else ()
                if any(run.ended_at is not None and run.ended_at > since for run in runs):
                    return False
        return True


@dataclass(slots=True)
class _Watch:
    """One stage. `said` is what was said last, None while the journal was not asked; `well` how often all was well."""

    drift: Drift
    lane: LaneSpec
    stage: StageSpec
    every: timedelta
    seen: Sightings = field(default_factory=Sightings)
    said: str | None = None
    well: int = 0

    async def run(self) -> None:
        while True:
            await self.drift.clock.sleep(self.every.total_seconds())
            try:
                await self._look()
            except PushbotError as error:
                LOG.warning("versions_unknown", lane=self.lane.name, stage=self.stage.name, error=str(error))
            except Exception:
                LOG.exception("drift_broke", lane=self.lane.name, stage=self.stage.name, reference=fault_reference())

    async def _look(self) -> None:
        """Ask the hosts, unless a run had the stage lately: then what was seen of them counts no more."""
        since = self.drift.clock.now() - self.every
        seen, self.seen = self.seen, Sightings()
        if not await self.drift.undisturbed(self.stage.lock, since):
            return
        told = await self.drift.looks.look(self.lane.name, self.stage)
        there = await brought(self.drift.store, self.lane.name, self.stage.name)
        if not await self.drift.undisturbed(self.stage.lock, since):
            return
        if there is not None and there.revision is None:
            there = None
        self.seen = await beside(len(told), partial(seen.after, told, there.revision if there is not None else None))
        await self._judge(told, there)

    async def _judge(self, told: Sequence[HostVersion], there: RunRecord | None) -> None:
        """Say what is new: who is astray for certain, or that nobody is any more."""
        where, astray = f"{self.lane.name} on {self.stage.name}", self.seen.astray
        all_well = not self.seen.strays and any(one.version for one in told)
        self.well = self.well + 1 if all_well else 0
        if astray:
            should = there.revision if there is not None else most(self.seen.known.values())
            finding = f"drift {_digest(should, astray)}"
            if finding != await self._last():
                groups = grouped(HostVersion(host, version) for host, version in astray.items())
                await asyncio.shield(self._say(drifted(where, groups, should, there), finding))
        elif self.well >= TWICE and await self._last() != WELL:
            groups = grouped(told, there.revision if there is not None else None)
            await asyncio.shield(self._say(well_again(where, groups), WELL))

    async def _last(self) -> str:
        if self.said is None:
            journal = await self.drift.store.journal(self.lane.name, limit=REMEMBERED)
            mine = (one.outcome for one in journal if (one.who, one.what) == (BOT.key, self._subject))
            self.said = next(mine, WELL)
        return self.said

    @property
    def _subject(self) -> str:
        return f"versions on {self.stage.name}"

    async def _say(self, text: str, finding: str) -> None:
        """Put it on record, then say it; shielded, as what is on record is said, whoever ends the watch meanwhile."""
        speaker, entry = self.drift.speaker, Entry(self.drift.clock.now(), BOT.key, self._subject, finding)
        lines = tuple(speaker.line(room.chat, room.name, News.DRIFT, text) for room in self.drift.rooms(self.lane))
        await self.drift.store.commit(Work(self.lane.name, entries=(entry,), lines=lines))
        self.said = finding
        speaker.hand(lines)
        LOG.info("drift", lane=self.lane.name, stage=self.stage.name, finding=finding)


def _digest(should: str | None, astray: dict[str, str]) -> str:
    """A short name for a finding, the same for the same."""
    return hashlib.sha256(repr((should, sorted(astray.items()))).encode()).hexdigest()[:16]
