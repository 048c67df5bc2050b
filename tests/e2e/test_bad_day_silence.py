"""A server that accepts and says nothing: before the welcome, after it, in the middle of a run; and one that hangs up.

The bot goes on with its runs, tries again less and less often, and says once what it owes when it is heard again.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import until
from tests.e2e.made import Gate, basics, lane, noted, stage, step
from tests.rig.scripted import NAME, scripted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.e2e.conftest import Bots
    from tests.rig.scripted import Peer

pytestmark = [pytest.mark.e2e, pytest.mark.net]

ROOMS = ("#push", "#warroom")
ALICE = ":alice!a@host.test PRIVMSG #push :"
SILENT = "it has been silent for 2.5 s"


async def signed_on(peer: Peer) -> None:
    """Let the bot in to its rooms, which it asks for in one line."""
    await peer.want("CAP LS")
    peer.send(":irc.script.test CAP * LS :")
    await peer.want("CAP END")
    peer.greet()
    await peer.want("JOIN")
    for room in ROOMS:
        peer.let_in(room)


@asynccontextmanager
async def alive(peer: Peer) -> AsyncIterator[None]:
    """Meanwhile the server answers pings, and so confirms all that the bot says."""

    async def answers() -> None:
        while True:
            ping = await peer.want("PING :")
            peer.send(f":{NAME} PONG {NAME} :{ping.partition(':')[2]}")

    async with asyncio.TaskGroup() as group:
        answering = group.create_task(answers())
        yield
        answering.cancel()


async def hears(peer: Peer, text: str) -> None:
    """Wait for that from the bot while somebody else reads on."""
    await until(lambda: any(text in line for line in peer.lines), text)


async def test_silence_at_every_moment(bots: Bots, tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    done = noted(tmp_path / "steps", "build")
    async with scripted() as server:
        bot = bots(
            basics(server.port, silent_after=2.5, connect_timeout=1.5)
            + stage("web", "live", [step("build", f"{gate.script}\n{done}")])
            + lane("web")
        )
        bot.launch()
        mute = await server.accept()  # accepts, and says nothing at all
        await mute.want("CAP LS")
        await until(lambda: "it did not sign us on within 1.5 s" in bot.log(), "the first is given up")
        greeted = await server.accept()  # lets the bot in, and falls silent
        await signed_on(greeted)
        await bot.entered()
        await until(lambda: SILENT in bot.log(), "the second is given up")

        peer = half_open = await server.accept()
        await signed_on(peer)
        async with alive(peer):
            peer.send(f"{ALICE}.join; .go")
            await hears(peer, "PRIVMSG #push :web is being deployed to live by alice")
        before = bot.log().count(SILENT)
        await gate.opened()  # and from here on it takes all and answers nothing
        await until(lambda: [run.state for run in bot.runs()] == ["succeeded"], "the run goes on without a chat")
        await until(lambda: bot.log().count(SILENT) > before, "the third is given up")
        assert bot.owed()

        peer = await server.accept()
        await signed_on(peer)
        async with alive(peer):
            await hears(peer, "alice: you're on live.")
            await until(lambda: not bot.owed(), "nothing owed")
            peer.send(f"{ALICE}.status", f":{NAME} PING 1")
            await hears(peer, "PRIVMSG #push :web: live web-1")
        said = [line for line in (*half_open.lines, *peer.lines) if "you're on live" in line]
        assert len(said) <= 2
        assert sum("(maybe again)" not in line for line in said) <= 1
        code, seconds = await bot.stop()
        assert (code, seconds < 20) == (0, True)
    assert bot.written("steps") == ["web-1 live build web-1"]


async def test_a_server_that_always_hangs_up_is_tried_less_and_less_often(bots: Bots) -> None:
    async with scripted() as server:
        bot = bots(
            basics(server.port).replace("reconnect_max = 0.2", "reconnect_max = 1")
            + stage("web", "live", [step("build", "true")])
            + lane("web")
        )
        bot.launch()
        times: list[float] = []
        while len(times) < 14:  # waits are random: of fewer, one run in some hundred had only short ones
            peer = await server.accept()
            times.append(time.monotonic())
            peer.close()
        assert times[-1] - times[0] > 0.5
        assert bot.alive
        code, seconds = await bot.stop()
        assert (code, seconds < 20) == (0, True)
