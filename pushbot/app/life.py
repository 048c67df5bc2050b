"""The life of a bot, from its start to its end, over any number of configurations."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from pushbot.app.bot import Bot
from pushbot.app.ending import stopped
from pushbot.app.lasting import Lasting
from pushbot.app.plan import planned
from pushbot.app.reload import digest, same_chats
from pushbot.clock import SystemClock
from pushbot.errors import PushbotError
from pushbot.log import set_up
from pushbot.ports import Entry
from pushbot.schedule import Schedule
from pushbot.service.journal.clerk import Clerk
from pushbot.service.limits import Limits
from pushbot.service.runs.dispatcher import BOT
from pushbot.service.speaker import Speaker
from pushbot.store import SqliteStore

if TYPE_CHECKING:
    from pushbot.app.plan import Errand, Plan
    from pushbot.app.reload import Reloads
    from pushbot.config import Config
    from pushbot.ports import Clock, Store, Timetable

LOG = structlog.get_logger()


async def serve(config: Config, errand: Errand | None = None, reloads: Reloads | None = None) -> None:
    """Run the bot until cancelled; runs in flight are then left, aborted or waited for, as the configuration says.

    With an `errand` it ends by itself; `reloads` may bring it another configuration meanwhile.
    Raises PushbotError when it cannot begin or go on: a store that is not to be used, a chat that refuses for good.
    """
    store = SqliteStore(config.bot.store)
    await store.open()
    try:
        plan = planned(config)
        if errand is not None:
            plan = replace(plan, last_words=errand.last_words, abort_on_stop=False, drain_for=None)
        await run(plan, store, SystemClock(), errand, reloads=reloads)
    finally:
        await store.close()


async def run(
    plan: Plan,
    store: Store,
    clock: Clock,
    errand: Errand | None = None,
    *,
    timetable: Timetable | None = None,
    reloads: Reloads | None = None,
) -> None:
    """Run a bot on an open store until cancelled, or until its errand is over. Raises PushbotError."""
    speaker = Speaker(plan.chats, store, clock, last_id=await store.last_line())
    try:
        async with asyncio.TaskGroup() as group:
            clerk = Clerk(store, clock)
            limits = Limits(clock, speaker, clerk)
            bot = Bot.wired(plan, Lasting(store, clock, timetable or Schedule(clock), group, speaker, clerk, limits))
            try:
                await bot.start()
                if reloads is None:
                    await bot.stay(errand)
                else:
                    config = reloads.config
                    await bot.announce([], _loaded(config, clock))
                    while True:
                        bot, config = await _reloaded(bot, config, reloads)
            finally:
                await stopped(bot)
    except* PushbotError as errors:
        raise _first(errors) from None


def _loaded(config: Config, clock: Clock) -> Entry:
    return Entry(clock.now(), BOT.key, f"Configuration loaded: {config.file} ({digest(config)})", "done", BOT.name)


async def _reloaded(bot: Bot, before: Config, reloads: Reloads) -> tuple[Bot, Config]:
    """Wait for the next time that the configuration is read, and let it take force if it is good."""
    bot.house.reload = reloads.ask
    look = await reloads.next()
    if look.config is not None:
        links = bot.lasting.links
        alive = {name: link.chat for name, link in links.items() if not link.task.done()}
        plan = planned(look.config, same_chats(before, look.config, alive))
        set_up(look.config.bot.log_format, look.config.bot.log_level, look.config.bot.syslog)
        bot = await bot.rewired(plan)
    bot.house.reload = reloads.ask
    await bot.announce(look.lines, look.entry(bot.lasting.clock.now()))
    return bot, look.config or before


def _first(errors: BaseExceptionGroup[PushbotError]) -> PushbotError:
    """One of several troubles, to be told in one line."""
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
