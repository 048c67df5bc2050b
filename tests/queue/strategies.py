"""Hypothesis strategies for queues as they may stand in a topic: clean names, texts and stages."""

from __future__ import annotations

import string

from hypothesis import settings
from hypothesis import strategies as st

from pushbot.fleet.model import Tally
from pushbot.queue.model import Hold, Item, Mark, Person, Phase, Queue, Rider, Ticket, Train
from pushbot.queue.topic import clean_text

usual = settings(deadline=None)
thorough = settings(deadline=None, max_examples=300)

AWKWARD_NAMES = (
    *("clear", "CLEAR", "HOLD", "hold", "a|b", "|", "||", "a+b", "+3", "6", "more", "6 more", "3 trains (7)", "con"),
    *("[x]", "\\o/", "`", "^^", "{a}", "-", "_", "a:b", "web:", "<prod>", "a*", "b!", "!!", "c~", "(c)", "it's"),
    *("…", "a…", "...", "Zoë", "李", "👩\u200d💻", "a\u00a0b", "e\u0301", "d,e", "f & g", "Bob Smith", "!! note"),
)


def person(name: str) -> Person:
    """The person of that name; one and the same for each name."""
    return Person("irc", f"nick:{name.lower()}", name)


def clean_name(name: str) -> str:
    """`name` as a chat would give it: on one line, without double quotes."""
    return " ".join("".join(char if char.isprintable() or char == "\u200d" else " " for char in name).split()).replace(
        '"', "'"
    )


nicks = st.text(string.ascii_letters + string.digits + "[]\\`_^{|}-", min_size=1, max_size=12)
names = st.one_of(
    nicks, st.sampled_from(AWKWARD_NAMES), st.text(min_size=1, max_size=16).map(clean_name).filter(lambda name: name)
)
people = names.map(person)
stages = st.one_of(
    st.sampled_from(["princess", "production", "a.b", "a..", ".", "-", "v1.2"]),
    st.text(string.ascii_letters + string.digits + "_.-", min_size=1, max_size=10).filter(
        lambda stage: not stage.endswith("...")
    ),
)
texts = st.one_of(
    st.sampled_from(["hello", "a | b", "!! x", "||", "web: y", "…", "cut…", "+3 trains (7)", "don't", "-", "HOLD"]),
    st.text(max_size=60).map(clean_text),
).filter(lambda text: text)
riders = st.builds(Rider, people, st.sampled_from(Ticket), st.sampled_from(Mark))
holds = st.builds(Hold, st.none() | texts)


@st.composite
def trains(draw: st.DrawFn) -> Train:
    """A train as a topic can show it: only one with a stage runs or has failed."""
    stage = draw(st.none() | stages)
    phase = Phase.AT if stage is None else draw(st.sampled_from(Phase))
    aboard = draw(st.lists(riders, min_size=1, max_size=9))
    return Train(tuple(aboard), stage, phase, draw(st.none() | texts))


items: st.SearchStrategy[Item] = st.one_of(trains(), trains(), trains(), holds)
queues = st.builds(lambda some, note: Queue(tuple(some), note), st.lists(items, max_size=6), st.none() | texts)
"""Queues for which parse(render(queue)) == queue."""

tallies = st.integers(0, 10_000)
progress = st.just("") | st.builds(Tally, tallies, tallies, tallies).map(str)
"""How far a running stage is, as a topic shows it."""

wild_text = st.text(st.characters(), max_size=20) | st.sampled_from(["", "\ud800", "\r\n", "\0", '"', "\u2028"])
wild_trains = st.builds(
    Train,
    st.lists(st.builds(Rider, wild_text.map(person)), max_size=4).map(tuple),
    st.none() | wild_text,
    st.sampled_from(Phase),
    st.none() | wild_text,
)
wild_queues = st.builds(
    lambda some, note: Queue(tuple(some), note),
    st.lists(st.one_of(wild_trains, st.builds(Hold, st.none() | wild_text)), max_size=5),
    st.none() | wild_text,
)
"""Queues with texts of any kind in them, which should never be, and must not do harm."""

topic_text = st.lists(
    st.sampled_from(
        [
            *("alice", "bob", "clear", "HOLD", "hold", " ", " ", "|", " | ", "||", "+", ",", "&", "*", "!", "~", "!!"),
            *('"', '"x"', "<prod>", "<", ">", "<prod...>", "...", "<prod... 4/9>", "(c)", "(", ")", "(HOLD)", "…"),
            *("+3 trains (7)", "+ 6 more"),
            *("web:", "config:", " || ", "\x03", "\u202e", "\ud800", "1", "more"),
        ]
    ),
    max_size=14,
).map("".join) | st.text(st.characters(), max_size=40)
"""Text that nearly is a topic, or is none at all."""
