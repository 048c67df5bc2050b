"""What machines do in a step: runs, builds, checks, and all that does not work for a while."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pushbot.errors import PushbotError
from pushbot.fleet.model import Tally

if TYPE_CHECKING:
    from tests.soak.world import World

ENDS = ("partly", "fail", "broken", "lost", "stopped", "well")


@dataclass(frozen=True, slots=True)
class Build:
    """What a webhook tells of a build."""

    name: str
    branch: str
    revision: str
    state: str
    url: str | None = None


@dataclass(slots=True)
class Machines:
    """The machines of a world. `due` is when the runs in flight come to their end."""

    world: World
    due: dict[str, datetime] = field(default_factory=dict)
    taken: list[asyncio.Future[bool]] = field(default_factory=list)
    revisions: int = 0

    def commit(self) -> None:
        """Somebody commits to the branch."""
        self.revisions += 1
        self.world.play.repository.commit(
            f"{self.revisions:08x}", author=self.world.dice.choice(self.world.crowd.people).name
        )

    def build(self) -> None:
        """A webhook tells of a build of the branch."""
        world = self.world
        if world.here.plan.lanes and world.play.server.connected:
            tip = world.play.repository.branches["main"]
            state = world.dice.choice(("success", "success", "failure"))
            build = Build("ci", "main", tip, state, "https://ci.example/1")
            self.world.note(f"build {state} {tip[:8]}")
            took = world.here.autopilot.take(f"message {world.ledger.commits}", ("search", "web"), (build,))
            self.taken.append(asyncio.ensure_future(took))

    def builds_told(self, *, crashed: bool) -> None:
        """See that what webhooks told was taken, or refused in words; a bot that crashed says nothing."""
        for told in self.taken:
            if not told.done():
                told.cancel()
            elif (error := told.exception()) is not None and not crashed and not isinstance(error, PushbotError):
                raise error
        self.taken.clear()

    def check(self) -> None:
        """The check of production finds something else."""
        how = self.world.dice.choice(("passes", "passes", "passes", "fails", "asks", "breaks"))
        self.world.note(f"the check {how}")
        self.world.find(how)

    def trouble(self) -> None:
        """Something does not work for a while: until it is healed."""
        play, how = (
            self.world.play,
            self.world.rarest("trouble: ", ("start", "stall", "stubborn", "git", "slow git", "hosts")),
        )
        self.world.note(f"trouble: {how}")
        self.world.kinds[f"trouble: {how}"] += 1
        match how:
            case "start":
                play.executor.trouble = PushbotError("the machine is away")
            case "stall":
                play.executor.stall()
            case "stubborn":
                play.executor.stubborn = PushbotError("it does not let itself be stopped")
            case "git":
                play.repository.trouble = PushbotError("the repository is away")
            case "slow git":
                play.repository.answering.clear()
            case _:
                play.hosts.trouble = PushbotError("no list of hosts")

    def wire(self) -> None:
        """The bot's link is slow, or breaks."""
        server, how = self.world.play.server, self.world.rarest("wire: ", ("slow", "broken", "losing", "guarded"))
        self.world.note(f"wire: {how}")
        self.world.kinds[f"wire: {how}"] += 1
        match how:
            case "slow":
                server.confirming = False
            case "broken":
                server.disconnect()
            case "losing":
                server.losing, server.confirming = True, False
            case _:
                server.guarded.add("#search")

    def runs_go_on(self) -> None:
        """Runs in flight come a step further, or to their end when their time is over."""
        world, executor = self.world, self.world.play.executor
        for run in executor.under_way:
            lane = run.rpartition("-")[0]
            if run not in self.due:
                seconds = world.dice.choice((40, 90, 180, 400))
                self.due[run] = world.clock.now() + timedelta(seconds=seconds)
                world.invariants.tallies.pop(lane, None)
            if executor.runs[run].job.hosts and executor.runs[run].listeners:
                tally = Tally(world.dice.randint(0, 2), 3, world.dice.randint(0, 1))
                world.invariants.tallies.setdefault(lane, []).append(str(tally))
                executor.report(tally, run)
            elif executor.runs[run].listeners:
                executor.report(world.dice.choice(("build", "migrate 2/4", "publish")), run)
            if self.due[run] <= world.clock.now():
                self._end(run)

    def _end(self, run: str) -> None:
        executor, dice = self.world.play.executor, self.world.dice
        how = self.world.rarest("run ", ENDS) if dice.random() < 0.2 else "well"
        self.due.pop(run)
        self.world.note(f"{run} ends: {how}")
        self.world.kinds[f"run {how}"] += 1
        match how:
            case "well":
                executor.succeed(run)
            case "partly":
                executor.succeed(run, "1 of 3 hosts failed")
            case "fail":
                executor.fail("publish", "exit code 1", ("no space left",), run)
            case "broken":
                executor.fail("build", "exit code 2", run=run, changed=False)
            case "lost":
                executor.lose(run=run)
            case _:
                executor.cancel("somebody stopped it by hand", run)
