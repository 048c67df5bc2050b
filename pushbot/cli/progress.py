"""How a run is shown on the command line: a bar in a terminal, plain lines otherwise."""

from __future__ import annotations

import os
import sys
from time import monotonic
from typing import TYPE_CHECKING, Protocol, Self

import click

from pushbot.log import one_line
from pushbot.queue.commands import RunState

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress, TaskID

    from pushbot.control.wire import At, Ended

LINE_EVERY = 5.0
"""Seconds between two plain lines that only count hosts."""


class Show(Protocol):
    """What a run is shown on; a context manager."""

    def begun(self, run: str, log: str) -> None:
        """The run is on record, its output goes to `log`."""
        ...

    def told(self, text: str) -> None:
        """A line for people."""
        ...

    def at(self, at: At) -> None:
        """How far the run is."""
        ...

    def ended(self, end: Ended) -> None:
        """The run is over."""
        ...


def _end(end: Ended) -> list[str]:
    at = f" at {end.step}" if end.step and end.state is not RunState.SUCCEEDED else ""
    why = f": {end.reason}" if end.reason else ""
    what = f"{end.run} ({end.kind}) {end.state}{at}{why}"
    return [
        one_line(line) for line in (what, *(f"  | {line}" for line in end.tail if end.state is not RunState.SUCCEEDED))
    ]


def _say(line: str, *, err: bool = False) -> None:
    """Write a line. Whoever read them may have gone: from then on they go nowhere, and the run goes on."""
    try:
        click.echo(line, err=err)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, (sys.stderr if err else sys.stdout).fileno())
        os.close(nowhere)


class Lines:
    """Plain lines on standard output, for pipes and logs: each step, and now and then the count of hosts."""

    def __init__(self) -> None:
        self._step = ""
        self._failed = 0
        self._next = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """There is nothing to put back."""

    def begun(self, run: str, log: str) -> None:
        """Name the run and its log."""
        _say(f"{run} asked for; its output: {log}")

    def told(self, text: str) -> None:
        """Say it."""
        _say(one_line(text))

    def at(self, at: At) -> None:
        """Say a new step or failure at once, mere counting every few seconds, and the last of it."""
        now = monotonic()
        if at.step == self._step and at.failed == self._failed and at.done != at.total and now < self._next:
            return
        if at.total is None and at.step == self._step:
            return
        self._step, self._failed, self._next = at.step, at.failed, now + LINE_EVERY
        count = f" {at.done}/{at.total}" if at.total else ""
        _say(f"{at.step or 'hosts'}{count}" + (f", {at.failed} failed" if at.failed else ""))

    def ended(self, end: Ended) -> None:
        """Say how."""
        for line in _end(end):
            _say(line, err=end.state is not RunState.SUCCEEDED)


class Bar:
    """A progress bar with the step and the hosts, and what is told above it."""

    def __init__(self, title: str) -> None:
        from rich.console import Console  # noqa: PLC0415 - 100 ms that only a terminal needs to wait for
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        self._bar: Progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[count]}", markup=False),
            TimeElapsedColumn(),
            console=Console(markup=False, highlight=False, emoji=False),
            transient=True,
        )
        self._task: TaskID = self._bar.add_task(title, total=None, count="")
        self._title = title

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()

    def begun(self, run: str, log: str) -> None:
        """Name the run and its log."""
        self._title = run
        self._bar.update(self._task, description=run)
        self.told(f"output: {log}")

    def told(self, text: str) -> None:
        """Say it above the bar."""
        self._bar.console.print(one_line(text), soft_wrap=True)

    def at(self, at: At) -> None:
        """Move the bar."""
        count = f"{at.done}/{at.total}" if at.total else ""
        failed = f", {at.failed} failed" if at.failed else ""
        self._bar.update(
            self._task,
            description=f"{self._title} {at.step}",
            total=at.total,
            completed=(at.done or 0) + at.failed,
            count=f"{count}{failed}",
        )

    def ended(self, end: Ended) -> None:
        """Say how."""
        for line in _end(end):
            self.told(line)
