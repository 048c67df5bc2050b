"""The configuration read again while people are at it: nothing lost, nothing twice, nobody hung up on without need."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import until
from tests.e2e.made import UNLIMITED, Gate, basics, lane, noted, stage, step
from tests.rig.ngircd import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.bot import BotProcess
    from tests.e2e.conftest import Bots, People
    from tests.rig.ngircd import Ngircd

pytestmark = [pytest.mark.e2e, pytest.mark.net]

OPERATORS = '\n[roles.operator]\npeople = ["irc/alice"]\n'
RELOADS = 20
COMMANDS = 400


def config(port: int, folder: Path, options: str = "", *, more: str = "") -> str:
    """One lane whose deploy waits at a gate."""
    steps = [step("build", f'{noted(folder / "steps", "build")}\n: < "{folder / "gate"}"')]
    return basics(port) + OPERATORS + stage("web", "live", steps) + lane("web", options=options) + more


def own(bot: BotProcess) -> list[tuple[str, str]]:
    """What the bot's own journal has: the words and what came of them."""
    return [(what, outcome) for _, what, outcome in bot.journal("")]


async def reloaded(bot: BotProcess, text: str) -> None:
    """Give the bot another configuration, and wait until it said what came of it."""
    before = len(own(bot))
    bot.file.write_text(text, encoding="utf-8")
    os.kill(bot.pid, signal.SIGHUP)
    await until(lambda: len(own(bot)) > before, "the end of the reload")


async def test_what_is_asked_meanwhile_is_done_once_and_in_order(
    irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    bot = bots(UNLIMITED + config(irc_server.port, tmp_path))
    alice, bob, carol = [await people(irc_server, name) for name in ("alice", "bob", "carol")]
    await bot.start()
    await alice.asks(".join", "alice: You're up")
    await alice.asks(".go", "web is being deployed to live by alice")
    came = len(alice.lines)

    async def talk() -> None:
        for number in range(COMMANDS):
            bob.say(f'.message "b{number}"')
            carol.say(f'.message "c{number}"')
            if number % 10 == 0:
                bob.say(".status")
            await asyncio.sleep(0.005)

    async with asyncio.TaskGroup() as group:
        group.create_task(talk())
        for turn in range(RELOADS):
            await reloaded(bot, UNLIMITED + config(irc_server.port, tmp_path, f"max_riders = {turn + 2}"))
    await until(lambda: len(bot.rows("SELECT 1 FROM journal WHERE what LIKE '.message%'")) >= 2 * COMMANDS, "all of it")
    for letter in "bc":
        done = [
            what for _, what, outcome in bot.journal() if what.startswith(f'.message "{letter}') and outcome == "done"
        ]
        assert done == [f'.message "{letter}{number}"' for number in range(COMMANDS)]
    assert all(what.startswith("Configuration reloaded: 1 change") for what, _ in own(bot)[1:])
    assert len(own(bot)) == RELOADS + 1
    await gate.opened()
    await alice.hears("alice: you're on live")
    assert bot.written("steps") == ["web-1 live build web-1"]
    assert [run.state for run in bot.runs()] == ["succeeded"]
    assert not [line for line in alice.lines[came:] if ":pushbot!" in line and (" QUIT " in line or " JOIN " in line)]
    assert not [line for line in alice.said("#warroom") if line.startswith("(maybe again)")]
    await until(lambda: not bot.owed(), "all is confirmed")


async def test_with_a_mistake_in_it_nothing_changes_and_who_asked_hears_where(
    irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path
) -> None:
    good = config(irc_server.port, tmp_path)
    bot = bots(good)
    alice, bob = await people(irc_server, "alice"), await people(irc_server, "bob")
    await bot.start()
    bot.file.write_text(good.replace("[lanes.web]", "[lanes.web]\nmax_rider = 3"), encoding="utf-8")
    line = bot.file.read_text(encoding="utf-8").splitlines().index("max_rider = 3") + 1
    since = alice.mark
    await alice.asks(".reload", "Not reloaded: the configuration has a mistake, nothing has changed")
    await alice.hears(f"{bot.file}:{line}: lanes.web.max_rider: unknown key; did you mean 'max_riders'?", since=since)
    os.kill(bot.pid, signal.SIGHUP)
    await alice.hears(f"{bot.file}:{line}: lanes.web.max_rider", to="#warroom")
    await bob.asks(".reload", "operator")
    bot.file.write_text(good.replace("[lanes.web]", "[lanes.web]\nmax_riders = 3"), encoding="utf-8")
    since = alice.mark
    await alice.asks(".reload", "added lanes.web.max_riders = 3")
    await alice.hears("added lanes.web.max_riders = 3", to="#warroom", since=since)
    since = alice.mark
    await alice.asks(".reload", "the configuration is as it was")
    bot.file.write_text(good + '\n[bot]\nstore = "elsewhere.sqlite3"\n', encoding="utf-8")
    await alice.asks(".reload", "store and runs can only change with a restart")
    assert not (tmp_path / "elsewhere.sqlite3").exists()


async def test_lanes_and_rooms_come_and_go(irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path) -> None:
    bot = bots(config(irc_server.port, tmp_path))
    alice = await people(irc_server, "alice", "#push", "#warroom", "#api")
    await bot.start()
    await alice.asks(".join", "alice: You're up")
    both = config(irc_server.port, tmp_path, more=lane("api", "#api", pipeline="web"))
    since = alice.mark
    await reloaded(bot, both)
    await alice.hears("added lanes.api", to="#warroom", since=since)
    await until(lambda: alice.topic("#api") == "clear", "the new lane in its room")
    alice.say(".join", to="#api")
    await until(lambda: alice.topic("#api") == "alice", "the train in the new room")
    await alice.sees("alice")
    since = alice.mark
    await reloaded(bot, config(irc_server.port, tmp_path))
    await alice.hears("removed lanes.api", to="#warroom", since=since)
    await alice.asks(".status", "alice")
    gone = len(alice.lines)
    await reloaded(bot, both)  # and what was there before is remembered
    back = ("JOIN #api", "JOIN :#api")
    await until(lambda: any(":pushbot!" in one and one.endswith(back) for one in alice.lines[gone:]), "it is in #api")
    since = alice.mark
    alice.say(".status", to="#api")
    await alice.hears("alice", to="#api", since=since)


async def test_a_new_chat_that_gives_up_is_told_and_the_rest_goes_on(
    irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path
) -> None:
    bot = bots(config(irc_server.port, tmp_path))
    alice = await people(irc_server, "alice")
    await bot.start()
    other = '\n[chats.other]\ntype = "irc"\nhost = "127.0.0.1"\nport = {}\npassword = "env:NOT_THERE"\n'
    both = config(irc_server.port, tmp_path, more=other.format(free_port())).replace(
        'rooms = ["irc/#push"]', 'rooms = ["irc/#push", "other/#push"]'
    )
    assert "other/#push" in both
    since = alice.mark
    await reloaded(bot, both)
    await alice.hears("chat other does not work: The secret env:NOT_THERE is missing", to="#warroom", since=since)
    await alice.asks(".join", "alice: You're up")
    await reloaded(bot, config(irc_server.port, tmp_path))
    await alice.asks(".done", "Thanks for driving")


async def test_the_journal_has_the_digest_of_what_was_loaded(irc_server: Ngircd, bots: Bots, tmp_path: Path) -> None:
    bot = bots(config(irc_server.port, tmp_path))
    await bot.start()
    await until(lambda: own(bot), "the first entry")
    ((what, outcome),) = own(bot)
    assert outcome == "done"
    assert what.startswith(f"Configuration loaded: {bot.file} (sha256:")
