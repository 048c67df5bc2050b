"""Lines on Slack: in order, merged, in their places, nothing twice and nothing lost."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import PushbotError
from pushbot.ports import Manner
from tests.chat.slack_desk import PUSH, desk
from tests.rig.slack import Http, Limited, Lost, Refused, SlackServer, Stuck

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        server.add_user("alice", id="U0ALICE")
        server.add_user("bob", id="U0BOB")
        server.add_channel(PUSH, id="C0PUSH")
        yield server


async def test_a_line_goes_out_at_once_as_it_is(slack: SlackServer) -> None:
    async with desk(slack) as bot:
        await bot.said(bot.say("warm up"))
        began = time.perf_counter()
        await asyncio.sleep(0.15)
        began = time.perf_counter()
        await bot.said(bot.say("<princess> alice & *bob* <!channel> @channel"))
        assert time.perf_counter() - began < 0.1
    assert slack.said(PUSH)[-1] == "<princess> alice & *bob* <!channel> @channel"
    message = slack.messages(PUSH)[-1]
    assert message.text == "&lt;princess&gt; alice &amp; *bob* &lt;!channel&gt; @channel"
    assert [block["type"] for block in message.blocks] == ["rich_text"]


async def test_a_hundred_lines_are_few_messages_in_order(slack: SlackServer) -> None:
    slack.api.rates.on = True
    slack.api.rates.second = 0.1
    async with desk(slack) as bot:
        await bot.said(*[bot.say(f"line {number}") for number in range(100)])
    assert "\n".join(slack.said(PUSH)).splitlines() == [f"line {number}" for number in range(100)]
    assert len(slack.said(PUSH)) <= 3
    assert slack.rate_limited == 0
