"""What is said of the checks before a stage: what they did not let begin, what they ask, what they only told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.service.voice.phrases import clip
from pushbot.service.voice.plain import Said, going, listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pushbot.ports import RunRecord
    from pushbot.queue.model import Train

REASONS = 220
"""Characters of what checks said that `.status` has room for."""


def asking(questions: Iterable[str]) -> str:
    """The checks that ask, by name; a question is the check and the revision that it looked at."""
    return listed([question.rpartition("@")[0] or question for question in questions])


def turned_away(run: RunRecord, branch: str | None, train: Train) -> tuple[Said, ...]:
    """Its checks did not let a run begin: why, and what can be done. Nothing is down, so it is no news."""
    what = going(run.lane, branch, run.revision)
    text = f"{what} was not let on {run.stage}, where nothing changed: {run.reason}"
    ways = Said(f"{train.driver.name}: {ways_in(run)}")
    why = Said(text, loud=True)
    return (why,) if train.aside or train.driver.bot else (why, ways)


def kept_out(run: RunRecord, confirmed: tuple[str, ...]) -> str:
    """What `.status` says of the head that was not let on its stage."""
    return f"not let on {run.stage} ({run.id}): {clip(run.reason or '', REASONS)}; {ways_in(run, confirmed)}"


def ways_in(run: RunRecord, confirmed: tuple[str, ...] = ()) -> str:
    """What can be done about a run that was not let in; what was `confirmed` meanwhile is asked no more."""
    asks = [question for question in run.asks if question not in confirmed]
    first = f".confirm says yes to {asking(asks)}, then .go" if asks else ".go tries again"
    return f'{first}, .override "why" passes checks over, .abort gives up'


def noted(run: RunRecord | None) -> tuple[Said, ...]:
    """What checks had to say of a run that goes on all the same."""
    return (Said(f"{run.stage}: {'; '.join(run.notes)}"),) if run is not None and run.notes else ()


def sized(run: RunRecord | None) -> str:
    """How large the change is, behind who brings it."""
    return f": {run.size}" if run is not None and run.size else ""
