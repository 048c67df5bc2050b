"""One mailbox, one task: many at once, a disk that is full, a rule that is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pushbot.errors import PushbotError
from pushbot.queue import commands as c
from pushbot.queue.rules import decide
from pushbot.service.lane import conductor, draft

if TYPE_CHECKING:
    from pushbot.queue.model import Queue
    from pushbot.queue.refusals import Refusal
    from pushbot.queue.rules import Decision, Facts
    from pushbot.testing.playground import Playground

FULL = PushbotError("cannot write to var/pushbot.db: the disk is full; make room")


def texts(play: Playground, since: int = 0) -> list[str]:
    return [line.text for line in play.server.spoken[since:]]


async def do(play: Playground, *said: str) -> list[str]:
    """People speak in #push, one after the other without waiting; the bot's words that follow."""
    since = len(play.server.spoken)
    for line in said:
        who, _, text = line.partition(" ")
        play.server.say(who, text, "#push")
    await play.settle()
    return texts(play, since)


async def test_forty_at_the_same_moment_are_forty_aboard(play: Playground) -> None:
    await play.start()
    topics, commits = len(play.server.topics_set), play.store.commits
    await do(play, *(f"rider{number} .join" for number in range(40)))
    queue = (await play.store.remember("web")).queue
    assert queue is not None
    assert sorted(rider.person.name for train in queue.trains for rider in train.riders) == sorted(
        f"rider{number}" for number in range(40)
    )
    assert [len(train.riders) for train in queue.trains] == [1, 8, 8, 8, 8, 7]
    assert len(play.server.topics_set) - topics <= 3
    assert play.store.commits - commits <= 3


async def test_what_is_put_is_done_in_order(play: Playground) -> None:
    await play.start()
    await do(play, "al .join", "bob .join with al", "al .nevermind", "al .join with bob", "bob .drive")
    assert await do(play, "al .drive") == ["al is driving now."]
    assert play.server.topic("#push") == "al + bob"


async def test_nothing_is_said_or_shown_before_it_is_written_down(play: Playground) -> None:
    await play.start()
    play.store.trouble = FULL
    assert await do(play, "al .join") == [
        f"al: I cannot write my record down, so nothing was done: {FULL}. [not_recorded]".removeprefix("al: ")
    ]
    assert play.server.topic("#push") == "clear"
    play.store.trouble = None
    assert await do(play, "al .join") == ["al: You're up"]
    assert play.server.topic("#push") == "al"


async def test_a_topic_by_hand_that_cannot_be_written_down_is_put_back(play: Playground) -> None:
    await play.start()
    await do(play, "al .join")
    play.store.trouble = FULL
    play.server.write_topic("bob", "#push", "bob | al")
    await play.settle()
    assert play.server.topic("#push") == "al"


async def test_a_run_that_could_not_be_written_down_is_not_begun_and_its_stage_is_free(play: Playground) -> None:
    await play.start()
    await do(play, "al .join")
    play.store.trouble = FULL
    await do(play, "al .go")
    assert not play.executor.runs
    play.store.trouble = None
    await do(play, "al .go")
    assert play.executor.under_way == ("web-1",)
    assert play.server.topic("#push") == "<princess...> al*"


async def test_the_end_of_a_run_is_recorded_as_soon_as_the_disk_takes_it(
    play: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conductor, "AGAIN_AFTER", 0.01)
    await play.start()
    await do(play, "al .join; .go")
    play.store.trouble = FULL
    play.executor.succeed()
    await play.settle()
    assert play.server.topic("#push") == "<princess...> al*"
    play.store.trouble = None
    await play.until(lambda: play.server.topic("#push") == "<princess> al")
    assert texts(play)[-1] == "al: you're on princess. Check your change and say .good"


async def test_reports_wait_while_others_are_told_of_the_trouble(play: Playground) -> None:
    await play.start()
    await do(play, "al .join; .go")
    play.store.trouble = FULL
    play.executor.succeed()
    await play.settle()
    assert len(await do(play, "bob .join")) == 1
    play.store.trouble = None
    await do(play, "cy .join")
    assert play.server.topic("#push") == "<princess> al | cy"


async def test_a_rename_is_kept_over_trouble_with_the_disk(play: Playground) -> None:
    await play.start()
    await do(play, "al .join")
    play.store.trouble = FULL
    play.server.rename("al", "alicia")
    await play.settle()
    play.store.trouble = None
    await do(play, "alicia .good")
    assert play.server.topic("#push") == "alicia*"


@pytest.fixture
def broken_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the rule of `.done`."""

    def broken(queue: Queue, command: c.Command | c.Report, facts: Facts) -> Decision | Refusal:
        if isinstance(command, c.Done):
            raise ZeroDivisionError
        return decide(queue, command, facts)

    monkeypatch.setattr(draft, "decide", broken)


@pytest.mark.usefixtures("broken_done")
async def test_a_bug_in_a_rule_costs_that_command_alone(play: Playground) -> None:
    await play.start()
    words = await do(play, "al .join", "bob .join", "al .done", "bob .join with al")
    assert play.server.topic("#push") == "al + bob | bob"
    assert len([line for line in words if "Something broke in me" in line and "fault-" in line]) == 1
    assert await do(play, "al .good; .pop; .done; .join last; .good")
    assert play.server.topic("#push") == "bob | bob | al*"


async def test_a_bug_in_the_store_is_said_and_the_bot_goes_on(
    play: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    await play.start()
    with monkeypatch.context() as patch:

        async def broken(_: object) -> None:
            raise ZeroDivisionError

        patch.setattr(play.store, "commit", broken)
        assert "Something broke in me" in (await do(play, "al .join"))[0]
        assert play.server.topic("#push") == "clear"
    await do(play, "al .join")
    assert play.server.topic("#push") == "al"


async def test_the_journal_has_who_what_and_what_came_of_it(play: Playground) -> None:
    await play.start()
    await do(play, "al .join", "bob .good")
    entries = await play.store.journal("web")
    assert [(entry.who, entry.what, entry.outcome) for entry in entries] == [
        ("nick:bob", ".good", "not_aboard"),
        ("nick:al", ".join", "done"),
    ]


async def test_the_queue_and_its_pushes_are_remembered(play: Playground) -> None:
    await play.start()
    await do(play, "al .join; .go")
    play.executor.succeed()
    await play.settle()
    before = (await play.store.remember("web")).queue
    await play.stop()
    await play.start()
    assert (await play.store.remember("web")).queue == before
    await do(play, "al .done")
    (push,) = await play.store.pushes("web")
    assert (push.driver, push.state, push.stages) == ("al", "done", ("princess",))


@pytest.mark.parametrize("last_word", [".nevermind", ".pop", ".done", ".kick al"])
async def test_a_push_ends_however_its_train_goes(play: Playground, last_word: str) -> None:
    await play.start()
    await do(play, "al .join; .go")
    play.executor.succeed()
    await play.settle()
    await do(play, f"al {last_word}")
    (push,) = await play.store.pushes("web")
    assert push.state == ("done" if last_word == ".done" else "given up")
    assert push.ended_at is not None


@pytest.mark.parametrize("last_word", [".nevermind", ".done"])
async def test_it_ends_too_when_its_stage_was_taken_out_of_the_topic(play: Playground, last_word: str) -> None:
    await play.start()
    await do(play, "al .join; .go")
    play.executor.succeed()
    await play.settle()
    play.server.write_topic("al", "#push", "al")
    await play.settle()
    await do(play, f"al {last_word}")
    (push,) = await play.store.pushes("web")
    assert push.state == "given up"
