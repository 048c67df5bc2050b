"""Pushes as chats show them: before the lines about them, to their end, and over restarts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.views import PushEnd, PushView, StageState
from tests.service.door import Door

if TYPE_CHECKING:
    from pushbot.testing.displays import Screen
    from pushbot.testing.playground import Playground


async def said(play: Playground, name: str, text: str) -> None:
    play.server.say(name, text, "#push")
    await play.settle()


def push(screen: Screen, name: str = "web/1") -> PushView:
    return screen.pushes["#push", name]


def states(view: PushView) -> list[StageState]:
    return [stage.state for stage in view.stages]


async def test_a_push_from_its_first_stage_to_its_end(play: Playground) -> None:
    screen = play.display()
    await play.start()
    await said(play, "alice", ".join")
    await said(play, "bob", ".join with alice; .good")
    assert not screen.pushes, "nothing has begun"
    await said(play, "alice", ".go")
    view = push(screen)
    assert (view.name, view.driver.name, [one.name for one in view.riders]) == ("web/1", "alice", ["bob"])
    assert (states(view), view.run, view.revision) == ([StageState.RUNNING, StageState.WAITING], "web-1", "web-1")
    await play.pass_time(65)
    play.executor.succeed()
    await play.settle()
    princess = push(screen).stages[0]
    assert (princess.state, princess.revision, princess.by, princess.took) == (StageState.DONE, "web-1", "alice", 65)
    await said(play, "bob", ".good")
    await said(play, "alice", ".go")
    play.executor.succeed()
    await play.settle()
    assert (states(push(screen)), push(screen).end) == ([StageState.DONE] * 2, PushEnd.UNDERWAY)
    await said(play, "alice", ".done")
    assert (push(screen).end, push(screen).ended_at) == (PushEnd.DONE, play.clock.now())
    assert push(screen).riders[0].key == "nick:bob"


async def test_a_push_is_shown_before_its_first_line(play: Playground) -> None:
    screen = play.display()
    await play.start()
    await said(play, "alice", ".join")
    lines = len(play.server.spoken)
    await said(play, "alice", ".go")
    first = next(at for at, view in enumerate(screen.shown) if isinstance(view, PushView))
    assert screen.spoken_before[first] <= lines
    assert play.server.spoken[lines].manner.push == "web/1"


async def test_what_failed_and_was_given_up(play: Playground) -> None:
    screen = play.display()
    await play.start()
    await said(play, "alice", ".join; .go")
    play.executor.fail("migrate", "the disk is full")
    await play.settle()
    princess = push(screen).stages[0]
    assert (princess.state, princess.note) == (StageState.FAILED, "failed at migrate: the disk is full")
    await said(play, "alice", ".abort")
    assert (push(screen).end, push(screen).stages[0].note) == (PushEnd.GIVEN_UP, princess.note)
    assert push(screen).driver.key == "nick:alice"


async def test_a_failure_that_is_undone_by_itself(play: Playground) -> None:
    play.lanes.clear()
    play.add_lane("web", stages=("princess",), undone=("princess",))
    screen = play.display()
    await play.start()
    await said(play, "alice", ".join; .go")
    play.executor.succeed()
    await play.settle()
    await said(play, "alice", ".done; .join; .go")
    play.executor.fail("migrate", "the disk is full")
    await play.settle()
    princess = push(screen, "web/2").stages[0]
    assert (princess.state, princess.note) == (StageState.RUNNING, "rolling back to web-1")
    assert princess.how == "rolling back"
    play.executor.succeed()
    await play.settle()
    princess = push(screen, "web/2").stages[0]
    assert (princess.state, princess.note) == (StageState.FAILED, "rolled back to web-1")
    assert princess.how == screen.boards["#push", "web"].stages[0].how == "rolled back"


def template(play: Playground, *, undone: bool = False) -> None:
    """Have people name stages of the lane, to which what failed may be undone."""
    lane = play.lanes.pop()
    made = replace(lane.stages[0], name="staging-*", lock="web/staging-*", rollback_auto=undone)
    play.lanes.append(replace(lane, templates=(made,)))


@pytest.mark.parametrize("ends", [True, False])
async def test_what_fails_beside_the_line_has_failed(play: Playground, *, ends: bool) -> None:
    """On its message, on record, and after a restart in between."""
    template(play)
    screen = play.display()
    await play.start()
    await said(play, "alice", ".deploy main to staging-ann")
    if not ends:
        await play.crash()
        await play.start()
    play.executor.fail("migrate", "the disk is full")
    await play.settle()
    view = push(screen)
    assert (view.end, view.ended_at, states(view)) == (PushEnd.FAILED, play.clock.now(), [StageState.FAILED])
    await said(play, "alice", ".history")
    assert "no stage reached, failed just now" in play.server.spoken[-1].text


async def test_what_is_rolled_back_beside_the_line(play: Playground) -> None:
    """As it was asked for: it is done. By itself, after a failure: that is what it was."""
    template(play, undone=True)
    screen = play.display()
    await play.start()
    for branch in ("one", "two"):
        await said(play, "alice", f".deploy {branch} to staging-ann")
        play.executor.succeed()
        await play.settle()
    await said(play, "alice", ".rollback staging-ann")
    play.executor.succeed()
    await play.settle()
    view = push(screen, "web/3")
    assert (view.end, states(view), view.stages[0].note) == (PushEnd.DONE, [StageState.DONE], "rolled back to one")
    await said(play, "alice", ".deploy main to staging-ann")
    play.executor.fail("migrate", "the disk is full")
    await play.settle()
    assert push(screen, "web/4").end is PushEnd.UNDERWAY, "it is being undone"
    play.executor.succeed()
    await play.settle()
    view = push(screen, "web/4")
    assert (view.end, states(view), view.stages[0].how) == (PushEnd.FAILED, [StageState.FAILED], "rolled back")


async def test_what_is_stopped_beside_the_line_is_given_up(play: Playground) -> None:
    template(play)
    screen = play.display()
    await play.start()
    await said(play, "alice", ".deploy main to staging-ann")
    await said(play, "alice", ".abort staging-ann")
    await play.settle()
    assert (push(screen).end, push(screen).stages[0].how) == (PushEnd.GIVEN_UP, "stopped")


async def test_what_fails_beside_the_line_is_told_to_the_whole_room(play: Playground) -> None:
    template(play)
    play.display()
    await play.start()
    await said(play, "alice", ".deploy main to staging-ann")
    play.executor.fail("migrate", "the disk is full")
    await play.settle()
    started, failed, ways = play.server.spoken[-3:]
    assert ("being deployed" in started.text, "failed on staging-ann" in failed.text) == (True, True)
    assert (started.manner.loud, failed.manner.loud) == (False, True)
    assert ways.text.startswith("alice: .deploy main")


async def test_what_was_stopped_has_not_failed(play: Playground) -> None:
    screen = play.display()
    await play.start()
    await said(play, "alice", ".join; .go")
    await said(play, "alice", ".abort")
    await play.settle()
    assert push(screen).stages[0].how == screen.boards["#push", "web"].stages[0].how == "stopped"
    await said(play, "alice", ".go")
    assert push(screen).stages[0].how == screen.boards["#push", "web"].stages[0].how == ""


async def test_a_stage_set_by_hand_and_a_push_in_one_breath(play: Playground) -> None:
    screen = play.display()
    await play.start()
    await said(play, "alice", ".join; .at production; .done")
    view = push(screen)
    assert (view.driver.name, states(view), view.end) == (
        "alice",
        [StageState.WAITING, StageState.DONE],
        PushEnd.DONE,
    )


async def test_a_train_that_was_written_into_the_topic(play: Playground) -> None:
    screen = play.display()
    play.server.write_topic("alice", "#push", "<princess> alice + bob")
    await play.start()
    assert states(push(screen)) == [StageState.DONE, StageState.WAITING]
    play.server.write_topic("alice", "#push", "clear")
    await play.settle()
    assert push(screen).end is PushEnd.GIVEN_UP


async def test_who_gets_off_or_takes_the_wheel(play: Playground) -> None:
    screen = play.display()
    await play.start()
    await said(play, "alice", ".join; .at princess")
    await said(play, "bob", ".join with alice")
    play.server.write_topic("alice", "#push", "<princess> alice + carol")
    await play.settle()
    assert [one.name for one in push(screen).riders] == ["carol"]
    await said(play, "carol", ".drive")
    assert push(screen).driver.name == "carol"


async def test_a_push_aside_from_the_line(play: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    screen, door = play.display(), Door(monkeypatch)
    await play.start()
    await door.ask("production", "main")
    await play.settle()
    assert [(one.name, one.state) for one in push(screen).stages] == [("production", StageState.RUNNING)]
    assert push(screen).branch == "main"
    play.executor.succeed()
    await play.settle()
    assert (push(screen).end, states(push(screen))) == (PushEnd.DONE, [StageState.DONE])


async def test_pushes_are_shown_again_after_a_restart(play: Playground) -> None:
    screen = play.display()
    await play.start()
    await said(play, "alice", ".join; .go")
    await play.crash()
    screen.pushes.clear()
    await play.start()
    assert (states(push(screen)), push(screen).run) == ([StageState.RUNNING, StageState.WAITING], "web-1")
    play.executor.succeed()
    await play.settle()
    assert states(push(screen)) == [StageState.DONE, StageState.WAITING]
    await play.stop()
    screen.pushes.clear()
    await play.start()
    princess = push(screen).stages[0]
    assert (princess.state, princess.revision) == (StageState.DONE, "web-1")


async def test_an_end_that_nobody_saw_is_shown_after_the_crash(play: Playground) -> None:
    screen = play.display()
    await play.start()
    await said(play, "alice", ".join; .go")
    play.executor.succeed()
    await play.settle()
    screen.broken = RuntimeError("the bot is gone before it drew this")
    await said(play, "alice", ".done")
    await play.crash()
    assert push(screen).end is PushEnd.UNDERWAY
    screen.broken = None
    await play.start()
    assert (push(screen).end, push(screen).driver.name) == (PushEnd.DONE, "alice")
    await play.crash()
    await play.pass_time(2 * 86_400)
    screen.pushes.clear()
    await play.start()
    assert not screen.pushes, "old ones are left in peace"
