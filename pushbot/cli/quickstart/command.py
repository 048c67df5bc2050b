"""The command: what was asked for, which way to show it, and which signals end it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pushbot.cli.quickstart import demo
from pushbot.cli.quickstart.plan import plan, read_ports
from pushbot.cli.quickstart.server import ServerKind
from pushbot.cli.quickstart.serving import serve
from pushbot.cli.quickstart.show import Show, Stream, screen

if TYPE_CHECKING:
    from collections.abc import Coroutine

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command()
@click.argument("config", type=click.Path(path_type=Path), default=Path("config/quickstart.toml"))
@click.option("--commit", metavar="TEXT", help="Only commit a new version of the demo app, which shows TEXT.")
@click.option("--broken", is_flag=True, help="With --commit: a version whose health check fails.")
@click.option(
    "--ports",
    default="",
    envvar="PUSHBOT_PORTS",
    metavar="OLD=NEW,...",
    help="Ports to use in place of those in CONFIG. Also from PUSHBOT_PORTS.",
)
@click.option(
    "--irc-server",
    type=click.Choice([kind.value for kind in ServerKind]),
    help="The IRC server to run; the best by default.",
)
@click.option("--no-screen", is_flag=True, help="Show the bot's log even in a terminal.")
def quickstart(
    config: Path, commit: str | None, *, broken: bool, ports: str, irc_server: str | None, no_screen: bool
) -> None:
    """Start an IRC server, the bot with CONFIG, and a web app for it to deploy, all on this machine.

    In a terminal you get a chat screen; without one, it logs and serves until Ctrl-C or SIGTERM, and
    then leaves no process behind. What it keeps is in var/, and is found again by the next start.

    \b
    Examples:
      pushbot quickstart
      pushbot quickstart --ports 6667=7667
      pushbot quickstart --commit 'Hello again'
    """  # noqa: D301 - \b is click's mark for lines to keep
    if broken and commit is None:
        raise click.UsageError("--broken is for --commit TEXT")
    found = plan(config, read_ports(ports))
    if commit is not None:
        click.echo(demo.commit(found.app, "alice", commit, healthy=not broken))
        return
    able = sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    show: Show = screen(found) if able and not no_screen else Stream(found)
    asyncio.run(_until_signalled(serve(found, ServerKind(irc_server) if irc_server else None, show.run, show.note)))


async def _until_signalled(work: Coroutine[None, None, None]) -> None:
    """Carry `work` out; the first signal to stop cancels it, more are too late to matter."""
    loop = asyncio.get_running_loop()
    signalled = False

    def stop() -> None:
        nonlocal signalled
        if not signalled:
            signalled = True
            task.cancel()

    task = loop.create_task(work)
    for number in _STOPPING:
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not signalled:
            raise
