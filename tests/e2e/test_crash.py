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

ENDED = {"succeeded", "lost"}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site.made(tmp_path)


async def all_is_well(bot: BotProcess, witness: Member) -> None:
    """Wait until nothing is owed and the topic shows what is on record; then see whether all is as it must be."""
    await until(lambda: not bot.owed(), "nothing owed")

    def shown() -> bool:
        try:
            crashing.check_topic(bot, witness.topic())
        except AssertionError:
            return False
        return True

    await until(shown, f"{bot.trains()} in the topic, not {witness.topic()!r}")
    crashing.check_runs(bot, witness.said())
    crashing.check_announcements(bot, witness)


# --- at random moments ---------------------------------------------------------------------------


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
                await until(lambda now=trains: self.bot.trains() != now, f"an end of the run of {trains[0]}")  # type: ignore[misc]
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
        return any(who == f"nick:{member.nick}" for who, *_ in self.bot.journal())

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
        async with asyncio.timeout(2 * SOON):
            await riding
    await all_is_well(bot, witness)
    assert witness.topic() == "clear"
    crashing.check_history(witness.topics(), [member.nick for member in riders.members])
    assert bot.lives == KILLS + 2
    done = {run.driver for run in bot.runs() if (run.stage, run.state) == ("production", "succeeded")}
    assert done == {member.nick for member in riders.members if riders.aboard_once(member)}
    again = sum(line.startswith(crashing.AGAIN) for line in witness.said())
    print(f"{len(riders.members)} riders, {len(bot.runs())} runs, {again} lines said again")  # noqa: T201 - how much it was
    assert (await bot.stop())[0] == 0


# --- at chosen moments ---------------------------------------------------------------------------


async def test_a_run_ends_while_the_bot_is_down(irc_server: Ngircd, bots: Bots, people: People, site: Site) -> None:
    gate = site.gate("gate")
    bot = bots(site.config(irc_server.port, first=gate.script))
    alice = await people(irc_server, "alice")
    await bot.start()
    await alice.asks(".join", "You're up")
    alice.say(".go")
    await until(lambda: bot.written("steps"), "the first step")
    await bot.kill()
    await gate.opened()
    await until(lambda: len(bot.written("steps")) == 2, "the second step")
    await bot.start()
    await alice.hears("you're on princess")
    await alice.asks(".go", "you're on production")
    await all_is_well(bot, alice)
    assert [run.id for run in bot.runs()] == ["web-1", "web-2"]


async def test_a_run_goes_on_and_is_followed(irc_server: Ngircd, bots: Bots, people: People, site: Site) -> None:
    gate = site.gate("gate")
    bot = bots(site.config(irc_server.port, first=gate.script))
    alice = await people(irc_server, "alice")
    await bot.start()
    await alice.asks(".join", "You're up")
    await alice.asks(".go", "is being deployed to princess")
    for _ in range(3):
        await bot.kill()
        await bot.start()
        assert alice.topic() == "<princess...> alice*"
        await alice.asks(".go", "[run_in_flight]")
    await gate.opened()
    await alice.hears("you're on princess")
    await all_is_well(bot, alice)
    assert [run.id for run in bot.runs()] == ["web-1"]


async def test_killed_right_after_the_go(irc_server: Ngircd, bots: Bots, people: People, site: Site) -> None:
    bot = bots(site.config(irc_server.port))
    witness = await people(irc_server, "witness")
    await bot.start()
    for name, moment in (("ann", "at once"), ("bob", "requested"), ("cat", "in the topic"), ("dan", "under way")):
        site.repository.commit(f"for {name}", page_txt=name)
        driver = await people(irc_server, name)
        await driver.asks(".join", f"{name}: You're up")
        runs = len(bot.runs())
        driver.say(".go")
        if moment == "requested":
            await until(lambda before=runs: len(bot.runs()) > before, "a run on record")  # type: ignore[misc]
        elif moment == "in the topic":
            await driver.sees(f"<princess...> {name}*")
        elif moment == "under way":
            await driver.hears(f"is being deployed to princess by {name}")
        await bot.kill()
        committed = len(bot.runs()) > runs
        assert committed or moment == "at once"
        await bot.start()
        if not committed:
            driver.say(".go")
        await until(lambda before=runs: any(run.state in ENDED for run in bot.runs()[before:]), "an end of the run")  # type: ignore[misc]
        if bot.runs()[-1].state == "lost":
            await driver.asks(".go", "you're on princess")
        await all_is_well(bot, witness)
        await driver.asks(".done", f"Thanks for driving, {name}")


@pytest.mark.parametrize("begun", [False, True])
async def test_killed_while_the_executor_begins(
    irc_server: Ngircd, bots: Bots, people: People, site: Site, *, begun: bool
) -> None:
    gate = site.gate("after" if begun else "before")
    bot = bots(site.config(irc_server.port, executor="gated:Gated"))
    alice = await people(irc_server, "alice")
    await bot.start()
    await alice.asks(".join", "You're up")
    alice.say(".go")
    if begun:
        await until(lambda: len(bot.written("steps")) == 2, "both steps")
    else:
        starting = "SELECT 1 FROM runs WHERE json_extract(record, '$.starting')"
        await until(lambda: bot.rows(starting), "a run that is about to begin")
    await bot.kill()
    gate.path.unlink()
    checked = site.repository.git("rev-parse", "HEAD")
    site.repository.commit("what nobody has checked", page_txt="2")
    await bot.start()
    if not begun:
        await alice.hears("I lost web-1")
        await alice.sees("<princess!> alice*")
        alice.say(".go")
    await alice.hears("you're on princess")
    await alice.asks(".go", "you're on production")
    await all_is_well(bot, alice)
    revisions = [run.revision for run in bot.runs()]
    assert revisions == [checked] * len(revisions)


async def test_killed_between_the_abort_and_the_end_of_the_run(
    irc_server: Ngircd, bots: Bots, people: People, site: Site
) -> None:
    step, gate = site.gate("step"), site.gate("abort")
    bot = bots(site.config(irc_server.port, first=step.script, executor="gated:Gated"))
    alice = await people(irc_server, "alice")
    await bot.start()
    await alice.asks(".join", "You're up")
    await alice.asks(".go", "is being deployed to princess")
    await alice.asks(".abort", "alice stops the deploy to princess")
    await bot.kill()
    gate.path.unlink()
    await bot.start()
    await alice.hears("The deploy of web to princess was stopped")
    await alice.sees("<princess!> alice*")
    assert [run.state for run in bot.runs()] == ["cancelled"]


async def test_lines_are_owed_while_the_server_stands_still(
    irc_server: Ngircd, bots: Bots, people: People, site: Site
) -> None:
    gate = site.gate("gate")
    bot = bots(site.config(irc_server.port, first=gate.script))
    alice = await people(irc_server, "alice")
    await bot.start()
    await alice.asks(".join", "You're up")
    await alice.asks(".go", "is being deployed to princess")
    await until(lambda: not bot.owed(), "nothing owed")
    irc_server.freeze()
    await gate.opened()
    await until(lambda: bot.runs()[-1].state == "succeeded", "the end of the run")
    assert len(bot.owed()) == 2
    await bot.kill()
    irc_server.thaw()
    await bot.start()
    await alice.hears("(maybe again) alice: you're on princess")
    await alice.hears("(maybe again) web/main", to="#warroom")
    await all_is_well(bot, alice)
    assert bot.journal()[-1][1:] == ("web-1 succeeded", "done")


async def test_the_server_stands_still_for_too_long(irc_server: Ngircd, bots: Bots, people: People, site: Site) -> None:
    gate = site.gate("gate")
    bot = bots(site.config(irc_server.port, first=gate.script, silent_after=1, connect_timeout=1))
    alice = await people(irc_server, "alice")
    await bot.start()
    await alice.asks(".join", "You're up")
    await alice.asks(".go", "is being deployed to princess")
    irc_server.freeze()
    await gate.opened()
    await until(lambda: "irc_disconnected" in bot.log(), "the bot gives the server up")
    assert bot.runs()[-1].state == "succeeded"
    irc_server.thaw()
    await alice.hears("(maybe again) alice: you're on princess")
    await alice.asks(".go", "you're on production")
    await all_is_well(bot, alice)
    assert (await bot.stop())[0] == 0


async def test_stopped_while_the_server_stands_still(
    irc_server: Ngircd, bots: Bots, people: People, site: Site
) -> None:
    bot = bots(site.config(irc_server.port))
    alice = await people(irc_server, "alice")
    await bot.start()
    await alice.asks(".join", "You're up")
    irc_server.freeze()
    code, seconds = await bot.stop()
    irc_server.thaw()
    assert code == 0
    assert seconds < 5
