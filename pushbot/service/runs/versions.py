"""The answer to `.versions`: what the hosts of a lane's stages run, beside what should be there."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from pushbot.errors import PushbotError
from pushbot.fleet.grouping import grouped
from pushbot.service.runs.looking import brought
from pushbot.service.runs.targets import beside
from pushbot.service.voice import versions as voice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pushbot.fleet.model import HostVersion
    from pushbot.ports import Clock, Store
    from pushbot.service.runs.looking import Looks
    from pushbot.service.snapshot import Snapshot
    from pushbot.service.spec import LaneSpec, StageSpec


async def versions(
    lane: LaneSpec,
    wanted: str | None,
    snapshots: Callable[[], Sequence[Snapshot]],
    *,
    looks: Looks,
    store: Store,
    clock: Clock,
) -> tuple[str, ...]:
    """What the hosts of one stage run, or of all stages at the same time; trouble with one is told of that one.

    Raises PushbotError when the record cannot be read.
    """
    stages = [stage for stage in lane.widened((wanted,)).stages if wanted in {None, stage.name}]
    if wanted is not None and not stages:
        return (voice.no_stage(lane.name, wanted, [stage.name for stage in lane.stages]),)
    stages = [stage for stage in stages if stage.versions is not None]
    if not stages:
        return (voice.no_versions(wanted or lane.name),)

    async def told(stage: StageSpec) -> tuple[HostVersion, ...] | PushbotError:
        try:
            return await looks.look(lane.name, stage)
        except PushbotError as error:
            return error

    async with asyncio.TaskGroup() as tasks:
        found = [tasks.create_task(told(stage)) for stage in stages]
    lines: list[str] = []
    for stage, task in zip(stages, found, strict=True):
        seen = task.result()
        if isinstance(seen, PushbotError):
            lines.append(voice.unseen(stage.name, str(seen)))
            continue
        there = await brought(store, lane.name, stage.name)
        active = next((run for each in snapshots() for run in each.active if run.lock == stage.lock), None)
        groups = await beside(len(seen), partial(grouped, seen, there.revision if there is not None else None))
        lines += voice.versions(voice.StageVersions(stage.name, groups, there, active), clock.now())
    return tuple(lines)
