"""kill -9, or a server that stands still, at the moments that matter most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e import crashing
from tests.e2e.bot import until
from tests.e2e.crashing import Site

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Bots, People
    from tests.rig.ngircd import Ngircd

pytestmark = [pytest.mark.e2e, pytest.mark.net]

ENDED = {"succeeded", "lost"}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site.made(tmp_path)


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
    await crashing.all_is_well(bot, alice)
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
        await alice.sees("<princess...> alice*")
        await alice.asks(".go", "[run_in_flight]")
    await gate.opened()
    await alice.hears("you're on princess")
    await crashing.all_is_well(bot, alice)
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
        await crashing.all_is_well(bot, witness)
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
    await crashing.all_is_well(bot, alice)
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
    await crashing.all_is_well(bot, alice)
    assert bot.journal()[-1][1:] == ("web-1 succeeded", "done")


async def test_the_server_stands_still_for_too_long(irc_server: Ngircd, bots: Bots, people: People, site: Site) -> None:
    gate = site.gate("gate")
    bot = bots(site.config(irc_server.port, first=gate.script, silent_after=3, connect_timeout=3))
    alice = await people(irc_server, "alice")
    await bot.start()
    await alice.asks(".join", "You're up")
    await alice.asks(".go", "is being deployed to princess")
    irc_server.freeze()
    await gate.opened()
    await until(lambda: bot.runs()[-1].state == "succeeded", "the end of the run")
    await until(lambda: "irc_disconnected" in bot.log(), "the bot gives the server up")
    irc_server.thaw()
    await until(lambda: not bot.owed(), "it is back, and has said all")
    await alice.hears("alice: you're on princess")
    await alice.asks(".go", "you're on production")
    await crashing.all_is_well(bot, alice)
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
    assert seconds < 20
