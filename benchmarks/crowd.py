"""Forty people who say `.join` at the same moment."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from benchmarks.report import Figure, Peer
from benchmarks.rig import Rig

if TYPE_CHECKING:
    from benchmarks.rig import Person

PEOPLE = 40
CALM = 2.0
"""Seconds without a topic change after which no other comes: several times pushbot's topic interval."""


def measure() -> list[Figure]:
    """What becomes of forty people who join within a few milliseconds."""
    with Rig() as rig:
        rig.pushbot()
        rig.bare()
        crowd = [rig.person(f"p{number:02}", "#push", "#bare") for number in range(PEOPLE)]
        witness = {room: rig.person(f"witness-{room[1:]}", room) for room in ("#push", "#bare")}
        topics, done = _all_say(crowd, witness["#push"], "#push", ".join")
        bare, bare_done = _all_say(crowd, witness["#bare"], "#bare", "!x")
    aboard = set(re.findall(rb"\bp\d\d\b", topics[-1]))
    return [
        Figure("people aboard at the end", len(aboard), "", at_least=PEOPLE),
        Figure("TOPIC lines seen", len(topics), "", Peer("bare bot, one each", len(bare)), at_most=3),
        Figure("until the last topic shows", done * 1000, "ms", Peer("bare bot", bare_done * 1000)),
    ]


def _all_say(crowd: list[Person], witness: Person, room: str, text: str) -> tuple[list[bytes], float]:
    """Everybody says it; the topics that follow, and the seconds until the last of them."""
    topics = list[bytes]()
    began = time.perf_counter()
    done = 0.0
    for person in crowd:
        person.say(room, text)
    while (line := witness.line(CALM)) is not None:
        if found := re.search(rb"^:\S+ TOPIC %s :(.*)$" % room.encode(), line):
            topics.append(found[1])
            done = time.perf_counter() - began
    return topics, done
