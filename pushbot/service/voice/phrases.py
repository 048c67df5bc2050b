"""Pieces of answers: text of others made fit to be shown, times as people say them, sizes of changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.queue.model import RunKind
from pushbot.queue.topic import clean_text
from pushbot.service.voice.plain import HOUR, MINUTE, counted, lasting, listed, short

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pushbot.ports import ChangeSet, CommitInfo, RunRecord
    from pushbot.queue.model import Person

LINE = 390
"""Characters of an answer's line; what is longer is cut."""
PIECE = 120
"""Characters of a text by others (a reason, a commit's subject, a path) within a line."""
NAME = 40
SOON = 45
"""Seconds that are not worth counting when somebody asks how long."""


def clip(text: str, limit: int = LINE) -> str:
    """`text` in at most `limit` characters, `…` showing where it was cut."""
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def shown(text: str, limit: int = PIECE) -> str:
    """A text by others on one line, without control characters or double quotes, cut to `limit` characters."""
    return clip(clean_text(text, limit + 1), limit)


def to(person: Person) -> str:
    """Who a line is for, at its start; never with a dot in front, which would make it a command."""
    return shown(person.name, NAME).lstrip(".") or "you"


def ago(then: datetime | None, now: datetime) -> str:
    """`3m12s ago`; what is in the future, by a clock that was set, is just now."""
    if then is None or then >= now:
        return "just now"
    return f"{lasting((now - then).total_seconds())} ago"


def about(seconds: float) -> str:
    """A guess at a length of time, no finer than a guess can be: `about 15m`, `about 1h20m`."""
    if seconds < SOON:
        return "any moment now"
    minutes = round(seconds / MINUTE) or 1
    if seconds >= HOUR:
        minutes = round(minutes / 5) * 5
    return f"about {minutes}m" if minutes * MINUTE < HOUR else f"about {lasting(minutes * MINUTE)}"


def ended(run: RunRecord) -> datetime:
    """When the run came to its end, or as far as is known."""
    return run.ended_at or run.started_at or run.requested_at


def took(run: RunRecord) -> float | None:
    """How many seconds the run took, if it was ever under way and is over."""
    if run.ended_at is None:
        return None
    return (run.ended_at - (run.started_at or run.requested_at)).total_seconds()


def names(people: Sequence[str], most: int = 5) -> str:
    """Names as people write them, the first `most` of them: `alice, bob and 3 others`."""
    known = [shown(name, NAME) for name in people]
    if len(known) <= most:
        return listed(known)
    return listed([*known[: most - 1], f"{len(known) - most + 1} others"])


def crew(driver: str, riders: Sequence[str]) -> str:
    """The driver and who rode along: `alice with bob and carol`."""
    company = list(riders)
    if driver in company:
        company.remove(driver)
    return f"{shown(driver, NAME)} with {names(company)}" if company else shown(driver, NAME)


def doing(run: RunRecord) -> str:
    """What a run does, as a noun: `deploy of 6957bb87`, `rollback to 1a2b3c4d`."""
    if run.revision is None:
        return run.kind.value
    return f"{run.kind} {'to' if run.kind is RunKind.ROLLBACK else 'of'} {short(run.revision)}"


def trouble(run: RunRecord) -> str:
    """How and where a run did not succeed: `failed at migrate: the disk is full`."""
    step = f" at {shown(run.step, NAME)}" if run.step else ""
    why = f": {shown(run.reason)}" if run.reason else ""
    return f"{run.state}{step}{why}"


def sized(changes: ChangeSet) -> str:
    """How much it is: `3 commits by Alice and Bob, 4 files +30 -2`."""
    if not changes.total:
        return "no commits that were not there before"
    return f"{counted(changes.total, 'commit')} by {names(changes.authors)}, {_lines_of(changes)}"


def size_of(changes: ChangeSet) -> str:
    """The same without people: `3 commits, 4 files +30 -2`."""
    return f"{counted(changes.total, 'commit')}, {_lines_of(changes)}"


def _lines_of(changes: ChangeSet) -> str:
    return f"{counted(changes.files, 'file')} +{changes.insertions} -{changes.deletions}"


def commit_line(commit: CommitInfo, now: datetime) -> str:
    """One commit on a line of its own."""
    subject = shown(commit.subject) or "(no message)"
    return clip(f"{short(commit.id)} {shown(commit.author, NAME)}, {ago(commit.at, now)}: {subject}")


def commit_lines(changes: ChangeSet, now: datetime, most: int = 5) -> tuple[str, ...]:
    """The newest commits, one line each, and how many more there are."""
    lines = tuple(commit_line(commit, now) for commit in changes.commits[:most])
    more = changes.total - len(lines)
    return (*lines, f"and {counted(more, 'older commit')}") if lines and more > 0 else lines
