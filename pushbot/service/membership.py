"""Keeps the roles that commands list: each is asked in the background, and nobody waits for it.

Before the first answer nobody has the role. When a command fails its last good list stays, and that is logged: so an
outage of the company's directory takes nobody's role, and gives none.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pushbot.ports import Clock
    from pushbot.service.directory import Directory, RoleSpec

LOG = structlog.get_logger()
MOST = 10_000
"""Names that a role may have."""


def names_in(text: str) -> frozenset[str]:
    """The people that a command printed: a name of `[people]`, or CHAT/ACCOUNT, on each line; `#` begins a remark."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines()[:MOST])
    return frozenset(filter(None, lines))


@dataclass(frozen=True, slots=True)
class Membership:
    """`ask` gives what a command prints within so many seconds, or raises PushbotError."""

    directory: Directory
    clock: Clock
    ask: Callable[[Sequence[str], float], Awaitable[str]]

    async def run(self) -> None:
        """Keep the lists up until cancelled."""
        async with asyncio.TaskGroup() as group:
            for role in self.directory.roles_kept:
                if role.command:
                    group.create_task(self._keep(role), name=f"role {role.name}")

    async def _keep(self, role: RoleSpec) -> None:
        while True:
            try:
                found = names_in(await self.ask(role.command, role.timeout))
            except PushbotError as error:
                kept = self.directory.listed.get(role.command)
                LOG.warning(
                    "role_not_listed", role=role.name, error=str(error), kept=None if kept is None else len(kept)
                )
            else:
                self.directory.listed[role.command] = found
            await self.clock.sleep(role.every)
