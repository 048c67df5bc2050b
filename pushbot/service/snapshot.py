"""What is true of a lane at one moment, for those who answer questions about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pushbot.ports import RunRecord
    from pushbot.queue.model import Queue
    from pushbot.service.spec import LaneSpec


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A lane's committed queue, its runs in flight, and what each was doing last ("migrate 3/8", by run id)."""

    spec: LaneSpec
    queue: Queue
    active: tuple[RunRecord, ...]
    progress: Mapping[str, str]
