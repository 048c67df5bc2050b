"""The bot's side of the local executor: how its supervisor is started. The rest is `supervised.py`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from pushbot_plugins.supervised import PACKAGES, Boot, begin, follow, stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from pushbot.fleet.model import Tally
    from pushbot.ports import Job, Outcome

_BOOT = Boot(
    flags=("-S",),
    code="import sys; sys.path += sys.argv[3:]; from supervisor.main import main; main(sys.argv[1], int(sys.argv[2]))",
    paths=(str(Path(__file__).parent), PACKAGES),
)


class LocalExecutor:
    """Carries out runs on the bot's own machine, each under a supervisor process that outlives the bot."""

    class Options(BaseModel):
        """There is nothing to set."""

        model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, options: Options) -> None:
        self.options = options

    async def start(self, job: Job) -> str:
        """Begin the run; the token is its supervisor's process id, for people to see.

        Raises PushbotError when a run was begun in this directory before, or the supervisor does not start.
        """
        return await begin(job, _BOOT)

    async def wait(self, job: Job, token: str | None, progress: Callable[[str | Tally], None]) -> Outcome:  # noqa: ARG002
        """Follow the run to its end, whoever began it; all its progress is told, from the first step on.

        Raises RunLost when the run was never begun, or when its supervisor is gone without an outcome:
        what is left of the step under way is then ended first.
        """
        return await follow(job, progress)

    async def abort(self, job: Job, token: str | None) -> None:  # noqa: ARG002
        """Ask the run to stop: its process group gets TERM, and KILL when `grace` is over. Safe to repeat."""
        await stop(job)
