"""From `.join` in the channel to the TOPIC change that somebody else sees, the commit to disk included."""

from __future__ import annotations

import time
from itertools import cycle, islice
from typing import TYPE_CHECKING

from benchmarks.report import Figure, Peer
from benchmarks.rig import Rig, percentile

if TYPE_CHECKING:
    from benchmarks.rig import Person

ROUNDS = 10
TALKING = 60
"""Commands in a round, one as soon as the last one has shown."""
PAUSING = 20
PAUSE = 0.005
"""Seconds between two commands of a round in which the machine comes to rest between them."""


def measure() -> list[Figure]:
    """The two bots take turns, so that both see the same machine."""
    push = cycle((".join", ".nevermind"))
    times: dict[str, list[float]] = {key: [] for key in ("push", "bare", "push pause", "bare pause")}
    with Rig() as rig:
        rig.pushbot()
        rig.bare()
        alice = rig.person("alice", "#push", "#bare")
        witness = {room: rig.person(f"witness-{room[1:]}", room) for room in ("#push", "#bare")}
        _say(alice, witness["#push"], "#push", list(islice(push, 100)))  # warm up
        _say(alice, witness["#bare"], "#bare", ["!x"] * 100)
        for _ in range(ROUNDS):
            for count, pause, key in ((TALKING, 0.0, ""), (PAUSING, PAUSE, " pause")):
                said = list(islice(push, count))
                times["push" + key] += _say(alice, witness["#push"], "#push", said, pause)
                times["bare" + key] += _say(alice, witness["#bare"], "#bare", ["!x"] * count, pause)
    return [
        _figure("back to back, median", times["push"], times["bare"], 50, at_most=1.0),
        _figure("back to back, p95", times["push"], times["bare"], 95),
        _figure("with pauses of 5 ms, median", times["push pause"], times["bare pause"], 50, at_most=1.0),
        _figure("with pauses of 5 ms, p95", times["push pause"], times["bare pause"], 95),
    ]


def _say(alice: Person, witness: Person, room: str, said: list[str], pause: float = 0.0) -> list[float]:
    """Say one thing after the other; the milliseconds until each shows in the topic."""
    times = []
    changed = rb"^:\S+ TOPIC %s " % room.encode()
    for text in said:
        alice.fence()
        time.sleep(pause)
        began = time.perf_counter()
        alice.say(room, text)
        witness.expect(changed)
        times.append((time.perf_counter() - began) * 1000)
    return times


def _figure(what: str, times: list[float], beside: list[float], percent: float, at_most: float | None = None) -> Figure:
    peer = Peer("bare bot, nothing stored", percentile(beside, percent))
    return Figure(what, percentile(times, percent), "ms", peer, at_most=at_most)
