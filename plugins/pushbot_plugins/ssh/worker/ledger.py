"""What became of each host: told in the run's `hosts.jsonl`, counted, and put in words.

A line is one thing that happened: {"host", "state", "step", "reason"}; the last about a host counts. `begun` is written
before anything is done to a host, `switching` before what may change it, so that whoever reads it after a crash knows
the worst. A step that was done once for all is in it as {"once", "state"}.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from pushbot.fleet.model import Tally
from pushbot_plugins.local.supervisor.files import RunFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pushbot.fleet.model import Host
    from pushbot.ports import Job

_NAMED = 5
_WIDTH = 160


class State(StrEnum):
    """How a host stands."""

    BEGUN = "begun"
    SWITCHING = "switching"
    DONE = "done"
    FAILED = "failed"
    """It failed, and is as it was before."""
    BROKEN = "broken"
    """It failed, and could not be brought back: it is out of the balancer, if there is one."""
    LEFT = "left"
    """The run ended before its turn."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What earlier runs have done that this one goes on with."""

    hosts: frozenset[str] = frozenset()
    once: frozenset[str] = frozenset()


NOTHING = Finished()


def finished(job: Job) -> Finished:
    """What the runs that `job` continues have done for good: as long as they were for the same thing.

    Of a directory that is gone nothing is known, so all is done again.
    """
    hosts: dict[str, State] = {}
    once: set[str] = set()
    for directory in reversed(list(_chain(job))):
        for line in _lines(RunFiles(directory).hosts):
            if "once" in line:
                once.add(line["once"])
            else:
                hosts[line["host"]] = State(line["state"])
    return Finished(frozenset(name for name, state in hosts.items() if state is State.DONE), frozenset(once))


def _chain(job: Job) -> Iterable[Path]:
    """The directories of the runs that `job` goes on with, the latest first."""
    want, seen = (job.stage, job.kind, job.revision), {job.directory}
    directory = job.continues
    while directory is not None and directory not in seen:
        seen.add(directory)
        try:
            earlier = RunFiles(directory).job()
        except (OSError, ValueError, KeyError, TypeError):
            return
        if (earlier.stage, earlier.kind, earlier.revision) != want:
            return
        yield directory
        directory = earlier.continues


def _lines(path: Path) -> Iterable[dict[str, str]]:
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return
    for line in lines:
        with contextlib.suppress(ValueError):  # the last line of a run that was killed may be cut short
            yield json.loads(line)


@dataclass(frozen=True, slots=True)
class Failure:
    """A host that failed: at which step, why, and whether it could not be brought back."""

    host: Host
    step: str
    reason: str
    broken: bool = False

    def __str__(self) -> str:
        """For people: `web007 (restart: exited with 1)`."""
        reason = self.reason if len(self.reason) <= _WIDTH else f"{self.reason[: _WIDTH - 1]}…"
        return f"{self.host.name} ({self.step}: {reason})"


@dataclass(slots=True)
class Ledger:
    """Keeps the record of one run over `total` hosts, of which `done` are done by earlier runs.

    `allowed` is how many may fail; `tell` is told the tally as it changes.
    """

    path: Path
    total: int
    done: int
    allowed: int
    tell: Callable[[Tally], None]
    failures: list[Failure] = field(default_factory=list)
    touched: bool = False
    _left: int = 0

    def __post_init__(self) -> None:
        self.tell(self._tally())

    @property
    def spent(self) -> bool:
        """Whether more hosts have failed than may."""
        return len(self.failures) > self.allowed

    def begun(self, host: Host) -> None:
        """The host's turn has come."""
        self._write({"host": host.name, "state": State.BEGUN})

    def switching(self, host: Host) -> None:
        """The release on a host is about to be switched: from here on it is no longer as it was."""
        self.touched = True
        self._write({"host": host.name, "state": State.SWITCHING})

    def finish(self, host: Host) -> None:
        """A host is done: note that, and tell the new count."""
        self.done += 1
        self._write({"host": host.name, "state": State.DONE})
        self.tell(self._tally())

    def fail(self, failure: Failure) -> None:
        """A host has failed, or stays broken: note that, and tell the new count."""
        self.failures.append(failure)
        state = State.BROKEN if failure.broken else State.FAILED
        self._write({"host": failure.host.name, "state": state, "step": failure.step, "reason": failure.reason})
        self.tell(self._tally())

    def leave(self, hosts: Iterable[Host]) -> None:
        """The run ends before their turn."""
        names = [host.name for host in hosts]
        self._left += len(names)
        self._write(*({"host": name, "state": State.LEFT} for name in names))

    def once(self, step: str) -> None:
        """A step that is run once has been run."""
        self._write({"once": step, "state": State.DONE})

    def words(self) -> str:
        """How it stands, for people: `3 of 120 hosts failed: web007 (restart: exited with 1), …; 80 not begun`."""
        parts = []
        if self.failures:
            worst = sorted(self.failures, key=lambda failure: not failure.broken)
            more = [f"and {len(worst) - _NAMED} more"] if len(worst) > _NAMED else []
            named = ", ".join([*map(str, worst[:_NAMED]), *more])
            parts.append(f"{len(worst)} of {self.total} hosts failed: {named}")
        if self._left:
            parts.append(f"{self._left} not begun")
        if not parts:
            parts.append(f"{self.done} of {self.total} hosts done")
        return "; ".join(parts)

    def _tally(self) -> Tally:
        return Tally(self.done, self.total, len(self.failures))

    def _write(self, *lines: dict[str, str]) -> None:
        """Append; what a full disk does not take costs a later run some work that was done before."""
        data = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode(errors="replace")
        with contextlib.suppress(OSError):
            fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
            try:
                os.write(fd, data)
            finally:
                os.close(fd)
