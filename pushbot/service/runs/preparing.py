"""What a run goes with, found out before it begins: its revision, what it follows on, and its hosts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from pushbot.errors import PushbotError, fault_reference
from pushbot.queue.model import RunKind
from pushbot.service.isolation import isolated
from pushbot.service.lane.history import HISTORY, previous, rollback_target, unfinished
from pushbot.service.runs.targets import Targets, gather
from pushbot.service.spec import Mismatch
from pushbot.service.voice.phrases import size_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pushbot.ports import RunRecord, Store
    from pushbot.service.spec import HostsSpec, LaneSpec, StageSpec

LOG = structlog.get_logger()
RESOLVE_WITHIN = 120.0
"""Seconds that finding a revision may take."""
SIZED_WITHIN = 10.0
"""Seconds that counting the size of a change may take, which nothing depends on."""
NEWEST = 5
"""Runs of a stage among which the last that was begun is found: later ones came to nothing before that."""
NOWHERE = Targets(())


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run with all that it goes with; `targets` are none for a stage without hosts.

    `refused` is why its checks do not let it begin.
    """

    record: RunRecord
    targets: Targets = NOWHERE
    refused: str | None = None


async def prepared(record: RunRecord, stage: StageSpec, lanes: Mapping[str, LaneSpec], store: Store) -> Prepared:
    """`record` with what is found once and then kept. Raises PushbotError when it cannot be had.

    A run goes on with an earlier one only if that was the last to touch the stage and its hosts, and with the same
    revision; otherwise it does all.
    """
    lane = lanes[record.lane]
    past = [one for one in await store.runs(record.lane, stage=stage.name, limit=HISTORY) if one.state.final]
    revision = await _revision(record, lane, past)
    targets = await gather(_spec(stage.hosts, record.kind)) if stage.hosts is not None else NOWHERE
    left = unfinished(past) if record.continues is not None and targets.hosts else None
    if left is not None and (left.revision != revision or await _touched(targets, left, stage, lanes.values(), store)):
        left = None
    before = previous(past)
    return Prepared(
        replace(
            record,
            revision=revision,
            previous=before,
            size=await _size(record, lane, before, revision),
            continues=left.id if left is not None else None,
            hosts=len(targets.hosts),
        ),
        targets,
    )


async def _size(record: RunRecord, lane: LaneSpec, old: str | None, new: str) -> str | None:
    """How large the change is, in words; None when there was nothing before, or nobody can tell now."""
    if record.kind is RunKind.ROLLBACK or lane.repository is None or old is None:
        return None
    try:
        change = await isolated(lane.repository.changes(old, new, limit=0), "size of the change", SIZED_WITHIN)
    except (PushbotError, TimeoutError) as error:
        LOG.info("size_unknown", run=record.id, error=str(error))
        return None
    except Exception:
        LOG.exception("size_unknown", run=record.id, reference=fault_reference())
        return None
    return size_of(change) if change.total else None


async def _touched(
    targets: Targets, left: RunRecord, stage: StageSpec, lanes: Iterable[LaneSpec], store: Store
) -> bool:
    """Whether a run of another stage, of any lane, has had some of these hosts since, under the claim of this one."""
    for lane in lanes:
        for other in lane.widened((left.stage,)).stages:
            own = lane.name == left.lane and other.name == left.stage
            if own or other.lock != stage.lock or not _shared(targets, stage.hosts, other.hosts):
                continue
            runs = await store.runs(lane.name, stage=other.name, limit=NEWEST)
            if any(run.started_at and left.started_at and run.started_at > left.started_at for run in runs):
                return True
    return False


def _shared(targets: Targets, ours: HostsSpec | None, theirs: HostsSpec | None) -> bool:
    """Whether another stage may have some of these hosts: of other lists than ours nobody can tell."""
    if ours is None or theirs is None or ours.inventory.name != theirs.inventory.name:
        return True
    return any(theirs.selection.has(host) for host in targets.hosts)


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
        return await isolated(lane.repository.resolve(record.ref), f"resolve {record.ref}", RESOLVE_WITHIN)
    except TimeoutError:
        raise PushbotError(f"the repository did not say within {RESOLVE_WITHIN:.0f} s what {record.ref} is") from None
