"""From `.join` in the channel to the TOPIC change that somebody sees, the commit to disk included."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.report import Figure, Peer
from benchmarks.rig import Rig, percentile

if TYPE_CHECKING:
    from benchmarks.rig import Person

Saying = tuple[str, str, bytes]
"""The room, what is said there, and the line that is seen there then."""

PUSH: tuple[Saying, ...] = (
    ("#push", ".join", rb" TOPIC #push :(alice|carol)$"),
    ("#push", ".nevermind", rb" TOPIC #push :clear$"),
)
BARE: tuple[Saying, ...] = (("#bare", "!x", rb" TOPIC #bare "),) * 2

ROUNDS = 10
PAUSE = 0.005
"""Seconds between two commands in which the machine comes to rest, as it does between people's."""


@dataclass
class Race:
    """Both bots by the same yardstick, taking turns, so that both see the same machine."""

    what: str
    pairs: int
    speaker: Person
    witness: Person
    pause: float = 0.0
    target: float | None = None
    push: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)

    def run(self) -> None:
        """One round: so many pairs of commands, each command as soon as the last one has shown."""
        self.push += [self._milliseconds(saying) for saying in PUSH * self.pairs]
        self.bare += [self._milliseconds(saying) for saying in BARE * self.pairs]

    def _milliseconds(self, saying: Saying) -> float:
        room, text, shown = saying
        self.speaker.fence()
        time.sleep(self.pause)
        began = time.perf_counter()
        self.speaker.say(room, text)
        self.witness.expect(shown)
        return (time.perf_counter() - began) * 1000

    def figures(self) -> list[Figure]:
        return [
            Figure(
                f"{self.what}, {name}",
                percentile(self.push, percent),
                "ms",
                Peer("bare bot, nothing stored", percentile(self.bare, percent)),
                at_most=self.target if name == "median" else None,
            )
            for name, percent in (("median", 50), ("p95", 95))
        ]


def measure() -> list[Figure]:
    """From `.join` to the topic that others see, in turns with the bare bot."""
    with Rig() as rig:
        rig.pushbot()
        rig.bare()
        rooms = ("#push", "#bare")
        alice, witness = rig.person("alice", *rooms), rig.person("witness", *rooms)
        carol = rig.person("carol", *rooms, ordinary=True)
        Race("warming up", 50, alice, witness).run()
        races = [
            Race("back to back", 30, alice, witness, target=1.0),
            Race("with pauses of 5 ms", 10, alice, witness, pause=PAUSE, target=1.0),
            Race("as who said it sees it, in an ordinary client", 10, carol, carol),
        ]
        for _ in range(ROUNDS):
            for race in races:
                race.run()
    return [figure for race in races for figure in race.figures()]
