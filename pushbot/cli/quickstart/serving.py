"""The quickstart itself: an IRC server, the bot and what shows them, from the first to the last moment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pushbot.cli.quickstart import demo
from pushbot.cli.quickstart.processes import Child, alone, sweep
from pushbot.cli.quickstart.server import server_command
from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pushbot.cli.quickstart.plan import Plan
    from pushbot.cli.quickstart.server import ServerKind

_START: Final = 10.0
_RESTART: Final = 15.0
_BOT_GRACE: Final = 15.0
_SHORT_LIFE: Final = 3.0
_KILLED_SOON: Final = 5
_POLL: Final = 0.02


async def serve(
    plan: Plan, kind: ServerKind | None, show: Callable[[], Awaitable[None]], note: Callable[[str], None]
) -> None:
    """Bring everything up, `show` it until that ends or this is cancelled, and leave no process behind.

    `note` is told what people should know meanwhile. Raises PushbotError when something cannot be had.
    """
    if shutil.which("git") is None:
        raise PushbotError("git is not installed here; install it with `apt-get install git`")
    _make_folders(plan)
    with alone(plan.var):
        if left := await sweep(plan.var):
            note(f"ended {left} processes that an earlier quickstart, killed, had left behind")
        _check_ports(plan)
        await asyncio.to_thread(demo.prepare, plan)
        try:
            await _start_server(plan, kind)
            await _start_apps(plan, note)
            async with asyncio.TaskGroup() as group:
                keeping = group.create_task(_keep_bot(plan, note))
                await show()
                keeping.cancel()
        finally:
            await sweep(plan.var)


def _make_folders(plan: Plan) -> None:
    try:
        for folder in (plan.log.parent, *(place.root for place in plan.places)):
            folder.mkdir(parents=True, exist_ok=True)
        if plan.log.exists():
            plan.log.rename(plan.log.with_suffix(".log.1"))
        plan.log.touch()
    except OSError as error:
        raise PushbotError(f"cannot write to {plan.var}: {error.strerror}") from error


def _check_ports(plan: Plan) -> None:
    """Raise PushbotError when a port that will be needed is somebody else's."""
    wanted = [(plan.port, "the IRC server"), *((place.port, f"the app on {place.name}") for place in plan.places)]
    for port, use in wanted:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((plan.host, port))
            except OSError as error:
                who = f"see who has it with `ss -ltnp 'sport = :{port}'` and end that"
                other = f"or take another one: `PUSHBOT_PORTS={port}={port + 1000} make run`"
                why = error.strerror
                raise PushbotError(
                    f"port {port}, wanted for {use}, is not to be had ({why}): {who}, {other}"
                ) from error


async def _start_server(plan: Plan, kind: ServerKind | None) -> None:
    """Start the IRC server and wait until it answers."""
    command = server_command(plan, kind)
    log = plan.var / "log" / "irc.log"
    server = await Child.started("the IRC server", command, var=plan.var, log=log, environment=_environment())
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_START):
            while server.running:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection(plan.host, plan.port)
                    writer.close()
                    return
                await asyncio.sleep(_POLL)
    raise PushbotError(f"the IRC server ({command[0]}) does not come up: {server.last_words()} (its log: {log})")


async def _start_apps(plan: Plan, note: Callable[[str], None]) -> None:
    """Start what was live on the stages when the quickstart ended, as a machine does when it boots."""
    log = plan.var / "log" / "apps.log"
    for place in plan.places:
        if not (place.restart and (place.root / "current").exists()):
            continue
        environment = {**_environment(), "PUSHBOT_STAGE": place.name}
        child = await Child.started(
            f"the app on {place.name}",
            place.restart,
            var=plan.var,
            log=log,
            environment=environment,
            folder=place.root,
        )
        try:
            async with asyncio.timeout(_RESTART):
                if await child.wait():
                    note(f"what was live on {place.name} does not start again: {child.last_words()}")
        except TimeoutError:
            note(f"what was live on {place.name} does not start again within {_RESTART:g}s")


async def _keep_bot(plan: Plan, note: Callable[[str], None]) -> None:
    """Run the bot, and again when it was killed, until cancelled. Raises PushbotError when it fails at once."""
    loop = asyncio.get_running_loop()
    command = (sys.executable, "-m", "pushbot", "run", str(plan.config))
    short = 0
    while True:
        began = loop.time()
        bot = await Child.started("the bot", command, var=plan.var, log=plan.log, environment=_environment())
        try:
            code = await bot.wait()
        finally:
            if bot.running:
                await bot.end(_BOT_GRACE)
        short = short + 1 if loop.time() - began < _SHORT_LIFE else 0
        if short > (0 if code > 0 else _KILLED_SOON):
            raise PushbotError(f"the bot has ended with code {code}: {bot.last_words()} (its log: {plan.log})")
        note(f"the bot has ended with code {code} and is started again (its log: {plan.log})")


def _environment() -> Mapping[str, str]:
    """Ours, with the programs of this very Python first on the PATH: the steps of the stages say `python`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PUSHBOT_")}
    return {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
