"""What is true of a lane at one moment, for those who answer questions about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pushbot.fleet.model import Tally
    from pushbot.ports import RunRecord
    from pushbot.queue.model import Queue
    from pushbot.service.spec import LaneSpec


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: the step that it is at ("migrate 3/8"), and with hosts how many are done."""

    step: str = ""
    tally: Tally | None = None

    def after(self, told: str | Tally) -> Progress:
        """The same after another word of the executor."""
        return replace(self, step=told) if isinstance(told, str) else replace(self, tally=told)


BEGINNING = Progress()
"""Nothing was told of the run yet."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A lane's committed queue, its runs in flight, and how far each is, by run id."""

    spec: LaneSpec
    queue: Queue
    active: tuple[RunRecord, ...]
    progress: Mapping[str, Progress]
