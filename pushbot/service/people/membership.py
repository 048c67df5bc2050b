"""Keeps the roles that commands and groups of chats list: each is asked in the background, and nobody waits for it.

Before the first answer nobody has the role. When a command fails its last good list stays, and that is logged: so an
outage of the company's directory takes nobody's role, and gives none. The same holds for a chat that cannot tell who is
in a group, for a day: who was taken out of the group meanwhile does not keep the role for ever.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from pushbot.errors import PushbotError
from pushbot.ports import Groups
from pushbot.service.people.directory import account_of, of_group

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from pushbot.ports import Chat, Clock
    from pushbot.service.people.directory import Directory, RoleSpec

LOG = structlog.get_logger()
MOST = 10_000
"""Names that a role may have."""
KEPT_FOR = timedelta(days=1)
"""How long a group is as it was last known to be while its chat cannot tell."""
SOON = 30.0
"""Seconds after which a chat is asked again that could not tell, where that is sooner than its turn."""


def names_in(text: str) -> frozenset[str]:
    """The people that a command printed: a name of `[people]`, or CHAT/ACCOUNT, on each line; `#` begins a remark."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines()[:MOST])
    return frozenset(filter(None, lines))


@dataclass(frozen=True, slots=True)
class Membership:
    """`ask` gives what a command prints within so many seconds, or raises PushbotError; `chats` know groups."""

    directory: Directory
    clock: Clock
    ask: Callable[[Sequence[str], float], Awaitable[str]]
    chats: Mapping[str, Chat] = field(default_factory=dict)

    async def run(self) -> None:
        """Keep the lists up until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for role in self.directory.roles_kept:
                if role.command:
                    tasks.create_task(self._keep(role), name=f"role {role.name}")
                for group in role.groups:
                    tasks.create_task(self._keep_group(role, group), name=f"role {role.name} of {group}")

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

    async def _keep_group(self, role: RoleSpec, group: str) -> None:
        listed, key = self.directory.listed, of_group(group)
        known_at, told = self.clock.now(), ""
        while True:
            try:
                found = await self._in_group(group, role.timeout)
            except PushbotError as error:
                if self.clock.now() - known_at > KEPT_FOR and listed.pop(key, frozenset()):
                    LOG.warning("role_taken", role=role.name, group=group, reason="not known for a day who is in it")
                if str(error) != told:  # once, not with every turn
                    kept = listed.get(key)
                    LOG.warning(
                        "role_not_listed",
                        role=role.name,
                        group=group,
                        error=str(error),
                        kept=None if kept is None else len(kept),
                    )
                told = str(error)
                await self.clock.sleep(min(role.every, SOON))
            else:
                listed[key], known_at, told = found, self.clock.now(), ""
                await self.clock.sleep(role.every)

    async def _in_group(self, group: str, seconds: float) -> frozenset[str]:
        """The accounts in a group; raises PushbotError when its chat cannot tell within so many seconds."""
        name, chat = account_of(group).who, self.chats.get(account_of(group).chat)
        if not isinstance(chat, Groups):
            raise PushbotError(f"'{group}': this chat has no groups of people")
        try:
            async with asyncio.timeout(seconds):
                found = await chat.members(name)
        except TimeoutError:
            raise PushbotError(f"{group}: not known within {seconds:g} s who is in it") from None
        return frozenset(f"{chat.name}/{address}" for address in found)
