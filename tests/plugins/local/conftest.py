"""A bench for runs of the local executor: real steps, in a directory of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pushbot.testing.contracts.executor import job_in
from pushbot_plugins.local import LocalExecutor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pushbot.fleet.model import Tally
    from pushbot.ports import Job, Outcome, Step

LIMIT = 60.0


class Bench:
    """Runs jobs in `directory`, and knows which processes they wrote down (`echo $$ > NAME.pid`)."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.executor = LocalExecutor(LocalExecutor.Options())
        self.told: list[str | Tally] = []

    def job(self, *steps: Step) -> Job:
        return replace(job_in(self.directory, *steps), grace=1.0)

    async def run(self, job: Job) -> Outcome:
        return await self.wait(job, await self.executor.start(job))

    async def wait(self, job: Job, token: str | None) -> Outcome:
        async with asyncio.timeout(LIMIT):
            return await self.executor.wait(job, token, self.told.append)

    @property
    def log(self) -> str:
        return (self.directory / "output.log").read_text(errors="surrogateescape")

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(LIMIT):
            while not condition():  # noqa: ASYNC110 - what is looked at cannot tell us
                await asyncio.sleep(0.005)

    async def pid(self, name: str) -> int:
        """The process that a step wrote down."""
        path = self.directory / f"{name}.pid"
        await self.until(lambda: path.exists() and path.read_text().endswith("\n"))
        return int(path.read_text())


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    for path in tmp_path.glob("*.pid"):
        pid = int(path.read_text() or 0)
        if pid and str(tmp_path) in _environment(pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _environment(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_text(errors="replace") + os.readlink(f"/proc/{pid}/cwd")  # noqa: PTH115
    return ""


def alive(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


@pytest.fixture(name="alive")
def _alive() -> Callable[[int], bool]:
    return alive


@pytest.fixture
def zombies() -> Callable[[], list[str]]:
    """The dead children of this process that nobody has buried."""

    def found() -> list[str]:
        mine = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                stat = (process / "stat").read_text(errors="replace")
                state, parent = stat.rpartition(")")[2].split()[:2]
                if state == "Z" and int(parent) == os.getpid():
                    mine.append(stat)
        return mine

    return found
