"""A server that accepts and says nothing: before the welcome, after it, in the middle of a run; and one that hangs up.

The bot goes on with its runs, tries again less and less often, and says once what it owes when it is heard again.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import until
from tests.e2e.made import Gate, basics, lane, noted, stage, step
from tests.rig.scripted import scripted

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Bots
    from tests.rig.scripted import Peer

pytestmark = [pytest.mark.e2e, pytest.mark.net]

ROOMS = ("#push", "#warroom")
ALICE = ":alice!a@host.test PRIVMSG #push :"


async def signed_on(peer: Peer) -> None:
    """Let the bot in to its rooms, which it asks for in one line."""
    await peer.want("CAP LS")
    peer.send(":irc.script.test CAP * LS :")
    await peer.want("CAP END")
    peer.greet()
    await peer.want("JOIN")
    for room in ROOMS:
        peer.let_in(room)


async def confirms(peer: Peer) -> None:
    """Confirm all that the bot says, in however many goes."""
    while True:
        await peer.confirm()


async def test_silence_at_every_moment(bots: Bots, tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    done = noted(tmp_path / "steps", "build")
    async with scripted() as server:
        bot = bots(
            basics(server.port, silent_after=0.9, connect_timeout=0.5)
            + stage("web", "live", [step("build", f"{gate.script}\n{done}")])
            + lane("web")
        )
        bot.launch()
        mute = await server.accept(15)  # accepts, and says nothing at all
        await mute.want("CAP LS")
        await until(lambda: "it did not sign us on within 0.5 s" in bot.log(), "the first is given up")
        greeted = await server.accept()  # lets the bot in, and falls silent
        await signed_on(greeted)
        await bot.entered()
        await until(lambda: "it has been silent for 0.9 s" in bot.log(), "the second is given up")

        peer = await server.accept()
        await signed_on(peer)
        peer.send(f"{ALICE}.join; .go")
        await peer.want("PRIVMSG #push :web is being deployed to live by alice")
        await peer.confirm()
        half_open = peer  # from here on it takes all and answers nothing
        await gate.opened()
        await until(lambda: [run.state for run in bot.runs()] == ["succeeded"], "the run goes on without a chat")
        await until(lambda: bot.log().count("it has been silent for 0.9 s") == 2, "the third is given up")
        assert bot.owed()

        peer = await server.accept()
        await signed_on(peer)
        await peer.want("PRIVMSG #push :(maybe again) alice: you're on live.")
        async with asyncio.TaskGroup() as group:
            confirming = group.create_task(confirms(peer))
            await until(lambda: not bot.owed(), "nothing owed")
            confirming.cancel()
        peer.send(f"{ALICE}.status", ":irc.script.test PING 1")
        await peer.want("PRIVMSG #push :web: live web-1")
        said = [line for line in (*half_open.lines, *peer.lines) if "you're on live" in line]
        assert len(said) <= 2
        assert sum("(maybe again)" not in line for line in said) <= 1
        began = time.monotonic()
        code, _ = await bot.stop()
        assert code == 0
        assert time.monotonic() - began < 15
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
        while len(times) < 9:
            peer = await server.accept(15)
            times.append(time.monotonic())
            peer.close()
        assert times[-1] - times[0] > 0.5
        assert bot.alive
        code, seconds = await bot.stop()
        assert (code, seconds < 5) == (0, True)
