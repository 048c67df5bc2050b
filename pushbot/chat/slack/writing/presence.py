"""What the bot writes in one room, and to one person in private: who does it, and how they work together.

What hangs in a channel that is no room of the configuration any more is taken down there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushbot.chat.slack.writing.address import ChannelAddress, PersonAddress, RoomAddress
from pushbot.chat.slack.writing.outbox import Parent
from pushbot.chat.slack.writing.sheets import Sheets
from pushbot.chat.slack.writing.snippets import Snippet
from pushbot.chat.slack.writing.talk import Talk
from pushbot.chat.slack.writing.topic import Topic
from pushbot.chat.slack.writing.wall import Wall

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from pushbot.chat.slack.api import Api
    from pushbot.chat.slack.writing.address import Known
    from pushbot.chat.slack.writing.crew import Crew
    from pushbot.chat.slack.writing.drawing import Drawing
    from pushbot.chat.slack.writing.message import Writing
    from pushbot.chat.slack.writing.places import Places
    from pushbot.chat.slack.writing.snippets import Snippets


@dataclass(frozen=True, slots=True)
class Tools:
    """What all of them use. `settles` is in seconds, see `talk.SETTLES`."""

    api: Api
    crew: Crew
    places: Places
    writing: Writing
    drawing: Drawing
    snippets: Snippets
    settles: float

    def attach(self, channel: str, thread: str, name: str, output: tuple[str, ...]) -> None:
        """Put the end of a log into a thread, in its own time."""
        self.snippets.waiting.append(Snippet(channel, thread, name, output))
        self.crew.stir(self.snippets)

    def sheets(self) -> Sheets:
        """The messages of one room's views."""
        return Sheets(self.api, self.places, self.drawing, self.settles)


class InRoom:
    """Lines, boards, pushes and the topic of one room."""

    def __init__(self, name: str, rooms: Known, tools: Tools, interval: float, refused: Callable[[str], None]) -> None:
        self.address = RoomAddress(name, rooms)
        self._tools, api = tools, tools.api
        self.talk = Talk(self.address, api, tools.writing, tools.places, self, settles=tools.settles)
        self.wall = Wall(self.address, tools.sheets(), self)
        self.topic = Topic(self.address, api, interval, self._all_said, refused)
        self.attach = tools.attach

    def found(self) -> None:
        """The room is usable now, or again."""
        self.address.door.open()
        self.wall.found()
        self.topic.found()
        for worker in (self.talk, self.topic):
            self._tools.crew.stir(worker)

    def stir(self) -> None:
        """There is something to draw."""
        self._tools.crew.stir(self.wall)

    def announce(self, push: str) -> None:
        """The message of a push is to be posted, before the lines that are said from now on."""
        self.talk.outbox.items.append(Parent(push))
        self._tools.crew.stir(self.talk)

    async def post_parent(self, channel: str, push: str) -> None:
        """Have the message of a push stand there. Errors as those of `Api.call`."""
        await self.wall.post_parent(channel, push)

    async def lost_parent(self, channel: str, push: str) -> bool:
        """Its message is gone; whether another can be posted."""
        return await self.wall.lost_parent(channel, push)

    def _all_said(self) -> asyncio.Future[None]:
        passed = self.talk.outbox.barrier()
        self._tools.crew.stir(self.talk)
        return passed


class NoMore:
    """A channel that is no room any more: nothing is said there."""

    def __init__(self, channel: str, tools: Tools) -> None:
        self._tools, self.wall = tools, Wall(ChannelAddress(channel), tools.sheets(), self)

    def stir(self) -> None:
        """There is something to take down."""
        self._tools.crew.stir(self.wall)

    def announce(self, push: str) -> None:
        """Pushes are shown in rooms."""


class InPrivate:
    """Lines to one person."""

    def __init__(self, person: str, tools: Tools) -> None:
        self.address = PersonAddress(person, tools.api)
        self.talk = Talk(self.address, tools.api, tools.writing, tools.places, self, settles=tools.settles)
        self.attach = tools.attach

    async def post_parent(self, channel: str, push: str) -> None:
        """Pushes are shown in rooms."""

    async def lost_parent(self, channel: str, push: str) -> bool:  # noqa: ARG002 - there is none
        """Pushes are shown in rooms."""
        return False
