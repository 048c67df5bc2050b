"""The life of a bot, from its start to its end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from pushbot.app.bot import Bot
from pushbot.app.plan import planned
from pushbot.clock import SystemClock
from pushbot.errors import PushbotError
from pushbot.schedule import Schedule
from pushbot.store import SqliteStore

if TYPE_CHECKING:
    from pushbot.app.plan import Errand, Plan
    from pushbot.config import Config
    from pushbot.ports import Clock, Store, Timetable


async def serve(config: Config, errand: Errand | None = None) -> None:
    """Run the bot until cancelled; runs in flight are then left or aborted, as the configuration says.

    With an `errand` it ends by itself.
    Raises PushbotError when it cannot begin or go on: a store that is not to be used, a chat that refuses for good.
    """
    store = SqliteStore(config.bot.store)
    await store.open()
    try:
        plan = planned(config)
        if errand is not None:
            plan = replace(plan, last_words=errand.last_words, abort_on_stop=False)
        await run(plan, store, SystemClock(), errand)
    finally:
        await store.close()


async def run(
    plan: Plan, store: Store, clock: Clock, errand: Errand | None = None, timetable: Timetable | None = None
) -> None:
    """Run a bot on an open store until cancelled, or until its errand is over. Raises PushbotError."""
    try:
        async with asyncio.TaskGroup() as group:
            bot = await Bot.wired(plan, store, clock, group, timetable or Schedule(clock))
            try:
                await bot.start()
                await bot.stay(errand)
            finally:
                await bot.stop()
    except* PushbotError as errors:
        raise _first(errors) from None


def _first(errors: BaseExceptionGroup[PushbotError]) -> PushbotError:
    """One of several troubles, to be told in one line."""
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
