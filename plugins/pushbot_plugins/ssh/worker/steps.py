"""The steps of a stage: on a host, or once on the bot's machine; with their tries and the waits between them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pushbot_plugins.ssh.worker.seams import HostTrouble, StepFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pushbot.ports import Step

    from .report import RunReport
    from .seams import Here
    from .target import Target

AT_HOME = 'cd -P -- "${PUSHBOT_ROOT:-$HOME}${PUSHBOT_ROOT:+/current}" || exit\n'
"""Commands on a host begin in the live release, where there is one, or else at home."""


async def on_host(step: Step, target: Target, report: RunReport) -> None:
    """Run the step there. Raises HostTrouble when it has failed for good."""
    if not step.run and step.script is None:
        raise HostTrouble(step.name, "it has nothing to run: give it `run` or `script`")
    env = target.variables(step)
    script = AT_HOME + ('"$@"' if step.script is None else f"set -e\n{step.script}")

    async def attempt() -> str | None:
        try:
            code = await target.remote.run(script, arguments=step.run, env=env, limit=step.timeout, take=target.take)
        except HostTrouble as trouble:
            return str(trouble)
        finally:
            report.ended(target.host)
        return f"exited with {code}" if code else None

    if trouble := await _tried(step, attempt, lambda text: report.note(f"{step.name}: {text}", target.host)):
        raise HostTrouble(step.name, trouble)


async def here(step: Step, machine: Here, env: Mapping[str, str], folder: str, report: RunReport) -> None:
    """Run the step on the bot's machine, as the local executor does. Raises StepFailed."""
    command = step.run if step.script is None else ("/bin/sh", "-e", "-c", step.script, step.name)
    if not command:
        raise StepFailed(step.name, "it has nothing to run: give it `run` or `script`")

    async def attempt() -> str | None:
        try:
            code = await machine.run(command, folder=folder, env=env, limit=step.timeout, take=report.output(None))
        except StepFailed as trouble:
            return str(trouble)
        finally:
            report.ended(None)
        if code < 0:
            return f"was ended by signal {-code}"
        return f"exited with {code}" if code else None

    if trouble := await _tried(step, attempt, lambda text: report.note(f"{step.name}: {text}")):
        raise StepFailed(step.name, trouble)


async def _tried(step: Step, attempt: Callable[[], Awaitable[str | None]], note: Callable[[str], None]) -> str | None:
    """What was wrong in the last try, if that was wrong as well."""
    await asyncio.sleep(step.after)
    trouble = await attempt()
    for number in range(2, step.retries + 2):
        if trouble is None:
            return None
        note(f"{trouble}; try {number} of {step.retries + 1} follows")
        await asyncio.sleep(step.retry_delay)
        trouble = await attempt()
    return f"{trouble}, in the last of {step.retries + 1} tries" if trouble and step.retries else trouble
