"""What is offered next in a lane is just what the rules would take, from those whom it is for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushbot.ports import Finding, Verdict
from pushbot.queue import commands as c
from pushbot.queue.events import StageRequested
from pushbot.queue.grammar import parse_message
from pushbot.queue.model import Mark, Person, Phase, Queue, Rider, RunKind, Ticket, Train
from pushbot.queue.rules import Decision, Facts, decide
from pushbot.service.spec import CheckSpec
from pushbot.service.views.offers import ANYBODY, BUTTONS, LABEL, OPERATOR, Scene, offers, seated
from tests.queue.strategies import person, usual
from tests.queue.test_state_machine import commands, facts_of_the_moment

if TYPE_CHECKING:
    from pushbot.queue.refusals import Refusal
    from pushbot.testing.playground import Playground
    from pushbot.views import Offer

ENDS = st.builds(
    lambda state, undo: (state, undo),
    st.sampled_from([c.RunState.SUCCEEDED, c.RunState.SUCCEEDED, c.RunState.FAILED, c.RunState.CANCELLED]),
    st.booleans(),
)
STEPS = st.lists(st.one_of(commands, commands, commands, ENDS), max_size=25)


def scene_of(queue: Queue, facts: Facts, *, hosts: bool = False) -> Scene:
    def would(what: c.Command, by: Person) -> Decision | Refusal:
        return decide(queue, what, replace(facts, by=by))

    return Scene(queue, facts.stages, would, hosts=hosts, others=(OPERATOR,))


def for_whom(offer: Offer, queue: Queue) -> list[Person]:
    """Who an offer is for."""
    head = queue.head
    aboard = [seated(rider.person) for rider in head.riders] if head else []
    match offer.name:
        case "go":
            return aboard[:1]
        case "ready":
            return [seated(rider.person) for rider in head.riders if rider.mark is not Mark.GOOD] if head else []
        case "uhoh" | "done" | "retry" | "confirm":
            return aboard
        case "join":
            return [ANYBODY]
        case "leave":
            return [rider.person for train in queue.trains for rider in train.riders]
        case "second" | "unhold" | "rollback" | "abort":
            return [*aboard, ANYBODY, *(train.driver for train in queue.aside)]
        case _:
            raise AssertionError(offer)


def asked(offer: Offer) -> c.Command:
    """What a press of the button says."""
    (request,) = parse_message(offer.command, addressed=True)
    assert isinstance(request, c.Command)
    return request


def check(scene: Scene, facts: Facts) -> None:
    """All that is true of the offers of any queue."""
    queue = scene.queue
    first, more = offers(scene)
    every = (*first, *more)
    assert len(first) <= BUTTONS
    assert len({offer.command for offer in every}) == len(every)
    assert all(0 < len(offer.label) <= LABEL for offer in every)
    for offer in every:
        whom = for_whom(offer, queue)
        assert any(isinstance(scene.would(asked(offer), by), Decision) for by in whom), offer
    head = queue.head
    going = scene.would(c.Go(), head.driver) if head is not None else None
    starts = isinstance(going, Decision) and any(isinstance(event, StageRequested) for event in going.events)
    assert starts == any(offer.name == "go" for offer in every)
    assert not starts or any(offer.name in ("go", "retry") for offer in first), "the way on is a button"
    silent = head is not None and any(rider.mark is Mark.NONE for rider in head.riders[1:])
    if head is not None and silent and head.phase is Phase.AT:
        assert "ready" in [offer.name for offer in first]
    if not facts.stages:
        assert not starts


@usual
@given(facts_of_the_moment, STEPS, st.booleans())
def test_what_is_offered_is_what_the_rules_take(facts: Facts, steps: list[object], hosts: bool) -> None:
    queue = Queue()
    names = ["alice", "bob", "Carol", "dave"]
    for at, step in enumerate(steps):
        by = person(names[(at * at + len(steps)) % len(names)])
        running = [train for train in (*queue.trains, *queue.aside) if train.running]
        facts = replace(facts, by=by, busy={train.stage or "": "a run" for train in running})
        if isinstance(step, tuple):
            for train in running[:1]:
                ended = c.RunEnded(train.number, train.run or 0, step[0], undo=step[1])
                result = decide(queue, ended, facts)
                queue = result.queue if isinstance(result, Decision) else queue
        else:
            assert isinstance(step, c.Command)
            result = decide(queue, step, facts)
            queue = result.queue if isinstance(result, Decision) else queue
        check(scene_of(queue, facts, hosts=hosts), facts)


def train_of(marks: str, stage: str | None = None, phase: Phase = Phase.AT, **more: object) -> Train:
    """A train of alice, bob, ... with these marks."""
    riders = tuple(
        Rider(person(name), mark=Mark(mark.strip("-")))
        for name, mark in zip(("alice", "bob"), marks.split(), strict=False)
    )
    return replace(Train(riders, stage, phase, number=1), **more)  # type: ignore[arg-type]


STAGES = ("princess", "production")
FACTS = Facts(by=person("alice"), stages=STAGES, rollbacks=frozenset(STAGES), busy={})


@pytest.mark.parametrize(
    ("train", "shown"),
    [
        (train_of("-"), ["Go for princess"]),
        (train_of("- -"), ["Ready"]),
        (train_of("* -"), ["Ready"]),
        (train_of("- *"), ["Go for princess"]),
        (train_of("! *"), ["Go for princess"]),
        (train_of("* !", "princess"), ["Ready"]),
        (train_of("- *", "princess", run=1), ["Go for production"]),
        (train_of("- -", "production", run=2), ["Ready", "Done"]),
        (train_of("* *", "production", run=2), ["Done"]),
        (train_of("* *", "production", Phase.RUNNING, run=2), []),
        (train_of("* *", "production", Phase.FAILED, run=2), ["Try again", "Roll back"]),
        (
            train_of("* *", "production", Phase.FAILED, run=2, run_kind=RunKind.ROLLBACK),
            ["Try again", "Deploy it again"],
        ),
        (train_of("- -", "production", Phase.FAILED, run_kind=RunKind.ROLLBACK), ["Ready"]),
        (train_of("- *", "production", Phase.FAILED, run_kind=RunKind.ROLLBACK), ["Try again"]),
    ],
)
def test_the_next_steps(train: Train, shown: list[str]) -> None:
    scene = scene_of(Queue((train,), next_train=2), FACTS)
    check(scene, FACTS)
    assert [offer.label for offer in offers(scene)[0]] == shown


def test_hosts_that_failed_come_first() -> None:
    scene = scene_of(Queue((train_of("* *", "production", Phase.FAILED, run=2),), next_train=2), FACTS, hosts=True)
    first, more = offers(scene)
    assert [offer.command for offer in first] == [".retry failed", ".rollback"]
    assert ".go" in [offer.command for offer in more]
    assert [offer.sure for offer in first] == ["", "Bring the last good release back to production?"]


def test_who_holds_the_place_says_when_it_is_over() -> None:
    train = Train((Rider(person("alice"), Ticket.HOLD, Mark.GOOD),), number=1)
    scene = scene_of(Queue((train,), next_train=2), FACTS)
    assert [offer.label for offer in offers(scene)[0]] == ["Done"]


def test_the_bot_that_rides_alone_presses_nothing() -> None:
    bot = Person("", "bot:builds", "pushbot")
    scene = scene_of(Queue((Train((Rider(bot),), number=1),), next_train=2), FACTS)
    first, more = offers(scene)
    assert (first, [offer.label for offer in more]) == ((), ["Join"])


async def test_only_what_the_gate_lets_through(play: Playground) -> None:
    """Roles count as they do for what is typed: who may not go is offered no way on."""
    screen = play.display()
    roles = {"go": frozenset({"release"}), "join": frozenset({"release"})}
    play.access = replace(play.access, policy=play.access.policy.but(roles))
    await play.start()
    board = screen.boards["#push", "web"]
    assert (board.offers, board.more) == ((), ())


async def test_a_second_word_is_offered_when_it_alone_is_missing(play: Playground) -> None:
    screen = play.display()
    play.change_stage("princess", lambda of: replace(of, second="anyone"))
    await play.start()
    play.server.say("alice", ".join", "#push")
    await play.settle()
    assert [offer.command for offer in screen.boards["#push", "web"].offers] == [".good", ".second"]
    play.server.say("bob", ".second", "#push")
    await play.settle()
    assert [offer.command for offer in screen.boards["#push", "web"].offers] == [".go"]


async def test_a_failure_offers_a_way_back_only_where_there_is_one(play: Playground) -> None:
    screen = play.display()
    await play.start()
    play.server.say("alice", ".join; .go", "#push")
    await play.settle()
    play.executor.fail("migrate", "the disk is full")
    await play.settle()
    board = screen.boards["#push", "web"]
    assert [offer.command for offer in board.offers] == [".go"]
    assert "failed at migrate: the disk is full" in board.stages[0].note
    assert [offer.label for offer in board.more] == ["Uh-oh", "Give up", "Done", "Join", "Leave"]


async def test_what_checks_ask_is_offered_to_be_confirmed(play: Playground) -> None:
    screen, check = play.display(), play.check("migrations")
    play.change_stage("princess", lambda of: replace(of, checks=(CheckSpec("migrations", check),)))
    check.verdict = Verdict(Finding.ASKS, "it changes the schema")
    await play.start()
    play.server.say("alice", ".join; .go", "#push")
    await play.settle()
    board = screen.boards["#push", "web"]
    assert [offer.command for offer in board.offers] == [".confirm", ".go"]
    assert "it changes the schema" in board.stages[0].note
    play.server.say("alice", ".confirm", "#push")
    await play.settle()
    assert [offer.command for offer in screen.boards["#push", "web"].offers] == [".go"]


async def test_hosts_that_are_left_are_offered_until_they_are_done(play: Playground) -> None:
    screen = play.display()
    play.spread("princess", {"lon": 2, "dub": 1})
    await play.start()
    play.server.say("alice", ".join; .go", "#push")
    await play.settle()
    play.executor.fail("publish", "1 of 3 hosts failed")
    await play.settle()
    assert [offer.command for offer in screen.boards["#push", "web"].offers] == [".retry failed", ".go"]
    play.server.say("alice", ".retry failed", "#push")
    await play.settle()
    play.executor.succeed()
    await play.settle()
    assert [offer.command for offer in screen.boards["#push", "web"].offers] == [".go"]


async def test_a_hold_is_released_by_those_who_may(play: Playground) -> None:
    screen = play.display()
    await play.start()
    play.server.say("bob", '.hold "lunch"', "#push")
    play.server.say("alice", ".join", "#push")
    await play.settle()
    board = screen.boards["#push", "web"]
    assert [offer.command for offer in board.offers] == [".good"], "nothing starts while the lane is held"
    assert ".unhold" in [offer.command for offer in board.more]
