"""How a rollout goes over its hosts, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.fleet.batches import batches, summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.fleet.model import Host, Rollout

LABEL = "region"
"""The label by which hosts are counted where the rollout goes by none."""
MOST_TOLD = 6


def counted_hosts(hosts: Sequence[Host], rollout: Rollout, continues: str | None = None) -> str:
    """How many hosts, and how they are gone over: `120 hosts (60 lon, 60 dub), 1 first, then 12, then 107`.

    `continues` is an earlier run whose work is not done again; how much that was only the executor knows.
    """
    total = summary(hosts, rollout.order or LABEL)
    if continues is not None:
        return f"{total}, but for those that {continues} has done"
    sizes = [len(batch) for batch in batches(hosts, rollout)]
    return f"{total}, {in_turn(sizes)}" if len(hosts) > 1 else total


def in_turn(sizes: Sequence[int]) -> str:
    """Batches by their sizes: `all at once`, `10 at a time`, `1 first, then 12 at a time`."""
    if len(sizes) <= 1:
        return "all at once"
    even = next(at for at, size in enumerate(sizes) if size == max(sizes[at:]))
    told = [str(size) for size in sizes]
    if even < len(sizes) - 1:
        told = [*told[:even], f"{sizes[even]} at a time"]
    if len(told) > MOST_TOLD:
        told = [*told[: MOST_TOLD - 1], f"so on in {len(sizes)} batches"]
    return f"{told[0]} first, then {', then '.join(told[1:])}" if len(told) > 1 else told[0]
