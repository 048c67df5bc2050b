"""How a bot ends: what becomes of the runs in flight, and the last words."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from pushbot.app.plan import LAST_WORDS
from pushbot.app.resting import at_rest, ended
from pushbot.service.voice.plain import lasting, listed

if TYPE_CHECKING:
    from pushbot.app.bot import Bot

LOG = structlog.get_logger()
CLOSING = "I am being stopped and begin nothing new; questions and .abort still go"
"""What is said to whoever asks for more."""
BEGUN_WITHIN = 10.0
"""Seconds that a run which just starts is waited for."""


async def stopped(bot: Bot) -> None:
    """Finish what the plan wants finished, say the last words, and let go."""
    plan = bot.plan
    if plan.drain_for is not None:
        await _drain(bot, plan.drain_for)
    if plan.abort_on_stop:
        await bot.dispatcher.abort_all()
    if await bot.dispatcher.hand_over(BEGUN_WITHIN) or plan.abort_on_stop:
        with suppress(TimeoutError):  # what is not recorded now is found out at the next start
            async with asyncio.timeout(LAST_WORDS):
                await at_rest(bot.parts)
    bot.lasting.limits.tell()
    await bot.lasting.speaker.settle(plan.last_words)
    for task in (*bot.sources, *bot.tasks, *bot.lasting.all_tasks()):
        task.cancel()


async def _drain(bot: Bot, seconds: float) -> None:
    """Wait for the runs in flight, and begin none meanwhile: whoever asks for more is told so."""
    bot.desk.closing = CLOSING
    if bot.lasting.control is not None:
        bot.lasting.control.closing = CLOSING
    await ended([*bot.sources, *bot.lasting.web_tasks()])
    told = False
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                await at_rest(bot.parts)  # what follows on a run has begun then, and those on call have been called
                runs = bot.dispatcher.under_way
                if not runs:
                    return
                if not told:
                    told = True
                    LOG.info("draining", runs=runs, seconds=seconds)
                    await bot.announce([f"{CLOSING}. I wait for {listed(runs)}, {lasting(seconds)} at most"])
                await bot.dispatcher.any_ended()
    runs = bot.dispatcher.under_way
    LOG.warning("drained_no_longer", runs=runs)
    await bot.announce([f"I wait no longer for {listed(runs)}, to be taken up when I am started again"])
