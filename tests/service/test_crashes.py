"""A bot that crashes at any moment: nothing is lost, nothing begun twice, nothing said twice without a warning."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from pushbot.ports import PushState
from pushbot.queue.model import Queue
from pushbot.queue.topic import render
from pushbot.service.speaker import REPLY
from pushbot.testing.chat import Spoken
from pushbot.testing.memory_store import MemoryStore
from pushbot.testing.playground import PUSH, Playground
from tests.service.door import Door

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import TypeVar

    from pushbot.ports import Work

    T = TypeVar("T")

NAMES = ("alice", "bob", "carol")
COMMANDS = (
    *(".join", ".join", ".join last", ".join with alice", '.join hotfix "down"', ".good", ".good; .go", ".go", ".uhoh"),
    *(
        ".done",
        ".nevermind",
        ".kick alice",
        ".abort",
        ".retry",
        ".retry failed",
        ".rollback",
        ".rollback princess",
        ".at princess",
    ),
    *('.hold "lunch"', ".unhold", ".unhold; .go", ".drive", ".abort; .join; .go"),
)
MARK = "(maybe again) "
moments = st.integers(0, 25)


class WatchedStore(MemoryStore):
    """A store in which a commit takes turns of the event loop, so that crashes happen before and after it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: Counter[Spoken] = Counter()
        self.replies: set[Spoken] = set()
        self.ended: Counter[str] = Counter()

    async def commit(self, work: Work) -> None:
        """Commit, and keep count."""
        await asyncio.sleep(0)
        await super().commit(work)
        self.lines.update(Spoken(line.to, line.text) for line in work.lines)
        self.replies |= {Spoken(line.to, line.text) for line in work.lines if line.kind == REPLY}
        self.ended.update(run.id for run in work.runs if run.state.final)
        await asyncio.sleep(0)


class Crashes(RuleBasedStateMachine):
    """One lane with two stages; a bot on it, crashed and started again."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.store = WatchedStore()
        self.folder = tempfile.TemporaryDirectory()
        self.play = Playground(Path(self.folder.name), store=self.store, last_words=0.0)
        self.play.add_lane("web", stages=("princess", "production"), undone=("production",), branch="main")
        self.play.spread("princess", {"lon": 2, "dub": 1})
        self.play.repository.commit("6957bb87")
        self.screen = self.play.display()
        self.patches = pytest.MonkeyPatch()
        self.door = Door(self.patches)
        self.run(self.play.start())

    def run(self, doing: Coroutine[None, None, T]) -> T:
        return self.runner.run(doing)

    async def turn(self, turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)

    async def committed(self) -> Queue:
        await self.store.open()
        return (await self.store.remember("web")).queue or Queue()

    # --- what happens ---

    @rule(who=st.sampled_from(NAMES), text=st.sampled_from(COMMANDS), turns=moments)
    def somebody_speaks(self, who: str, text: str, turns: int) -> None:
        self.play.server.say(who, text, PUSH)
        self.run(self.turn(turns))

    @rule(stage=st.sampled_from(["princess", "production"]), failed=st.booleans(), turns=moments)
    def somebody_runs_a_stage_from_the_command_line(self, stage: str, turns: int, *, failed: bool) -> None:
        self.run(self.door.ask(stage, failed=failed))
        self.run(self.turn(turns))

    @rule(who=st.sampled_from(NAMES), crash=st.booleans(), turns=moments)
    def the_train_moves_on(self, who: str, turns: int, *, crash: bool) -> None:
        self.play.server.say(who, ".unhold; .join", PUSH)
        for text in (".good", ".go"):
            for name in NAMES:
                self.play.server.say(name, text, PUSH)
        self.run(self.crash_after(turns) if crash else self.turn(turns))

    @rule(addition=st.sampled_from([" | dave", " + dave", ' !! "note"', " (x)"]), turns=moments)
    def somebody_writes_the_topic(self, addition: str, turns: int) -> None:
        self.play.server.write_topic("dave", PUSH, self.play.server.topic(PUSH) + addition)
        self.run(self.turn(turns))

    @precondition(lambda self: self.play.executor.under_way)
    @rule(how=st.sampled_from(["succeed", "succeed", "fail", "lose"]), turns=moments)
    def a_run_ends(self, how: str, turns: int) -> None:
        run = self.play.executor.under_way[0]
        match how:
            case "succeed":
                self.play.executor.succeed(run)
            case "fail":
                self.play.executor.fail("publish", "exit code 1", run=run)
            case _:
                self.play.executor.lose(run=run)
        self.run(self.turn(turns))

    @rule(seconds=st.sampled_from([0.1, 1, 60]))
    def time_passes(self, seconds: float) -> None:
        self.run(self.play.pass_time(seconds))

    @rule(works=st.booleans())
    def confirmations_are_held_back_or_not(self, *, works: bool) -> None:
        if works:
            self.play.server.confirm()
        else:
            self.play.server.confirming = False

    @rule(losing=st.booleans(), before=moments, after=moments)
    def the_link_breaks_and_is_back(self, before: int, after: int, *, losing: bool) -> None:
        server = self.play.server
        held_back = not server.confirming
        server.losing, server.confirming = losing, server.confirming and not losing
        self.run(self.turn(before))
        server.disconnect()
        self.run(self.turn(after))
        server.losing, server.confirming = False, not held_back
        server.let_in()

    @rule(what=st.sampled_from(["executor", "repository", "hosts"]), crash=st.booleans(), turns=moments)
    def something_takes_long_when_the_train_moves_on(self, what: str, turns: int, *, crash: bool) -> None:
        match what:
            case "executor":
                self.play.executor.stall()
            case "repository":
                self.play.repository.answering.clear()
            case _:
                self.play.hosts.answering.clear()
        self.the_train_moves_on("alice", turns, crash=crash)
        self.everything_answers()

    def everything_answers(self) -> None:
        self.play.executor.resume()
        self.play.repository.answering.set()
        self.play.hosts.answering.set()

    @rule(turns=moments)
    def the_bot_crashes_and_comes_back(self, turns: int) -> None:
        self.run(self.crash_after(turns))

    async def crash_after(self, turns: int) -> None:
        await self.turn(turns)
        await self.play.crash()
        before = await self.committed()
        await self.play.start()
        after = await self.committed()
        assert [(t.number, t.driver) for t in before.trains] == [(t.number, t.driver) for t in after.trains]
        assert {t.number for t in after.aside} <= {t.number for t in before.aside}
        assert (before.message, before.next_train) == (after.message, after.next_train)

    @rule()
    def the_bot_is_stopped_and_started(self) -> None:
        self.run(self.play.stop())
        self.run(self.play.start())

    # --- how it ends ---

    def teardown(self) -> None:
        """Let all come to its end, and look back."""
        try:
            self.run(self.end_well())
            self.look_back()
            self.run(self.play.stop())
        finally:
            self.patches.undo()
            self.runner.close()
            self.folder.cleanup()

    async def end_well(self) -> None:
        play = self.play
        self.everything_answers()
        play.server.let_in()
        play.server.confirm()
        await play.settle()
        while play.executor.under_way:
            play.executor.succeed(play.executor.under_way[0])
            await play.settle()
        await play.pass_time(1)
        assert await self.store.owed() == ()
        queue = await self.committed()
        assert play.server.topic(PUSH) == render(queue)
        assert not any(train.running for train in (*queue.trains, *queue.aside))
        await self.all_is_shown(queue)

    async def all_is_shown(self, queue: Queue) -> None:
        """The board and every push are as the record has them, whatever was lost meanwhile."""
        board = self.screen.boards[PUSH, "web"]
        assert (board.trains, board.hold, board.mark) == (queue.trains, queue.hold, queue.moment)
        for push in await self.store.pushes("web"):
            shown = self.screen.pushes[PUSH, f"web/{push.number}"]
            assert (shown.end == "under way") == (push.state is PushState.UNDERWAY)
            assert (shown.driver.name, shown.ended_at) == (push.driver, push.ended_at)

    def look_back(self) -> None:
        asked = self.store._runs.keys()
        assert set(self.play.executor.starts) <= set(asked)
        assert all(count == 1 for count in self.play.executor.starts.values())
        assert self.store.ended == dict.fromkeys(asked, 1), "every run ends once"
        said = Counter(self.play.server.spoken)
        for line, owed in self.store.lines.items():
            plainly, marked = said[line], said[Spoken(line.to, MARK + line.text)]
            assert plainly <= owed, f"said again without a word: {line}"
            merged = line in self.store.replies  # a reply that waits already is not said twice
            assert plainly + marked >= (1 if merged else owed), f"never said: {line}"


Crashes.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
test_crashes = Crashes.TestCase
