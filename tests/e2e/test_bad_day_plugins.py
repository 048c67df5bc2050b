"""Plugins that raise, hang, leak, or do not let themselves be stopped: their lane says so, and all others go on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.e2e.bot import BotProcess, until
from tests.e2e.made import basics, lane, stage, step

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.e2e.conftest import People
    from tests.rig.ngircd import Ngircd

pytestmark = [pytest.mark.e2e, pytest.mark.net]

PLUGINS = '''
"""Everything that a plugin may do wrong. The bot has less patience here, so that the tests take less time."""

import asyncio
import sys
import time

from pydantic import BaseModel

from pushbot.cli import shutdown
from pushbot.ports import Heard, Outcome, Traits
from pushbot.queue.commands import RunState
from pushbot.queue.model import Person
from pushbot.service import isolation
from pushbot.service.runs import checking, following, targets

following.BEGUN_WITHIN = following.OVERDUE = following.STOPPED_WITHIN = 0.5
isolation.LET_GO = isolation.AGAIN_AFTER = checking.LET_GO = 0.2
targets.READ_WITHIN = shutdown.LEFT_BEHIND = 0.5
NASTY = "one\\r\\ntwo \\x1b[2J\\u202e" + "x" * 1_000_000


async def for_ever():
    """Hang, also when told to stop."""
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass


class Plugin:
    class Options(BaseModel, frozen=True, extra="forbid"):
        how: str

    def __init__(self, options):
        self.how = options.how


class Executor(Plugin):
    async def start(self, job):
        match self.how:
            case "raises":
                raise ValueError(NASTY)
            case "mute":
                await for_ever()
            case "blocks":
                time.sleep(1.5)
        return "token"

    async def wait(self, job, token, progress):
        match self.how:
            case "exits":
                sys.exit(3)
            case "odd":
                return None
            case "leaks":
                for _ in range(100):
                    progress(NASTY)
                return Outcome(RunState.FAILED, NASTY, NASTY, (NASTY,) * 20)
            case "deaf" | "stuck" | "late":
                await for_ever()
            case "cancels":
                raise asyncio.CancelledError
        return Outcome(RunState.SUCCEEDED)

    async def abort(self, job, token):
        if self.how == "stuck":
            await for_ever()


class Hosted(Executor):
    traits = Traits(steps=False, hosts=True)


class Chat(Plugin):
    def __init__(self, name, options, rooms):
        super().__init__(options)
        self.name, self.rooms, self.runs = name, rooms, 0

    async def run(self, tell):
        self.runs += 1
        await tell("no notice at all")
        await tell(Heard(self.name, self.rooms[0], Person(self.name, "nick:eve", NASTY), ".join " + NASTY))
        match self.how:
            case "raises":
                raise OSError(NASTY)
            case "deaf":
                await for_ever()
            case "dumb":
                await asyncio.Event().wait()

    def say(self, to, text):
        if self.how == "dumb":
            raise ValueError(NASTY)
        done = asyncio.get_running_loop().create_future()
        if self.how != "deaf":
            done.set_result(None)
        return done

    def draw(self, room, topic):
        raise ValueError(NASTY)

    def topic_limit(self, room):
        if self.how == "dumb":
            raise ValueError(NASTY)
        return -1

    def fold(self, name):
        raise ValueError(NASTY)

    def person(self, name):
        raise ValueError(NASTY)


class Repository(Plugin):
    async def resolve(self, ref):
        if self.how == "raises":
            raise KeyError(NASTY)
        if self.how == "hangs":
            await for_ever()
        return "6957bb8700000000000000000000000000000000"

    async def changes(self, old, new, *, path=None, limit=20):
        raise KeyError(NASTY)


class Inventory(Plugin):
    async def hosts(self):
        if self.how == "hangs":
            await for_ever()
        raise ZeroDivisionError(NASTY)


class Check(Plugin):
    async def look(self, change):
        if self.how == "hangs":
            await for_ever()
        sys.exit(NASTY)
'''

HOWS = ("raises", "mute", "exits", "odd", "leaks", "deaf", "stuck", "late", "cancels", "blocks")
"""The executors, each with a lane of its name."""
CHATS = ("raises", "returns", "deaf", "dumb")
BROKE = "something broke in the bot, see fault-"
HANGS = "its executor does not say how it ended"


def config(port: int) -> str:
    """A lane for each trouble, and one without."""
    parts = ['plugin_path = ["."]\n', basics(port)]
    for how in HOWS:
        limit = "0.5s" if how == "late" else "1h"
        executor = f'executor = {{ type = "bad:Executor", how = "{how}" }}\ngrace = 0.1\ntimeout = "{limit}"'
        parts += [_live(how, executor), lane(how)]
    for how in ("raises", "hangs"):
        check = f'checks = [{{ name = "{how}", type = "bad:Check", how = "{how}", timeout = "0.3s" }}]'
        parts += [
            f'\n[pipelines.repo-{how}]\nrepository = {{ type = "bad:Repository", how = "{how}" }}\n',
            _live(f"repo-{how}"),
            lane(f"repo-{how}"),
            _live(f"check-{how}", check),
            lane(f"check-{how}"),
            f'\n[inventories.{how}]\nsources = [{{ type = "bad:Inventory", name = "list", how = "{how}" }}]\n',
            f'\n[[pipelines.hosts-{how}.stages]]\nname = "live"\nexecutor = {{ type = "bad:Hosted", how = "" }}\n',
            f'hosts = {{ from = "{how}" }}\n',
            lane(f"hosts-{how}"),
        ]
    return "".join([*parts, _live("good"), lane("good")])


def _live(pipeline: str, options: str = "") -> str:
    return stage(pipeline, "live", [step("build", "true")], options)


@pytest_asyncio.fixture
async def make(tmp_path: Path) -> AsyncIterator[Callable[[str], BotProcess]]:
    """Makes a bot beside the bad plugins; what they break may be on its log."""
    (tmp_path / "bad.py").write_text(PLUGINS, encoding="utf-8")
    made: list[BotProcess] = []

    def bot(config: str) -> BotProcess:
        made.append(BotProcess(tmp_path, config))
        return made[-1]

    yield bot
    for each in made:
        each.clear_away()


def sound(bot: BotProcess) -> None:
    """Nothing on the log is longer than it may be, or steers a terminal; and no task was left to itself."""
    log = bot.log()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", log)
    assert max(map(len, log.splitlines())) < 10_000
    assert "never retrieved" not in log
    assert "left_behind" not in log or "does_not_stop" in log


async def test_each_lane_says_what_broke_and_others_go_on(
    irc_server: Ngircd, make: Callable[[str], BotProcess], people: People
) -> None:
    bot = make(config(irc_server.port))
    alice = await people(irc_server, "alice")
    await bot.start()
    names = (*HOWS, *(f"{what}-{how}" for what in ("repo", "check", "hosts") for how in ("raises", "hangs")), "good")
    for name in names:
        alice.say(f"{name}: .join; .go")
    for name in ("raises", "exits", "odd", "cancels"):
        await alice.hears(f"I lost {name}-1, the deploy of {name} on live ({BROKE}")
    await alice.hears(f"repo-raises/main failed on live: {BROKE}")
    await alice.hears(f"hosts-raises failed on live: {BROKE}")
    await alice.hears("hosts-hangs failed on live: inventory hangs: list: no answer within")
    await alice.hears("check-raises was not let on live, where nothing changed: raises: it cannot tell")
    await alice.hears("check-hangs was not let on live, where nothing changed: hangs: it cannot tell")
    await alice.hears(f"I lost late-1, the deploy of late on live ({HANGS}")
    await alice.hears("leaks failed on live at one  two")
    assert sum(map(len, alice.said())) < 20_000
    await until(lambda: {run.state for run in bot.runs("good") + bot.runs("blocks")} == {"succeeded"}, "the good ones")
    await until(lambda: [run.state for run in bot.runs("mute")] == ["succeeded"], "the one that never said it began")
    for name in ("deaf", "stuck", "repo-hangs"):
        alice.say(f"{name}: .abort")
    await alice.hears(f"I lost deaf-1, the deploy of deaf on live ({HANGS}")
    await alice.hears("The deploy of stuck to live cannot be stopped, and goes on: its executor does not say whether")
    await alice.hears("The deploy of repo-hangs to live was stopped")
    await alice.asks("good: .status", "good")
    code, seconds = await bot.stop()
    assert (code, seconds < 20) == (0, True)
    sound(bot)


async def test_chats_that_break_leave_the_others_alone(
    irc_server: Ngircd, make: Callable[[str], BotProcess], people: People
) -> None:
    broken = "".join(f'\n[chats.{how}]\ntype = "bad:Chat"\nhow = "{how}"\n' for how in CHATS)
    rooms = lane("good").replace('["irc/#push"]', str(["irc/#push", *(f"{how}/#x" for how in CHATS)]).replace("'", '"'))
    bot = make('plugin_path = ["."]\n' + basics(irc_server.port) + broken + _live("good") + rooms)
    alice = await people(irc_server, "alice")
    await bot.start()
    alice.say(".join; .go")
    await alice.hears("good is being deployed to live by alice")
    await alice.sees("<live> alice")
    await until(lambda: bot.log().count("ended_by_itself what='chat returns'") > 1, "the chat is begun again")
    await until(lambda: bot.log().count("broke what='chat raises'") > 1, "the other one too")
    await alice.asks(".status", "good")
    await alice.asks(".good; .done", "Thanks for driving")
    code, seconds = await bot.stop()
    assert (code, seconds < 20) == (0, True)
    sound(bot)
