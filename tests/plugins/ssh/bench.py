"""A bench for runs of the ssh executor on real servers."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pushbot.testing.contracts.executor import job_in
from pushbot_plugins.local.supervisor.files import RunFiles
from pushbot_plugins.ssh.executor import SshExecutor
from pushbot_plugins.ssh.options import SshOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pushbot.fleet.model import Host, Tally
    from pushbot.ports import Job, Outcome, Step
    from tests.rig.sshd import SshdRig

LIMIT = 60.0


def options(rig: SshdRig, **more: object) -> SshOptions:
    """How the hosts of the rig are reached, and what else is set."""
    how = rig.connecting()
    given: dict[str, object] = {
        "user": how.user,
        "keys": how.keys,
        "known_hosts": how.known_hosts,
        "connect_timeout": 10.0,
        "login_timeout": 20.0,
    }
    return SshOptions.model_validate(given | more)


class Bench:
    """Runs jobs over the hosts of a rig; each run has a directory of its own below `folder`."""

    def __init__(self, folder: Path, rig: SshdRig, **more: object) -> None:
        self.folder = folder
        self.rig = rig
        self.executor = SshExecutor(options(rig, **more))
        self.told: list[str | Tally] = []
        self._runs = 0

    def job(self, hosts: Sequence[Host], *steps: Step) -> Job:
        self._runs += 1
        directory = self.folder / f"web-{self._runs}"
        directory.mkdir()
        return replace(job_in(directory, *steps), run=directory.name, hosts=tuple(hosts), grace=1.0)

    async def run(self, job: Job) -> Outcome:
        return await self.wait(job, await self.executor.start(job))

    async def wait(self, job: Job, token: str | None) -> Outcome:
        async with asyncio.timeout(LIMIT):
            return await self.executor.wait(job, token, self.told.append)

    @property
    def steps(self) -> list[str]:
        """The steps that were told, in order."""
        return [each for each in self.told if isinstance(each, str)]


def log_of(job: Job) -> str:
    """The run's log so far."""
    path = RunFiles(job.directory).log
    return path.read_text(errors="surrogateescape") if path.exists() else ""


def states(job: Job) -> dict[str, str]:
    """What became of each host."""
    lines = [json.loads(line) for line in RunFiles(job.directory).hosts.read_text().splitlines()]
    return {line["host"]: line["state"] for line in lines if "host" in line}


def alive(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(LIMIT):
        while not condition():  # noqa: ASYNC110 - what is looked at cannot tell us
            await asyncio.sleep(0.005)
