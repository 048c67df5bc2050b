"""A whole executor in some twenty lines: it hands runs to a deploy tool that you have already."""

import asyncio
import subprocess
from collections.abc import Callable

from pydantic import BaseModel

from pushbot.errors import PushbotError, RunLost
from pushbot.ports import Job, Outcome, Traits
from pushbot.queue.commands import RunState


class ToolExecutor:
    """`TOOL start STAGE REVISION` prints a ticket, `TOOL status TICKET` a state, `TOOL stop TICKET` ends the run."""

    traits = Traits(steps=False)  # what is to be done, the tool knows: its stages need no `steps`

    class Options(BaseModel, frozen=True, extra="forbid"):
        tool: tuple[str, ...]

    def __init__(self, options: Options) -> None:
        self.tool = options.tool

    async def start(self, job: Job) -> str:
        return await self.ask("start", job.stage, job.revision or "")

    async def wait(self, job: Job, token: str | None, progress: Callable[[str], None]) -> Outcome:
        if token is None:
            raise RunLost(f"{self.tool[0]} may or may not have begun run {job.run}: ask it")
        while (said := await self.ask("status", token)).startswith("running"):
            progress(said)
            await asyncio.sleep(0.2)
        state, _, reason = said.partition(" ")  # "succeeded", "cancelled", "failed disk full"
        return Outcome(RunState(state), reason=reason or None)

    async def abort(self, job: Job, token: str | None) -> None:  # noqa: ARG002
        if token is not None:
            await self.ask("stop", token)

    async def ask(self, *words: str) -> str:
        command = [*self.tool, *words]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise PushbotError(f"{' '.join(command)} did not work: {done.stderr.strip()}")
        return done.stdout.strip()
