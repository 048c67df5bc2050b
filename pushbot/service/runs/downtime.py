"""How much of the day a stage was down for its deploys, and whether there is room for another.

Nobody sees from here whether a service answers. What is counted is how long those steps took during which it is down by
the word of the configuration: a bound from above, measured run by run. The day is the last 24 hours.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pushbot.service.voice.phrases import about
from pushbot.service.voice.plain import lasting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pushbot.ports import RunRecord
    from pushbot.service.spec import DowntimeSpec

DAY = timedelta(days=1)
HEALTH = "health: "
"""How the name of a health check begins where steps are told."""


def seconds_down(run: RunRecord, spec: DowntimeSpec) -> float:
    """How long the run had its stage down; all of its time where it was not followed step by step."""
    if run.took or run.started_at is None or run.ended_at is None:
        return sum(seconds for step, seconds in run.took if step.removeprefix(HEALTH) in spec.steps)
    return (run.ended_at - run.started_at).total_seconds()


def spent(runs: Sequence[RunRecord], spec: DowntimeSpec, now: datetime) -> str | None:
    """Why there is no room for another deploy, and when there is again; None when there is now."""
    today = [run for run in runs if run.ended_at is not None and run.ended_at > now - DAY]
    down = total = sum(seconds_down(run, spec) for run in today)
    if total < spec.budget:
        return None
    for run in reversed(today):  # the oldest first
        down -= seconds_down(run, spec)
        if down < spec.budget and run.ended_at is not None:
            again = about((run.ended_at + DAY - now).total_seconds())
            return f"{lasting(total)} of {lasting(spec.budget)} a day are spent, there is room again in {again}"
    return f"{lasting(total)} of {lasting(spec.budget)} a day are spent"
