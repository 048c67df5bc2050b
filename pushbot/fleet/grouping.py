"""Hosts by the version that they run, and which of them should run another.

A host may tell a revision in short: a commit's id is known by its first four characters or more, as git has it
(gitrevisions(7)). Any other name must be told whole.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pushbot.fleet.model import HostVersion

TWICE = 2
"""Looks in a row that must find a host astray: at one it may just be coming up again."""
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHORT = re.compile(r"[0-9a-f]{4,64}")


@dataclass(frozen=True, slots=True)
class Alike:
    """Hosts that told the same version; or none, for the same `trouble`."""

    hosts: tuple[str, ...]
    version: str | None
    trouble: str | None = None


@lru_cache(maxsize=1024)
def stands_for(version: str, revision: str) -> bool:
    """Whether what a host tells as its version is `revision`."""
    if version == revision:
        return True
    return bool(_COMMIT.fullmatch(revision) and _SHORT.fullmatch(version)) and revision.startswith(version)


def grouped(told: Iterable[HostVersion], expected: str | None = None) -> tuple[Alike, ...]:
    """The hosts by what they told, most hosts first, and after these who told no version.

    What stands for `expected` counts as that. Groups of one size are in the order of their first hosts.
    """
    groups: dict[tuple[str | None, str | None], list[str]] = {}
    for one in told:
        version = one.version
        if version is not None and expected is not None and stands_for(version, expected):
            version = expected
        trouble = one.trouble if version is None else None
        groups.setdefault((version, trouble), []).append(one.host)
    found = [Alike(tuple(hosts), version, trouble) for (version, trouble), hosts in groups.items()]
    return tuple(sorted(found, key=lambda each: (each.version is None, -len(each.hosts))))


@dataclass(frozen=True, slots=True)
class Sightings:
    """What some looks in a row have shown: each host's last word, and who was astray, how, and how often by now."""

    known: Mapping[str, str] = field(default_factory=dict)
    strays: Mapping[str, tuple[str, int]] = field(default_factory=dict)

    def after(self, told: Sequence[HostVersion], expected: str | None) -> Sightings:
        """The same after another look at all hosts.

        Astray is who tells another version than `expected`, or where nothing is expected than most hosts. A host
        that tells none is as before, and one that is no longer asked is forgotten.
        """
        heard = {one.host: one.version for one in told if one.version is not None}
        known = {one.host: heard.get(one.host, self.known.get(one.host)) for one in told}
        last = {host: version for host, version in known.items() if version is not None}
        standard = expected if expected is not None else most(last.values())
        strays: dict[str, tuple[str, int]] = {}
        for one in told:
            version, times = self.strays.get(one.host, ("", 0))
            if one.version is None:
                if times:
                    strays[one.host] = version, times
            elif standard is not None and not stands_for(one.version, standard):
                strays[one.host] = one.version, times + 1 if one.version == version else 1
        return Sightings(last, strays)

    @property
    def astray(self) -> dict[str, str]:
        """The version of each host that was astray with it at least twice in a row."""
        return {host: version for host, (version, times) in self.strays.items() if times >= TWICE}


def most(versions: Iterable[str]) -> str | None:
    """The version that is told most often, of several the one that comes first; None of none."""
    return next((version for version, _ in Counter(versions).most_common(1)), None)
