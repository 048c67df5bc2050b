"""Stages run aside from the line: on the record, under the claims and in the news like any other, and started once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pushbot.fleet.model import ALL
from pushbot.ports import PushState
from pushbot.queue.commands import Deploy, RunEnded, RunState
from pushbot.queue.events import RunStarted, StageRequested, StageSucceeded
from pushbot.queue.model import RunKind
from pushbot.service.asks import Ask
from pushbot.service.feed import Declined, Happened
from pushbot.service.lane.history import push_seconds
from tests.service.door import ROOT, Door

if TYPE_CHECKING:
    from pushbot.ports import RunRecord
    from pushbot.testing.playground import Playground

REVISION = "6957bb87".ljust(40, "0")


@pytest.fixture
def web(play: Playground) -> Playground:
    """The lane `web`, pushed from the branch main."""
    play.lanes.clear()
    play.add_lane("web", stages=("princess", "production"), branch="main")
    play.repository.commit("6957bb87")
    return play


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    return Door(monkeypatch)


async def run(play: Playground, door: Door, stage: str, ref: str | None = None, *, failed: bool = False) -> Ask:
    ask = await door.ask(stage, ref, failed=failed)
    await play.settle()
    return ask


async def say(play: Playground, who: str, text: str) -> None:
    await play.settle()
    play.server.say(who, text, "#push")
    await play.settle()


def spoken(play: Playground, room: str = "#push") -> list[str]:
    return [line.text for line in play.server.spoken if line.to == room]


async def record(play: Playground, run: str) -> RunRecord:
    found = await play.store.run(run)
    assert found is not None
    return found


async def test_it_is_in_the_news_and_on_the_record_with_who_asked(web: Playground, door: Door) -> None:
    await web.start()
    await say(web, "alice", ".join")
    await run(web, door, "production")
    assert web.executor.runs["web-1"].job.driver == "root"
    await web.pass_time(23)
    web.executor.succeed()
    await web.settle()
    assert web.server.topic("#push") == "alice"
    started = "web/main (6957bb87) is being deployed to production by root, from the command line"
    assert spoken(web, "#warroom") == [started, "web/main (6957bb87) successfully deployed to production in 23s"]
    assert spoken(web)[1:] == [started, "root: you're on production. Check your change"]
    assert (await record(web, "web-1")).state is RunState.SUCCEEDED
    (push,) = await web.store.pushes("web")
    assert (push.driver, push.state, push.stages) == ("root", PushState.DONE, ("production",))
    assert (await web.store.journal("web"))[-2].what == "stage production"


async def test_the_claim_on_a_stage_is_one_for_all(web: Playground, door: Door) -> None:
    await web.start()
    await run(web, door, "princess")
    await say(web, "alice", ".join; .go")
    assert "[stage_busy]" in spoken(web)[-1]
    assert "root in web (web-1)" in spoken(web)[-1]
    web.executor.succeed()
    await say(web, "alice", ".go")
    assert web.server.topic("#push") == "<princess...> alice*"
    with door.web.around.feed.watched() as words:
        ask = await run(web, door, "princess")
        assert words.get_nowait() == Declined(
            "web", ask, "somebody else has it: princess: alice in web (web-2). Try .status. [stage_busy]"
        )
    await run(web, door, "production", "main")
    assert web.executor.under_way == ("web-2", "web-3")


async def test_who_watches_from_within_hears_what_becomes_of_it(web: Playground, door: Door) -> None:
    await web.start()
    with door.web.around.feed.watched() as words:
        ask = await run(web, door, "production")
        web.executor.succeed()
        await web.settle()
        told = [words.get_nowait() for _ in range(words.qsize())]
    events = [[type(event) for event in word.events] for word in told if isinstance(word, Happened)]
    assert events == [[StageRequested], [RunStarted], [StageSucceeded]]
    assert isinstance(told[0], Happened)
    assert told[0].ask is ask


async def test_an_operator_may_stop_it_and_nobody_else_who_did_not_begin_it(web: Playground, door: Door) -> None:
    web.operators.add("zoe")
    await web.start()
    await run(web, door, "production")
    await say(web, "alice", ".join; .abort")
    assert spoken(web)[-1] == "alice: .abort is for who started it (root) and operators. [not_permitted]"
    await say(web, "alice", ".nevermind")
    await say(web, "zoe", ".abort")
    assert (await record(web, "web-1")).state is RunState.CANCELLED
    assert spoken(web)[-2:] == [
        "The deploy of web to production was stopped",
        "root: .rollback production brings the last good one back",
    ]
    (push,) = await web.store.pushes("web")
    assert push.state is PushState.GIVEN_UP


async def test_it_is_undone_by_itself_where_the_policy_says_so(web: Playground, door: Door) -> None:
    web.lanes.clear()
    web.add_lane("web", stages=("production",), undone=("production",), branch="main")
    await web.start()
    await run(web, door, "production")
    web.executor.succeed()
    await web.settle()
    web.repository.commit("0badcafe")
    await run(web, door, "production")
    web.executor.fail("publish", "exit code 1")
    await web.settle()
    job = web.executor.runs["web-3"].job
    assert (job.kind, job.revision) == (RunKind.ROLLBACK, REVISION)
    assert web.server.topic("#push") == 'HOLD "production failed and is rolled back"'
    web.executor.succeed()
    await web.settle()
    assert spoken(web)[-1] == "web on production is back on 6957bb87, in 0s"
    await say(web, "alice", ".join; .unhold; .go")
    assert web.executor.runs["web-4"].job.previous == REVISION


async def test_hosts_that_failed_in_one_that_succeeded_can_be_gone_on_with(web: Playground, door: Door) -> None:
    web.spread("production", {"lon": 2}, ALL)
    await web.start()
    await run(web, door, "production")
    web.executor.succeed(note="lon-2 failed")
    await web.settle()
    assert spoken(web)[-1].endswith("; pushbot stage --failed goes on with the hosts that are left")
    await run(web, door, "production", failed=True)
    assert web.executor.runs["web-2"].job.continues == web.runs / "web-1"


async def test_it_does_not_count_in_how_long_a_push_takes(web: Playground, door: Door) -> None:
    await web.start()
    for _ in range(3):
        await run(web, door, "production")
        web.executor.succeed()
        await web.settle()
    pushes = await web.store.pushes("web")
    assert [push.aside for push in pushes] == [True] * 3
    assert push_seconds(pushes) is None


# --- over the end of a bot ---------------------------------------------------------------------


async def test_crashed_before_it_was_begun_it_is_begun_by_the_next_bot(web: Playground, door: Door) -> None:
    web.repository.answering.clear()
    await web.start()
    await run(web, door, "production")
    await web.crash()
    web.repository.answering.set()
    await web.start()
    assert web.executor.starts == {"web-1": 1}
    web.executor.succeed()
    await web.settle()
    assert spoken(web)[-1] == "root: you're on production. Check your change"


async def test_crashed_while_it_was_begun_it_is_lost_and_never_begun_again(web: Playground, door: Door) -> None:
    web.executor.stall()
    await web.start()
    await run(web, door, "production")
    await web.crash()
    web.executor.resume()
    await web.start()
    assert not web.executor.starts
    assert spoken(web)[-1] == (
        "I lost web-1, the deploy of web on production (nothing is known of it): it may have happened, in part or not "
        "at all. root: look at production, then .rollback production brings the last good one back"
    )
    await run(web, door, "production")
    assert web.executor.under_way == ("web-2",)


async def test_crashed_while_it_was_under_way_it_is_followed_further(web: Playground, door: Door) -> None:
    await web.start()
    await run(web, door, "production")
    await web.crash()
    await web.start()
    await say(web, "alice", ".join; .go")
    web.executor.succeed("web-1")
    await web.settle()
    assert web.executor.starts == {"web-1": 1, "web-2": 1}
    assert (await record(web, "web-1")).state is RunState.SUCCEEDED
    assert web.server.topic("#push") == "<princess...> alice*"


# --- going on with what is left ----------------------------------------------------------------


async def test_what_a_train_left_is_gone_on_with_at_its_revision(web: Playground, door: Door) -> None:
    web.spread("princess", {"lon": 3}, ALL)
    await web.start()
    await say(web, "alice", ".join; .go; .join")
    web.executor.fail("health")
    await say(web, "alice", ".abort")
    web.repository.commit("0badcafe")
    await run(web, door, "princess", failed=True)
    job = web.executor.runs["web-2"].job
    assert (job.revision, job.continues) == (REVISION, web.runs / "web-1")
    web.executor.fail("health")
    await web.settle()
    assert spoken(web)[-1] == (
        "root: pushbot stage --failed goes on with the hosts that are left, "
        ".rollback princess brings the last good one back"
    )
    await run(web, door, "princess")
    assert web.executor.runs["web-3"].job.continues is None


async def test_a_run_that_ends_in_the_same_moment_counts_as_well(web: Playground, door: Door) -> None:
    await web.start()
    await run(web, door, "production")
    lane = door.web
    (train,) = lane.queue.aside
    ended = RunEnded(train.number, 1, RunState.FAILED, "publish")
    await lane.put(Ask(ended, ROOT, "web-1 failed"))
    await lane.put(Ask(Deploy("production", failed=True), ROOT, "stage production"))
    await web.settle()
    assert (await record(web, "web-2")).revision == REVISION
    assert [entry.outcome for entry in await web.store.journal("web", limit=3)] == ["done"] * 3


async def test_a_train_does_all_again_when_another_run_touched_its_stage(web: Playground, door: Door) -> None:
    web.spread("princess", {"lon": 3}, ALL)
    await web.start()
    await say(web, "alice", ".join; .go")
    web.executor.fail("health")
    await web.settle()
    web.repository.commit("0badcafe", branch="topic")
    await run(web, door, "princess", "topic")
    web.executor.fail("health")
    await say(web, "alice", ".retry failed")
    job = web.executor.runs["web-3"].job
    assert (job.revision, job.continues) == (REVISION, None)
