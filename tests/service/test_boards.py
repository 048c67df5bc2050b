"""What a chat that shows boards shows, and when; and that it costs nothing where no chat does."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pushbot.calendar.model import Calendar
from pushbot.calendar.source import CalendarSpec
from pushbot.calendar.written import read_entry
from pushbot.errors import PushbotError
from pushbot.fleet.model import Tally
from pushbot.ports import Heard
from pushbot.service.answers.questions import Questions
from pushbot.testing.memory_store import MemoryStore
from pushbot.views import LaneBoard, StageState
from tests.service.door import Door

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from pushbot.service.snapshot import Snapshot
    from pushbot.service.voice.status import LaneNow
    from pushbot.testing.displays import Screen
    from pushbot.testing.playground import Playground


def board(screen: Screen, lane: str = "web") -> LaneBoard:
    return screen.boards["#push", lane]


def labels(screen: Screen) -> list[str]:
    return [offer.label for offer in board(screen).offers]


async def said(play: Playground, name: str, text: str) -> None:
    play.server.say(name, text, "#push")
    await play.settle()


async def press(play: Playground, name: str, command: str, shown: LaneBoard) -> None:
    """Somebody presses a bound button of the board as it was shown."""
    person = play.server.person(name)
    play.server.tell(Heard("irc", "#push", person, command, addressed=True, lane=shown.lane, seen=shown.mark))
    await play.settle()


async def test_a_board_goes_with_its_lane(play: Playground) -> None:
    screen = play.display()
    await play.start()
    assert (board(screen).trains, labels(screen)) == ((), ["Join"])
    await said(play, "alice", ".join")
    assert [train.driver.name for train in board(screen).trains] == ["alice"]
    assert labels(screen) == ["Go for princess"]
    await press(play, "alice", ".go", board(screen))
    assert (board(screen).stages[0].state, labels(screen)) == (StageState.RUNNING, [])
    play.executor.succeed()
    await play.settle()
    princess, production = board(screen).stages
    assert (princess.state, princess.by, princess.revision) == (StageState.HERE, "alice", "web-1")
    assert (production.state, labels(screen)) == (StageState.WAITING, ["Go for production"])


async def test_what_failed_is_no_more_told_of_a_stage_that_runs_again(play: Playground) -> None:
    screen = play.display()
    await play.start()
    await said(play, "alice", ".join; .go")
    play.executor.fail()
    await play.settle()
    assert board(screen).stages[0].note.startswith("web-1 failed")
    await said(play, "alice", ".go")
    assert (board(screen).stages[0].state, board(screen).stages[0].note) == (StageState.RUNNING, "")


async def test_a_press_on_a_board_that_is_over_changes_nothing(play: Playground) -> None:
    screen = play.display()
    await play.start()
    await said(play, "alice", ".join")
    old = board(screen)
    await said(play, "alice", ".go")
    play.executor.succeed()
    await play.settle()
    now, runs = board(screen), dict(play.executor.starts)
    await press(play, "alice", ".go", old)
    assert (board(screen), dict(play.executor.starts)) == (now, runs)
    answer = play.server.spoken[-1]
    assert "[stale_board]" in answer.text
    assert answer.manner.alone
    await press(play, "alice", ".go", board(screen))
    assert board(screen).stages[1].state is StageState.RUNNING


async def test_many_words_in_one_breath_make_few_boards_and_the_last_is_right(play: Playground) -> None:
    screen = play.display()
    await play.start()
    for number in range(100):
        play.server.say(f"p{number}", ".join", "#push")
    await play.settle()
    shown = [view for view in screen.shown if isinstance(view, LaneBoard)]
    assert sum(len(train.riders) for train in board(screen).trains) == 100
    assert len(shown) < 100
    assert shown[-1] is board(screen)


async def test_what_shows_nothing_new_is_not_shown_again(play: Playground) -> None:
    screen = play.display()
    await play.start()
    await said(play, "alice", ".join")
    before = len(screen.shown)
    await said(play, "alice", "hello")
    await said(play, "alice", ".drive")
    await play.pass_time(3600)
    assert len(screen.shown) == before
    await said(play, "alice", '.hold 1h "the site is down"')
    await said(play, "alice", '.hold 2h "the site is down"')
    assert len(screen.shown) == before + 2, "a hold that ends later is another one"


async def test_how_far_a_run_is_every_few_seconds_but_its_first_failure_at_once(play: Playground) -> None:
    screen = play.display()
    play.spread("princess", {"eu": 10})
    await play.start()
    await said(play, "alice", ".join; .go")
    play.executor.report("migrate 1/3")
    await play.settle()
    assert board(screen).stages[0].step == "migrate 1/3"
    for done in range(1, 6):
        play.executor.report(Tally(done, 10))
        await play.settle()
    assert board(screen).stages[0].tally is None
    await play.pass_time(6)
    assert board(screen).stages[0].tally == Tally(5, 10)
    play.executor.report(Tally(6, 10, 1))
    await play.settle()
    assert board(screen).stages[0].tally == Tally(6, 10, 1)
    assert screen.pushes["#push", "web/1"].stages[0].tally == Tally(6, 10, 1)


async def test_hours_that_close_and_open_show_by_themselves(play: Playground) -> None:
    office = Calendar("office", ZoneInfo("UTC"), tuple(read_entry("mon-fri 09:00-17:00")), ())
    play.change_stage("production", lambda stage: replace(stage, hours=(CalendarSpec(office),)))
    screen = play.display()
    await play.start()
    assert board(screen).stages[1].note == ""
    await play.pass_time(8 * 3600 + 60)
    assert "office" in board(screen).stages[1].note
    await play.pass_time(16 * 3600)
    assert board(screen).stages[1].note == ""


async def test_a_lane_shows_what_another_does_at_a_place_they_share(play: Playground) -> None:
    play.lanes.clear()
    for lane in ("web", "search"):
        play.add_lane(lane, stages=("princess",), locks={"princess": "princess"})
    screen = play.display()
    await play.start()
    await said(play, "alice", "web: .join")
    await said(play, "alice", "web: .go")
    assert "taken by web (web-1 by alice)" in board(screen, "search").stages[0].note
    play.executor.succeed()
    await play.settle()
    assert board(screen, "search").stages[0].note == ""
    await said(play, "bob", "web: .lock princess 1h")
    assert [lock.owner.name for lock in board(screen, "search").locks] == ["bob"]
    await play.pass_time(3601)
    assert board(screen, "search").locks == ()


async def test_how_long_people_wait(play: Playground) -> None:
    screen = play.display()
    await play.start()
    for _ in range(3):
        await said(play, "alice", ".join; .at production")
        await play.pass_time(600)
        await said(play, "alice", ".done")
    await said(play, "alice", ".join")
    await said(play, "bob", ".join last")
    assert (board(screen).waits, board(screen).joining) == ((0.0, 600.0), 1200.0)


async def test_boards_are_shown_again_after_a_crash(play: Playground) -> None:
    screen = play.display()
    await play.start()
    await said(play, "alice", ".join")
    await play.crash()
    screen.boards.clear()
    await play.start()
    assert [train.driver.name for train in board(screen).trains] == ["alice"]


async def test_a_chat_that_breaks_keeps_nobody_from_anything(play: Playground) -> None:
    screen = play.display()
    screen.broken = RuntimeError("a bug in a plugin")
    await play.start()
    await said(play, "alice", ".join; .go")
    assert play.server.topic("#push") == "<princess...> alice*"
    screen.broken = None
    await said(play, "alice", '.message "hello"')
    assert board(screen).message == "hello"
    assert [push.number for push in screen.pushes.values()] == []
    play.executor.succeed()
    await play.settle()
    assert screen.pushes["#push", "web/1"].stages[0].state is StageState.DONE


async def test_who_is_slow_with_a_board_holds_up_no_lane(play: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = play.display()
    monkeypatch.setattr(Questions, "lane_now", lambda *_: asyncio.Event().wait())
    await play.start()
    await said(play, "alice", ".join; .go")
    assert play.server.topic("#push") == "<princess...> alice*"
    assert not screen.boards
    assert screen.pushes["#push", "web/1"].stages[0].state is StageState.RUNNING


async def test_a_record_that_cannot_be_read_is_tried_again(play: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    trouble, lane_now = [PushbotError("the disk is gone")] * 2, Questions.lane_now

    async def unreadable(asked: Questions, here: Snapshot, lanes: Sequence[Snapshot]) -> LaneNow:
        if trouble:
            raise trouble.pop()
        return await lane_now(asked, here, lanes)

    screen = play.display()
    monkeypatch.setattr(Questions, "lane_now", unreadable)
    await play.start()
    await said(play, "alice", ".join")
    assert not screen.boards
    await play.pass_time(31)
    assert len(board(screen).trains) == 1


async def test_nothing_is_read_for_chats_that_show_only_lines(
    play: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Counter[str]()
    for name in ("runs", "pushes", "push", "run"):
        real = getattr(MemoryStore, name)

        def counting(*given: object, _name: str = name, _real: object = real, **named: object) -> object:
            reads[_name] += 1
            assert callable(_real)
            return _real(*given, **named)

        monkeypatch.setattr(MemoryStore, name, counting)
    await play.start()
    await said(play, "alice", ".join")
    await said(play, "bob", ".join")
    await said(play, "alice", ".good")
    await play.pass_time(timedelta(minutes=10).total_seconds())
    assert not reads


async def test_boards_are_shown_again_after_a_reload(play: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    screen, door = play.display(), Door(monkeypatch)
    await play.start()
    await said(play, "alice", ".join; .go")
    screen.boards.clear()
    screen.pushes.clear()
    bot = await door.bot.rewired(door.bot.plan)
    await play.settle()
    assert board(screen).stages[0].state is StageState.RUNNING
    assert screen.pushes["#push", "web/1"].stages[0].state is StageState.RUNNING
    play.executor.succeed()
    await play.settle()
    assert labels(screen) == ["Go for production"]
    assert bot.views is not door.bot.views


async def test_a_lane_that_left_has_no_board_any_more(play: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether by a reload or a restart; also where no lane is left."""
    play.add_lane("search", stages=("princess",))
    screen, door = play.display(), Door(monkeypatch)
    await play.start()
    await play.settle()
    assert set(screen.boards) == {("#push", "web"), ("#push", "search")}
    plan = door.bot.plan
    await door.bot.rewired(replace(plan, lanes=tuple(lane for lane in plan.lanes if lane.name == "web")))
    await play.settle()
    assert set(screen.boards) == {("#push", "web")}
    await play.stop()
    play.lanes.clear()
    await play.start()
    assert not screen.boards
