"""`pushbot explain`: what a lane will do, step by step, with the defaults that nobody wrote down."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pushbot.cli.hosts_words import limit, meant, way
from pushbot.cli.lanes import lane_of
from pushbot.config import load
from pushbot.queue.access import who_may
from pushbot.service.spec import OnFail
from pushbot.service.voice.plain import counted, lasting, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pushbot.calendar.source import CalendarSpec
    from pushbot.ports import Probe, Step
    from pushbot.service.spec import AutoSpec, LaneSpec, StageSpec


_WHEN_FAILED = {
    OnFail.BLOCK: "where it fails the run does not begin",
    OnFail.ASK: "where it fails somebody is asked to .confirm",
    OnFail.WARN: "where it fails that is told, no more",
}


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("lane", required=False)
def explain(config: Path, lane: str | None) -> None:
    """Tell what the lanes of CONFIG do, or one LANE of it, in the order in which it happens.

    For who is new to a deploy, and for who wants to see which defaults apply. Nothing is run, and no
    secret is read.

    \b
    Example:
      pushbot explain config/quickstart.toml web

    Exit code: 0, 2 when there is no such lane, or for a configuration with mistakes.
    """  # noqa: D301 - \b is click's mark for lines to keep
    found = load(config)
    for one in found.lanes if lane is None else (lane_of(found, lane),):
        click.echo("\n".join(of_lane(one)))


def of_lane(lane: LaneSpec) -> Iterator[str]:
    """The lines that explain a lane."""
    yield f"{lane.name}: people line up in {', '.join(map(str, lane.rooms))}, up to {lane.max_riders} on a train."
    if not lane.stages:
        yield "  It has no stages: .at STAGE says where a train is, .done that it is finished."
        yield from _beside(lane)
        return
    source = f"the head of {lane.branch} is looked up" if lane.branch else "the run's name is taken as the revision"
    stages = " > ".join(stage.name for stage in lane.stages)
    yield f"  At a train's first .go {source}; it stays the same through {stages}."
    if lane.hours:
        yield f"  Deploys start within the hours of {_hours(lane.hours)}."
    if lane.auto is not None:
        yield f"  By itself {_auto(lane.auto, lane.branch or '')}"
    for stage in lane.stages:
        yield from _of_stage(stage)
    yield from _beside(lane)


def _auto(auto: AutoSpec, branch: str) -> str:
    passed = f" and has passed {listed(auto.builds)}" if auto.builds else "" if auto.poll else " and has passed a build"
    when = f"looked for every {lasting(auto.poll)}" if auto.poll else "when a webhook tells so"
    return f"what is new on {branch}{passed} goes to {auto.stage}, {when}."


def _beside(lane: LaneSpec) -> Iterator[str]:
    for template in lane.templates:
        yield f"  Beside the line: .deploy REF to {template.name.replace('*', 'NAME')}, for anybody who names one."
        yield from _of_stage(template)


def _of_stage(stage: StageSpec) -> Iterator[str]:
    by = f"by the executor {stage.executor_name}, " if stage.executor_name else ""
    most = f"at most {lasting(stage.timeout)}, in {stage.workdir}"
    yield f"  {stage.name}: {by}{most}; one run at a time ({stage.lock})."
    if stage.hours:
        yield f"    and within the hours of {_hours(stage.hours)}"
    if stage.second is not None:
        yield f"    and with a second word, from {who_may(frozenset({stage.second}))} but not the driver"
    for check in stage.checks:
        yield f"    first, check: {check.name} (at most {lasting(check.timeout)}); {_WHEN_FAILED[check.on_fail]}"
    if stage.hosts is not None:
        yield f"    on {meant(stage.hosts)}: {way(stage.rollout)}; {limit(stage.rollout)}"
    yield from _steps("do", stage.steps, stage)
    for probe in stage.health:
        yield f"    then look: {probe.name}: {_look(probe)}"
    yield from _steps("after that", stage.post, stage)
    yield f"    stopped with TERM, and with KILL {lasting(stage.grace)} later"
    yield from _back(stage)


def _hours(calendars: tuple[CalendarSpec, ...]) -> str:
    return listed([f"{each.name} ({each.calendar.zone.key})" for each in calendars])


def _back(stage: StageSpec) -> Iterator[str]:
    if not stage.reverts:
        yield "    no rollback: when it fails, the driver decides"
        return
    since = f" at or after {stage.rollback_from}" if stage.rollback_from else ""
    how = f"by itself when it fails{since}, then the lane is held" if stage.rollback_auto else "by .rollback only"
    if stage.rollback_steps:
        yield f"    rollback {how}:"
        yield from _steps("back", stage.rollback_steps, stage)
    else:
        yield f"    rollback {how}: to the last good release, as the executor does it"


def _steps(word: str, steps: tuple[Step, ...], stage: StageSpec) -> Iterator[str]:
    for step in steps:
        what = (
            shlex.join(step.run)
            if step.run
            else f"a script of {counted(len((step.script or '').splitlines()), 'line')}"
        )
        wait = (" once, here" if step.once else "") + (f" {lasting(step.after)} later" if step.after else "")
        tries = f", {step.retries + 1} tries" if step.retries else ""
        yield f"    {word}{wait}: {step.name}: {what} (at most {lasting(min(step.timeout, stage.timeout))}{tries})"


def _look(probe: Probe) -> str:
    what = shlex.join(probe.run) if probe.run else probe.target
    wanted = f" with {probe.expect!r}" if probe.expect else ""
    watch = f", then watched for {lasting(probe.watch)}" if probe.watch else ""
    return f"{probe.kind} {what}{wanted}, well within {lasting(probe.window)}{watch}"
