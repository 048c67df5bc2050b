"""What a stage's hosts are and how a rollout goes over them, in words for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.service.voice.plain import lasting

if TYPE_CHECKING:
    from pushbot.fleet.model import Rollout
    from pushbot.service.spec import HostsSpec


def meant(spec: HostsSpec) -> str:
    """Which hosts: `hosts of fleet with role web and region lon or dub`."""
    wanted = " and ".join(f"{label} {' or '.join(values)}" for label, values in spec.selection.where)
    return f"hosts of {spec.inventory.name}" + (f" with {wanted}" if wanted else "")


def way(rollout: Rollout) -> str:
    """How they are gone over: `1, then 10%, then 100% at a time, region by region, 5s between`."""
    sizes = [str(size) for size in rollout.batches]
    told = f"{', then '.join(sizes)} at a time" if sizes != ["100%"] else "all at the same time"
    order = f", {rollout.order} by {rollout.order}" if rollout.order else ""
    return told + order + (f", {lasting(rollout.pause)} between" if rollout.pause else "")


def limit(rollout: Rollout, total: int | None = None) -> str:
    """When it stops by itself; `total` is the number of hosts, where it is known."""
    most = rollout.max_failures
    if not most.number:
        return "stops at the first host that fails"
    known = f" ({most.of(total)})" if total is not None and most.percent else ""
    return f"stops when more than {most}{known} of the hosts have failed"
