"""What the bot writes in one room, and to one person in private: who does it, and how they work together.

What hangs in a channel that is no room of the configuration any more is taken down there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushbot.chat.slack.outbound.address import ChannelAddress, PersonAddress, RoomAddress
from pushbot.chat.slack.outbound.outbox import Parent
from pushbot.chat.slack.outbound.reconciler import Reconciler
from pushbot.chat.slack.outbound.snippets import Snippet
from pushbot.chat.slack.outbound.talk import Talk
from pushbot.chat.slack.outbound.topic import Topic
from pushbot.chat.slack.outbound.view_messages import ViewMessages

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from pushbot.chat.slack.api import Api
    from pushbot.chat.slack.outbound.address import ChannelIds
    from pushbot.chat.slack.outbound.drawing import Drawing
    from pushbot.chat.slack.outbound.message import Writing
    from pushbot.chat.slack.outbound.message_index import MessageIndex
    from pushbot.chat.slack.outbound.snippets import Snippets
    from pushbot.chat.slack.outbound.workers import Workers


@dataclass(frozen=True, slots=True)
class Tools:
    """What all of them use. `settles` is in seconds, see `talk.SETTLES`."""

    api: Api
    workers: Workers
    index: MessageIndex
    writing: Writing
    drawing: Drawing
    snippets: Snippets
    settles: float

    def attach(self, channel: str, thread: str, name: str, output: tuple[str, ...]) -> None:
        """Put the end of a log into a thread, in its own time."""
        self.snippets.waiting.append(Snippet(channel, thread, name, output))
        self.workers.stir(self.snippets)

    def view_messages(self) -> ViewMessages:
        """The messages of one room's views."""
        return ViewMessages(self.api, self.index, self.drawing, self.settles)


class RoomConversation:
    """Lines, boards, pushes and the topic of one room."""

    def __init__(
        self, name: str, rooms: ChannelIds, tools: Tools, interval: float, refused: Callable[[str], None]
    ) -> None:
        self.address = RoomAddress(name, rooms)
        self._tools, api = tools, tools.api
        self.talk = Talk(self.address, api, tools.writing, tools.index, self, settles=tools.settles)
        self.reconciler = Reconciler(self.address, tools.view_messages(), self)
        self.topic = Topic(self.address, api, interval, self._all_said, refused)
        self.attach = tools.attach

    def found(self) -> None:
        """The room is usable now, or again."""
        self.address.door.open()
        self.reconciler.found()
        self.topic.found()
        for worker in (self.talk, self.topic):
            self._tools.workers.stir(worker)

    def stir(self) -> None:
        """There is something to draw."""
        self._tools.workers.stir(self.reconciler)

    def announce(self, push: str) -> None:
        """The message of a push is to be posted, before the lines that are said from now on."""
        self.talk.outbox.items.append(Parent(push))
        self._tools.workers.stir(self.talk)

    async def post_parent(self, channel: str, push: str) -> None:
        """Have the message of a push stand there. Errors as those of `Api.call`."""
        await self.reconciler.post_parent(channel, push)

    async def lost_parent(self, channel: str, push: str) -> bool:
        """Its message is gone; whether another can be posted."""
        return await self.reconciler.lost_parent(channel, push)

    def _all_said(self) -> asyncio.Future[None]:
        passed = self.talk.outbox.barrier()
        self._tools.workers.stir(self.talk)
        return passed


class NoMore:
    """A channel that is no room any more: nothing is said there."""

    def __init__(self, channel: str, tools: Tools) -> None:
        self._tools, self.reconciler = tools, Reconciler(ChannelAddress(channel), tools.view_messages(), self)

    def stir(self) -> None:
        """There is something to take down."""
        self._tools.workers.stir(self.reconciler)

    def announce(self, push: str) -> None:
        """Pushes are shown in rooms."""


class PrivateConversation:
    """Lines to one person."""

    def __init__(self, person: str, tools: Tools) -> None:
        self.address = PersonAddress(person, tools.api)
        self.talk = Talk(self.address, tools.api, tools.writing, tools.index, self, settles=tools.settles)
        self.attach = tools.attach

    async def post_parent(self, channel: str, push: str) -> None:
        """Pushes are shown in rooms."""

    async def lost_parent(self, channel: str, push: str) -> bool:  # noqa: ARG002 - there is none
        """Pushes are shown in rooms."""
        return False
