"""What follows when a lane has committed something: who has to hear of it, and a call whose failure undoes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec, Protocol

import structlog

from pushbot.errors import fault_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pushbot.ports import PushRecord, RunRecord
    from pushbot.queue.model import Queue
    from pushbot.service.snapshot import Progress, Snapshot

P = ParamSpec("P")

LOG = structlog.get_logger()


class Runs(Protocol):
    """What follows a commit for runs."""

    @property
    def progress(self) -> Mapping[str, Progress]:
        """How far each run in flight is."""
        ...

    def begin(self, record: RunRecord) -> None:
        """Take up a run that was asked for."""
        ...

    def abort(self, run: str) -> None:
        """Stop a run in flight."""
        ...


@dataclass(frozen=True, slots=True)
class Committed:
    """A lane as a commit left it, and the queue `before`; `pushes` and `runs` are those that it wrote.

    `underway` are all pushes under way, by the number of their train.
    """

    now: Snapshot
    before: Queue
    pushes: tuple[PushRecord, ...]
    runs: tuple[RunRecord, ...]
    underway: Mapping[int, PushRecord]


class Watcher(Protocol):
    """Who shows more of lanes than lines: told of each commit before its lines are said."""

    def committed(self, what: Committed) -> None:
        """A lane has committed something. Must not wait for anything."""
        ...


def without_fail(act: Callable[P, None], *given: P.args, **named: P.kwargs) -> None:
    """Do what follows from the record. A bug in it, a plugin's perhaps, undoes nothing that was committed."""
    try:
        act(*given, **named)
    except Exception:
        LOG.exception("follow_up_failed", reference=fault_reference())
