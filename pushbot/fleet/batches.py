"""In what order and in what numbers a rollout goes over its hosts."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pushbot.fleet.model import Host, Rollout

_VALUES_TOLD = 8


def batches(hosts: Sequence[Host], rollout: Rollout) -> tuple[tuple[Host, ...], ...]:
    """`hosts` in the batches in which they are deployed to, in order; none is empty.

    The sizes are those of `rollout.batches`, the last of them again and again, as with Ansible's `serial`:
    shares are of all hosts, and a batch is one host at least. With `rollout.order` the hosts of one value
    of that label go before those of the next, the values in the order in which they are first listed and
    hosts without the label last; a batch ends where its value does, so that what is bad never reaches a
    second region before the first one has it whole and well.
    """
    return tuple(_cut(_in_order(hosts, rollout.order), [size.of(len(hosts)) for size in rollout.batches]))


def summary(hosts: Sequence[Host], label: str | None = None) -> str:
    """How many hosts there are, and with each value of `label`: `120 hosts (60 lon, 60 dub)`."""
    total = f"{len(hosts):,} host{'' if len(hosts) == 1 else 's'}"
    counts = tally(hosts, label) if label is not None else {}
    if not any(counts):
        return total
    told = [f"{number:,} {value or f'without {label}'}" for value, number in counts.items()]
    if len(told) > _VALUES_TOLD:
        told[_VALUES_TOLD:] = [f"and more in {len(told) - _VALUES_TOLD} others"]
    return f"{total} ({', '.join(told)})"


def tally(hosts: Sequence[Host], label: str) -> dict[str, int]:
    """How many hosts have each value of `label`, in the order of the list; last, under an empty text, those without."""
    counts: dict[str, int] = {}
    for host in hosts:
        value = host.label(label) or ""
        counts[value] = counts.get(value, 0) + 1
    if "" in counts:
        counts[""] = counts.pop("")
    return counts


def _in_order(hosts: Sequence[Host], label: str | None) -> list[tuple[Host, ...]]:
    """The hosts in groups that no batch spans."""
    if label is None:
        return [tuple(hosts)]
    rank = {value: place for place, value in enumerate(tally(hosts, label))}

    def place(host: Host) -> int:
        return rank[host.label(label) or ""]

    return [tuple(group) for _, group in groupby(sorted(hosts, key=place), key=place)]


def _cut(groups: Sequence[tuple[Host, ...]], sizes: Sequence[int]) -> Iterator[tuple[Host, ...]]:
    number = 0
    for group in groups:
        begun = 0
        while begun < len(group):
            size = max(1, sizes[min(number, len(sizes) - 1)])
            yield group[begun : begun + size]
            begun += size
            number += 1
