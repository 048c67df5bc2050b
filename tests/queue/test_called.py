"""Whom a name means where people have other names than the one that is shown, and share some."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.queue import commands as c
from pushbot.queue.access import Policy, needs, permitted
from pushbot.queue.called import called
from pushbot.queue.model import Person, Queue, Rider, Train
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.rules import Decision, Facts, decide
from pushbot.queue.topic import render

if TYPE_CHECKING:
    from collections.abc import Sequence

ALEX, OTHER, BOB, AWAY = (
    Person("slack", f"user:U{number}", name, f"Slack user U{number}")
    for number, name in enumerate(("Alex", "Alex@alex2", "Bob B", "Carol"), 1)
)
BOB_ON_IRC = Person("irc", "account:bob", "bob", "account bob")
NAMES = {"alex": (ALEX, OTHER), "alex@alex1": (ALEX,), "alex2": (OTHER,), "bobby": (BOB, AWAY), "carol": (AWAY,)}
LINE = Queue((Train((Rider(ALEX), Rider(BOB))), Train((Rider(OTHER),), number=2)), next_train=3)


def people(name: str) -> Sequence[Person]:
    """As a chat knows them, each under a name of their own."""
    return [replace(one, name="Alex@alex1") if one is ALEX else one for one in NAMES.get(name.casefold(), ())]


def asked(what: c.Command, queue: Queue = LINE) -> str:
    result = decide(queue, what, Facts(by=BOB, people=people))
    return render(result.queue) if isinstance(result, Decision) else f"[{result.code}] {result.subject}".strip()


@pytest.mark.parametrize(
    ("what", "becomes"),
    [
        (c.Kick("alex2"), 'Alex + "Bob B"'),
        (c.Kick("ALEX@alex1"), '"Bob B" | Alex@alex2'),
        (c.Kick("bobby"), "Alex | Alex@alex2"),  # the other one of that name is not aboard
        (c.Kick("bob b"), "Alex | Alex@alex2"),
        (c.Kick("Carol"), "[nobody_by_that_name] Carol"),
        (c.Kick("alex"), '[which_person] alex may be "Alex@alex1" or "Alex@alex2"'),
        (c.Join(companion="alex"), '[which_person] alex may be "Alex@alex1" or "Alex@alex2"'),
        (c.Join(before="alex"), '[which_person] alex may be "Alex@alex1" or "Alex@alex2"'),
        (c.Join(companion="alex2"), 'Alex + "Bob B" | Alex@alex2 + "Bob B"'),
        (c.Join(before="alex2"), 'Alex + "Bob B" | "Bob B" | Alex@alex2'),
    ],
)
def test_a_name_means_one_person_who_is_aboard_or_it_is_asked_whom(what: c.Command, becomes: str) -> None:
    assert asked(what) == becomes


def test_one_who_is_aboard_from_another_chat_is_meant_by_the_name_shown() -> None:
    queue = replace(LINE, items=(Train((Rider(ALEX), Rider(BOB_ON_IRC))),))
    assert asked(c.Kick("bob"), queue) == "Alex"
    assert called(queue, "nobody", str.casefold, people) == ()


def test_one_human_of_two_accounts_is_one() -> None:
    linked = [replace(one, key="person:alex") for one in (ALEX, OTHER)]
    queue = Queue((Train((Rider(linked[0]),)),))
    assert called(queue, "alex", str.casefold, lambda _: linked) == (linked[0],)


def test_no_other_name_of_somebody_is_a_way_round_the_gate() -> None:
    def code(name: str, by: Person) -> str:
        refusal = permitted(Policy(), needs(c.Kick(name), LINE, by, people=people), by, frozenset())
        return refusal.code if isinstance(refusal, Refusal) else ""

    assert code("alex2", AWAY) == Code.NOT_PERMITTED
    assert code("alex2", OTHER) == ""  # who gets off needs no role
    assert code("alex", AWAY) == ""  # the rules ask whom they mean
