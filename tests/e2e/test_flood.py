"""A server with ngircd's own limits: about three lines a second, and who says more is made to wait."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import until
from tests.e2e.made import basics, lane, stage, step

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.e2e.conftest import Bots, People
    from tests.rig.ngircd import Ngircd

pytestmark = [pytest.mark.e2e, pytest.mark.net]

CROWD = 20


async def test_twenty_commands_at_once(start_irc: Callable[..., Awaitable[Ngircd]], bots: Bots, people: People) -> None:
    server = await start_irc(limits=True)
    few = "[bot]\nguide = false\n"  # at three lines a second a guide for each would be half a minute
    bot = bots(few + basics(server.port, patient=True) + stage("web", "live", [step("build", "true")]) + lane("web"))
    witness = await people(server, "witness")
    async with asyncio.TaskGroup() as group:  # each of them is made to wait, but not for each other
        coming = [group.create_task(people(server, f"c{number:02}", "#push")) for number in range(CROWD)]
        group.create_task(bot.start())
    crowd = [each.result() for each in coming]
    shown = len(witness.topics())
    for member in crowd:
        member.say(".join last; .good; .drive")  # what is refused is answered, each with a line
    names = {member.nick for member in crowd}
    await witness.sees(lambda topic: set(re.findall(r"\w+", topic)) == names)
    aboard = len(witness.topics()) - shown
    refused = "%s: you are driving already. [already_driving]"
    await until(
        lambda: {line for line in witness.said() if "[already_driving]" in line} == {refused % name for name in names},
        "an answer to each of them",
    )
    assert len([line for line in witness.said() if "[already_driving]" in line]) == CROWD
    assert aboard <= 4
    assert not [line for line in witness.lines if line.startswith(":pushbot!") and (" QUIT" in line or " PART" in line)]
    assert "irc_disconnected" not in bot.log()
    for member in crowd[:-1]:
        member.say(".nevermind")
    last = crowd[-1].nick
    await witness.sees(lambda topic: re.findall(r"\w+", topic) == [last])
    assert (await bot.stop())[0] == 0
