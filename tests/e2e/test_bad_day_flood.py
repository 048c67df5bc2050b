"""A thousand lines from one person, and from a hundred and fifty, in the room and in private: others are served.

That is so too where the configuration has no limit for each person; what such a limit does is in `test_one_floods`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import until
from tests.e2e.made import UNLIMITED, basics, lane, stage, step

if TYPE_CHECKING:
    from tests.e2e.bot import BotProcess
    from tests.e2e.conftest import Bots, People
    from tests.rig.ngircd import Ngircd

pytestmark = [pytest.mark.e2e, pytest.mark.net]

LINES = 1000
CROWD = 150
ANSWERED = 60.0
"""Seconds within which somebody who asks one thing in the middle of a flood has the answer, on a busy machine."""
GROWTH = 60 * 2**20
"""Bytes that the bot may grow by, whatever comes."""


def memory(bot: BotProcess) -> int:
    """Bytes of memory that the bot has now."""
    return int(Path(f"/proc/{bot.pid}/statm").read_text().split()[1]) * 4096


async def test_a_flood_from_one_and_from_many(irc_server: Ngircd, bots: Bots, people: People) -> None:
    bot = bots(UNLIMITED + basics(irc_server.port) + stage("web", "live", [step("build", "true")]) + lane("web"))
    witness, alice = await people(irc_server, "witness"), await people(irc_server, "alice")
    mallory = await people(irc_server, "mallory")
    await bot.start()
    await alice.asks(".join", "You're up")
    before = memory(bot)
    words = ("go x", "kick y", "frob", "status z") * (LINES // 4)
    for to in ("#push", "pushbot"):
        mallory.send(*(f"PRIVMSG {to} :.{word}{number}" for number, word in enumerate(words)))
        await alice.asks(".whoami", "alice: you are alice on irc", within=ANSWERED)
    alice.say(".go")
    await alice.hears("alice: you're on live.", within=ANSWERED)

    async with asyncio.TaskGroup() as group:
        coming = [group.create_task(people(irc_server, f"c{number:03}", "#push")) for number in range(CROWD)]
    crowd = [each.result() for each in coming]
    words = ("go", "status", "uhoh", "eta", "help", "kick x", "frob")
    for number, member in enumerate(crowd):
        member.send(*(f"PRIVMSG {to} :.{word}{number}" for to in ("#push", "pushbot") for word in words))
    for member in crowd[:5]:
        member.say(".join last")
    await alice.asks(".whoami", "alice: you are alice on irc", within=ANSWERED)
    await witness.sees(lambda topic: all(member.nick in topic for member in crowd[:5]), within=ANSWERED)
    await until(lambda: not bot.owed(), "all is said")
    assert memory(bot) - before < GROWTH
    assert "irc_disconnected" not in bot.log()
    assert (await bot.stop())[0] == 0


async def test_a_flood_on_a_server_that_takes_a_few_lines_a_second(
    irc_server: Ngircd, bots: Bots, people: People
) -> None:
    options = basics(irc_server.port).replace("lines_per_second = 0", "lines_per_second = 20")
    bot = bots(UNLIMITED + options + stage("web", "live", [step("build", "true")]) + lane("web"))
    alice, mallory = await people(irc_server, "alice"), await people(irc_server, "mallory")
    await bot.start()
    mallory.send(*(f"PRIVMSG #push :.{word}{number}" for number in range(LINES // 2) for word in ("kick y", "frob")))
    await mallory.hears("mallory: ")
    await alice.asks(".join; .whoami", "alice: you are alice on irc", within=ANSWERED)
    alice.say(".go")
    await alice.hears("alice: you're on live.", within=ANSWERED)
    assert len(mallory.said()) < LINES / 2
    assert (await bot.stop())[0] == 0
