"""SIGTERM in the middle of a run, with `on_stop = "drain"`: it is waited for, so long and no longer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import until
from tests.e2e.made import Gate, basics, lane, noted, stage, step

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.bot import BotProcess
    from tests.e2e.conftest import Bots, People
    from tests.e2e.crowd import Member
    from tests.rig.ngircd import Ngircd

pytestmark = [pytest.mark.e2e, pytest.mark.net]

CLOSING = "I am being stopped and begin nothing new"


def config(port: int, folder: Path, drain_for: str = "10m") -> str:
    """One lane whose deploy waits at a gate, on a bot that drains."""
    steps = [step("build", f'{noted(folder / "steps", "build")}\n: < "{folder / "gate"}"')]
    bot = f'\n[bot]\non_stop = "drain"\ndrain_for = "{drain_for}"\n'
    return basics(port) + bot + stage("web", "live", steps) + lane("web")


async def under_way(bot: BotProcess, alice: Member) -> None:
    """A bot with a run at its gate."""
    await bot.start()
    await alice.asks(".join", "alice: You're up")
    await alice.asks(".go", "web is being deployed to live by alice")
    await until(lambda: bot.written("steps"), "the run at its gate")


async def test_the_run_is_waited_for_and_nothing_new_is_taken(
    irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    bot = bots(config(irc_server.port, tmp_path))
    alice, bob = await people(irc_server, "alice"), await people(irc_server, "bob")
    await under_way(bot, alice)
    os.kill(bot.pid, signal.SIGTERM)
    await alice.hears(f"{CLOSING}; questions and .abort still go. I wait for web-1, 10m00s at most", to="#warroom")
    await bob.asks(".join", f"bob: {CLOSING}")
    await bob.asks(".status", "alice")
    stage_ = [sys.executable, "-m", "pushbot", "stage", str(bot.file), "web", "live"]
    refused = subprocess.run(stage_, capture_output=True, text=True, check=False)  # noqa: ASYNC221 - the bot is a process
    assert refused.returncode == 1
    assert CLOSING in refused.stderr
    await gate.opened()
    assert await bot.ended() == 0
    assert [run.state for run in bot.runs()] == ["succeeded"]
    assert [train.riders for train in bot.trains()] == [("alice",)]
    await alice.hears("alice: you're on live")


async def test_it_is_waited_for_no_longer_than_that(
    irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    bot = bots(config(irc_server.port, tmp_path, "300ms"))
    alice = await people(irc_server, "alice")
    await under_way(bot, alice)
    assert (await bot.stop())[0] == 0
    await alice.hears("I wait no longer for web-1", to="#warroom")
    await bot.start()
    await gate.opened()
    await alice.hears("alice: you're on live")
    assert bot.written("steps") == ["web-1 live build web-1"]


async def test_a_second_signal_ends_it_at_once_and_the_run_goes_on(
    irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    bot = bots(config(irc_server.port, tmp_path))
    alice = await people(irc_server, "alice")
    await under_way(bot, alice)
    os.kill(bot.pid, signal.SIGTERM)
    await alice.hears("I wait for web-1", to="#warroom")
    os.kill(bot.pid, signal.SIGTERM)
    assert await bot.ended() == -signal.SIGTERM
    await bot.start()
    await gate.opened()
    await alice.hears("alice: you're on live")
    assert bot.written("steps") == ["web-1 live build web-1"]
    assert [run.state for run in bot.runs()] == ["succeeded"]
