"""kill -9 at any moment: nothing is run twice, nothing forgotten, nothing lost from the queue, no word swallowed.

PUSHBOT_LONG=1 kills 200 times instead of a dozen. PUSHBOT_SEED=N repeats the moments of an earlier time, as
far as the machine allows.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.e2e import crashing
from tests.e2e.bot import SOON, BotProcess, Train, until
from tests.e2e.crashing import Site

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Bots, People
    from tests.e2e.crowd import Member
    from tests.rig.ngircd import Ngircd

pytestmark = [pytest.mark.e2e, pytest.mark.net]

KILLS = 200 if os.environ.get("PUSHBOT_LONG") else 12
NEXT = {None: ".go", "princess": ".go", "production": ".done"}
"""What the driver of a train says, by the stage that it is on."""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site.made(tmp_path)


@dataclass
class Riders:
    """People who come one after the other, each with a revision of their own, and bring it to production.

    Whoever speaks asks a question afterwards, and all wait until that is answered, by whichever life of the
    bot: then what was said before is on record, or was never heard.
    """

    bot: BotProcess
    site: Site
    server: Ngircd
    people: People
    members: list[Member] = field(default_factory=list)
    questions: int = 0
    enough: bool = False

    async def ride(self) -> None:
        """Push until told that it is enough, and then until nobody is left."""
        while True:
            trains = self.bot.trains()
            if self.enough and not trains:
                return
            if len(trains) < 3 and not self.enough:
                await self.newcomer()
            elif trains[0].phase == "...":
                await until(lambda now=trains: self.bot.trains() != now, f"an end of {trains[0]}", 4 * SOON)  # type: ignore[misc]
            else:
                await self.drive(trains[0])

    async def newcomer(self) -> None:
        number = len(self.members)
        if not self.members or self.aboard_once(self.members[-1]):
            self.members.append(await self.people(self.server, f"r{number}", "#push"))
            self.site.repository.commit(f"for r{number}", page_txt=str(number))
            self.site.repository.git("tag", f"v{number}")
        await self.speak(self.members[-1], ".join last")

    def aboard_once(self, member: Member) -> bool:
        return any((who, what) == (f"nick:{member.nick}", ".join last") for who, what, _ in self.bot.journal())

    async def drive(self, train: Train) -> None:
        driver = next(member for member in self.members if member.nick == train.riders[0])
        said = ".go" if train.phase == "!" else NEXT[train.stage]
        await self.speak(driver, said if train.stage is not None else f"{said} v{driver.nick[1:]}")

    async def speak(self, member: Member, text: str) -> None:
        member.say(text)
        for _ in range(200):
            self.questions += 1
            question = f"q{self.questions}"
            member.say(f"log {question}", to="pushbot")
            try:
                await member.hears(question, to=member.nick, within=0.3)
            except AssertionError:
                continue
            return
        raise AssertionError(f"nobody answers {member.nick}")


async def kill_again_and_again(bot: BotProcess, moments: random.Random) -> None:
    """End the bot, a while after it came, or while it comes."""
    for _ in range(KILLS):
        if moments.random() < 0.25:
            bot.launch()
            await asyncio.sleep(moments.uniform(0.3, 1.0))
        else:
            await bot.start()
            await asyncio.sleep(moments.uniform(0.0, 0.8))
        await bot.kill()
    await bot.start()


async def test_killed_at_random_moments(irc_server: Ngircd, bots: Bots, people: People, site: Site) -> None:
    seed = int(os.environ.get("PUSHBOT_SEED", secrets.randbelow(1_000_000)))
    print(f"PUSHBOT_SEED={seed}")  # noqa: T201 - shown when it fails
    witness = await people(irc_server, "witness")
    bot = bots(site.config(irc_server.port, first="sleep 0.05"))
    await bot.start()
    await bot.kill()
    riders = Riders(bot, site, irc_server, people)
    async with asyncio.TaskGroup() as group:
        riding = group.create_task(riders.ride())
        await kill_again_and_again(bot, random.Random(seed))  # noqa: S311 - moments, no secrets
        riders.enough = True
        async with asyncio.timeout(4 * SOON):
            await riding
    await crashing.all_is_well(bot, witness)
    assert witness.topic() == "clear"
    crashing.check_history(witness.topics(), [member.nick for member in riders.members])
    assert bot.lives == KILLS + 2
    done = {run.driver for run in bot.runs() if (run.stage, run.state) == ("production", "succeeded")}
    assert done == {member.nick for member in riders.members if riders.aboard_once(member)}
    again = sum(line.startswith(crashing.AGAIN) for line in witness.said())
    print(f"{len(riders.members)} riders, {len(bot.runs())} runs, {again} lines said again")  # noqa: T201 - how much it was
    assert (await bot.stop())[0] == 0
