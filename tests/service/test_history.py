"""What is on a stage, what a rollback brings back, and how long a push takes, from records alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from pushbot.ports import PushRecord, PushState, RunRecord
from pushbot.queue.commands import RunState
from pushbot.queue.model import RunKind
from pushbot.service.lane.history import good_revisions, previous, push_seconds, rollback_target, there_now, unfinished
from pushbot.testing.clock import START, HandClock

STATES = {"+": RunState.SUCCEEDED, "!": RunState.FAILED, "?": RunState.LOST, "x": RunState.CANCELLED}


def told(story: str) -> tuple[RunRecord, ...]:
    """Runs from words, oldest first: `a` deployed, `b!` failed, `c?` lost, `d...` running, `<a` rolled back to a."""
    runs = list[RunRecord]()
    for number, word in enumerate(story.split(), start=1):
        name = word.strip("<!?x.")
        runs.append(
            RunRecord(
                id=f"web-{number}",
                lane="web",
                train=number,
                stage="production",
                kind=RunKind.ROLLBACK if word.startswith("<") else RunKind.DEPLOY,
                state=RunState.RUNNING if word.endswith("...") else STATES.get(word[-1], RunState.SUCCEEDED),
                lock="production",
                driver="alice",
                riders=("alice",),
                requested_at=START + timedelta(minutes=number),
                revision=None if name == "-" else name,
            )
        )
    return tuple(reversed(runs))


@pytest.mark.parametrize(
    ("story", "good", "target"),
    [
        ("", (), None),
        ("a", ("a",), None),
        ("a!", (), None),
        ("a b", ("a", "b"), "a"),
        ("a b c", ("a", "b", "c"), "b"),
        ("a b!", ("a",), "a"),
        ("a b?", ("a",), "a"),
        ("a bx", ("a",), "a"),
        ("a b! c...", ("a",), "a"),
        ("a b c...", ("a", "b"), "a"),
        ("a b c! <b", ("a", "b"), "a"),
        ("a b <a", ("a",), None),
        ("a b c <b <a", ("a",), None),
        ("a b c <a", ("a",), None),
        ("a b <a!", ("a", "b"), "a"),
        ("a b! <a!", ("a",), "a"),
        ("a b! c! <a?", ("a",), "a"),
        ("a b <a c", ("a", "c"), "a"),
        ("a b b", ("a", "b"), "a"),
        ("a b a", ("a", "b", "a"), "b"),
        ("a <z", ("a", "z"), "a"),
        ("-", (), None),
        ("a - <-", ("a",), None),
    ],
)
def test_a_stage_knows_its_good_revisions_and_where_a_rollback_goes(
    story: str, good: tuple[str, ...], target: str | None
) -> None:
    runs = told(story)
    assert good_revisions(runs) == good
    assert previous(runs) == (good[-1] if good else None)
    assert rollback_target(runs) == target


@pytest.mark.parametrize(
    ("story", "left"),
    [
        ("", None),
        ("a", None),
        ("a b!", "web-2"),
        ("a bx", "web-2"),
        ("a b?", "web-2"),
        ("a b...", None),
        ("a b! c...", "web-2"),
        ("a b! b!", "web-3"),
        ("a b! c", None),
        ("a b! <a!", None),
        ("a b! <a", None),
    ],
)
def test_a_stage_has_something_left_when_a_deploy_that_did_not_succeed_was_the_last_to_touch_it(
    story: str, left: str | None
) -> None:
    runs = [replace(run, started_at=run.requested_at) for run in told(story)]
    never_begun = replace(told("x!")[0], id="web-9")
    assert getattr(unfinished([never_begun, *runs]), "id", None) == left


def test_what_is_there_now_came_by_the_last_run_that_succeeded() -> None:
    assert there_now(told("a b! c...")) == told("a")[0]
    rollback = there_now(told("a b <a c!"))
    assert rollback is not None
    assert rollback.kind is RunKind.ROLLBACK
    assert there_now(told("a!")) is None


def test_how_long_a_push_takes_is_the_median_of_at_least_three() -> None:
    def push(minutes: float, state: PushState = PushState.DONE) -> PushRecord:
        return PushRecord("web", 1, state, "alice", ("alice",), START, START + timedelta(minutes=minutes))

    underway = replace(push(1, PushState.UNDERWAY), ended_at=None)
    assert push_seconds([push(10), push(20)]) is None
    assert push_seconds([push(10), push(20), underway, push(1, PushState.GIVEN_UP)]) is None
    assert push_seconds([push(10), push(90), push(20)]) == 20 * 60


async def settled() -> None:
    """Let every task run until it waits for something else than its turn."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_hand_clock_wakes_who_is_due_and_nobody_else() -> None:
    clock = HandClock()
    woken = list[str]()

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    async with asyncio.TaskGroup() as tasks:
        late = tasks.create_task(sleeper("late", 60))
        for name, seconds in [("second", 20.0), ("first", 10.0), ("now", 0.0)]:
            tasks.create_task(sleeper(name, seconds))
        await settled()
        assert clock.sleepers == 3
        clock.advance(30)
        await settled()
        assert woken == ["now", "first", "second"]
        assert clock.now() == START + timedelta(seconds=30)
        late.cancel()
