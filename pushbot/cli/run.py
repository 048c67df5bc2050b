"""`pushbot run`: the bot itself, until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import structlog

from pushbot.cli.loading import loading
from pushbot.cli.shutdown import ending_runner
from pushbot.config import load
from pushbot.log import set_up

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from pushbot.config import Config

_STOPPING = (signal.SIGINT, signal.SIGTERM)


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
def run(config: Path) -> None:
    """Run the bot with the configuration in the file CONFIG until Ctrl-C or SIGTERM.

    It logs to standard error. On the way out it signs off from its chats; what becomes of deploys in
    flight is said by `on_stop` in the configuration. A second Ctrl-C ends it at once. SIGHUP has it read
    CONFIG again: all of it or, when there is a mistake in it, nothing.

    \b
    Examples:
      pushbot run pushbot.toml
      systemctl enable --now pushbot     (with config/pushbot.service)
      systemctl reload pushbot
    """  # noqa: D301 - \b is click's mark for lines to keep
    with loading():
        found = load(config)
        set_up(found.bot.log_format, found.bot.log_level, found.bot.syslog)
        from pushbot.app import Reloads, serve  # noqa: PLC0415 - all of the bot comes along, and a mistake needs none
    gc.freeze()  # nor is it looked through later on, each time for tens of milliseconds in which nobody is answered
    reloads = Reloads(found, partial(load, config))

    async def reloadable(config: Config) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloads.hang_up)
        await serve(config, reloads=reloads)

    with ending_runner() as runner:
        runner.run(until_told(reloadable, found))


async def until_told(serve: Callable[[Config], Coroutine[None, None, None]], config: Config) -> None:
    """Run `serve(config)` and return when it ends, or when a signal to stop has come and it has ended."""
    loop = asyncio.get_running_loop()

    def stop(number: signal.Signals) -> None:
        structlog.get_logger().info("stopping", signal=number.name)
        for each in _STOPPING:
            loop.remove_signal_handler(each)
        serving.cancel()

    async with asyncio.TaskGroup() as group:
        serving = group.create_task(serve(config))
        for each in _STOPPING:
            loop.add_signal_handler(each, stop, each)
