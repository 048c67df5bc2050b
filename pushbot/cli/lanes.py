"""Lanes and stages as people name them on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pushbot.config import Config
    from pushbot.service.spec import LaneSpec, StageSpec


def lane_of(config: Config, name: str) -> LaneSpec:
    """The lane of that name; who names another one is told which there are."""
    found = next((lane for lane in config.lanes if lane.name == name), None)
    if found is None:
        there = ", ".join(lane.name for lane in config.lanes) or "none"
        raise click.UsageError(f"{config.file} has no lane '{name}'; it has {there}")
    return found


def stage_of(lane: LaneSpec, name: str) -> StageSpec:
    """The stage of that name, also one that a template makes; who names another one is told which there are."""
    found = lane.stage(name)
    if found is None:
        there = ", ".join(stage.name for stage in (*lane.stages, *lane.templates)) or "none"
        raise click.UsageError(f"the lane {lane.name} has no stage '{name}'; it has {there}")
    return found
