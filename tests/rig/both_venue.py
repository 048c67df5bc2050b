"""Scenarios on IRC and Slack at once: every room is in both, half of the people speak on IRC and the others on Slack.

What is for everybody has to be seen in both, in the same order; an answer where it was asked for, and nowhere else.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pushbot.service.people.directory import Account, Human
from pushbot.service.speaker import REPLY
from pushbot.service.voice.plain import MAYBE
from pushbot.testing.chat import Spoken
from tests.rig.slack_reading import as_on_irc
from tests.rig.slack_venue import WITHIN, SlackVenue
from tests.rig.venue import IrcVenue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pushbot.testing.playground import Playground
    from tests.rig.ngircd import Ngircd
    from tests.rig.slack import SlackServer

IRC, SLACK = "irc", "slack"


@dataclass
class BothVenue:
    """A venue on both servers. Every second one of `names` speaks on Slack, from the first on if `slack_first`."""

    irc_server: Ngircd
    slack_server: SlackServer
    play: Playground
    names: Sequence[str]
    slack_first: bool
    _said: list[Spoken] = field(default_factory=list)
    _open: dict[tuple[str, str], deque[str]] = field(default_factory=dict)
    _seen: dict[str, int] = field(default_factory=lambda: {IRC: 0, SLACK: 0})

    def __post_init__(self) -> None:
        self.slack = SlackVenue(self.slack_server, self.play, self.names)
        self.irc = IrcVenue(self.irc_server, self.play)
        self.play.places = (IRC, SLACK)

    async def start(self) -> None:
        """Start the bot, and return once it is in all rooms of both."""
        await self.irc.open()
        self.slack.open()
        people = tuple(self._human(name) for name in dict.fromkeys((*self.names, *sorted(self.play.operators))))
        directory = replace(self.play.access.directory, people=people)
        self.play.access = replace(self.play.access, directory=directory)
        self.play.accounts = {one.name: one.name for one in people}
        self.play.chats = lambda: {IRC: self.irc.chat(), SLACK: self.slack.chat()}
        await self.play.start()
        await self.irc.entered()
        await self.slack.entered()

    def _human(self, name: str) -> Human:
        return Human(name, (Account(IRC, name), Account(SLACK, self.slack.id_of(name))))

    def _side(self, name: str) -> IrcVenue | SlackVenue:
        on_slack = (list(self.names).index(name) % 2 == 0) == self.slack_first
        return self.slack if on_slack else self.irc

    async def say(self, name: str, text: str, to: str | None) -> None:
        """A person says a line where they are."""
        await self._side(name).say(name, text, to)

    async def rename(self, old: str, new: str) -> None:
        """A person takes another name, in both."""
        raise NotImplementedError(f"{old} would be {new} on Slack, and another person on IRC")

    async def write_topic(self, name: str, room: str, text: str) -> None:
        """A person sets the topic where they are."""
        await self._side(name).write_topic(name, room, text)

    def topic(self, room: str) -> str:
        """What both rooms show; both, where they differ."""
        on_irc, on_slack = self.irc.topic(room), self.slack.topic(room)
        return on_irc if on_irc == on_slack else f"on IRC {on_irc} -- on Slack {on_slack}"

    def spoken(self) -> Sequence[Spoken]:
        """All that people have heard, once each; at the end what was seen on one side, and is due on the other."""
        alone = [Spoken(to, f"(on {side} alone) {text}") for (side, to), lines in self._open.items() for text in lines]
        return [*self._said, *alone]

    def recalls(self, line: Spoken) -> bool:  # noqa: ARG002 - IRC says it again
        """Nothing."""
        return False

    async def settle(self, done: Callable[[], bool]) -> None:
        """Read along on both sides until `done`; then once more."""
        try:
            async with asyncio.timeout(WITHIN):
                while not (await self._rested() and done()):  # noqa: ASYNC110 - two servers tell nobody
                    await asyncio.sleep(0.002)
        except TimeoutError:
            return
        await self._rested()

    async def close(self) -> None:
        """Everybody leaves."""
        await self.irc.close()

    async def _rested(self) -> bool:
        await self.irc.listen()
        rested = await self.slack.rested()
        for side, venue in ((IRC, self.irc), (SLACK, self.slack)):
            spoken = venue.spoken()
            start, self._seen[side] = self._seen[side], len(spoken)
            for line in spoken[start:]:
                self._open.setdefault((side, line.to), deque()).append(as_on_irc(line.text))
        self._match()
        return rested

    def _match(self) -> None:
        """Take what was seen on both sides, and what is for one of them only."""
        for to in dict.fromkeys(to for _, to in self._open):
            mine, theirs = (self._open.setdefault((side, to), deque()) for side in (IRC, SLACK))
            while (text := self._next(to, mine, theirs)) is not None:
                self._said.append(Spoken(to, text))

    def _next(self, to: str, mine: deque[str], theirs: deque[str]) -> str | None:
        """The line that is next in a room, when it is known which one that is."""
        for lines in (mine, theirs):
            if lines and self._for_one(to, lines[0]):
                return lines.popleft()
        if mine and theirs and mine[0].removeprefix(MAYBE) == theirs[0]:
            theirs.popleft()
            return mine.popleft()
        if mine and mine[0].startswith(MAYBE) and Spoken(to, mine[0].removeprefix(MAYBE)) in self._said:
            return mine.popleft()  # on Slack nothing is said twice
        return None

    def _for_one(self, to: str, text: str) -> bool:
        """Whether a line is an answer, or in private: on the record only what is for everybody is of another kind."""
        plain = text.removeprefix(MAYBE)
        return not any((line.to, line.text) == (to, plain) for line in self.play.store.written if line.kind != REPLY)
