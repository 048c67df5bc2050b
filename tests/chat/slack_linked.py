"""A link to the fake Slack, with what stands round it in the bot."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from slack_sdk.web.async_client import AsyncWebClient

from pushbot.chat.slack.api import Api
from pushbot.chat.slack.inbound.link import Link
from pushbot.chat.slack.options import SlackOptions
from pushbot.chat.slack.shape import text
from pushbot.errors import PushbotError
from tests.rig.slack import APP_TOKEN, SlackServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pushbot.chat.slack.shape import Object

QUICK = SlackOptions(ping_interval=0.5, reconnect_min=0.01, reconnect_max=0.05)


class Taken:
    """What was taken, in order; with `full` the disk takes nothing."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.full = False
        self.links = 0

    async def take(self, envelope: Object) -> None:
        if text(envelope, "type") != "events_api":
            return
        if self.full:
            raise PushbotError("the disk is full")
        self.texts.append(text(envelope, "payload", "event", "text"))

    def connected(self) -> None:
        self.links += 1


@asynccontextmanager
async def linked(slack: SlackServer, options: SlackOptions = QUICK) -> AsyncIterator[Taken]:
    taken = Taken()
    api = Api(AsyncWebClient(APP_TOKEN, slack.url, retry_handlers=[]))
    async with api:
        link = Link("slack", options, api, taken.take, taken.connected)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(link.run())
            await slack.until(lambda: slack.links.open)
            yield taken
            running.cancel()


@asynccontextmanager
async def workspace() -> AsyncIterator[SlackServer]:
    async with SlackServer() as slack:
        slack.add_user("ada")
        slack.add_channel("#push")
        yield slack
