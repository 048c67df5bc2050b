"""Runs: each begun at most once, whenever the bot or the world breaks; found again, or lost and said so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import PushbotError
from pushbot.ports import RunRecord
from pushbot.queue.commands import RunState
from pushbot.queue.model import RunKind
from pushbot.service.lane.runbook import Runbook
from pushbot.service.runs.dispatcher import Dispatcher
from pushbot.testing.quiet import quiet
from tests.service.door import Door

if TYPE_CHECKING:
    from collections.abc import Callable

    from pushbot.ports import Job, Outcome
    from pushbot.service.asks import Ask
    from pushbot.testing.playground import Playground

NO_SPACE = PushbotError("no space left on the deploy host")


@pytest.fixture
def web(play: Playground) -> Playground:
    """The lane `web`, pushed from the branch main."""
    play.lanes.clear()
    play.add_lane("web", stages=("princess", "production"), branch="main")
    play.repository.commit("6957bb87")
    return play


async def say(play: Playground, who: str, text: str) -> None:
    play.server.say(who, text, "#push")
    await play.settle()


async def deploy(play: Playground, *, until: str = "princess") -> None:
    """Alice takes a train to a stage, successfully."""
    await say(play, "alice", ".join")
    for stage in ("princess", "production"):
        await say(play, "alice", ".go")
        play.executor.succeed()
        await play.settle()
        if stage == until:
            return


def topic(play: Playground) -> str:
    return play.server.topic("#push")


def last(play: Playground) -> str:
    return play.server.spoken[-1].text


async def state(play: Playground, run: str) -> RunState:
    record = await play.store.run(run)
    assert record is not None
    return record.state


async def test_an_executor_gets_all_that_a_run_is_about(web: Playground) -> None:
    await web.start()
    await say(web, "alice", ".join")
    await say(web, "bob", ".join with alice; .good")
    await say(web, "alice", ".go")
    job = web.executor.runs["web-1"].job
    assert job.facts() == {
        "PUSHBOT_RUN": "web-1",
        "PUSHBOT_KIND": "deploy",
        "PUSHBOT_LANE": "web",
        "PUSHBOT_STAGE": "princess",
        "PUSHBOT_REVISION": "6957bb87".ljust(40, "0"),
        "PUSHBOT_PREVIOUS_REVISION": "",
        "PUSHBOT_BRANCH": "main",
        "PUSHBOT_DRIVER": "alice",
        "PUSHBOT_RIDERS": "alice bob",
    }
    assert [step.name for step in job.steps] == ["build", "migrate", "publish"]
    assert job.directory == web.runs / "web-1"
    assert job.directory.is_dir()


async def test_what_was_checked_on_princess_goes_to_production(web: Playground) -> None:
    await web.start()
    await deploy(web)
    web.repository.commit("0badcafe")
    await say(web, "alice", ".go")
    job = web.executor.runs["web-2"].job
    assert (job.stage, job.revision) == ("production", "6957bb87".ljust(40, "0"))
    await say(web, "alice", ".go other-branch")
    assert "[run_in_flight]" in last(web)


async def test_a_driver_may_say_what_is_deployed(web: Playground) -> None:
    web.repository.commit("0badcafe", branch="topic")
    await web.start()
    await say(web, "alice", ".join; .go topic")
    job = web.executor.runs["web-1"].job
    assert (job.branch, job.revision) == ("topic", "0badcafe".ljust(40, "0"))


async def test_a_branch_that_is_not_there_fails_before_anything_is_begun(web: Playground) -> None:
    await web.start()
    await say(web, "alice", ".join; .go nowhere")
    assert topic(web) == "<princess!> alice*"
    assert not web.executor.starts
    assert await state(web, "web-1") is RunState.FAILED
    said = [line.text for line in web.server.spoken if "failed on princess" in line.text]
    assert said[0] == "web/nowhere failed on princess: there is no branch, tag or commit nowhere in the repository"


async def test_a_run_that_cannot_be_begun_failed(web: Playground) -> None:
    await web.start()
    web.executor.trouble = NO_SPACE
    await say(web, "alice", ".join; .go")
    assert topic(web) == "<princess!> alice*"
    record = await web.store.run("web-1")
    assert record is not None
    assert (record.state, record.reason, record.step) == (RunState.FAILED, str(NO_SPACE), None)


async def test_a_deploy_that_never_began_is_not_undone(web: Playground) -> None:
    web.lanes.clear()
    web.add_lane("web", stages=("princess",), undone=("princess",), branch="main")
    await web.start()
    await deploy(web)
    await say(web, "alice", ".done; .join")
    web.executor.trouble = NO_SPACE
    await say(web, "alice", ".go")
    assert topic(web) == "<princess!> alice*"


@pytest.mark.parametrize(("step", "undone"), [("build", False), ("migrate", True), ("publish", True), ("probe", True)])
async def test_a_stage_is_undone_by_itself_when_something_was_changed(
    web: Playground, step: str, *, undone: bool
) -> None:
    web.lanes.clear()
    web.add_lane("web", stages=("princess",), undone=("princess",), branch="main")
    await web.start()
    await deploy(web)
    await say(web, "alice", ".done; .join")
    web.repository.commit("0badcafe")
    await say(web, "alice", ".go")
    web.executor.fail(step, "exit code 1")
    await web.settle()
    assert web.executor.under_way == (("web-3",) if undone else ())
    if undone:
        job = web.executor.runs["web-3"].job
        assert (job.kind, job.revision, [each.name for each in job.steps]) == (
            RunKind.ROLLBACK,
            "6957bb87".ljust(40, "0"),
            ["publish"],
        )


async def test_the_first_deploy_of_all_has_nothing_to_go_back_to(web: Playground) -> None:
    web.lanes.clear()
    web.add_lane("web", stages=("princess",), undone=("princess",), branch="main")
    await web.start()
    await say(web, "alice", ".join; .go")
    web.executor.fail("publish")
    await web.settle()
    assert topic(web) == "<princess!> alice*"


@pytest.mark.parametrize("verb", ["start", "wait"])
async def test_a_bug_in_an_executor_loses_the_run_and_nothing_else(
    web: Playground, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    async def broken(*_: object) -> Outcome:
        raise ZeroDivisionError

    monkeypatch.setattr(web.executor, verb, broken)
    await web.start()
    await say(web, "alice", ".join; .go")
    assert topic(web) == "<princess!> alice*"
    assert await state(web, "web-1") is RunState.LOST
    assert "fault-" in last(web)
    await say(web, "alice", ".at princess")
    assert topic(web) == "<princess> alice"


async def test_trouble_while_following_a_run_loses_it(web: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    async def troubled(_job: Job, _token: str | None, _progress: Callable[[str], None]) -> Outcome:
        raise NO_SPACE

    monkeypatch.setattr(web.executor, "wait", troubled)
    await web.start()
    await say(web, "alice", ".join; .go")
    assert await state(web, "web-1") is RunState.LOST


async def test_stopped_while_its_revision_is_looked_for_it_is_never_begun(web: Playground) -> None:
    web.repository.answering.clear()
    await web.start()
    await say(web, "alice", ".join; .go")
    await say(web, "alice", ".abort")
    web.repository.answering.set()
    await web.settle()
    assert topic(web) == "<princess!> alice*"
    assert not web.executor.starts
    assert await state(web, "web-1") is RunState.CANCELLED


async def test_stopped_while_it_is_begun_it_is_stopped_then(web: Playground) -> None:
    web.executor.stall()
    await web.start()
    await say(web, "alice", ".join; .go")
    await say(web, "alice", ".abort")
    web.executor.resume()
    await web.settle()
    assert topic(web) == "<princess!> alice*"
    assert await state(web, "web-1") is RunState.CANCELLED


async def test_an_executor_that_cannot_stop_a_run_is_followed_further(web: Playground) -> None:
    web.executor.stubborn = NO_SPACE
    await web.start()
    await say(web, "alice", ".join; .go")
    await say(web, "alice", ".abort")
    assert topic(web) == "<princess...> alice*"
    assert last(web) == f"The deploy of web to princess cannot be stopped, and goes on: {NO_SPACE}"
    record = await web.store.run("web-1")
    assert record is not None
    assert record.reason is None  # or the next bot would stop it when nobody expects that any more
    web.executor.succeed()
    await web.settle()
    assert topic(web) == "<princess> alice"


async def test_a_bug_while_a_run_is_stopped_is_told_too(web: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_job: Job, _token: str | None) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(web.executor, "abort", broken)
    await web.start()
    await say(web, "alice", ".join; .go")
    await say(web, "alice", ".abort")
    assert "cannot be stopped, and goes on: something broke in the bot, see fault-" in last(web)


async def test_what_cannot_be_stopped_while_it_is_begun_is_stopped_when_it_has(web: Playground) -> None:
    web.executor.stall()
    web.executor.stubborn = NO_SPACE
    await web.start()
    await say(web, "alice", ".join; .go")
    await say(web, "alice", ".abort")
    web.executor.stubborn = None
    web.executor.resume()
    await web.settle()
    assert await state(web, "web-1") is RunState.CANCELLED
    assert not any("cannot be stopped" in line.text for line in web.server.spoken)


async def test_progress_is_told_in_the_status(web: Playground) -> None:
    await web.start()
    await say(web, "alice", ".join; .go")
    web.executor.report("migrate 2/3")
    await say(web, "bob", ".status")
    assert any("migrate 2/3" in line.text for line in web.server.spoken)


# --- over the end of a bot ---------------------------------------------------------------------


async def test_crashed_before_it_was_begun_it_is_begun_by_the_next_bot(web: Playground) -> None:
    web.repository.answering.clear()
    await web.start()
    await say(web, "alice", ".join; .go")
    await web.crash()
    web.repository.answering.set()
    await web.start()
    assert web.executor.starts == {"web-1": 1}
    assert web.executor.under_way == ("web-1",)


async def test_crashed_while_it_was_begun_it_is_lost_and_never_begun_again(web: Playground) -> None:
    web.executor.stall()
    await web.start()
    await say(web, "alice", ".join; .go")
    await web.crash()
    web.executor.resume()
    await web.start()
    assert topic(web) == "<princess!> alice*"
    assert not web.executor.starts
    assert await state(web, "web-1") is RunState.LOST
    assert "I lost web-1" in last(web)
    await say(web, "alice", ".go")
    assert web.executor.under_way == ("web-2",)


async def test_crashed_right_after_it_was_begun_it_is_found_again(web: Playground) -> None:
    await web.start()
    web.server.say("alice", ".join; .go", "#push")
    await web.turns(until=lambda: web.executor.starts["web-1"] == 1)
    await web.crash()
    await web.store.open()
    record = await web.store.run("web-1")
    assert record is not None
    assert (record.starting, record.token) == (True, None)
    await web.start()
    web.executor.succeed()
    await web.settle()
    assert web.executor.starts == {"web-1": 1}
    assert topic(web) == "<princess> alice"
    await say(web, "alice", ".go")
    assert web.executor.runs["web-2"].job.revision == "6957bb87".ljust(40, "0")


async def test_a_run_that_ended_while_the_bot_was_away(web: Playground) -> None:
    await web.start()
    await say(web, "alice", ".join; .go")
    await web.crash()
    web.executor.fail("migrate", "exit code 3")
    await web.start()
    assert topic(web) == "<princess!> alice*"
    assert await state(web, "web-1") is RunState.FAILED


async def test_stopped_just_before_a_crash_it_is_stopped_all_the_same(web: Playground) -> None:
    web.repository.answering.clear()
    await web.start()
    await say(web, "alice", ".join; .go")
    await say(web, "alice", ".abort")
    await web.crash()
    web.repository.answering.set()
    await web.start()
    assert topic(web) == "<princess!> alice*"
    assert not web.executor.starts


async def test_a_bot_that_is_stopped_leaves_its_runs_to_the_next(web: Playground) -> None:
    await web.start()
    await say(web, "alice", ".join; .go")
    await web.stop()
    assert web.executor.under_way == ("web-1",)
    await web.start()
    web.executor.succeed()
    await web.settle()
    assert topic(web) == "<princess> alice"


async def test_a_bot_that_is_stopped_waits_for_a_run_that_just_begins(
    web: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is just looked at before it begins is left to the next bot all the same."""
    web.add_lane("search", stages=("live",), branch="main")
    door = Door(monkeypatch)
    await web.start()
    web.executor.stall()
    await say(web, "alice", "web: .join; .go")
    web.repository.answering.clear()
    await say(web, "bob", "search: .join; .go")
    async with asyncio.TaskGroup() as group:
        group.create_task(web.stop())
        await web.turns(until=lambda: door.bot.dispatcher._left)
        web.repository.answering.set()
        await quiet()
        web.executor.resume()
    assert dict(web.executor.starts) == {"web-1": 1}
    await web.start()
    assert set(web.executor.under_way) == {"web-1", "search-1"}
    assert any("web/main" in line.text and "by alice" in line.text for line in web.server.spoken)
    for run in ("web-1", "search-1"):
        web.executor.succeed(run)
        await web.settle()
        assert await state(web, run) is RunState.SUCCEEDED


async def test_a_bot_that_shall_stop_its_runs_does_so_and_says_it(web: Playground) -> None:
    web.abort_on_stop = True
    await web.start()
    await say(web, "alice", ".join; .go")
    await web.stop()
    assert web.executor.under_way == ()
    await web.start()
    assert topic(web) == "<princess!> alice*"


@pytest.mark.parametrize(("begun", "ends"), [(True, RunState.LOST), (False, RunState.FAILED)])
async def test_a_stage_that_left_the_configuration(web: Playground, ends: RunState, *, begun: bool) -> None:
    if not begun:
        web.repository.answering.clear()
    await web.start()
    await say(web, "alice", ".join; .go")
    await web.crash()
    web.lanes.clear()
    web.add_lane("web", stages=("staging", "production"), branch="main")
    await web.start()
    assert await state(web, "web-1") is ends
    assert topic(web) == "<princess!> alice*"
    await say(web, "alice", ".abort")
    assert topic(web) == "clear"


async def test_a_bot_that_is_ending_begins_and_stops_nothing_more(web: Playground) -> None:
    """Its group of tasks takes none then, and what is left to do is on record for the next bot."""
    async with asyncio.TaskGroup() as ended:
        pass
    lanes = {lane.name: lane for lane in web.lanes}
    runbook = Runbook()

    async def report(lane: str, ask: Ask) -> None:
        raise AssertionError(lane, ask)

    dispatcher = Dispatcher(web.store, web.clock, runbook, web.runs, lanes, ended, report)
    record = RunRecord(
        *("web-1", "web", 1, "princess", RunKind.DEPLOY, RunState.RUNNING, "web/princess", "alice", ("alice",)),
        requested_at=web.clock.now(),
        starting=True,
    )
    runbook.write([record])
    dispatcher.begin(record)
    dispatcher.abort(record.id)
    await dispatcher.abort_all()
    assert dispatcher.under_way == ()
    assert not web.executor.starts
