"""Who has which stage, in all lanes: the runs in flight, and the people who keep one.

The store holds the same; this is what rules are told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from pushbot.ports import RunRecord
    from pushbot.queue.model import Lock
    from pushbot.service.spec import LaneSpec


def run_id(lane: str, number: int) -> str:
    """The name of a run, for people and for ever: `web-17`."""
    return f"{lane}-{number}"


def number(run: RunRecord) -> int:
    """The number of a run within its lane: 17 of `web-17`."""
    return int(run.id.rpartition("-")[2])


def place_of(lane: LaneSpec, stage: str) -> str:
    """The claim that a stage is on; of one that the lane no longer has it is the lane's own."""
    spec = lane.stage(stage)
    return spec.lock if spec is not None else f"{lane.name}/{stage}"


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the output of runs is: below `folder`, and to be looked at below `url` where something serves it."""

    folder: Path
    url: str | None = None

    def file(self, run: str) -> Path:
        """The file with the output of a run."""
        return self.folder / run / "output.log"

    def shown(self, run: str) -> str:
        """How people are told where it is: a link that stays as it is for ever, or the file on the bot's machine."""
        return f"{self.url}/{run}/output.log" if self.url else str(self.file(run))


@dataclass(frozen=True, slots=True)
class Keeping:
    """A person's lock, the lane in which they said so, and the claim that it is on: the place, whatever its name."""

    lane: str
    place: str
    lock: Lock


@dataclass(slots=True)
class Runbook:
    """Every unfinished run by its id, and people's locks by lane.

    Claims follow from it: a place is claimed by the run that names it, and kept by the person whose lock does.
    """

    _runs: dict[str, RunRecord] = field(default_factory=dict)
    _kept: dict[str, tuple[Keeping, ...]] = field(default_factory=dict)

    def get(self, run: str) -> RunRecord | None:
        """The unfinished run of that id."""
        return self._runs.get(run)

    def write(self, records: Iterable[RunRecord]) -> None:
        """Take what has become of runs; those that ended are no longer in flight."""
        for record in records:
            if record.state.final:
                self._runs.pop(record.id, None)
            else:
                self._runs[record.id] = record

    def restore(self, before: Mapping[str, RunRecord | None], wrote: Mapping[str, RunRecord]) -> None:
        """Put back what stood here before something that was not committed, where it still is as that wrote it."""
        for run, record in before.items():
            if not wrote[run].state.final and self._runs.get(run) is not wrote[run]:
                continue
            if record is None:
                self._runs.pop(run, None)
            else:
                self._runs[run] = record

    def holder(self, lock: str) -> RunRecord | None:
        """The run that has the claim `lock`."""
        return next((record for record in self._runs.values() if record.lock == lock), None)

    def keep(self, lane: LaneSpec, locks: Iterable[Lock]) -> None:
        """Take the locks of a lane as they are now."""
        self._kept[lane.name] = tuple(Keeping(lane.name, place_of(lane, lock.stage), lock) for lock in locks)

    def kept(self, lane: LaneSpec, at: datetime) -> dict[str, Keeping]:
        """The stages of a lane that people keep at that time; one that they keep in two lanes is kept in this one."""
        there = [one for kept in self._kept.values() for one in kept if one.lock.until > at]
        found = (
            (stage.name, [one for one in there if one.place == stage.lock]) for stage in (lane.stages if there else ())
        )
        return {name: min(kept, key=lambda one: one.lane != lane.name) for name, kept in found if kept}

    def of_lane(self, lane: str) -> tuple[RunRecord, ...]:
        """The unfinished runs of a lane."""
        return tuple(record for record in self._runs.values() if record.lane == lane)
