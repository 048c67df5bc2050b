"""The bot's side of the ssh executor: how its worker is started, and what it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.errors import PushbotError
from pushbot.ports import Traits
from pushbot_plugins.local.supervisor.plain import text
from pushbot_plugins.ssh.options import SshOptions
from pushbot_plugins.supervised import PACKAGES, PLUGINS, Boot, begin, follow, stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from pushbot.fleet.model import Tally
    from pushbot.ports import Job, Outcome

_CODE = (
    "import sys; sys.path += sys.argv[3:]; "
    "from pushbot_plugins.ssh.worker.main import main; main(sys.argv[1], int(sys.argv[2]))"
)


class SshExecutor:
    """Carries out runs on hosts over SSH, each from a worker process that outlives the bot."""

    Options = SshOptions

    def __init__(self, options: SshOptions) -> None:
        self.traits = Traits(steps=options.release is None, reverts=options.release is not None, hosts=True)
        self._settings = text(options.settings())
        self._boot = Boot(
            flags=(), code=_CODE, paths=(PACKAGES, PLUGINS), settings=self._settings, needs=options.variables()
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
