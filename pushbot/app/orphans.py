"""What becomes of runs whose lane is no longer in the configuration."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from pushbot.ports import Work
from pushbot.queue.commands import RunState
from pushbot.service.audience import TALK
from pushbot.service.voice.news import stray

if TYPE_CHECKING:
    from pushbot.app.lasting import Lasting
    from pushbot.app.plan import Plan

LOG = structlog.get_logger()


async def close_orphans(plan: Plan, lasting: Lasting) -> None:
    """Runs of lanes that are no longer configured are lost: nobody follows them, and their stages must be free.

    Raises PushbotError when the record cannot be read or written.
    """
    lanes = {lane.name for lane in plan.lanes}
    for run in await lasting.store.unfinished():
        if run.lane not in lanes:
            reason = f"lane {run.lane} is no longer in the configuration"
            ended = replace(run, state=RunState.LOST, ended_at=lasting.clock.now(), reason=reason, starting=False)
            lines = [lasting.speaker.line(room.chat, room.name, TALK, stray(ended)) for room in plan.announce.rooms]
            await lasting.store.commit(Work(run.lane, runs=(ended,), lines=tuple(lines), careful=True))
            lasting.speaker.hand(lines)
            LOG.warning("stray_run_closed", run=run.id, stage=run.stage)
