"""The runs in flight, of all lanes: who has which stage. The store holds the same; this is what rules are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pushbot.ports import RunRecord


def run_id(lane: str, number: int) -> str:
    """The name of a run, for people and for ever: `web-17`."""
    return f"{lane}-{number}"


def number(run: RunRecord) -> int:
    """The number of a run within its lane: 17 of `web-17`."""
    return int(run.id.rpartition("-")[2])


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


@dataclass(slots=True)
class Runbook:
    """Every unfinished run by its id. Claims follow from it: a lock is held by the run that names it."""

    _runs: dict[str, RunRecord] = field(default_factory=dict)

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

    def of_lane(self, lane: str) -> tuple[RunRecord, ...]:
        """The unfinished runs of a lane."""
        return tuple(record for record in self._runs.values() if record.lane == lane)
