"""The clock of the machine jumps by hours, forward and back, under a bot at work (libfaketime, while it runs)."""

from __future__ import annotations

import asyncio
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import until
from tests.e2e.made import Gate, basics, lane, stage, step

if TYPE_CHECKING:
    from tests.e2e.bot import BotProcess
    from tests.e2e.conftest import Bots, People
    from tests.rig.ngircd import Ngircd

pytestmark = [pytest.mark.e2e, pytest.mark.net]

SLEEP = """
import select
import time

time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""
"""For Python under libfaketime, which takes the monotonic moment until which `time.sleep` waits for a mistake."""
REMEDY = "This test needs libfaketime: apt-get install faketime"
HOUR = 3600
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class WallClock:
    """What the bot takes for the time of day; the passing of time stays as it is."""

    file: Path

    def __post_init__(self) -> None:
        self.set(0)
        site = self.file.parent / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(SLEEP)

    def set(self, seconds: int) -> None:
        """Be so many seconds before or after the true time."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+}\n")
        new.replace(self.file)

    def environment(self) -> dict[str, str]:
        """What makes a process look at this clock."""
        found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        assert found, REMEDY
        return {
            "LD_PRELOAD": str(found[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": str(self.file.parent / "site"),
        }


def cpu(bot: BotProcess) -> float:
    """Seconds of a processor that the bot has used."""
    fields = Path(f"/proc/{bot.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


async def at_rest(bot: BotProcess) -> None:
    """A second in which nothing happens costs next to nothing: nobody waits for a time that never comes."""
    before = cpu(bot)
    await asyncio.sleep(1)  # what is measured, and waited for by nobody
    assert cpu(bot) - before < 0.4


async def jumped(bot: BotProcess, clock: WallClock, seconds: int) -> None:
    """Set the clock, and return when the bot has seen that."""
    before = bot.log().count("clock_jumped")
    clock.set(seconds)
    await until(lambda: bot.log().count("clock_jumped") > before, "the bot sees that the clock was set")


async def test_hours_come_and_go(
    irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, gate = WallClock(tmp_path / "clock"), Gate(tmp_path / "gate")
    stages = stage("web", "princess", [step("build", gate.script)]) + stage("web", "live", [step("publish", "true")])
    bot = bots(basics(irc_server.port) + stages + lane("web"))
    alice, bob = await people(irc_server, "alice"), await people(irc_server, "bob")
    for name, value in clock.environment().items():
        monkeypatch.setenv(name, value)  # which is for those who are started from here on
    await bot.start()
    alice.say(".join; .go")
    await alice.hears("is being deployed to princess by alice")
    bob.say('.lock live 2h "reindex"; .hold 1h "lunch"')
    await bob.hears("web is on hold by bob until")

    await jumped(bot, clock, 3 * HOUR)
    await bob.hears("web goes on: the hold of bob is over.")
    await bob.hears("live is free again: the time of bob is over.")
    await at_rest(bot)
    await bob.asks('.lock live 1h "again"', "bob keeps live until")
    locked = time.monotonic()

    await jumped(bot, clock, -2 * HOUR)
    await bob.asks(".locks", 'more): "again"')
    await alice.asks(".eta", "for 0s")
    await at_rest(bot)
    assert "irc_disconnected" not in bot.log()
    await bot.kill()
    await bot.start()
    await gate.opened()
    await alice.hears("alice: you're on princess.")
    await alice.asks(".good; .go", "[locked]")

    since = bob.mark
    await jumped(bot, clock, int(4 * HOUR - (time.monotonic() - locked)) + 1)
    await bob.hears("live is free again", since=since)
    await alice.asks(".go", "you're on live.")
    await alice.asks(".history", "live")
    await at_rest(bot)
    assert (await bot.stop())[0] == 0

    said = bob.said()
    assert sum("live is free again" in line for line in said) == 2
    assert sum("is over." in line for line in said) == 3
    assert sum("is being deployed" in line for line in said) == 2
    assert not [line for line in said if re.search(r"-\d+[smhd]\b", line.replace("web-1", "").replace("web-2", ""))]
    assert [run.state for run in bot.runs()] == ["succeeded", "succeeded"]
    assert re.fullmatch("clear|<live>.*", bob.topic())
