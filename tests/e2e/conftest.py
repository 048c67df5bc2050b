"""Fixtures for whole bots: started and cleared away, with people beside them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest_asyncio

from tests.e2e.bot import BotProcess
from tests.e2e.crowd import Member
from tests.e2e.town import Town
from tests.rig.slack import SlackServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from tests.rig.ngircd import Ngircd

    Bots = Callable[..., BotProcess]
    People = Callable[..., Coroutine[None, None, Member]]
    Towns = Callable[..., Town]


@pytest_asyncio.fixture
async def bots(tmp_path: Path) -> AsyncIterator[Bots]:
    """Makes bots (not started): `bot = bots(config)`. At the end nothing in their logs may look broken."""
    made: list[BotProcess] = []

    def make(config: str, rooms: tuple[str, ...] = ("#push", "#warroom")) -> BotProcess:
        bot = BotProcess(tmp_path, config, rooms)
        made.append(bot)
        return bot

    yield make
    for bot in made:
        bot.clear_away()
    for bot in made:
        bot.unharmed()


AT_THE_DOOR = 8
"""People who come at the same moment: of ten whom ngircd has not let in yet, the kernel loses the eleventh for long."""


@pytest_asyncio.fixture
async def people() -> AsyncIterator[People]:
    """Brings people: `alice = await people(server, "alice")`, in #push and #warroom when nothing else is said."""
    came: list[Member] = []
    door = asyncio.Semaphore(AT_THE_DOOR)

    async def come(server: Ngircd, nick: str, *rooms: str) -> Member:
        member = Member(nick)
        came.append(member)
        async with door:
            await member.sign_on(server, *(rooms or ("#push", "#warroom")))
        return member

    yield come
    for member in came:
        member.leave()


@pytest_asyncio.fixture
async def slack() -> AsyncIterator[SlackServer]:
    """A workspace without people, more patient than Slack is: how soon a bot answers is no matter on a busy machine."""
    async with SlackServer() as server:
        server.links.ack_within = 15
        yield server


@pytest_asyncio.fixture
async def towns(slack: SlackServer, tmp_path: Path) -> AsyncIterator[Towns]:
    """Makes teams on `slack`, the bot not started: `town = towns(config, "web")`. At the end no log may look broken."""
    made: list[Town] = []

    def make(config: str, *lanes: str) -> Town:
        town = Town(slack, tmp_path, config, lanes)
        made.append(town)
        return town

    yield make
    for town in made:
        town.bot.clear_away()
    for town in made:
        town.bot.unharmed()
