"""Work that is begun when there is something to do, and is over when all is done: no task waits for nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from pushbot.errors import fault_reference

LOG = structlog.get_logger()
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before what could not be done is tried again, doubled for each further try."""


class Worker(Protocol):
    """Something that has work to do now and then."""

    def busy(self) -> bool:
        """Whether there is work."""
        ...

    async def work(self) -> None:
        """Do all of it. Troubles of the outside world are its own business."""
        ...

    def give_up(self, reference: str) -> None:
        """Drop what it was at: a bug kept it from being done, logged under this reference."""
        ...


@dataclass(slots=True)
class Workers:
    """Has workers work while it runs, each in a task of its own."""

    _group: asyncio.TaskGroup | None = None
    _working: dict[int, Worker] = field(default_factory=dict)
    _waiting: dict[int, Worker] = field(default_factory=dict)

    async def run(self) -> None:
        """Have all work as there is work to do, until cancelled; the next time it goes on where it was."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for worker in tuple(self._waiting.values()):
                    self.stir(worker)
                await asyncio.get_running_loop().create_future()
        finally:
            self._group = None
            self._waiting |= self._working
            self._working.clear()

    def stir(self, worker: Worker) -> None:
        """There may be work for it: now, or when work begins."""
        if self._group is None:
            self._waiting[id(worker)] = worker
        elif id(worker) not in self._working and worker.busy():
            self._waiting.pop(id(worker), None)
            self._working[id(worker)] = worker
            work = self._work(worker)
            try:
                self._group.create_task(work, name=type(worker).__name__)
            except RuntimeError:  # all is ending, and so is the group of tasks
                work.close()

    async def _work(self, worker: Worker) -> None:
        while worker.busy():
            try:
                await worker.work()
            except Exception:
                reference = fault_reference()
                LOG.exception("slack_writer_broke", worker=type(worker).__name__, reference=reference)
                worker.give_up(reference)
        del self._working[id(worker)]


def pause(tries: int) -> float:
    """Seconds before the next try after so many in vain."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(tries - 1, 16))
