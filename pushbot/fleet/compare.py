"""Several lists of hosts: put together into one, and compared with others that should have the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from pushbot.errors import PushbotError
from pushbot.fleet.names import without_port

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pushbot.fleet.model import Host

_NAMES_TOLD = 5


def together(lists: Iterable[tuple[str, Sequence[Host]]]) -> tuple[Host, ...]:
    """All hosts of the named lists, each once, in the order in which they are first listed.

    What two lists say of one host is put together. Raises PushbotError when they say different things.
    """
    found: dict[str, tuple[Host, str]] = {}
    for source, hosts in lists:
        for host in hosts:
            known = found.get(host.name)
            found[host.name] = (host, source) if known is None else (_both(*known, host, source), known[1])
    return tuple(host for host, _ in found.values())


def _both(one: Host, first: str, other: Host, second: str) -> Host:
    """One host of what two lists say of it."""
    if one == other:
        return one
    said = {"address": (one.address, other.address)} if one.address and other.address else {}
    labels, more = dict(one.labels), dict(other.labels)
    said |= {label: (labels[label], more[label]) for label in labels if label in more}
    for what, (here, there) in said.items():
        if here != there:
            where = f"{first} and {second}" if first != second else f"{first}, twice,"
            raise PushbotError(f"{where} name the host {one.name} with different things: {what} {here}, and {there}")
    return replace(one, address=one.address or other.address, labels=tuple(sorted((labels | more).items())))


def differences(ours: Sequence[Host], us: str, theirs: Sequence[Host], them: str) -> tuple[str, ...]:
    """What one list has and the other lacks, a sentence for each way; none when they agree.

    A host is found in a list by its name, or else, one for one, by its address without the port: a list of addresses
    knows no names. At most five names are told.
    """
    sides = ((theirs, them, ours, us), (ours, us, theirs, them))
    told = []
    for lacking, lacks, having, has in sides:
        missing = _missing(lacking, having)
        if missing:
            names = ", ".join(missing[:_NAMES_TOLD])
            rest = f" and {len(missing) - _NAMES_TOLD:,} more" if len(missing) > _NAMES_TOLD else ""
            told.append(f"{lacks} lacks {names}{rest}, which {has} has")
    return tuple(told)


def _missing(lacking: Sequence[Host], having: Sequence[Host]) -> list[str]:
    """The hosts of `having` that `lacking` has neither by name nor by address."""
    here, there = {host.name for host in lacking}, {host.name for host in having}
    unnamed = Counter(without_port(host.reached_at) for host in lacking if host.name not in there)
    missing = []
    for host in having:
        address = without_port(host.reached_at)
        if host.name in here:
            continue
        if unnamed[address]:
            unnamed[address] -= 1
        else:
            missing.append(host.name)
    return missing
