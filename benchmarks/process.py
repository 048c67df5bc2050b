"""What the bot costs its machine: the time until it is there, and its memory after a day's traffic."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.report import Figure, Peer
from benchmarks.rig import Rig, median

if TYPE_CHECKING:
    from benchmarks.rig import Person

STARTS = 5
TRAINS = 50
"""A day at a shop that ships a lot: fifty trains of four riders, and talk between their words."""
RIDERS = 4
TALK = 100
"""Lines of talk for each train."""


def measure() -> list[Figure]:
    """How long a bot takes to be there, and what it weighs after a day."""
    with Rig() as rig:
        starts: dict[str, list[float]] = {"pushbot": [], "bare": []}
        used: dict[str, list[float]] = {"pushbot": [], "bare": []}
        for _ in range(STARTS):
            for name, start in (("pushbot", rig.pushbot), ("bare", rig.bare)):
                bot = start()
                starts[name].append(bot.started)
                used[name].append(bot.processor())
                bot.stop()
        pushbot, bare = rig.pushbot("topic_interval = 0.01"), rig.bare()
        before = pushbot.memory(), bare.memory()
        people = [rig.person(f"rider{number}", "#push", "#bare") for number in range(RIDERS)]
        for _ in range(TRAINS):
            _train(people)
            _talk(people)
        after = pushbot.memory(), bare.memory()
    version = median([_seconds("-m", "pushbot", "--version") for _ in range(STARTS)])
    return [
        Figure(
            "`pushbot --version`, median",
            version * 1000,
            "ms",
            Peer("Python alone", median([_seconds("-c", "") for _ in range(STARTS)]) * 1000),
            at_most=150,
        ),
        Figure(
            "from start to joined, median",
            median(starts["pushbot"]),
            "s",
            Peer("bare bot", median(starts["bare"])),
            at_most=1.0,
        ),
        Figure(
            "the same in processor time",
            median(used["pushbot"]),
            "s",
            Peer("bare bot", median(used["bare"])),
        ),
        Figure("memory when it has joined", before[0], "MiB", Peer("bare bot", before[1]), at_most=80),
        Figure("memory after a day's traffic", after[0], "MiB", Peer("bare bot", after[1]), at_most=80),
    ]


def _seconds(*arguments: str) -> float:
    """How long a Python takes with these arguments."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _train(people: list[Person]) -> None:
    """One train from `.join` to done; what each step leads to is waited for in the topic."""
    driver = people[0]
    for person in people:
        person.say("#push", ".join" if person is driver else f".join with {driver.nick}")
        driver.expect(rb" TOPIC #push :.*%s" % person.nick.encode())
    _all_good(people)
    for stage in (b"princess", b"production"):
        driver.say("#push", ".go")
        driver.expect(rb" TOPIC #push :<%s> " % stage)
        _all_good(people)
    driver.say("#push", ".status; .done")
    driver.expect(rb" TOPIC #push :clear")


def _all_good(people: list[Person]) -> None:
    for person in people:
        person.say("#push", ".good")
    people[0].expect(rb" TOPIC #push :(<\w+> )?(\S+\*( \+ )?){%d}$" % len(people))


def _talk(people: list[Person]) -> None:
    for number in range(TALK):
        people[number % RIDERS].say("#push", f"{number}: what people talk about while they wait for each other")
        people[number % RIDERS].say("#bare", "!x")
    for person in people:
        person.fence()
