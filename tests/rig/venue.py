"""Scenarios on a real IRC server: the bot on `IrcChat`, people with raw sockets, and one who listens everywhere."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot.chat.irc import IrcChat, IrcOptions
from pushbot.chat.irc.options import Identity
from pushbot.testing.chat import Spoken
from tests.rig.client import Person

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pushbot.testing.playground import Playground
    from tests.rig.ngircd import Ngircd

BOT = "pushbot"
LISTENER = "listener"
WITHIN = 60.0
"""Seconds in which what a scenario expects has to be seen."""
_SAID = re.compile(rf":{BOT}!\S+ PRIVMSG (?P<to>\S+) :(?P<text>.*)")
_TOPIC = re.compile(r":\S+ TOPIC (?P<room>\S+) :(?P<text>.*)")


@dataclass
class IrcVenue:
    """A venue on `server`; close it with `close`."""

    server: Ngircd
    play: Playground
    _people: dict[str, Person] = field(default_factory=dict)
    _spoken: list[Spoken] = field(default_factory=list)
    _topics: dict[str, str] = field(default_factory=dict)
    _read: dict[int, int] = field(default_factory=dict)

    async def start(self) -> None:
        """Start the bot, and return once the listener has seen it enter all rooms."""
        self.play.chats = lambda: {"irc": self.chat()}
        await self.open()
        await self.play.start()
        await self.entered()

    async def open(self) -> None:
        """Have somebody there who listens."""
        await self._person(LISTENER)

    def chat(self) -> IrcChat:
        """A new connection for a bot."""
        options = IrcOptions(
            host=self.server.host,
            port=self.server.port,
            identity=Identity.NICK,
            lines_per_second=0,
            topic_interval=0.01,
        )
        return IrcChat("irc", options, self.play.rooms)

    async def entered(self) -> None:
        """Return once the listener has seen the bot enter all rooms."""
        listener = await self._person(LISTENER)
        for _ in self.play.rooms:
            await listener.expect(lambda line: line.startswith(f":{BOT}!") and " JOIN " in line)

    async def say(self, name: str, text: str, to: str | None) -> None:
        """A person says a line."""
        (await self._person(name)).say(to or BOT, text)

    async def rename(self, old: str, new: str) -> None:
        """A person takes another nick."""
        person = self._people.pop(old)
        person.nick = new
        person.send(f"NICK {new}")
        self._people[new] = person

    async def write_topic(self, name: str, room: str, text: str) -> None:
        """A person sets a topic."""
        (await self._person(name)).send(f"TOPIC {room} :{text}")

    def topic(self, room: str) -> str:
        """What the listener saw last."""
        return self._topics.get(room, "")

    def spoken(self) -> Sequence[Spoken]:
        """What the listener heard in rooms, and people in private."""
        return self._spoken

    def recalls(self, line: Spoken) -> bool:  # noqa: ARG002 - IRC keeps nothing that was said
        """Nothing."""
        return False

    async def settle(self, done: Callable[[], bool]) -> None:
        """Read along until `done`; then once more, for what should not have been said."""
        try:
            async with asyncio.timeout(WITHIN):
                while True:
                    await self.listen()
                    if done():
                        break
                    await asyncio.sleep(0.002)
        except TimeoutError:
            return
        await self.listen()

    async def close(self) -> None:
        """Everybody leaves."""
        for person in self._people.values():
            await person.close()

    async def _person(self, name: str) -> Person:
        if name not in self._people:
            self._people[name] = await Person.connect(self.server.host, self.server.port, name, *self.play.rooms)
        return self._people[name]

    async def listen(self) -> None:
        """Read what has come."""
        await self.play.settle()
        for name, person in self._people.items():
            await person.drain()
            start, self._read[id(person)] = self._read.get(id(person), 0), len(person.lines)
            for line in person.lines[start:]:
                self._take(line, in_private=name != LISTENER)

    def _take(self, line: str, *, in_private: bool) -> None:
        said, topic = _SAID.fullmatch(line), _TOPIC.fullmatch(line)
        if said is not None and said["to"].startswith("#") != in_private:
            self._spoken.append(Spoken(said["to"], said["text"]))
        elif topic is not None and not in_private:
            self._topics[topic["room"]] = topic["text"]
