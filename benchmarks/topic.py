"""From `.join` in the channel to the TOPIC change that somebody else sees, the commit to disk included."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.report import Figure, Peer
from benchmarks.rig import Rig, percentile

if TYPE_CHECKING:
    from benchmarks.rig import Person

Saying = tuple[str, str, bytes]
"""The room, what is said there, and the line that somebody else there sees then."""

PUSH: tuple[Saying, ...] = (
    ("#push", ".join", rb" TOPIC #push :alice$"),
    ("#push", ".nevermind", rb" TOPIC #push :clear$"),
)
BARE: tuple[Saying, ...] = (("#bare", "!x", rb" TOPIC #bare "),) * 2

ROUNDS = 10
TALKING = 30
"""Pairs of commands in a round, each command as soon as the last one has shown."""
PAUSING = 10
PAUSE = 0.005
"""Seconds between two commands of a round in which the machine comes to rest between them."""


def measure() -> list[Figure]:
    """The two bots take turns, so that both see the same machine."""
    push, bare, push_pausing, bare_pausing = (list[float]() for _ in range(4))
    with Rig() as rig:
        rig.pushbot()
        rig.bare()
        alice = rig.person("alice", "#push", "#bare")
        witness = rig.person("witness", "#push", "#bare")
        _times(alice, witness, PUSH, 50)  # warm up
        _times(alice, witness, BARE, 50)
        for _ in range(ROUNDS):
            push += _times(alice, witness, PUSH, TALKING)
            bare += _times(alice, witness, BARE, TALKING)
            push_pausing += _times(alice, witness, PUSH, PAUSING, PAUSE)
            bare_pausing += _times(alice, witness, BARE, PAUSING, PAUSE)
    return [
        _figure("back to back, median", push, bare, 50, at_most=1.0),
        _figure("back to back, p95", push, bare, 95),
        _figure("with pauses of 5 ms, median", push_pausing, bare_pausing, 50, at_most=1.0),
        _figure("with pauses of 5 ms, p95", push_pausing, bare_pausing, 95),
    ]


def _times(alice: Person, witness: Person, talk: tuple[Saying, ...], rounds: int, pause: float = 0.0) -> list[float]:
    """Say one thing after the other; the milliseconds until each shows in the topic."""
    times = []
    for room, text, shown in talk * rounds:
        alice.fence()
        time.sleep(pause)
        began = time.perf_counter()
        alice.say(room, text)
        witness.expect(shown)
        times.append((time.perf_counter() - began) * 1000)
    return times


def _figure(what: str, times: list[float], beside: list[float], percent: float, at_most: float | None = None) -> Figure:
    peer = Peer("bare bot, nothing stored", percentile(beside, percent))
    return Figure(what, percentile(times, percent), "ms", peer, at_most=at_most)
