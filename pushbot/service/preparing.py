"""What a run goes with, found out before it begins: its revision, what it follows on, and its hosts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pushbot.errors import PushbotError
from pushbot.queue.model import RunKind
from pushbot.service.history import HISTORY, previous, rollback_target, unfinished
from pushbot.service.spec import Mismatch
from pushbot.service.targets import Targets, gather

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.ports import RunRecord, Store
    from pushbot.service.spec import HostsSpec, LaneSpec, StageSpec

RESOLVE_WITHIN = 120.0
"""Seconds that finding a revision may take."""
NOWHERE = Targets(())


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run with all that it goes with; `targets` are none for a stage without hosts."""

    record: RunRecord
    targets: Targets = NOWHERE


async def prepared(record: RunRecord, lane: LaneSpec, stage: StageSpec, store: Store) -> Prepared:
    """`record` with what is found once and then kept. Raises PushbotError when it cannot be had.

    A run goes on with an earlier one only if that was the last to touch the stage, and with the same revision;
    otherwise it does all.
    """
    past = [one for one in await store.runs(record.lane, stage=stage.name, limit=HISTORY) if one.state.final]
    revision = await _revision(record, lane, past)
    targets = await gather(_spec(stage.hosts, record.kind)) if stage.hosts is not None else NOWHERE
    left = unfinished(past) if record.continues is not None and targets.hosts else None
    return Prepared(
        replace(
            record,
            revision=revision,
            previous=previous(past),
            continues=left.id if left is not None and left.revision == revision else None,
            hosts=len(targets.hosts),
        ),
        targets,
    )


def _spec(hosts: HostsSpec, kind: RunKind) -> HostsSpec:
    """Lists that do not agree keep nobody from going back."""
    if kind is RunKind.DEPLOY:
        return hosts
    return replace(hosts, inventory=replace(hosts.inventory, mismatch=Mismatch.WARN))


async def _revision(record: RunRecord, lane: LaneSpec, past: Sequence[RunRecord]) -> str:
    if record.kind is RunKind.ROLLBACK:
        target = rollback_target(past)
        if target is None:
            raise PushbotError(f"{record.stage} has no good release before this one to go back to")
        return target
    if record.revision is not None:
        return record.revision
    if lane.repository is None or record.ref is None:
        return record.ref or record.id
    try:
        async with asyncio.timeout(RESOLVE_WITHIN):
            return await lane.repository.resolve(record.ref)
    except TimeoutError:
        raise PushbotError(f"the repository did not say within {RESOLVE_WITHIN:.0f} s what {record.ref} is") from None
