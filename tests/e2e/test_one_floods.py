"""Two thousand commands from one person who may do what they ask for, on IRC and on Slack: nobody else is kept waiting.

What a script sends that runs wild is done up to the limit, in order and without holes. The rest is told of once, to
them alone, and the brakes work all the time.
"""

from __future__ import annotations

import os
import re
import signal
from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import until
from tests.e2e.made import Gate, Repository, basics, lane, stage, step
from tests.e2e.town import chat, lanes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.e2e.bot import BotProcess
    from tests.e2e.conftest import Bots, People, Towns
    from tests.e2e.town import Town
    from tests.rig.ngircd import Ngircd
    from tests.rig.slack import SlackServer

pytestmark = [pytest.mark.e2e, pytest.mark.net]

COMMANDS = [f'.message "{number}"' for number in range(2000)]
AT_ONCE = 100
"""Commands at the same moment that are done for sure; the limit is 120, the first few of which are the beginning."""
LIMITS = {"message_interval": 1.0, "topic_interval": 3.0}
"""What Slack's configuration says when nothing is written."""
TOLD = re.compile(r"mallory: \d+ of your commands were not done, as so many came at once; .*\[too_fast\]")


def done(bot: BotProcess) -> list[str]:
    """The notes that were taken, in order."""
    return [what for _, what, outcome in bot.journal() if what in COMMANDS and outcome == "done"]


def not_done(bot: BotProcess) -> int:
    """How many commands the journal says were not done, once the bot has ended."""
    entries = [what for _, what, outcome in bot.journal("") if outcome == "too_fast"]
    assert len(entries) <= 2 * 5  # two for each pause; more than one only on a machine that is very slow
    return sum(int(more[1]) if (more := re.fullmatch(r"(\d+) more", what)) else 1 for what in entries)


def check(bot: BotProcess, told: Sequence[str]) -> None:
    """All commands are accounted for; the first were done, all of them."""
    assert AT_ONCE <= len(done(bot)) < len(COMMANDS) / 2
    assert done(bot)[:AT_ONCE] == COMMANDS[:AT_ONCE]
    assert len(done(bot)) + not_done(bot) == len(COMMANDS)
    assert 1 <= len(told) <= 5


async def test_on_irc(irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    bot = bots(basics(irc_server.port) + stage("web", "live", [step("build", gate.script)]) + lane("web"))
    alice, mallory = await people(irc_server, "alice"), await people(irc_server, "mallory")
    await bot.start()
    await mallory.asks(".join", "mallory: You're up")
    await mallory.asks(".go", "web is being deployed to live by mallory")
    await until(lambda: [run.state for run in bot.runs()] == ["running"], "the run on record")
    half = len(COMMANDS) // 2
    mallory.send(*(f"PRIVMSG #push :{text}" for text in COMMANDS[:half]))
    await alice.asks(".whoami", "alice: you are alice on irc")
    mallory.send(*(f"PRIVMSG #push :{text}" for text in COMMANDS[half:]))
    await alice.asks(".status", "web: ")
    mallory.say(".abort")
    await until(lambda: [run.state for run in bot.runs()] == ["cancelled"], "the end of the run")
    alice.say(".join")
    await alice.sees(lambda topic: "alice" in topic)
    await until(lambda: any(TOLD.match(line) for line in mallory.said()), "mallory is told")
    assert (await bot.stop())[0] == 0
    check(bot, [line for line in mallory.said() if TOLD.match(line)])


@pytest.fixture
def town(slack: SlackServer, towns: Towns, tmp_path: Path) -> Town:
    """A Slack that keeps its limits, and a bot as it comes, but for the guide."""
    Repository(tmp_path / "app").commit("first", page_txt="1")
    slack.api.rates.on = True
    gate = Gate(tmp_path / "gate")
    made = towns("[bot]\nguide = false\n" + chat(slack, **LIMITS) + lanes(tmp_path, "web", before=gate.script), "web")
    made.settle_in("alice", "mallory")
    return made


def whispers(town: Town) -> list[str]:
    """What mallory was told alone."""
    return [town.slack.read(one) for one in town.slack.posts.ephemerals if TOLD.search(town.slack.read(one))]


async def test_on_slack(town: Town, slack: SlackServer) -> None:
    await town.bot.start()
    slack.people.say("mallory", "#web", ".join")
    await town.hears("mallory: You're up")
    slack.people.say("mallory", "#web", ".go")
    await until(lambda: [run.state for run in town.bot.runs()] == ["running"], "the run on record")
    for text in COMMANDS[:1000]:
        slack.people.say("mallory", "#web", text)
    slack.people.say("alice", "#web", ".whoami")
    for text in COMMANDS[1000:]:
        slack.people.say("mallory", "#web", text)
    slack.people.say("mallory", "#web", ".abort")
    await town.hears("alice: you are ")
    await until(lambda: [run.state for run in town.bot.runs()] == ["cancelled"], "the end of the run")
    await until(lambda: whispers(town), "mallory is told")
    await town.at_rest()
    assert not [line for line in town.talk("#web") if "[too_fast]" in line]
    assert (await town.bot.stop())[0] == 0
    check(town.bot, whispers(town))
    assert slack.rate_limited <= 3
    await town.check()


async def test_on_slack_killed_in_the_middle(town: Town, slack: SlackServer) -> None:
    """What was not done is dealt with, and what was done is not done again; mallory is told once for each pause."""
    await town.bot.start()
    slack.people.say("mallory", "#web", ".join")
    await town.hears("mallory: You're up")
    for text in COMMANDS:
        slack.people.say("mallory", "#web", text)
    await until(lambda: len(done(town.bot)) > AT_ONCE / 2, "some of it")
    await town.bot.kill()
    await town.bot.start()
    slack.people.say("alice", "#web", ".whoami")
    await town.hears("alice: you are ")
    await town.at_rest()
    await until(lambda: whispers(town), "mallory is told")
    assert len(whispers(town)) <= 5
    taken = [COMMANDS.index(text) for text in done(town.bot)]
    assert taken == sorted(set(taken))
    assert AT_ONCE <= len(taken) < len(COMMANDS) / 2
    assert (await town.bot.stop())[0] == 0
    await town.check()


async def test_a_reload_changes_the_limit_and_gives_nobody_more(irc_server: Ngircd, bots: Bots, people: People) -> None:
    few, many = (f"[bot]\ncommands_per_minute = {count}\n" for count in (1, 0))
    made = basics(irc_server.port) + stage("web", "live", [step("build", "true")]) + lane("web")
    bot = bots(few + made)
    alice, mallory = await people(irc_server, "alice"), await people(irc_server, "mallory")
    await bot.start()

    async def reload(config: str) -> None:
        since = alice.mark
        bot.file.write_text(config, encoding="utf-8")
        os.kill(bot.pid, signal.SIGHUP)
        await alice.hears("Configuration reloaded", to="#warroom", since=since)

    mallory.say(".frob; .frob; .frob")
    await mallory.hears("mallory: a command of yours was not done")
    await reload(f"{few}{made}max_riders = 3\n")
    mallory.say(".whoami")
    await alice.asks(".whoami", "alice: you are alice on irc")
    assert not [line for line in mallory.said() if line.startswith("mallory: you are")]
    await reload(many + made)
    await mallory.asks(".whoami", "mallory: you are mallory on irc")
