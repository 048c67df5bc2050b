"""The peer on Slack: the least bot that Bolt makes. It answers `!x` with a new topic and stores nothing.

Started as `python bare_slack_bot.py API_URL`, with both tokens in the environment.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient


async def serve(api: str) -> None:
    """Answer every `!x` with another topic, for ever."""
    client = AsyncWebClient(token=os.environ["SLACK_BOT_TOKEN"], base_url=api)
    app = AsyncApp(client=client)
    changes = 0

    @app.message("!x")
    async def answer(message: dict[str, Any]) -> None:
        nonlocal changes
        changes += 1
        await client.conversations_setTopic(channel=message["channel"], topic=f"topic {changes}")

    @app.event("message")
    async def other() -> None:
        pass

    await AsyncSocketModeHandler(app, os.environ["SLACK_APP_TOKEN"]).connect_async()  # type: ignore[no-untyped-call]
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
