"""Answers to `.log`, `.history` and `.help`: facts in, lines out."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from pushbot.ports import PushState
from pushbot.queue.grammar import USAGE, canonical, verbs
from pushbot.service.voice.phrases import NAME, ago, clip, crew, doing, shown, took, trouble
from pushbot.service.voice.plain import lasting, short

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pushbot.ports import PushRecord, RunRecord


def log(run: RunRecord, place: str, tail: Sequence[str] | None, now: datetime) -> tuple[str, ...]:
    """How a run went, where its output is, and its last lines; `tail` is None when there is no output."""
    what = f"{run.id}, {doing(run)} on {run.stage} by {shown(run.driver, NAME)}"
    seconds = took(run)
    if not run.state.final:
        since = run.started_at or run.requested_at
        how = f"{run.state} for {lasting((now - since).total_seconds())}"
    else:
        how = f"{trouble(run)}, {ago(run.ended_at, now)}"
        how += f" after {lasting(seconds)}" if seconds is not None else ""
    where = f"{run.id}: the output is in {place}" if tail is not None else f"{run.id}: there is no output in {place}"
    return (clip(f"{what}: {how}"), clip(where), *(clip(f"  | {line}") for line in tail or ()))


def no_run(lane: str, wanted: str | None) -> tuple[str, ...]:
    """There is no such run."""
    if wanted is None:
        return (f"{lane}: nothing has been run yet",)
    return (clip(f"I know of no run called {shown(wanted)}; they are called {lane}-1, {lane}-2 and so on"),)


def history(lane: str, pushes: Sequence[PushRecord], now: datetime) -> tuple[str, ...]:
    """What went out, newest first, one line a push."""
    return tuple(clip(f"{lane}: {_push(push, now)}") for push in pushes) or (f"{lane}: nothing was pushed yet",)


def _push(push: PushRecord, now: datetime) -> str:
    what = f"push {push.number}"
    what += f" ({short(push.revision)})" if push.revision else ""
    reached = " > ".join(push.stages) or "no stage reached"
    text = f"{what} by {crew(push.driver, push.riders)}, {reached}"
    if push.state is PushState.UNDERWAY or push.ended_at is None:
        return f"{text}, under way for {lasting((now - push.began_at).total_seconds())}"
    lasts = lasting((push.ended_at - push.began_at).total_seconds())
    return f"{text}, {push.state} {ago(push.ended_at, now)} after {lasts}"


def commands() -> tuple[str, ...]:
    """Every command by name, and how to learn more."""
    known = " ".join(f".{verb}" for verb in verbs())
    return (f"I know {known}", "Ask .help COMMAND for one of them; ; separates several in one message")


def usage(topic: str) -> tuple[str, ...]:
    """How one command is written and what it does; for an unknown word, the nearest command."""
    verb = canonical(topic)
    if verb is not None:
        line, sentence = USAGE[verb]
        return (clip(f"Write {line}"), clip(sentence))
    near = get_close_matches(topic.removeprefix(".").lower(), verbs(), n=1, cutoff=0.0)
    hint = f"; the nearest is .{near[0]}: {USAGE[near[0]].about}" if near else ""
    return (clip(f"There is no command .{shown(topic.removeprefix('.'), NAME)}{hint}"),)


def unknown_lane(name: str, lanes: Sequence[str]) -> tuple[str, ...]:
    """There is no lane of that name."""
    near = get_close_matches(name, lanes, n=1)
    hint = f" (the nearest is {near[0]})" if near else ""
    return (clip(f"There is no lane called {shown(name, NAME)}{hint}; the lanes are {', '.join(lanes)}"),)
