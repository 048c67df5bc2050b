"""What the open-source ancestor made of 600 messages (`pushbot-cases.jsonl`), at its train size of 5."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from pushbot.cli.apply import applied
from pushbot.queue import commands as c
from pushbot.queue.grammar import Mistake, parse_message
from pushbot.queue.model import Person, Queue
from pushbot.queue.rules import Decision, Facts, decide
from pushbot.queue.topic import parse, render

TRAIN_SIZE = 5


class Case(NamedTuple):
    topic: str
    sender: str
    message: str
    expect: str


CASES = [
    Case(**json.loads(line))
    for line in (Path(__file__).parent / "pushbot-cases.jsonl").read_text(encoding="utf-8").splitlines()
]


def person(name: str) -> Person:
    return Person("", f"nick:{name.casefold()}", name)


def test_all_are_there() -> None:
    assert len(CASES) == 600


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.sender} {case.message}")
def test_the_rules_do_the_same(case: Case) -> None:
    queue = parse(case.topic, person)
    assert isinstance(queue, Queue)
    for request in parse_message(case.message):
        assert not isinstance(request, Mistake | c.Question | c.BotCommand)
        result = decide(queue, request, Facts(by=person(case.sender), max_riders=TRAIN_SIZE))
        queue = result.queue if isinstance(result, Decision) else queue
    assert render(queue) == case.expect


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.sender} {case.message}")
def test_apply_does_the_same(case: Case) -> None:
    assert applied(case.topic, case.sender, case.message, TRAIN_SIZE).topic == case.expect
