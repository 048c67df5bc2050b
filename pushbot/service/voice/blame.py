"""Answers to `.blame` and `.changes`: what shipped, when and with whom, and what is about to; never who is at fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushbot.queue.model import RunKind
from pushbot.service.voice.phrases import (
    NAME,
    ago,
    clip,
    commit_line,
    commit_lines,
    crew,
    doing,
    ended,
    names,
    shown,
    sized,
    trouble,
)
from pushbot.service.voice.plain import counted, short

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pushbot.ports import ChangeSet, PushRecord, RunRecord


@dataclass(frozen=True, slots=True)
class Scene:
    """A stage of a lane: the run that brought what is there, and a later one that did not succeed."""

    lane: str
    stage: str
    now: datetime
    there: RunRecord | None = None
    failed: RunRecord | None = None


@dataclass(frozen=True, slots=True)
class Shipped:
    """A deploy that succeeded, and what came with it; `problem` is why that is not known."""

    run: RunRecord
    changes: ChangeSet | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """Which pushes touched `path`: the hits newest first, how many were looked at, and why not all of them.

    `stages` are the lane's, when the word might have been meant as one.
    """

    path: str
    hits: tuple[Shipped, ...]
    searched: int
    problem: str | None = None
    stages: tuple[str, ...] = ()


def last_push(scene: Scene, last: Shipped | None) -> tuple[str, ...]:
    """The last push to the stage: who, when, what."""
    if last is None:
        return (*_before(scene), f"{scene.lane}: nothing was pushed to {scene.stage} yet")
    what = f" {short(last.run.revision)}" if last.run.revision else ""
    whom = crew(last.run.driver, last.run.riders)
    head = f"{scene.lane} on {scene.stage}:{what} shipped {ago(ended(last.run), scene.now)} by {whom}"
    head += f" ({_numbered(last.run)})"
    if last.changes is None:
        why = f"what came with it I cannot tell: {shown(last.problem, 250)}" if last.problem else ""
        return (*_before(scene), clip(head), *([why] if why else []))
    return (*_before(scene), clip(f"{head}: {sized(last.changes)}"), *commit_lines(last.changes, scene.now))


def _numbered(run: RunRecord) -> str:
    before = f", {short(run.previous)} was there before" if run.previous else ""
    return f"push {run.train}, {run.id}{before}"


def _before(scene: Scene) -> tuple[str, ...]:
    """What has to be known first: that the stage was rolled back, or that a deploy of it went wrong."""
    lines: list[str] = []
    where = f"{scene.lane} on {scene.stage}"
    if scene.failed is not None:
        what = f"{scene.failed.id}, {doing(scene.failed)} by {shown(scene.failed.driver, NAME)}"
        lines.append(clip(f"{where}: {what}, {ago(ended(scene.failed), scene.now)}, {trouble(scene.failed)}"))
    if scene.there is not None and scene.there.kind is RunKind.ROLLBACK:
        to = f" to {short(scene.there.revision)}" if scene.there.revision else ""
        who = shown(scene.there.driver, NAME)
        when = ago(ended(scene.there), scene.now)
        lines.append(f"{where} was rolled back{to} {when} by {who}; what shipped before that:")
    return tuple(lines)


def touched(scene: Scene, search: Search) -> tuple[str, ...]:
    """The pushes that touched a path, one line each."""
    path = shown(search.path)
    where = f"pushes to {scene.stage}"
    problem = (
        (f"{scene.lane}: there are pushes I could not look into: {shown(search.problem, 250)}",)
        if search.problem
        else ()
    )
    if not search.searched and problem:
        return (*_before(scene), *problem)
    if not search.hits:
        stages = f" ({path} is no stage; those are {', '.join(search.stages)})" if search.stages else ""
        text = f"{scene.lane}: none of the last {search.searched} {where} touched {path}{stages}"
        return (*_before(scene), clip(text), *problem)
    head = clip(f"{scene.lane}: the last {where} that touched {path}, newest first:")
    return (*_before(scene), head, *(_hit(hit, scene.now) for hit in search.hits), *problem)


def _hit(hit: Shipped, now: datetime) -> str:
    """`push 12 by alice with bob, 2h10m ago: 6957bb87 Alice, 3h ago: Fix the door (and 2 more commits there)`."""
    text = f"push {hit.run.train} by {crew(hit.run.driver, hit.run.riders)}, {ago(ended(hit.run), now)}"
    if hit.changes is None or not hit.changes.commits:
        return clip(text)
    more = hit.changes.total - 1
    rest = f" (and {counted(more, 'more commit')} there)" if more > 0 else ""
    return clip(f"{text}: {commit_line(hit.changes.commits[0], now)}{rest}")


def by_record(lane: str, push: PushRecord | None, now: datetime) -> tuple[str, ...]:
    """The last push of a lane that has no stages, from the record alone."""
    if push is None:
        return (f"{lane}: nothing was pushed yet",)
    when = ago(push.ended_at or push.began_at, now)
    reached = f" to {', '.join(push.stages)}" if push.stages else ""
    whom = crew(push.driver, push.riders)
    return (clip(f"{lane}: push {push.number}{reached}, {push.state} {when}, by {whom}"),)


def no_such_stage(lane: str, word: str, stages: Sequence[str]) -> tuple[str, ...]:
    """Two words were given and the first is no stage."""
    has = f"it has {', '.join(stages)}" if stages else "it has none"
    return (clip(f"{lane} has no stage called {shown(word)}; {has}. Try .blame [STAGE] [PATH]"),)


def no_repository(lane: str, word: str | None, stages: Sequence[str]) -> tuple[str, ...]:
    """A path was asked for, or changes, where there is no repository to look into."""
    about = f", so I cannot look for {shown(word)}" if word else ""
    has = f"; its stages are {', '.join(stages)}" if word and stages else ""
    return (clip(f"{lane} has no repository in the configuration{about}{has}"),)


def changes(
    lane: str, people: Sequence[str], ref: str, *, old: str | None, new: str, what: ChangeSet, now: datetime
) -> tuple[str, ...]:
    """The commits about to ship: how many, by whom, how big, and the newest."""
    who = f"{names(people)} {'ships' if len(people) == 1 else 'ship'}" if people else "nobody is aboard; ready to ship:"
    onto = f" onto {short(old)}" if old else ", the first push"
    what_ships = f"{shown(ref, NAME)} ({short(new)})" if ref else short(new)
    head = f"{lane}: {who} {what_ships}{onto}: {sized(what)}"
    return (clip(head), *commit_lines(what, now))


def no_branch(lane: str) -> tuple[str, ...]:
    """Neither the configuration nor the first train says what would ship."""
    return (f"{lane} has no branch in the configuration, and the first train has not said what it ships",)
