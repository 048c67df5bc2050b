"""Transcripts as tests: what people say, what the topic then is, and all that the bot says.

          # Whoever comes first drives.
          alice> .join                         TOPIC: alice
        pushbot> alice: You're up
    pushbot/#warroom> (a line said there)
    alice/pushbot> status                      in private, to the bot
          * the run succeeds                   TOPIC: <princess> alice

A line without a room is in #push. After each line of a person, and each stage direction (`*`), the bot is
let to come to rest; then every line that it said since must follow, in order for each room, and the topic
must be as written, where one is written. Directions are listed in `directions`.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from pushbot.service.voice.plain import MAYBE
from pushbot.testing.chat import Spoken
from pushbot.testing.directions import direct, prepare
from pushbot.testing.playground import PUSH, Playground
from pushbot.testing.trust import default_lane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

BOT = "pushbot"
WIDTH = 16
_TOPIC = r"(?:\s{2,}TOPIC(?:/(?P<room>\S+))?: (?P<topic>.*))?"
_SAYS = re.compile(rf"\s*(?P<who>[^\s>/]+)(?:/(?P<where>[^\s>]+))?> (?P<text>.*?){_TOPIC}")
_DIRECTS = re.compile(rf"\s*\* (?P<text>.*?){_TOPIC}")


class Venue(Protocol):
    """Where a scenario is played: people, and a bot that is in `play`."""

    @property
    def play(self) -> Playground:
        """The bot and its world, but for its chat."""
        ...

    def recalls(self, line: Spoken) -> bool:
        """Whether the bot can find out there that it said this: then it is not said `(maybe again)`."""
        ...

    async def start(self) -> None:
        """Start the bot, and return once it is in its rooms."""
        ...

    async def say(self, name: str, text: str, to: str | None) -> None:
        """A person says a line in the room `to`, or in private (None)."""
        ...

    async def rename(self, old: str, new: str) -> None:
        """A person takes another name."""
        ...

    async def write_topic(self, name: str, room: str, text: str) -> None:
        """A person sets a topic."""
        ...

    def topic(self, room: str) -> str:
        """What people see as the topic."""
        ...

    def spoken(self) -> Sequence[Spoken]:
        """All that people have heard from the bot."""
        ...

    async def settle(self, done: Callable[[], bool]) -> None:
        """Let the bot come to rest. Where that cannot be seen, wait for `done` in a time that is enough for it."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done, and what must be seen after it. `who` is None for a direction."""

    text: str
    who: str | None = None
    where: str | None = PUSH
    room: str = PUSH
    topic: str | None = None
    said: tuple[Spoken, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A transcript; `notes` are its comments."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...] = field(default=())


def read(transcript: str) -> Scenario:
    """The scenario of a transcript. Raises ValueError with the line's number for one that it cannot read."""
    steps, notes = list[Step](), list[str]()
    for number, line in enumerate(transcript.splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            notes += [text.lstrip("# ")] if text else []
            continue
        found = _DIRECTS.fullmatch(line) or _SAYS.fullmatch(line)
        if found is None or (found.groupdict().get("who") == BOT and not steps):
            raise ValueError(f"line {number} is neither said by anybody nor a direction: {line}")
        where = found.groupdict().get("where") or PUSH
        if found.groupdict().get("who") == BOT:
            steps[-1] = replace(steps[-1], said=(*steps[-1].said, Spoken(where, found["text"])))
            continue
        who, room = found.groupdict().get("who"), found["room"] or PUSH
        steps.append(Step(found["text"].rstrip(), who, None if where == BOT else where, room, found["topic"]))
    return Scenario(tuple(steps), tuple(notes))


async def perform(scenario: Scenario, venue: Venue) -> None:
    """Play a scenario. Raises AssertionError that shows how it went against how it should have gone."""
    steps = list(scenario.steps)
    expected, got = list[str](), list[str]()
    while steps and steps[0].who is None and prepare(steps[0].text, venue.play):
        expected.append(_written(steps[0]))
        got.append(_written(steps.pop(0)))
    default_lane(venue.play)
    await venue.start()
    for written in steps:
        before = len(venue.spoken())
        step = _recalled(written, venue)
        await _act(step, venue)
        await venue.settle(partial(_went_well, step, venue, before))
        said = _heard(venue, before)
        seen = replace(step, said=said, topic=None if step.topic is None else venue.topic(step.room))
        expected += _lines(step)
        got += _lines(step if _went_well(step, venue, before) else seen)
    if expected != got:
        difference = difflib.unified_diff(expected, got, "expected", "got", lineterm="", n=max(len(expected), len(got)))
        raise AssertionError("it went otherwise:\n" + "\n".join(difference))


def _recalled(step: Step, venue: Venue) -> Step:
    """What is to be said where the bot knows what it said: what is `(maybe again)` was said, or is said now."""
    said, spoken = list[Spoken](), venue.spoken()
    for line in step.said:
        plain = replace(line, text=line.text.removeprefix(MAYBE))
        known = plain != line and venue.recalls(plain)
        if not (known and plain in spoken):
            said.append(plain if known else line)
    return replace(step, said=tuple(said))


def _heard(venue: Venue, since: int) -> tuple[Spoken, ...]:
    """What the bot said; the folder of the runs, which is another one each time, is called RUNS."""
    folder = str(venue.play.runs)
    return tuple(Spoken(line.to, line.text.replace(folder, "RUNS")) for line in venue.spoken()[since:])


def _went_well(step: Step, venue: Venue, before: int) -> bool:
    right_words = _by_room(_heard(venue, before)) == _by_room(step.said)
    return right_words and (step.topic is None or step.topic == venue.topic(step.room))


def _by_room(lines: Iterable[Spoken]) -> dict[str, list[str]]:
    rooms: dict[str, list[str]] = {}
    for line in lines:
        rooms.setdefault(line.to, []).append(line.text)
    return rooms


async def _act(step: Step, venue: Venue) -> None:
    if step.who is not None:
        await venue.say(step.who, step.text, step.where)
    elif (renamed := re.fullmatch(r"(\S+) is now (\S+)", step.text)) is not None:
        await venue.rename(renamed[1], renamed[2])
    elif (wrote := re.fullmatch(r"(\S+) writes the topic(?: of (\S+))?: ?(.*)", step.text)) is not None:
        await venue.write_topic(wrote[1], wrote[2] or PUSH, wrote[3])
    else:
        await direct(step.text, venue.play)


def _lines(step: Step) -> list[str]:
    """A step as a transcript shows it."""
    return [_written(step), *(_spoken(BOT, line.to, line.text) for line in step.said)]


def _written(step: Step) -> str:
    line = f"{'*':>{WIDTH + 1}} {step.text}" if step.who is None else _spoken(step.who, step.where or BOT, step.text)
    if step.topic is None:
        return line
    return f"{line:<60}  TOPIC{'' if step.room == PUSH else '/' + step.room}: {step.topic}"


def _spoken(who: str, where: str, text: str) -> str:
    label = who if where == PUSH else f"{who}/{where}"
    return f"{label:>{WIDTH}}> {text}"


@dataclass(slots=True)
class FakeVenue:
    """A venue in memory."""

    play: Playground

    async def start(self) -> None:
        """Start the bot."""
        await self.play.start()

    def recalls(self, line: Spoken) -> bool:  # noqa: ARG002 - here nobody can tell
        """Nothing."""
        return False

    async def say(self, name: str, text: str, to: str | None) -> None:
        """A person says a line."""
        self.play.server.say(name, text, to)

    async def rename(self, old: str, new: str) -> None:
        """A person takes another name."""
        self.play.server.rename(old, new)

    async def write_topic(self, name: str, room: str, text: str) -> None:
        """A person sets a topic."""
        self.play.server.write_topic(name, room, text)

    def topic(self, room: str) -> str:
        """What the room shows."""
        return self.play.server.topic(room)

    def spoken(self) -> Sequence[Spoken]:
        """All that the bot has said."""
        return self.play.server.spoken

    async def settle(self, done: Callable[[], bool]) -> None:  # noqa: ARG002 - here rest can be seen
        """Let the bot come to rest."""
        await self.play.settle()
