"""The bot's side of the ssh executor: how its worker is started, and what it is told."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from pushbot.errors import PushbotError
from pushbot.fleet.model import HostVersion
from pushbot.ports import Traits
from pushbot_plugins.local.supervisor.plain import revived, text
from pushbot_plugins.ssh.options import SshOptions
from pushbot_plugins.ssh.settings import variables_of
from pushbot_plugins.ssh.warm import meeting_place, offer
from pushbot_plugins.supervised import PACKAGES, PLUGINS, Boot, begin, environment, follow, stop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pushbot.fleet.model import Host, Tally, VersionProbe
    from pushbot.ports import Job, Outcome

_CODE = (
    "import sys; sys.path += sys.argv[3:]; "
    "from pushbot_plugins.ssh.worker.main import main; main(sys.argv[1], int(sys.argv[2]))"
)
_ASK = "import sys; sys.path += sys.argv[1:]; from pushbot_plugins.ssh.worker.versions import main; main()"
_START = 30.0
"""Seconds that a short worker process may take beside what hosts take."""


class SshExecutor:
    """Carries out runs on hosts over SSH, each from a worker process that outlives the bot."""

    Options = SshOptions

    def __init__(self, options: SshOptions) -> None:
        self.traits = Traits(steps=options.release is None, reverts=options.release is not None, hosts=True)
        self._settings = options.settings()
        self._boot = Boot(
            flags=(),
            code=_CODE,
            paths=(PACKAGES, PLUGINS),
            settings=text(self._settings),
            needs=variables_of(self._settings),
            offer=self._offer if options.keep_warm else None,
        )

    async def start(self, job: Job) -> str:
        """Begin the run; the token is its worker's process id, for people to see.

        Raises PushbotError when there is no host, when a run was begun in this directory before, or when the
        worker does not start.
        """
        if not job.hosts:
            raise PushbotError(f"run {job.run} has no hosts: say in `hosts` which stage {job.stage} is for")
        return await begin(job, self._boot)

    async def wait(self, job: Job, token: str | None, progress: Callable[[str | Tally], None]) -> Outcome:  # noqa: ARG002
        """Follow the run to its end, whoever began it: its steps, and how many hosts are done.

        Raises RunLost when the run was never begun, or when its worker is gone without an outcome. What that had
        left running on hosts ends there by itself, as its connections are gone.
        """
        return await follow(job, progress)

    async def abort(self, job: Job, token: str | None) -> None:  # noqa: ARG002
        """Ask the run to stop: hosts under way are brought back to what they were, and no other is begun."""
        await stop(job)

    async def versions(self, hosts: Sequence[Host], probe: VersionProbe) -> Sequence[HostVersion]:
        """The version of each host, in the order given; a host that does not tell is in it with its trouble.

        Raises PushbotError when no host at all can be asked.
        """
        question = {
            "settings": asdict(self._settings),
            "hosts": [asdict(host) for host in hosts],
            "probe": asdict(probe),
        }
        how = self._settings.connecting
        rounds = -(-len(hosts) // how.at_once)
        limit = _START + rounds * (how.connect_timeout + how.login_timeout + probe.timeout)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-c", _ASK, PACKAGES, PLUGINS),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment((), self._boot.needs),
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(limit):
                said, trouble = await process.communicate(json.dumps(question).encode())
        except TimeoutError:
            raise PushbotError(f"the versions of {len(hosts)} hosts could not be found within {limit:.0f} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            last = trouble.decode(errors="replace").strip().rpartition("\n")[2]
            raise PushbotError(f"hosts could not be asked for their versions: {last}")
        answers = [json.loads(line) for line in said.splitlines()]
        if answers and isinstance(answers[0], str):
            raise PushbotError(answers[0])
        return [revived(HostVersion, answer) for answer in answers]

    def _offer(self, directory: Path, lock: int, environment: Mapping[str, str]) -> bool:
        """Whether a worker that kept its connections has taken the run."""
        place = meeting_place(self._settings)
        return place is not None and offer(place, directory, lock, environment)
