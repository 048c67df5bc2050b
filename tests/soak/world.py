"""The world of the soak: three lanes, of which two share a place, a bot on a record, and what goes wrong around it."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

import pytest
import structlog

from pushbot.app import Bot
from pushbot.calendar.model import Calendar
from pushbot.calendar.source import CalendarSpec
from pushbot.calendar.written import read_entry
from pushbot.errors import PushbotError
from pushbot.ports import Finding, Verdict
from pushbot.queue.rules import Patience
from pushbot.service.house.oncall import OncallSpec
from pushbot.service.spec import AutoSpec, CheckSpec, OnFail
from pushbot.store import SqliteStore
from pushbot.testing.clock import START, HandClock
from pushbot.testing.memory_store import MemoryStore
from pushbot.testing.playground import Playground
from tests.soak.clockwork import Record
from tests.soak.crowd import Crowd
from tests.soak.invariants import Invariants
from tests.soak.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

FREEZE = (13, 16)
"""One afternoon, for production and live: from and to."""
OPEN = (8, 22)
"""Push hours of production, from and to."""
EXPECTED = {"not_recorded"}
"""Errors that the bot logs for what is done to it here."""


@dataclass(slots=True)
class World:
    """Everything there is, for so many days. `faults` are the bot's own complaints about itself."""

    seed: int
    folder: Path
    days: int
    sqlite: bool = True
    dice: random.Random = field(init=False)
    clock: HandClock = field(default_factory=HandClock)
    play: Playground = field(init=False)
    record: Record = field(init=False)
    ledger: Ledger = field(init=False)
    crowd: Crowd = field(init=False)
    invariants: Invariants = field(init=False)
    patches: pytest.MonkeyPatch = field(default_factory=pytest.MonkeyPatch)
    faults: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    last: list[str] = field(default_factory=list)
    bot: Bot | None = None

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311 - to be played again
        self.ledger = Ledger(self.clock, {}, self.shut)
        store = SqliteStore(self.folder / "soak.db") if self.sqlite else MemoryStore()
        self.record = Record(store, self.ledger)
        self.play = Playground(
            self.folder / "runs",
            clock=self.clock,
            store=cast("MemoryStore", self.record),
            last_words=0.0,
            guide=True,
            oncall=OncallSpec(self.folder / "oncall.toml"),
        )
        self.crowd = Crowd(self.play.server)
        self._lanes()
        self.ledger.lanes.update({lane.name: lane for lane in self.play.lanes})
        self.invariants = Invariants(self.play, self.record.store, self.ledger, self.faults)

    def _lanes(self) -> None:
        play, folder = self.play, self.folder
        play.runs.mkdir()
        turns = '[[rotations]]\nteam = "dev"\npeople = ["ann", "bob"]\ndays = 1\nstart = 2026-01-05\nzone = "UTC"\n'
        (folder / "oncall.toml").write_text(turns, "utf-8")
        play.operators.update(one.name for one in self.crowd.operators)
        play.add_lane(
            "web",
            stages=("princess", "production"),
            undone=("production",),
            branch="main",
            locks={"princess": "web/princess", "production": "the site"},
        )
        play.add_lane(
            "search", "#search", stages=("staging", "live"), branch="main", locks={"staging": "s", "live": "the site"}
        )
        play.add_lane("config", stages=("flags",), config=True)
        play.spread("princess", {"lon": 2, "dub": 1})
        day = f"{self.frozen:%Y-%m-%d}"
        closed = read_entry(f'{day} {FREEZE[0]:02}:00..{day} {FREEZE[1]:02}:00 "stocktaking"')
        hours = read_entry(f"every day {OPEN[0]:02}:00-{OPEN[1]:02}:00")
        calendar = CalendarSpec(Calendar("office", ZoneInfo("UTC"), hours, closed))
        tests = CheckSpec("tests", play.check("tests"), on_fail=OnFail.ASK)
        play.change_stage(
            "production", lambda of: replace(of, second="anyone", hours=(calendar,), checks=(tests,), timeout=7200.0)
        )
        play.change_stage("live", lambda of: replace(of, hours=(calendar,)))
        patience = Patience(ask_after=600.0, grace=300.0)
        play.lanes[:] = [replace(lane, patience=patience) for lane in play.lanes]
        auto = AutoSpec("staging", ("ci",))
        play.lanes[:] = [replace(lane, auto=auto) if lane.name == "search" else lane for lane in play.lanes]
        play.repository.commit("c0ffee", branch="main")

    def shut(self, lane: str, stage: str, at: datetime) -> bool:
        """Whether a stage is closed at that time, by the clock on the wall."""
        del lane
        frozen = at.date() == self.frozen.date() and FREEZE[0] <= at.hour < FREEZE[1]
        return stage in ("production", "live") and (frozen or not OPEN[0] <= at.hour < OPEN[1])

    @property
    def frozen(self) -> datetime:
        """The day of the freeze."""
        return START + timedelta(days=self.days // 2)

    def note(self, what: str) -> None:
        """Keep what is done for who has to look into it."""
        self.last.append(f"{self.clock.now():%a %H:%M:%S} {what}")
        del self.last[:-30]

    def rarest(self, kind: str, names: tuple[str, ...]) -> str:
        """The one that has happened least."""
        return min(names, key=lambda name: self.kinds[f"{kind}{name}"])

    @property
    def runs(self) -> int:
        """The runs that have ended, however."""
        return sum(count for kind, count in self.kinds.items() if kind.startswith("run "))

    # --- the bot -----------------------------------------------------------------------------------

    def watch(self) -> None:
        """See each bot that starts, and what it complains of."""
        start = Bot.start

        async def starting(bot: Bot) -> None:
            self.bot = bot
            await start(bot)

        self.patches.setattr(Bot, "start", starting)
        structlog.configure(processors=[self._logged])

    def unwatch(self) -> None:
        """Leave the world as it was."""
        self.patches.undo()
        structlog.reset_defaults()

    def _logged(self, _: object, method: str, event: MutableMapping[str, object]) -> str:
        if method in ("exception", "error", "critical") and event.get("event") not in EXPECTED:
            trouble = structlog.processors.format_exc_info(None, method, dict(event)) if "exc_info" in event else event
            self.faults.append(f"the bot complains: {dict(trouble)}")
        raise structlog.DropEvent

    @property
    def here(self) -> Bot:
        """The bot that runs."""
        if self.bot is None:
            raise RuntimeError("no bot has been started")
        return self.bot

    @property
    def well(self) -> bool:
        """Whether the bot hears and can write: then each command has its outcome."""
        return self.play.server.connected and not self.record.full

    async def crash(self, turns: int) -> None:
        """Kill the bot so many turns of the loop from now, look at the record, and start another one."""
        left = iter(range(turns))
        await self.play.turns(until=lambda: next(left, None) is None)
        complaints = len(self.faults)
        await self.play.crash()
        del self.faults[complaints:]  # of one that is torn down with its store closed: a dead process has none
        self.bot = None
        await self.record.open()
        await self.invariants.read_after_crash()
        await self.record.store.close()
        self.play.executor.resume()
        await self.play.start()

    async def reload(self, *, more: bool) -> None:
        """Have the bot wired anew, by a configuration that differs in one thing."""
        plan = self.here.plan
        lanes = tuple(replace(lane, max_riders=10 if more else 8) for lane in plan.lanes)
        self.bot = await self.here.rewired(replace(plan, lanes=lanes))
        await self.play.settle()

    # --- trouble -----------------------------------------------------------------------------------

    def heal(self) -> None:
        """All that was wrong is well again."""
        play = self.play
        self.record.fill(full=False)
        if play.server.losing or play.server.guarded:  # it loses what it has not written, and sees what it may
            play.server.disconnect()
            play.server.losing = False
            play.server.guarded.clear()
        play.server.let_in()
        play.server.confirm()
        play.executor.trouble = play.executor.stubborn = None
        play.executor.resume()
        play.repository.trouble = play.hosts.trouble = play.dns.trouble = None
        play.repository.answering.set()
        play.hosts.answering.set()
        self.find("passes")

    def find(self, how: str) -> None:
        """What the check of production finds from now on."""
        play = self.play
        check = play.check("tests")
        check.looked.clear()
        check.trouble = PushbotError("no such host") if how == "breaks" else None
        finding = {"fails": Finding.FAILED, "asks": Finding.ASKS}.get(how, Finding.PASSED)
        check.verdict = Verdict(finding, "3 files in migrations/**")

    def forget(self) -> None:
        """Forget what is over, so that the world takes no more room than the bot; see that it was well first."""
        executor = self.play.executor
        for run in [run for run, one in executor.runs.items() if one.over.is_set()]:
            del executor.runs[run]
        for run in [run for run, count in executor.starts.items() if count == 1 and run not in executor.runs]:
            del executor.starts[run]
        self.ledger.ended.intersection_update(executor.starts)
        self.play.check("tests").looked.clear()
        self.invariants.tallies.clear()


def after(start: datetime, days: int, hour: int) -> float:
    """Seconds from `start` until that hour, so many days later."""
    then = start.replace(hour=hour, minute=0, second=0, microsecond=0) + timedelta(days=days)
    return (then - start).total_seconds()
