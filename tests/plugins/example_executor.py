"""A whole executor in a few lines: it hands runs to a deploy tool that you have already."""

import asyncio
import subprocess
from collections.abc import Callable

from pydantic import BaseModel

from pushbot.errors import PushbotError, RunLost
from pushbot.ports import Job, Outcome
from pushbot.queue.commands import RunState


class ToolExecutor:
    """Asks `TOOL start STAGE REVISION` for a ticket, then `TOOL status TICKET` until it is over; `TOOL stop TICKET`."""

    class Options(BaseModel, frozen=True, extra="forbid"):
        tool: tuple[str, ...]
        every: float = 1.0

    def __init__(self, options: Options) -> None:
        self.options = options

    async def start(self, job: Job) -> str:
        return await self._ask("start", job.stage, job.revision or "")

    async def wait(self, job: Job, token: str | None, progress: Callable[[str], None]) -> Outcome:
        if token is None:
            raise RunLost(f"{self.options.tool[0]} may or may not have begun run {job.run}: ask it")
        while (said := await self._ask("status", token)).startswith("running"):
            progress(said)
            await asyncio.sleep(self.options.every)
        state, _, reason = said.partition(" ")  # "succeeded", "failed disk full", "cancelled"
        return Outcome(RunState(state), reason=reason or None)

    async def abort(self, _job: Job, token: str | None) -> None:
        if token is not None:
            await self._ask("stop", token)

    async def _ask(self, *words: str) -> str:
        done = await asyncio.to_thread(
            subprocess.run, [*self.options.tool, *words], capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode != 0:
            raise PushbotError(f"{' '.join(self.options.tool)} {words[0]} did not work: {done.stderr.strip()}")
        return done.stdout.strip()
