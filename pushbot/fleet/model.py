"""The words of a fleet as values: host, amount, rollout, tally, and how a host's version is looked up."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil


@dataclass(frozen=True, slots=True)
class Host:
    """One place to deploy to.

    `name` is unique in a fleet, and what people are shown. `address` is where it is reached, `HOST` or
    `HOST:PORT`; empty when that is the name. `labels` say where and what it is (region, zone, role),
    sorted by label. `env` are variables for what is run for it, from its labels.
    """

    name: str
    address: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    env: tuple[tuple[str, str], ...] = ()

    def label(self, name: str) -> str | None:
        """The value of that label, None where it has none."""
        return dict(self.labels).get(name)

    @property
    def reached_at(self) -> str:
        """Where it is reached: its address, or else its name."""
        return self.address or self.name


@dataclass(frozen=True, slots=True)
class Amount:
    """So many of a whole: a number, or with `percent` a share of it. A share of something is rounded up."""

    number: float
    percent: bool = False

    def of(self, total: int) -> int:
        """How many of `total` that is, never more than there are."""
        return min(total, ceil(total * self.number / 100 - 1e-9) if self.percent else int(self.number))

    def __str__(self) -> str:
        """As the configuration writes it: `3`, `25%`."""
        return f"{self.number:g}{'%' if self.percent else ''}"


ALL = Amount(100, percent=True)
NONE = Amount(0)


@dataclass(frozen=True, slots=True)
class Rollout:
    """How a stage goes over its hosts.

    `batches` are the sizes of the first batches, the last of them that of all that follow. `order` is
    the label by whose values hosts are put in order (`region`), its values in the order in which the
    hosts are listed. `pause` is waited between batches, in seconds. More hosts than `max_failures`
    failed: no further host is begun.
    """

    batches: tuple[Amount, ...] = (ALL,)
    order: str | None = None
    pause: float = 0.0
    max_failures: Amount = NONE


AT_ONCE = Rollout()
"""All hosts in one batch, and no failure allowed."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How far a run over hosts is."""

    done: int
    total: int
    failed: int = 0

    def __str__(self) -> str:
        """For people: `42/120, 1 failed`."""
        return f"{self.done}/{self.total}" + (f", {self.failed} failed" if self.failed else "")


class Look(StrEnum):
    """How the version on a host is found out."""

    HTTP = "http"
    COMMAND = "command"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class VersionProbe:
    """How a host is asked for its version.

    `target` is a URL, with `{host}`, `{address}` and labels filled in, or a file to read there; `run` an
    argument list to run there. The version is the first thing that `pattern` (a regular expression, its first
    group if it has one) finds in the answer, without one the answer's first line. `timeout` is in seconds.
    """

    kind: Look
    target: str = ""
    run: tuple[str, ...] = ()
    pattern: str | None = None
    timeout: float = 5.0


@dataclass(frozen=True, slots=True)
class HostVersion:
    """What a host said of its version; `trouble` says why it is None."""

    host: str
    version: str | None
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which hosts a stage means: those that have, for every label named, one of the values given."""

    where: tuple[tuple[str, tuple[str, ...]], ...] = field(default=())

    def has(self, host: Host) -> bool:
        """Whether `host` is one of them."""
        labels = dict(host.labels)
        return all(labels.get(label) in values for label, values in self.where)


ALL_HOSTS = Selection()
