"""A freeze from an iCalendar file stops a whole bot from its first moment, and ends when the file says so."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.calendar.ical_files import calendar, event
from tests.e2e.bot import SOON, until
from tests.e2e.made import basics, lane, stage, step

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Bots, People
    from tests.rig.ngircd import Ngircd

pytestmark = [pytest.mark.e2e, pytest.mark.net]


def freeze(days: int) -> bytes:
    """A file with one freeze, that began a day ago and lasts for so many days from now."""
    now = datetime.now(UTC)  # noqa: TID251 - the bot is a process of its own, with the system's clock
    start, end = (f"{now + timedelta(days=each):%Y%m%dT000000Z}" for each in (-1, days))
    return calendar(event(f"DTSTART:{start}", f"DTEND:{end}", "SUMMARY:moving house"))


def config(port: int) -> str:
    office = '\n[calendars.office]\nzone = "UTC"\nical = ["freeze.ics"]\nevery = "300ms"\n'
    return (
        basics(port)
        + stage("web", "production", [step("publish", "true")])
        + lane("web")
        + 'hours = "office"\n'
        + office
    )


async def begun(folder: Path) -> tuple[int | None, str]:
    """`pushbot stage` of production, without a bot that runs: its exit code, and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pushbot", "stage", "pushbot.toml", "web", "production"),
        cwd=folder,
        stdout=PIPE,
        stderr=PIPE,
    )
    async with asyncio.timeout(2 * SOON):
        out, err = await process.communicate()
    return process.returncode, (out + err).decode()


async def test_a_freeze_stops_and_its_end_lets_go(
    irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path
) -> None:
    file = tmp_path / "freeze.ics"
    file.write_bytes(freeze(3))
    bot = bots(config(irc_server.port))
    alice = await people(irc_server, "alice")
    code, words = await begun(tmp_path)
    assert code == 1
    assert 'production is closed by office: "moving house", opens ' in words
    await bot.start()
    await alice.asks(".join", "You're up")
    await alice.asks(".go", 'production is closed by office: "moving house", opens ')
    file.write_text("<html>maintenance</html>")
    await until(lambda: "calendar_unread" in bot.log(), "the trouble with the file")
    await alice.asks(".go", 'production is closed by office: "moving house", opens ')
    await alice.asks(".capacity", "freeze.ics is as it was ")
    file.write_bytes(freeze(0))
    async with asyncio.timeout(SOON):
        while not bot.runs("web"):
            alice.say(".go")
            await asyncio.sleep(0.5)
    bot.unharmed()
