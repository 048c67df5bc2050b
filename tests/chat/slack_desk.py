"""A writer on the fake Slack, with what stands round it in the bot."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from slack_sdk.web.async_client import AsyncWebClient

from pushbot.chat.slack.api import Api
from pushbot.chat.slack.options import SlackOptions
from pushbot.chat.slack.outbound.ephemeral import Ephemeral
from pushbot.chat.slack.outbound.homes import Homes
from pushbot.chat.slack.outbound.reconciler import Reconciler
from pushbot.chat.slack.outbound.snippets import Snippets
from pushbot.chat.slack.outbound.talk import Talk
from pushbot.chat.slack.outbound.topic import Topic
from pushbot.chat.slack.outbound.writer import Writer
from pushbot.chat.slack.people import Roster
from pushbot.chat.slack.rooms import Rooms
from pushbot.ports import PLAIN, Manner
from pushbot.testing.memory_store import MemoryStore
from tests.rig.slack import BOT_TOKEN, SlackServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from pushbot.testing.memory_store import Drawer

PUSH = "#push"
INTERVAL = 0.1
"""Seconds between messages and between topics, so that tests take no longer than they have to."""

STILL = 1.5
"""Seconds without a call, after which there is none to come soon."""
WORKERS = {each.__name__ for each in (Homes, Snippets, Talk, Topic, Reconciler, Ephemeral)}
"""The names of the tasks that write: there is one only as long as it has something to write."""


def client(slack: SlackServer, token: str = BOT_TOKEN) -> AsyncWebClient:
    return AsyncWebClient(token=token, base_url=slack.url)


@dataclass
class Desk:
    """One life of the bot's writer; `refused` are the rooms whose topic it may not set."""

    slack: SlackServer
    writer: Writer
    api: Api
    rooms: Rooms
    memory: Drawer
    refused: list[str] = field(default_factory=list)

    def say(self, text: str, manner: Manner = PLAIN, to: str = PUSH) -> asyncio.Future[None]:
        return self.writer.say(to, text, manner)

    async def said(self, *futures: asyncio.Future[None]) -> None:
        async with asyncio.timeout(60):
            for future in futures:
                await future


@asynccontextmanager
async def desk(
    slack: SlackServer,
    memory: Drawer | None = None,
    *,
    names: Iterable[str] = (PUSH,),
    interval: float = INTERVAL,
    patience: float = 5.0,
) -> AsyncIterator[Desk]:
    """The bot's writer while it runs; with the `memory` of one before it is that one's next life."""
    if memory is None:
        store = MemoryStore()
        await store.open()
        memory = store.memory("slack")
    rooms, roster = Rooms(tuple(names)), Roster("slack")
    for room in rooms:
        known = [one.id for one in slack.space.channels.values() if room.is_called(one.name)]
        room.id = room.id or (known[0] if known else None)
    for user in slack.space.users.values():
        roster.learn(user.json())
    options = SlackOptions(message_interval=interval, topic_interval=interval)
    async with Api(client(slack), message_interval=interval, timeout=patience) as api:
        made = Desk(slack, Writer(api, rooms, roster, options, "slack", settles=0.1), api, rooms, memory)
        made.writer.topic_refused = made.refused.append
        for room in rooms:
            if room.id is not None:
                made.writer.found(room.name)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(made.writer.run(memory))
            yield made
            task.cancel()


async def quiet(slack: SlackServer) -> None:
    """Return when the bot has nothing to write, or, where it waits to be let in, has called nothing for long."""
    idle, calls, since = 0, 0, asyncio.get_running_loop().time()
    while idle < 2:
        await asyncio.sleep(0.05)
        now = asyncio.get_running_loop().time()
        if len(slack.calls) != calls:
            calls, since = len(slack.calls), now
        at_work = any(task.get_name() in WORKERS for task in asyncio.all_tasks())
        idle = 0 if at_work and now - since < STILL else idle + 1
