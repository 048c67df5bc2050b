"""The hosts that a stage means at this moment: all lists of its inventory read, put together, compared, selected."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pushbot.errors import PushbotError
from pushbot.fleet.compare import differences, together
from pushbot.fleet.names import checked
from pushbot.service.isolation import isolated
from pushbot.service.spec import Mismatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pushbot.fleet.model import Host, Selection
    from pushbot.service.spec import HostsSpec, InventorySpec, Source

T = TypeVar("T")

MANY = 500
"""Hosts from which on work on them is done in a thread, so that it keeps nobody in a chat waiting."""
READ_WITHIN = 120.0
"""Seconds that a list may take, whatever time limit of its own it has."""
_VALUES_TOLD = 10


@dataclass(frozen=True, slots=True)
class Targets:
    """The hosts, in the order of the inventory and with their variables, and in what its lists do not agree."""

    hosts: tuple[Host, ...]
    mismatches: tuple[str, ...] = ()


async def gather(spec: HostsSpec) -> Targets:
    """The hosts of a stage. All lists are read at the same time.

    Two lists may name one host, and what they say of it is put together. Raises PushbotError, with every trouble
    of a kind at once: when a list cannot be read, when lists contradict each other, when no host is selected, and,
    with `on_mismatch = "block"`, when lists do not agree or `where` names a value that no host has.
    """
    inventory = spec.inventory
    lists = await _read(inventory, (*inventory.sources, *inventory.compare))
    many = sum(len(found) for _, found in lists if not isinstance(found, str))
    return await beside(many, partial(_gathered, spec, lists))


async def beside(many: int, work: Callable[[], T]) -> T:
    """What `work` on so many hosts gives; of many it is done beside the event loop, which goes on meanwhile."""
    return await asyncio.to_thread(work) if many > MANY else work()


def _gathered(spec: HostsSpec, lists: Sequence[tuple[str, Sequence[Host] | str]]) -> Targets:
    """The hosts of a stage from all its lists: the sources first, then those that they are compared with."""
    inventory = spec.inventory
    ours, theirs = lists[: len(inventory.sources)], lists[len(inventory.sources) :]
    troubles = [found for _, found in ours if isinstance(found, str)]
    if troubles:
        raise PushbotError(f"inventory {inventory.name}: {'; '.join(troubles)}")
    try:
        every = together((name, hosts) for name, hosts in ours if not isinstance(hosts, str))
    except PushbotError as error:
        raise PushbotError(f"inventory {inventory.name}: {error}") from error
    chosen = tuple(_with_variables(host, inventory) for host in every if spec.selection.has(host))
    if not chosen:
        raise PushbotError(_nobody(spec, every))
    mismatches = list(_nowhere(spec.selection, every))
    us = " and ".join(name for name, _ in ours)
    for them, found in theirs:
        mismatches += [found] if isinstance(found, str) else differences(every, us, found, them)
    targets = Targets(chosen, tuple(mismatches))
    if blocked := blocks(inventory, targets):
        raise PushbotError(blocked)
    return targets


def blocks(inventory: InventorySpec, targets: Targets) -> str | None:
    """Why nothing may be run on these hosts; None when it may, mismatch or not."""
    if not targets.mismatches or inventory.mismatch is Mismatch.WARN:
        return None
    return (
        f"inventory {inventory.name}: {'; '.join(targets.mismatches)}. "
        'Correct that, or let it be said and no more with on_mismatch = "warn"'
    )


async def _read(inventory: InventorySpec, sources: Sequence[Source]) -> list[tuple[str, Sequence[Host] | str]]:
    """Each source's name with its hosts, or with why there are none."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_hosts(source), name=f"{inventory.name}: {source.name}") for source in sources]
    return [(source.name, task.result()) for source, task in zip(sources, tasks, strict=True)]


async def _hosts(source: Source) -> Sequence[Host] | str:
    """The hosts of a source, or why there are none; whatever plugin it is, no other names come in than may be said."""
    try:
        hosts = await isolated(source.inventory.hosts(), f"hosts of {source.name}", READ_WITHIN)
        return await beside(len(hosts), lambda: [checked(host) for host in hosts])
    except PushbotError as error:
        return f"{source.name}: {error}"
    except TimeoutError:
        return f"{source.name}: no answer within {READ_WITHIN:.0f} s"


def _with_variables(host: Host, inventory: InventorySpec) -> Host:
    """The host with the variables of its labels, of which later ones go before earlier ones."""
    labels = dict(host.labels)
    variables = {
        name: text for label, value, pairs in inventory.env if labels.get(label) == value for name, text in pairs
    }
    return replace(host, env=tuple(variables.items())) if variables else host


def _nowhere(selection: Selection, every: Sequence[Host]) -> Iterator[str]:
    """A sentence for each value that the selection names and no host has."""
    for label, values in selection.where:
        known = {value: None for host in every if (value := host.label(label))}
        for value in values:
            if value not in known:
                close = get_close_matches(value, known, n=1)
                shown = ", ".join([*list(known)[:_VALUES_TOLD], *(["..."] if len(known) > _VALUES_TOLD else [])])
                meant = f"did you mean '{close[0]}'?" if close else f"there are {shown or 'none with that label'}"
                yield f"no host has {label} '{value}'; {meant}"


def _nobody(spec: HostsSpec, every: Sequence[Host]) -> str:
    """Why no host is selected."""
    if not every:
        return f"inventory {spec.inventory.name} has no hosts at all"
    why = "; ".join(_nowhere(spec.selection, every))
    wanted = " and ".join(f"{label} {' or '.join(values)}" for label, values in spec.selection.where)
    return f"inventory {spec.inventory.name}: {why or f'no host has {wanted} at once'}"
