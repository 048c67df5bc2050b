"""Are health checks given the time that a service takes to start? Held against how long it took on record."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pushbot.errors import PushbotError
from pushbot.queue.commands import RunState
from pushbot.service.runs.downtime import HEALTH
from pushbot.service.voice.plain import counted
from pushbot.store.reading import looked_into
from pushbot.store.rows import RUN
from pushbot.store.trouble import explained

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.config import Config
    from pushbot.ports import Probe, RunRecord

RUNS = 200
"""Runs of a stage that are looked at, the newest."""
ENOUGH = 10
"""Fewer times than these say nothing."""
SHARE = 0.95
ROOM = 0.8
"""The part of its window that a health check may take by rights: the rest is for worse days."""


def too_short(config: Config) -> list[str]:
    """A line for each health check whose window is short for what its service took; none without a record.

    Raises PushbotError when there is a record that cannot be read.
    """
    path = config.bot.store
    if not path.is_file():
        return []
    lines: list[str] = []
    try:
        with closing(looked_into(path)) as connection:
            for lane in config.lanes:
                for stage in lane.stages:
                    runs = _runs(connection, lane.name, stage.name) if stage.health else []
                    found = (_judged(probe, runs) for probe in stage.health)
                    lines += [f"{lane.name}: stage {stage.name}: {line}" for line in found if line is not None]
    except sqlite3.Error as error:
        raise explained(path, error) from error
    except ValidationError as error:
        raise PushbotError(f"{path}: the record holds what this pushbot cannot read ({error})") from error
    return lines


def _runs(connection: sqlite3.Connection, lane: str, stage: str) -> list[RunRecord]:
    rows = connection.execute(
        "SELECT record FROM runs WHERE lane = ? AND stage = ? ORDER BY seq DESC LIMIT ?", (lane, stage, RUNS)
    )
    return [RUN.read(record) for (record,) in rows]


def _judged(probe: Probe, runs: Sequence[RunRecord]) -> str | None:
    """What there is to say of one health check; the time that it watches afterwards is not waiting."""
    place = f"{HEALTH}{probe.name}"
    good = [run for run in runs if run.state is RunState.SUCCEEDED]
    times = sorted(max(0.0, dict(run.took)[place] - probe.watch) for run in good if place in dict(run.took))
    if len(times) < ENOUGH:
        return None
    usual = times[math.ceil(SHARE * len(times)) - 1]
    if usual <= ROOM * probe.window:
        return None
    failed = sum(run.state is RunState.FAILED and run.step == place for run in runs)
    missed = f", and {counted(failed, 'run')} failed there" if failed else ""
    return (
        f"health check '{probe.name}' takes up to {usual:.3g} s in {SHARE:.0%} of the last {len(times)} good runs"
        f"{missed}:"
        f" its window of {probe.window:g} s is short; {math.ceil(2 * usual)} s would have room"
    )
