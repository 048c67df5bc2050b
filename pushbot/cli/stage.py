"""`pushbot stage`: one stage, run from the command line, under the bot's own locks and on its record."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import click

from pushbot.cli.lanes import lane_of, stage_of
from pushbot.cli.progress import Bar, Lines
from pushbot.config import load
from pushbot.control.client import Conversation, NobodyThere
from pushbot.control.wire import Asked, At, Ended, Refused, RunStage, Told, socket_of
from pushbot.errors import InUse, PushbotError
from pushbot.log import set_up
from pushbot.queue.commands import RunState
from pushbot.queue.verbs import REF

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.cli.progress import Show
    from pushbot.config import Config

_STOPPING = (signal.SIGINT, signal.SIGTERM)
ANNOUNCED_WITHIN = 20.0
"""Seconds for a bot that this command is itself to get into its rooms and say what it owes, once the run is over."""
PATIENCE = 1.0
"""Seconds of that after which people are told what is waited for."""
_UNSAID = (
    f"what became of it is yet to be said in the chats, for up to {ANNOUNCED_WITHIN:.0f}s;"
    " what cannot be said now, or after Ctrl-C, the next bot says"
)
DOOR_WITHIN = 10.0
"""Seconds in which a bot that just begins, or ends, has its control socket or has given up its database."""
_LOOK = 0.2
LOST = 3
"""The exit code of a run of which nobody can tell how it ended."""


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("lane")
@click.argument("stage")
@click.option("--ref", metavar="REF", help="What to deploy: a branch, tag or commit. Default: the lane's branch.")
@click.option("--failed", is_flag=True, help="Go on with the hosts that the stage's last run left.")
@click.option("--plain", is_flag=True, help="Lines instead of a progress bar, also in a terminal.")
def stage(config: Path, lane: str, stage: str, ref: str | None, *, failed: bool, plain: bool) -> None:
    """Run STAGE of LANE now, beside the queue, and follow it to its end.

    It takes the same locks as a deploy from the chat, is on the same record (.history, .log, .rollback), and is
    announced in the same rooms. The bot does it if it runs; otherwise this command is the bot for as long as
    it takes, and until nothing else runs that people asked for meanwhile. Ctrl-C stops the run and waits for its
    end; a second one leaves it alone and goes. Whoever reads its output may go: the run is followed all the same.

    \b
    Exit codes, beside those of all commands:
      1   the stage failed or was stopped, or may not be run now; standard error says why
      3   nobody can tell how it ended: look at the stage

    \b
    Examples:
      pushbot stage pushbot.toml web production
      pushbot stage pushbot.toml web princess --ref fix-cart
      pushbot stage pushbot.toml web production --failed
    """  # noqa: D301 - \b is click's mark for lines to keep
    found = load(config)
    stage_of(lane_of(found, lane), stage)
    if ref is not None and not REF.fullmatch(ref):
        raise click.UsageError("what --ref names cannot be a branch, tag or commit")
    request = RunStage(lane=lane, stage=stage, ref=ref, failed=failed)
    with Lines() if plain or not sys.stdout.isatty() else Bar(f"{lane} {stage}") as show:
        code = asyncio.run(_carried_out(found, request, show))
    raise click.exceptions.Exit(code)


async def _carried_out(config: Config, request: RunStage, show: Show) -> int:
    """Have the running bot do it, or be the bot meanwhile; the exit code."""
    socket, loop = socket_of(config.bot.store), asyncio.get_running_loop()
    until = loop.time() + DOOR_WITHIN
    while True:
        try:
            conversation = await Conversation.begin(socket)
        except NobodyThere:
            try:
                return await _as_the_bot(config, request, show)
            except InUse as error:  # by a bot that begins, or ends; maybe another of these commands
                if loop.time() > until:
                    raise PushbotError(f"{error}. It does not listen at {socket}: its log says why") from error
                await asyncio.sleep(_LOOK)
        else:
            return await _followed(conversation, request, show)


async def _as_the_bot(config: Config, request: RunStage, show: Show) -> int:
    """Be the bot until the run is over, and all else that was begun meanwhile. Raises InUse when there is one."""
    set_up(config.bot.log_format, "warning")
    from pushbot.app import Errand, serve  # noqa: PLC0415 - the whole bot, which is rarely needed here

    def staying(runs: Sequence[str]) -> None:
        show.told(f"{', '.join(runs)} still going: this stays the bot until the end of that; Ctrl-C leaves it")

    errand, codes, loop = Errand(staying, ANNOUNCED_WITHIN), list[int](), asyncio.get_running_loop()

    async def carry_out() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(serve(config, errand))
            await errand.listening.wait()
            show.told("no bot is running, so this is the bot until the run is over")
            codes.append(await _followed(await Conversation.begin(socket_of(config.bot.store)), request, show))
            errand.over.set()
            loop.call_later(PATIENCE, show.told, _UNSAID)  # the loop ends with the bot
            for number in _STOPPING:
                loop.add_signal_handler(number, carrying_out.cancel)

    carrying_out = loop.create_task(carry_out())
    try:
        await carrying_out
    except* PushbotError as errors:
        raise errors.exceptions[0] from None
    except* asyncio.CancelledError:  # by Ctrl-C after the run: what is left is for the next bot
        if not codes:
            raise
    return codes[0]


async def _followed(conversation: Conversation, request: RunStage, show: Show) -> int:
    """Show what becomes of the request until it is over; the exit code."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        asked_to_stop = False

        def stop() -> None:
            nonlocal asked_to_stop
            if asked_to_stop:
                for number in _STOPPING:
                    loop.remove_signal_handler(number)
                following.cancel()
                return
            asked_to_stop = True
            show.told("stopping the run; once more leaves it alone and goes")
            group.create_task(conversation.stop())

        for number in _STOPPING:
            loop.add_signal_handler(number, stop)
        following = group.create_task(_shown(conversation, request, show))
        with suppress(asyncio.CancelledError):
            code = await following
        await conversation.close()
        for number in _STOPPING:
            loop.remove_signal_handler(number)
        if following.cancelled():
            raise PushbotError("left: the run may go on, `.status` in the chat tells")
    return code


async def _shown(conversation: Conversation, request: RunStage, show: Show) -> int:
    code = None
    async for word in conversation.ask(request):
        match word:
            case Refused(text=text):
                raise PushbotError(text)
            case Asked(run=run, log=log):
                show.begun(run, log)
            case Told(text=text):
                show.told(text)
            case At():
                show.at(word)
            case Ended():
                show.ended(word)
                code = _exit_code(word) if code is None else code
            case _:
                assert_never(word)
    if code is None:
        raise PushbotError("the bot went away before the run was over; `.status` in the chat tells how it goes on")
    return code


def _exit_code(end: Ended) -> int:
    match end.state:
        case RunState.SUCCEEDED:
            return 0
        case RunState.LOST:
            return LOST
        case _:
            return 1
