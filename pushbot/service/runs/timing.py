"""How long the steps of runs take, as far as the bot sees them begin."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from pushbot.fleet.model import Tally

_COUNT = re.compile(r" \d+/\d+\Z")
MOST = 100
"""Steps of a run that are kept."""


@dataclass(slots=True)
class Timings:
    """The runs that are followed from their beginning; one that was taken up after a restart is not among them."""

    _began: dict[str, list[tuple[str, datetime]]] = field(default_factory=dict)

    def follow(self, run: str) -> None:
        """The run is about to begin."""
        self._began[run] = []

    def told(self, run: str, told: str | Tally, at: datetime) -> None:
        """It is at another step: `migrate 3/8`."""
        began = self._began.get(run)
        if began is not None and isinstance(told, str) and len(began) < MOST:
            began.append((_COUNT.sub("", told), at))

    def over(self, run: str, at: datetime) -> tuple[tuple[str, float], ...]:
        """The run has ended: each step, and how many seconds it took; what began more than once is put together."""
        began = self._began.pop(run, [])
        took: dict[str, float] = {}
        for place, (step, since) in enumerate(began, 1):
            until = began[place][1] if place < len(began) else at
            took[step] = took.get(step, 0.0) + max(0.0, (until - since).total_seconds())
        return tuple((step, round(seconds, 3)) for step, seconds in took.items())
