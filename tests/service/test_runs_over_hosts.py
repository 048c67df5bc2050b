"""Runs over hosts: who they are for is known and said before they start, and what is left can be gone on with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.errors import PushbotError
from pushbot.fleet.model import ALL, Amount, Rollout, Selection
from pushbot.ports import Step, Traits
from pushbot.queue.commands import RunState
from pushbot.queue.model import RunKind
from pushbot.service.spec import Mismatch
from pushbot.testing.executor import HandExecutor

if TYPE_CHECKING:
    from pushbot.ports import RunRecord
    from pushbot.service.spec import LaneSpec
    from pushbot.testing.playground import Playground

REVISION = "6957bb87".ljust(40, "0")
COUNTS = {"lon": 3, "dub": 2}
LEFT = ".retry failed goes on with the hosts that are left"


@pytest.fixture
def web(play: Playground) -> Playground:
    """The lane `web`, pushed from the branch main, its stage princess being five hosts in two batches."""
    play.lanes.clear()
    play.operators.update(("alice", "bob"))
    play.add_lane("web", stages=("princess", "production"), branch="main")
    play.spread("princess", COUNTS, Amount(1), ALL)
    play.repository.commit("6957bb87")
    return play


async def say(play: Playground, who: str, text: str) -> None:
    await play.settle()
    play.server.say(who, text, "#push")
    await play.settle()


async def deploy(play: Playground) -> None:
    """Alice takes a train to princess, which goes well, and is done."""
    await say(play, "alice", ".join; .go")
    play.executor.succeed()
    await play.settle()
    await say(play, "alice", ".done")


def spoken(play: Playground, room: str = "#push") -> list[str]:
    return [line.text for line in play.server.spoken if line.to == room]


async def record(play: Playground, run: str) -> RunRecord:
    found = await play.store.run(run)
    assert found is not None
    return found


async def test_an_executor_gets_the_hosts_and_how_to_go_over_them(web: Playground) -> None:
    await web.start()
    await say(web, "alice", ".join; .go")
    job = web.executor.runs["web-1"].job
    assert [host.name for host in job.hosts] == ["lon-1", "lon-2", "lon-3", "dub-1", "dub-2"]
    assert (job.rollout, job.continues) == (Rollout((Amount(1), ALL)), None)
    assert (await record(web, "web-1")).hosts == 5
    web.executor.succeed()
    await web.settle()
    await say(web, "alice", ".go")
    assert web.executor.runs["web-2"].job.hosts == ()
    assert (await record(web, "web-2")).hosts == 0


async def test_how_many_hosts_is_said_before_the_run_starts(web: Playground) -> None:
    web.executor.stall()
    await web.start()
    await say(web, "alice", ".join; .go")
    assert not web.executor.starts
    assert spoken(web)[-1] == "princess: 5 hosts (3 lon, 2 dub), 1 first, then 4"
    assert "hosts" not in " ".join(spoken(web, "#warroom"))
    web.executor.resume()  # who is stopped waits for a run that just begins


async def test_a_list_of_hosts_that_cannot_be_had_fails_the_run_before_it_starts(web: Playground) -> None:
    web.hosts.trouble = PushbotError("the inventory is away")
    await web.start()
    await say(web, "alice", ".join; .go")
    assert not web.executor.starts
    ended = await record(web, "web-1")
    assert (ended.state, ended.reason) == (RunState.FAILED, "inventory fleet: list: the inventory is away")


async def test_crashed_while_its_hosts_are_looked_for_it_is_begun_by_the_next_bot(web: Playground) -> None:
    web.hosts.answering.clear()
    await web.start()
    await say(web, "alice", ".join; .go")
    await web.crash()
    web.hosts.answering.set()
    await web.start()
    assert web.executor.starts == {"web-1": 1}
    assert len(web.executor.runs["web-1"].job.hosts) == 5


async def test_crashed_after_they_were_counted_it_goes_with_the_revision_of_before(web: Playground) -> None:
    web.executor.stall()
    await web.start()
    web.server.say("alice", ".join; .go", "#push")
    await web.turns(until=lambda: any("5 hosts" in line for line in spoken(web)))
    await web.crash()
    web.executor.resume()
    web.repository.commit("0badcafe")
    await web.start()
    known = await record(web, "web-1")
    assert known.state in (RunState.RUNNING, RunState.LOST)  # as the crash came before or after the commit to start
    assert known.revision == REVISION
    assert web.executor.starts["web-1"] <= 1


@pytest.mark.parametrize("slow", ["hosts", "repository"])
async def test_an_abort_before_the_start_takes_effect_at_once(web: Playground, slow: str) -> None:
    waiting = web.hosts.answering if slow == "hosts" else web.repository.answering
    waiting.clear()
    await web.start()
    await say(web, "alice", ".join; .go")
    await say(web, "bob", ".abort; .abort")
    assert web.server.topic("#push") == "<princess!> alice*"
    assert (await record(web, "web-1")).state is RunState.CANCELLED
    waiting.set()
    await say(web, "alice", ".go")
    assert web.executor.under_way == ("web-2",)


# --- going on with what is left ----------------------------------------------------------------


async def test_what_is_left_is_gone_on_with_at_the_same_revision(web: Playground) -> None:
    await web.start()
    await say(web, "alice", ".join; .go")
    web.executor.fail("health")
    web.repository.commit("0badcafe")
    await say(web, "alice", ".retry failed")
    job = web.executor.runs["web-2"].job
    assert (job.continues, job.revision, len(job.hosts)) == (web.runs / "web-1", REVISION, 5)
    assert (await record(web, "web-2")).continues == "web-1"
    assert spoken(web)[-2] == "princess: 5 hosts (3 lon, 2 dub), but for those that web-1 has done"
    web.executor.fail("health")
    await say(web, "alice", ".retry")
    assert web.executor.runs["web-3"].job.continues is None


async def test_a_run_that_never_began_is_passed_over(web: Playground) -> None:
    await web.start()
    await say(web, "alice", ".join; .go")
    web.executor.fail("health")
    web.hosts.trouble = PushbotError("the inventory is away")
    await say(web, "alice", ".retry failed")
    web.hosts.trouble = None
    await say(web, "alice", ".retry failed")
    assert web.executor.runs["web-3"].job.continues == web.runs / "web-1"


async def test_what_was_stopped_or_lost_is_gone_on_with_too(web: Playground) -> None:
    await web.start()
    await say(web, "alice", ".join; .go")
    await say(web, "alice", ".abort")
    await say(web, "alice", ".retry failed")
    assert web.executor.runs["web-2"].job.continues == web.runs / "web-1"
    web.executor.lose()
    await say(web, "alice", ".retry failed")
    assert web.executor.runs["web-3"].job.continues == web.runs / "web-2"


async def test_after_a_rollback_nothing_is_left_that_could_be_gone_on_with(web: Playground) -> None:
    await web.start()
    await deploy(web)
    web.repository.commit("0badcafe")
    await say(web, "alice", ".join; .go")
    web.executor.fail("health")
    await say(web, "alice", ".rollback")
    web.executor.fail("restart")
    await say(web, "alice", ".retry failed")
    job = web.executor.runs["web-4"].job
    assert (job.kind, job.continues) == (RunKind.ROLLBACK, None)


# --- going back --------------------------------------------------------------------------------


async def test_lists_that_do_not_agree_keep_nobody_from_going_back(web: Playground) -> None:
    web.spread("princess", COUNTS, mismatch=Mismatch.BLOCK)
    await web.start()
    await deploy(web)
    await deploy(web)
    web.dns.lacking = frozenset({"dub-2"})
    await say(web, "alice", ".join; .go")
    assert (await record(web, "web-3")).state is RunState.FAILED
    await say(web, "alice", ".rollback princess")
    assert "princess: dns lacks dub-2, which list has" in spoken(web, "#warroom")


class Fleet(HandExecutor):
    """An executor that can bring back a revision by itself."""

    traits = Traits(reverts=True, hosts=True)


@pytest.mark.parametrize(("own", "steps"), [((), ["build", "restart"]), ((Step("flip back"),), ["flip back"])])
async def test_who_reverts_by_itself_goes_back_by_the_steps_of_the_stage(
    web: Playground, own: tuple[Step, ...], steps: list[str]
) -> None:
    fleet = web.executor = Fleet()
    web.change_stage(
        "princess",
        lambda of: replace(
            of, executor=fleet, steps=(Step("build"), Step("restart")), rollback_steps=own, post=(Step("tell"),)
        ),
    )
    await web.start()
    await deploy(web)
    await say(web, "alice", ".join; .go")
    web.executor.fail("restart")
    await say(web, "alice", ".rollback")
    job = web.executor.runs["web-3"].job
    assert (job.kind, job.revision, len(job.hosts)) == (RunKind.ROLLBACK, REVISION, 5)
    assert ([step.name for step in job.steps], job.post) == (steps, ())


@pytest.mark.parametrize(
    ("step", "changed", "undone"),
    [
        ("health", None, True),
        ("build", None, False),
        ("build", True, True),
        ("health", False, False),
        (None, True, True),
    ],
)
async def test_the_outcome_says_whether_something_was_changed_or_else_the_step(
    web: Playground, step: str | None, *, changed: bool | None, undone: bool
) -> None:
    web.change_stage("princess", lambda of: replace(of, rollback_auto=True))
    await web.start()
    await deploy(web)
    await say(web, "alice", ".join; .go")
    web.executor.fail(step, "2 hosts failed, 2 were not begun", changed=changed)
    await web.settle()
    assert web.executor.under_way == (("web-3",) if undone else ())
    held = 'web is on hold: "princess failed and is rolled back"'
    assert (held in spoken(web, "#warroom")) is undone


# --- how it is told ----------------------------------------------------------------------------


async def test_hosts_that_failed_in_a_run_that_succeeded_are_told_everywhere(web: Playground) -> None:
    await web.start()
    await say(web, "alice", ".join; .go")
    web.executor.succeed(note="1 of 5 hosts failed: dub-2 (restart: exited with 1)")
    await web.settle()
    told = "web on princess: 1 of 5 hosts failed: dub-2 (restart: exited with 1)"
    assert told in spoken(web)
    assert told in spoken(web, "#warroom")
    assert web.server.topic("#push") == "<princess> alice"
    await say(web, "alice", ".done")
    web.repository.commit("0badcafe")
    await deploy(web)
    await say(web, "alice", ".rollback princess")
    web.executor.succeed(note="1 of 5 hosts failed: dub-1 (no answer)")
    await web.settle()
    assert "web on princess: 1 of 5 hosts failed: dub-1 (no answer)" in spoken(web)


@pytest.mark.parametrize("hosts", [True, False])
async def test_a_run_that_was_stopped_elsewhere_says_why(web: Playground, *, hosts: bool) -> None:
    if not hosts:
        web.change_stage("princess", lambda of: replace(of, hosts=None))
    await web.start()
    await say(web, "alice", ".join; .go")
    web.executor.cancel("build 12 was aborted by zoe")
    await web.settle()
    assert "The deploy of web to princess was stopped: build 12 was aborted by zoe" in spoken(web)


async def test_how_far_a_run_over_hosts_was_is_told_when_it_was_stopped(web: Playground) -> None:
    web.executor.when_stopped = "2 of 5 hosts done"
    await web.start()
    await say(web, "alice", ".join; .go")
    await say(web, "bob", ".abort")
    assert "The deploy of web to princess was stopped: 2 of 5 hosts done" in spoken(web, "#warroom")
    await say(web, "alice", ".at princess")
    await say(web, "alice", ".go")
    await say(web, "alice", ".abort")
    assert "The deploy of web to production was stopped" in spoken(web)  # which somebody asked for, and no more


# --- a success with hosts that failed ----------------------------------------------------------


async def test_hosts_that_failed_in_a_run_that_succeeded_can_be_gone_on_with(web: Playground) -> None:
    await web.start()
    await say(web, "alice", ".join; .go")
    web.executor.succeed(note="dub-2 failed (restart: exited with 1)")
    await web.settle()
    assert spoken(web)[-2:] == [
        "web on princess: dub-2 failed (restart: exited with 1)",
        f"alice: you're on princess. Check your change and say .good; {LEFT}",
    ]
    await say(web, "alice", ".retry")
    assert "[nothing_failed]" in spoken(web)[-1]
    web.repository.commit("0badcafe")
    await say(web, "alice", ".hold; .retry failed")
    assert "[held]" in spoken(web)[-1]
    await say(web, "alice", ".unhold; .retry failed")
    job = web.executor.runs["web-2"].job
    assert (job.revision, job.continues) == (REVISION, web.runs / "web-1")
    web.executor.succeed()
    await web.settle()
    await say(web, "alice", ".retry failed")
    assert "[nothing_failed]" in spoken(web)[-1]


async def test_it_can_over_a_restart_too_but_not_from_the_next_stage(web: Playground) -> None:
    await web.start()
    await say(web, "alice", ".join; .go")
    web.executor.succeed(note="dub-2 failed")
    await web.settle()
    await web.crash()
    await web.start()
    await say(web, "alice", ".retry failed")
    web.executor.fail("restart", "dub-2 failed")
    await web.settle()
    await say(web, "alice", ".retry failed")
    assert web.executor.runs["web-3"].job.continues == web.runs / "web-2"
    web.executor.succeed(note="dub-2 failed")
    await web.settle()
    await say(web, "alice", ".go")
    web.executor.succeed()
    await web.settle()
    await say(web, "alice", ".retry failed")
    assert "[nothing_failed]" in spoken(web)[-1]


async def test_what_was_left_is_not_undone_to_where_it_is_by_itself(web: Playground) -> None:
    web.change_stage("princess", lambda stage: replace(stage, rollback_auto=True))
    await web.start()
    await say(web, "alice", ".join; .go")
    web.executor.succeed(note="dub-2 failed")
    await web.settle()
    await say(web, "alice", ".retry failed")
    web.executor.fail("publish", "dub-2 failed again", changed=True)
    await web.settle()
    assert web.server.topic("#push") == "<princess!> alice"


# --- two lanes with one claim ------------------------------------------------------------------


@pytest.mark.parametrize(("theirs", "gone_on_with"), [({}, False), ({"region": ("sfo",)}, True)])
async def test_what_another_lane_had_since_is_not_gone_on_with(
    web: Playground, theirs: dict[str, tuple[str, ...]], gone_on_with: bool
) -> None:
    """With the same claim, and hosts that are ours too: what the earlier run did there is gone."""
    web.add_lane("urgent", "#urgent", stages=("princess",), branch="main")
    web.spread("princess", {**COUNTS, "sfo": 1}, Amount(1), ALL)
    web.change_stage("princess", lambda stage: replace(stage, lock="fleet"))
    ours, other = web.lanes

    def narrowed(lane: LaneSpec, where: dict[str, tuple[str, ...]]) -> LaneSpec:
        stages = list(lane.stages)
        assert stages[0].hosts is not None
        stages[0] = replace(stages[0], hosts=replace(stages[0].hosts, selection=Selection(tuple(where.items()))))
        return replace(lane, stages=tuple(stages))

    web.lanes[:] = narrowed(ours, {"region": ("lon", "dub")}), narrowed(other, theirs)
    await web.start()
    await say(web, "alice", ".join; .go")
    web.executor.fail("restart", "dub-2 failed")
    await web.settle()
    await web.pass_time(60)
    web.server.say("bob", ".join; .go", "#urgent")
    await web.settle()
    web.executor.succeed()
    await web.settle()
    await say(web, "alice", ".retry failed")
    expected = web.runs / "web-1" if gone_on_with else None
    assert web.executor.runs["web-2"].job.continues == expected


async def test_a_rollback_is_not_tried_again_while_another_lane_has_the_stage(web: Playground) -> None:
    web.add_lane("urgent", "#urgent", stages=("princess",), branch="main")
    web.change_stage("princess", lambda stage: replace(stage, lock="fleet"))
    await web.start()
    await deploy(web)
    web.repository.commit("0badcafe")
    await deploy(web)
    await say(web, "alice", ".rollback princess")
    web.executor.fail("publish", "exit code 1")
    await web.settle()
    web.server.say("bob", ".join; .go", "#urgent")
    await web.settle()
    await say(web, "alice", ".retry")
    assert "[stage_busy]" in spoken(web)[-1]
    assert web.executor.under_way == ("urgent-1",)
