"""What the record of runs and pushes says of the past: what is on a stage, what was there, how long a push takes.

Pure functions over records as `Store.runs` and `Store.pushes` give them: newest first.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from pushbot.ports import PushState
from pushbot.queue.commands import RunState
from pushbot.queue.model import RunKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.ports import PushRecord, RunRecord

STEP = "checks"
"""The step at which a run ends that its checks do not let begin."""
HISTORY = 200
"""Runs of a stage that are looked at to find its last good revision."""
ENOUGH_PUSHES = 3
"""Fewer finished pushes than this say nothing of how long the next one takes."""


def good_revisions(runs: Sequence[RunRecord]) -> tuple[str, ...]:
    """The revisions known good on one stage, oldest first, the one that is there now last.

    `runs` are those of that stage, newest first. A deploy that succeeded puts its revision on top. A
    rollback that succeeded takes off from the top until its revision is on top, so that what was rolled
    back is no longer good; a revision that is not among them (its deploy is too long ago) is put on top.
    Runs without a revision say nothing.
    """
    stack: list[str] = []
    for run in reversed(runs):
        if run.state is not RunState.SUCCEEDED or run.revision is None:
            continue
        if run.kind is RunKind.ROLLBACK and run.revision in stack:
            while stack[-1] != run.revision:
                stack.pop()
        elif not stack or stack[-1] != run.revision:
            stack.append(run.revision)
    return tuple(stack)


def previous(runs: Sequence[RunRecord]) -> str | None:
    """The revision that the next run of the stage finds there: the last that is known good; None when there is none."""
    good = good_revisions(runs)
    return good[-1] if good else None


def rollback_target(runs: Sequence[RunRecord]) -> str | None:
    """The revision that a rollback of the stage should bring back now, or None when there is none.

    After a deploy that failed, was cancelled or lost, that is the last good one; else the good one before it.
    """
    good = good_revisions(runs)
    steps_back = 1 if _unfinished_business(runs) else 2
    return good[-steps_back] if len(good) >= steps_back else None


def not_let_in(run: RunRecord) -> bool:
    """Whether the run's checks did not let it begin; it has touched nothing."""
    return run.state is RunState.FAILED and run.step == STEP and run.started_at is None


def asking(runs: Sequence[RunRecord], train: int) -> tuple[str, ...]:
    """What the checks of a stage asked of that train when it came to the stage last, and was not let in."""
    last = next((run for run in runs if run.state.final), None)
    return last.asks if last is not None and last.train == train and not_let_in(last) else ()


def unfinished(runs: Sequence[RunRecord]) -> RunRecord | None:
    """The deploy that was the last to touch the stage, if it did not succeed, or not on all hosts.

    What it left undone can be gone on with. A run that was never begun touched nothing.
    """
    last = next((run for run in runs if run.state.final and run.started_at is not None), None)
    if last is None or last.kind is not RunKind.DEPLOY:
        return None
    whole = last.state is RunState.SUCCEEDED and not (last.hosts and last.reason)
    return None if whole else last


def _unfinished_business(runs: Sequence[RunRecord]) -> bool:
    """Whether a deploy that did not succeed is newer than the last run that did."""
    for run in runs:
        if run.state is RunState.SUCCEEDED:
            return False
        if run.kind is RunKind.DEPLOY and run.state.final and not not_let_in(run):
            return True
    return False


def there_now(runs: Sequence[RunRecord]) -> RunRecord | None:
    """The run that brought the stage to what is there now: the last that succeeded, deploy or rollback."""
    return next((run for run in runs if run.state is RunState.SUCCEEDED), None)


def push_seconds(pushes: Sequence[PushRecord]) -> float | None:
    """How long a push takes: the median of the finished ones in seconds, or None when they are too few to say.

    Those of the command line say nothing of that.
    """
    took = [
        (push.ended_at - push.began_at).total_seconds()
        for push in pushes
        if push.state is PushState.DONE and push.ended_at is not None and not push.aside
    ]
    return median(took) if len(took) >= ENOUGH_PUSHES else None
