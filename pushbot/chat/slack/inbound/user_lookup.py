"""Finding out who somebody is before the bot is told what they said."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog

from pushbot.chat.slack.paces import Pace
from pushbot.chat.slack.refused import UNKNOWN, Refused, warn
from pushbot.chat.slack.shape import part
from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from pushbot.chat.slack.inbound.inbox import Errand
    from pushbot.chat.slack.known import Known
    from pushbot.chat.slack.shape import Object
    from pushbot.ports import Memory, Notice

LOG = structlog.get_logger()
PATIENCE, LONGEST = 3.0, 60.0
"""Seconds that everybody waits for Slack to say who somebody is, and that this person's own words wait for it."""
ALREADY = 0.3
"""The same as PATIENCE while Slack is slow to say who somebody else is: many are not to hold everybody up."""
MOST = 10
"""People whom Slack is asked for at once: a message may name any number."""
BY_NAME, EVERY = 20, 6.0
"""People who were only named are asked for so many at once, then one in so many seconds.

Ids can be made up, and whoever does so is not to keep Slack from saying who speaks.
"""


@dataclass(frozen=True, slots=True)
class UserLookup:
    """Asks Slack for people who are not known; `tell` is how the bot is told of new names.

    `waiting` are those of whom it has not said soon enough who they are, each with what waits for it. When it has, that
    is done as one `errand`: so what somebody says stays in its order, and holds nobody else up.
    """

    known: Known
    memory: Memory
    tell: Callable[[Notice], Awaitable[None]]
    errand: Callable[[Errand], None]
    waiting: dict[str, list[Errand]] = field(default_factory=dict)
    _unknown: set[str] = field(default_factory=set)
    _tasks: set[asyncio.Task[Object]] = field(default_factory=set)
    _names: Pace = field(default_factory=lambda: Pace(EVERY, BY_NAME))

    async def meet(self, who: Iterable[str], named: Iterable[str] = ()) -> None:
        """Find out who these are, as far as Slack says so soon, and note under which name they are told of.

        Those who are only `named` are left out when many such were asked for just now.
        """
        roster, found = self.known.roster, list(who)
        mentions = [one for one in named if one not in found]
        speak = [one for one in roster.strangers(found) if one not in self.waiting and one not in self._unknown]
        meant = [one for one in roster.strangers(mentions)[:MOST] if self._names.spare(time.monotonic())]
        asked = {one: self._asked(one) for one in list(dict.fromkeys((*speak, *meant)))[:MOST]}
        if asked:
            await asyncio.wait(asked.values(), timeout=ALREADY if self.waiting else PATIENCE)
        if late := [one for one, task in asked.items() if not task.done()]:
            LOG.warning("slack_people_not_told", chat=self.known.chat, users=late)
        for user, task in asked.items():
            if task.done():
                await self._learn(task)
            elif user in speak:
                self.waiting[user] = []
                task.add_done_callback(partial(self._answered, user))
            else:
                task.cancel()
        for user in (*found, *mentions):
            await self.note(user)

    def part(self) -> None:
        """Ask no more."""
        for task in self._tasks:
            task.cancel()

    async def note(self, user: str) -> None:
        """Note what somebody is called, if that is not noted; without the note only a rename may be missed."""
        note = self.known.roster.note(user)
        if note is not None:
            try:
                await self.memory.note(*note)
            except PushbotError as error:
                LOG.warning("slack_name_not_noted", chat=self.known.chat, user=user, error=str(error))

    def _asked(self, user: str) -> asyncio.Task[Object]:
        task = asyncio.ensure_future(self._ask(user))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _ask(self, user: str) -> Object:
        """Have Slack say who that is; who it does not know is nobody for whom anything vouches.

        Where that is a stand-in which tells of nobody, somebody of another team: `guests` says whether to trust them.
        """
        try:
            async with asyncio.timeout(LONGEST):
                return part(await self.known.api.call("users.info", user=user), "user")
        except (PushbotError, TimeoutError) as error:
            warn("slack_person_not_told", error, chat=self.known.chat, user=user)
            unknown = isinstance(error, Refused) and error.code == UNKNOWN
            return {"id": user, "is_stranger": True} if unknown else {}

    def _answered(self, user: str, task: asyncio.Task[Object]) -> None:
        if not task.cancelled():
            self.errand(partial(self._go_on, user, task))

    async def _go_on(self, user: str, task: asyncio.Task[Object]) -> None:
        """Do what waited until it is known who somebody is, or that Slack does not tell."""
        self._unknown.add(user)
        try:
            await self._learn(task)
        finally:
            for errand in self.waiting.pop(user):
                await errand()
            self._unknown.discard(user)

    async def _learn(self, task: asyncio.Task[Object]) -> None:
        for renamed in self.known.roster.learn(task.result()):  # the bot may take as long as it likes
            await self.tell(renamed)
