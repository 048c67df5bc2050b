"""`pushbot plan`: which hosts a stage would reach now, in what batches, and what would stop it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pushbot.cli.hosts_words import limit, meant, way
from pushbot.cli.lanes import lane_of, stage_of
from pushbot.config import load
from pushbot.errors import PushbotError
from pushbot.fleet.batches import batches, summary, tally
from pushbot.service.runs.targets import blocks, gather
from pushbot.service.spec import Mismatch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pushbot.fleet.model import Host
    from pushbot.service.runs.targets import Targets
    from pushbot.service.spec import HostsSpec, StageSpec

_VALUES_TOLD = 12
_LINES_TOLD = 30


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("lane")
@click.argument("stage")
@click.option("--hosts", "named", is_flag=True, help="Name every host, batch by batch.")
@click.option("--json", "for_scripts", is_flag=True, help="One JSON object, with every host's name.")
def plan(config: Path, lane: str, stage: str, *, named: bool, for_scripts: bool) -> None:
    """Tell which hosts STAGE of LANE would reach now, in what batches, and what would stop it.

    Its inventory is read and compared, as it is before each run; nothing is run on any host.

    Exit code: 0 when it could go, 1 when a list cannot be read, no host fits, or lists do not agree that
    must (the plan is told all the same), 2 for wrong usage or a configuration with mistakes.

    \b
    Examples:
      pushbot plan pushbot.toml web production
      pushbot plan pushbot.toml web production --hosts
      pushbot plan pushbot.toml web production --json | jq '.batches[0]'
    """  # noqa: D301 - \b is click's mark for lines to keep
    found = stage_of(lane_of(load(config), lane), stage)
    if found.hosts is None:
        told = {"lane": lane, "stage": stage, "hosts": 0, "batches": []}
        words = f"{lane}/{stage} is not for hosts, as its executor has none: `pushbot explain` tells what it does"
        click.echo(json.dumps(told) if for_scripts else words)
        return
    made = asyncio.run(_plan(found, found.hosts))
    lines = [json.dumps(made.as_json(lane))] if for_scripts else made.in_words(lane, named=named)
    click.echo("\n".join(lines))
    if made.blocked:
        raise PushbotError(f"{lane}/{stage} would not start: {made.blocked}")


async def _plan(stage: StageSpec, hosts: HostsSpec) -> Plan:
    """The plan, mismatch or not. Raises PushbotError when a list cannot be read or no host fits."""
    open_to_all = replace(hosts, inventory=replace(hosts.inventory, mismatch=Mismatch.WARN))
    targets = await gather(open_to_all)
    return Plan(stage, hosts, targets, batches(targets.hosts, stage.rollout), blocks(hosts.inventory, targets))


@dataclass(frozen=True, slots=True)
class Plan:
    """How a stage would go over its hosts now; `blocked` says why it would not."""

    stage: StageSpec
    hosts: HostsSpec
    targets: Targets
    batches: Sequence[Sequence[Host]]
    blocked: str | None

    def as_json(self, lane: str) -> dict[str, object]:
        """For scripts."""
        every, rollout = self.targets.hosts, self.stage.rollout
        return {
            "lane": lane,
            "stage": self.stage.name,
            "inventory": self.hosts.inventory.name,
            "hosts": len(every),
            "labels": {label: tally(every, label) for label in self._labels()},
            "batches": [[host.name for host in batch] for batch in self.batches],
            "pause": rollout.pause,
            "max_failures": rollout.max_failures.of(len(every)),
            "mismatches": list(self.targets.mismatches),
            "blocked": self.blocked,
        }

    def in_words(self, lane: str, *, named: bool) -> Iterator[str]:
        """For people."""
        every, rollout = self.targets.hosts, self.stage.rollout
        yield f"{lane}/{self.stage.name}: {summary(every, rollout.order)}: {meant(self.hosts)}"
        for label in self._labels():
            yield f"  {label}: {_counts(tally(every, label), label)}"
        yield f"  {way(rollout)}; {limit(rollout, len(every))}"
        yield f"  {len(self.batches):,} batch{'' if len(self.batches) == 1 else 'es'}:"
        yield from self._with_names() if named else self._in_short()
        for mismatch in self.targets.mismatches:
            yield f"  mismatch: {mismatch}"

    def _labels(self) -> list[str]:
        return list(dict.fromkeys(label for host in self.targets.hosts for label, _ in host.labels))

    def _with_names(self) -> Iterator[str]:
        for number, batch in enumerate(self.batches, start=1):
            yield f"    {number}: {summary(batch, self.stage.rollout.order)}"
            yield from (f"      {host.name}{f' at {host.address}' if host.address else ''}" for host in batch)

    def _in_short(self) -> Iterator[str]:
        """A line for batches that are alike, which may be thousands."""
        told, number = 0, 1
        for what, alike in groupby(self.batches, key=lambda batch: summary(batch, self.stage.rollout.order)):
            if told == _LINES_TOLD:
                yield f"    {number}-{len(self.batches)}: more of them, which --hosts tells"
                return
            last = number + sum(1 for _ in alike) - 1
            yield f"    {number}: {what}" if last == number else f"    {number}-{last}: {what} each"
            told, number = told + 1, last + 1


def _counts(counts: dict[str, int], label: str) -> str:
    """How many hosts have each value, the most frequent ones if there are too many."""
    most = Counter(counts).most_common(_VALUES_TOLD) if len(counts) > _VALUES_TOLD else counts.items()
    told = ", ".join(f"{number:,} {value or f'without {label}'}" for value, number in most)
    return told + (f" and more in {len(counts) - _VALUES_TOLD} others" if len(counts) > _VALUES_TOLD else "")
