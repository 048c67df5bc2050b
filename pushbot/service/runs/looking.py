"""Looks at what the hosts of a stage run, for whoever asks: people by `.versions`, and the watch for drift."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from pushbot.errors import PushbotError, fault_reference
from pushbot.fleet.model import HostVersion
from pushbot.ports import Versions
from pushbot.queue.commands import RunState
from pushbot.service.isolation import isolated
from pushbot.service.lane.history import there_now
from pushbot.service.runs.targets import gather
from pushbot.service.spec import Mismatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.fleet.model import Host
    from pushbot.ports import RunRecord, Store
    from pushbot.service.spec import HostsSpec, StageSpec

LOG = structlog.get_logger()
LOOK_WITHIN = 60.0
"""Seconds that a look at all hosts of a stage may take, the list of them included."""
AT_ONCE = 4
"""Looks under way at the same time, over all stages: each may hold hundreds of connections."""


@dataclass(slots=True)
class Looks:
    """Each look is a task of `group`. Who asks while one of the same stage is under way waits for that one."""

    group: asyncio.TaskGroup
    _under_way: dict[tuple[str, str], asyncio.Task[tuple[HostVersion, ...] | str]] = field(default_factory=dict)
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def look(self, lane: str, stage: StageSpec) -> tuple[HostVersion, ...]:
        """What each host of the stage says of its version, in the order of the inventory.

        Raises PushbotError when the hosts cannot be found out or asked, or take longer than `LOOK_WITHIN`.
        """
        key = lane, stage.name
        task = self._under_way.get(key)
        if task is None:
            task = self.group.create_task(self._guarded(stage), name=f"versions of {lane}/{stage.name}")
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key))
        told = await asyncio.shield(task)
        if isinstance(told, str):
            raise PushbotError(told)
        return told

    async def _guarded(self, stage: StageSpec) -> tuple[HostVersion, ...] | str:
        """A look, or why there was none: all who wait for it shall hear that, and nobody else shall suffer from it."""
        try:
            async with self._gate, asyncio.timeout(LOOK_WITHIN):
                return await _look(stage)
        except PushbotError as error:
            return str(error)
        except TimeoutError:
            return f"the hosts of {stage.name} did not all tell their versions within {LOOK_WITHIN:g}s"
        except Exception:
            reference = fault_reference()
            LOG.exception("look_broke", stage=stage.name, reference=reference)
            return f"something broke while I looked at {stage.name}, see {reference} in my log"


async def _look(stage: StageSpec) -> tuple[HostVersion, ...]:
    spec, executor = stage.versions, stage.executor
    if spec is None or stage.hosts is None or not isinstance(executor, Versions):
        raise PushbotError("it has no hosts that could be asked for their versions")
    targets = await gather(_as_listed(stage.hosts))
    return complete(targets.hosts, await isolated(executor.versions(targets.hosts, spec.probe), "versions"))


def _as_listed(spec: HostsSpec) -> HostsSpec:
    """Lists that do not agree keep nobody from looking; so they are not compared."""
    return replace(spec, inventory=replace(spec.inventory, compare=(), mismatch=Mismatch.WARN))


def complete(hosts: Sequence[Host], told: Sequence[HostVersion]) -> tuple[HostVersion, ...]:
    """One word for each host, in order: an executor may have left some out, and an empty version is none."""
    words = {one.host: one for one in told}
    found = (words.get(host.name) or HostVersion(host.name, None, "it was not asked") for host in hosts)
    return tuple(one if one.version else replace(one, version=None, trouble=one.trouble or "empty") for one in found)


async def brought(store: Store, lane: str, stage: str) -> RunRecord | None:
    """The run that brought what should be on the stage now, however long ago that was."""
    return there_now(await store.runs(lane, stage=stage, state=RunState.SUCCEEDED, limit=1))
