"""Finding out who somebody is before the bot is told what they said."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from pushbot.chat.slack.paces import Pace
from pushbot.chat.slack.shape import part
from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from pushbot.chat.slack.known import Known
    from pushbot.chat.slack.shape import Object
    from pushbot.ports import Memory, Notice

LOG = structlog.get_logger()
PATIENCE = 3.0
"""Seconds that anything waits for Slack to say who somebody is."""
MOST = 10
"""People whom Slack is asked for at once: a message may name any number."""
BY_NAME, EVERY = 20, 6.0
"""People who were only named are asked for so many at once, then one in so many seconds.

Ids can be made up, and whoever does so is not to keep Slack from saying who speaks.
"""


@dataclass(frozen=True, slots=True)
class Meeting:
    """Asks Slack for people who are not known; `tell` is how the bot is told of new names."""

    known: Known
    memory: Memory
    tell: Callable[[Notice], Awaitable[None]]
    _names: Pace = field(default_factory=lambda: Pace(EVERY, BY_NAME))

    async def meet(self, who: Iterable[str], named: Iterable[str] = ()) -> None:
        """Find out who these are, as far as Slack says so soon, and note under which name they are told of.

        Those who are only `named` are left out when many such were asked for just now.
        """
        roster, found, mentions = self.known.roster, list(who), list(named)
        strangers = list(roster.strangers(found))
        strangers += [one for one in roster.strangers(mentions)[:MOST] if self._names.spare(time.monotonic())]
        if strangers:
            told: list[Object] = []
            try:
                async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
                    for user in strangers[:MOST]:
                        group.create_task(self._ask(user, told))
            except TimeoutError:
                LOG.warning("slack_people_not_told", chat=self.known.chat, users=strangers)
            for one in told:  # the bot may take as long as it likes
                for renamed in roster.learn(one):
                    await self.tell(renamed)
        for user in (*found, *mentions):
            await self.note(user)

    async def note(self, user: str) -> None:
        """Note what somebody is called, if that is not noted; without the note only a rename may be missed."""
        note = self.known.roster.note(user)
        if note is not None:
            try:
                await self.memory.note(*note)
            except PushbotError as error:
                LOG.warning("slack_name_not_noted", chat=self.known.chat, user=user, error=str(error))

    async def _ask(self, user: str, told: list[Object]) -> None:
        """Have Slack say who that is; who it does not know is nobody for whom anything vouches."""
        try:
            answer = await self.known.api.call("users.info", user=user)
        except PushbotError as error:
            LOG.warning("slack_person_not_told", chat=self.known.chat, user=user, error=str(error))
        else:
            told.append(part(answer, "user"))
