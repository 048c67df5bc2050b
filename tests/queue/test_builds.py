"""Builds in the line: what has passed rides with the bot, what has failed is told to those whose work it is."""

from __future__ import annotations

from dataclasses import replace

from pushbot.queue import commands as c
from pushbot.queue import events as e
from pushbot.queue.model import Person, Queue
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.rules import Decision, Facts, decide
from pushbot.queue.topic import parse, render

BOT = Person("", "bot:pushbot", "pushbot")
FACTS = Facts(by=BOT, stages=("princess", "production"), max_trains=4)
OLD, NEW = "1" * 40, "2" * 40


def person(name: str) -> Person:
    return BOT if name == "pushbot" else Person("irc", f"nick:{name}", name)


def line(topic: str) -> Queue:
    queue = parse(topic, person)
    assert isinstance(queue, Queue)
    return queue


def after(queue: Queue, revision: str = NEW, *, passed: bool = True, wanted: bool = True, **more: object) -> Decision:
    built = replace(c.Built("ci", "main", revision, passed=passed, wanted=wanted), **more)  # type: ignore[arg-type]
    decision = decide(queue, built, FACTS)
    assert isinstance(decision, Decision)
    return decision


def test_what_has_passed_gets_in_line_behind_everybody_with_its_revision() -> None:
    decision = after(line("alice | bob"))
    assert render(decision.queue) == 'alice | bob | pushbot "main 22222222"'
    assert decision.queue.trains[-1].ref == NEW
    assert [type(event) for event in decision.events] == [e.BuildQueued]


def test_alone_it_is_up_at_once() -> None:
    decision = after(Queue())
    assert [type(event) for event in decision.events] == [e.BuildQueued, e.HeadChanged]


def test_a_train_that_waits_takes_the_newer_revision_and_keeps_its_place() -> None:
    waiting = after(line("alice"), OLD).queue
    waiting = replace(waiting, items=(*waiting.items, *line("carol").items))
    decision = after(waiting)
    assert [train.driver.name for train in decision.queue.trains] == ["alice", "pushbot", "carol"]
    assert decision.queue.trains[1].ref == NEW
    (queued,) = decision.events
    assert isinstance(queued, e.BuildQueued)
    assert queued.newer


def test_a_train_under_way_goes_on_with_its_own_and_another_one_gets_in_line() -> None:
    begun = after(Queue(), OLD).queue
    head = begun.head
    assert head is not None
    begun = begun.with_train(replace(head, stage="princess", revision=OLD))
    decision = after(begun)
    assert [train.ref for train in decision.queue.trains] == [OLD, NEW]


def test_the_same_revision_gets_in_line_once() -> None:
    queue = after(line("alice")).queue
    assert after(queue) == Decision(queue)


def test_what_nobody_wants_to_go_by_itself_changes_nothing() -> None:
    queue = line("alice")
    assert after(queue, wanted=False) == Decision(queue)


def test_a_full_queue_refuses_it() -> None:
    built = c.Built("ci", "main", NEW, passed=True, wanted=True)
    result = decide(line("alice | bob | carol | dave"), built, FACTS)
    assert isinstance(result, Refusal)
    assert result.code is Code.QUEUE_FULL


def test_a_failure_is_told_to_those_who_wrote_it_and_those_who_bring_it() -> None:
    queue = line("alice | bob | carol")
    bobs = replace(queue.trains[1], ref="main")
    queue = queue.with_train(bobs)
    decision = after(queue, passed=False, people=frozenset({"nick:carol", "nick:zoe"}), authors=("Carol", "Zoe"))
    (failed,) = decision.events
    assert isinstance(failed, e.BuildFailed)
    assert [rider.name for rider in failed.riders] == ["bob", "carol"]
    assert failed.authors == ("Carol", "Zoe")
    assert decision.queue == queue


def test_a_plain_join_boards_no_train_of_the_bot_and_one_with_it_does() -> None:
    queue = after(line("alice")).queue
    own = decide(queue, c.Join(), replace(FACTS, by=person("bob")))
    assert isinstance(own, Decision)
    assert render(own.queue) == 'alice | pushbot "main 22222222" | bob'
    aboard = decide(queue, c.Join(companion="pushbot"), replace(FACTS, by=person("bob")))
    assert isinstance(aboard, Decision)
    assert render(aboard.queue) == 'alice | pushbot + bob "main 22222222"'
