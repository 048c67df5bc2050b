"""What hosts run, in words: the answer to `.versions`, and the alert when some run what they should not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushbot.service.voice.phrases import LINE, NAME, ago, clip, ended, shown
from pushbot.service.voice.plain import counted, short

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from pushbot.fleet.grouping import Alike
    from pushbot.ports import RunRecord

MOST_NAMED = 6
"""Hosts of a group that are named; of more, all but one of these."""
MOST_GROUPS = 5
"""Versions that are told of one stage, and as many reasons for none."""
REASON = 60
"""Characters of a reason."""


@dataclass(frozen=True, slots=True)
class StageVersions:
    """What the hosts of a stage told, the run that brought what should be there, and one that is under way."""

    stage: str
    groups: tuple[Alike, ...]
    there: RunRecord | None = None
    active: RunRecord | None = None


def versions(seen: StageVersions, now: datetime) -> tuple[str, ...]:
    """`production: 6957bb87 on 118 hosts, 41aa02ce on web007, web031; 6957bb87 should be there (…)`."""
    there = seen.there
    expected = there.revision if there is not None else None
    parts = list(_parts(seen.groups, expected or seen.groups[0].version))
    if there is not None and expected is not None:
        right = all(group.version == expected for group in seen.groups)
        since = f"({there.id} by {shown(there.driver, NAME)}, {ago(ended(there), now)})"
        parts.append(f"; as it should be {since}" if right else f"; {version(expected)} should be there {since}")
    if seen.active is not None:
        coming = f"brings {version(seen.active.revision)}" if seen.active.revision else "is under way"
        parts.append(f"; {seen.active.id} {coming} now")
    lines = [f"{seen.stage}: {parts[0]}"]
    for part in parts[1:]:
        longer = f"{lines[-1]}{part}" if part.startswith("; ") else f"{lines[-1]}, {part}"
        if len(longer) <= LINE:
            lines[-1] = longer
        else:
            lines.append(f"{seen.stage}: {part.removeprefix('; ')}")
    return tuple(map(clip, lines))


def _parts(groups: Sequence[Alike], usual: str | None) -> Iterator[str]:
    """What each group told; of those who told `usual` the count is enough."""
    told = [group for group in groups if group.version is not None]
    silent = [group for group in groups if group.version is None]
    for group in told[:MOST_GROUPS]:
        many = group.version == usual and len(group.hosts) > 1
        yield f"{version(group.version)} on {counted(len(group.hosts), 'host') if many else _named(group.hosts)}"
    if rest := told[MOST_GROUPS:]:
        hosts = sum(len(group.hosts) for group in rest)
        yield f"{counted(len(rest), 'other version')} on {counted(hosts, 'host')}"
    for group in silent[:MOST_GROUPS]:
        yield f"no answer from {_named(group.hosts, shown(group.trouble or '', REASON))}"
    if rest := silent[MOST_GROUPS:]:
        yield f"no answer from {counted(sum(len(group.hosts) for group in rest), 'more host')}"


def version(name: str | None) -> str:
    """A version as it is shown: a commit's id in short, and no more of any than fits."""
    return shown(short(name), NAME)


def _named(hosts: Sequence[str], why: str = "") -> str:
    """Hosts by name, the first of them where there are many; and why that is."""
    if len(hosts) <= MOST_NAMED:
        return ", ".join(shown(host, NAME) for host in hosts) + (f" ({why})" if why else "")
    first = ", ".join(shown(host, NAME) for host in hosts[: MOST_NAMED - 1])
    return f"{len(hosts)} hosts ({first} and {len(hosts) - MOST_NAMED + 1} more{f': {why}' if why else ''})"


def no_versions(where: str) -> str:
    """Nobody has said how the hosts of a stage, or of any stage of a lane, are asked."""
    return clip(f"{where}: the configuration does not say how hosts are asked for their version")


def no_stage(lane: str, word: str, stages: Sequence[str]) -> str:
    """The lane has no such stage."""
    return clip(f"{lane} has no stage called {shown(word, NAME)}; it has {', '.join(stages) or 'none'}")


def unseen(stage: str, why: str) -> str:
    """The hosts of a stage could not be asked."""
    return clip(f"{stage}: {shown(why, LINE)}")


def drifted(where: str, astray: Sequence[Alike], standard: str | None, there: RunRecord | None) -> str:
    """Some hosts run what they should not: not what `there` brought, or else not what most run."""
    should = f"since {there.id} it should run {version(standard)}" if there else f"most hosts run {version(standard)}"
    return clip(f"{where} has drifted: {should}, but I see {', '.join(_parts(astray, None))}")


def well_again(where: str, groups: Sequence[Alike]) -> str:
    """All hosts that told anything run what they should."""
    return clip(f"{where} is as it should be again: {', '.join(_parts(groups, groups[0].version))}")
