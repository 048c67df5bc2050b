"""Says what is to be said in one conversation, a room or a person's, in order and nothing twice.

What was sent stays in front of the queue until Slack has confirmed it. Where the answer got lost, and for what may
have been said before a restart, the bot looks at what stands there before it says it again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import structlog

from pushbot.chat.slack.outbound import history
from pushbot.chat.slack.outbound.outbox import Outbox, Parent, Place, Speech, is_thread
from pushbot.chat.slack.outbound.workers import pause
from pushbot.chat.slack.paces import POST
from pushbot.chat.slack.refused import NO_BOT, NO_ENTRY, TOO_MUCH, Refused, Unreachable, warn
from pushbot.chat.slack.shape import text
from pushbot.errors import DeliveryUncertain, PushbotError
from pushbot.service.voice.plain import again

if TYPE_CHECKING:
    from pushbot.chat.slack.api import Api
    from pushbot.chat.slack.outbound.address import Address
    from pushbot.chat.slack.outbound.message import Writing
    from pushbot.chat.slack.outbound.message_index import MessageIndex
    from pushbot.chat.slack.shape import Object

LOG = structlog.get_logger()
SETTLES = 1.0
"""Seconds until what was sent on a connection that broke stands where one can look for it, if it arrived."""
MOST_DOUBLED = 6
"""How often that is doubled while Slack goes on like this: what it did may not be seen for a while."""
SHORT = 3
"""Lines of output that need no snippet: they are said anyway."""
NO_THREAD = frozenset(
    {"thread_not_found", "cannot_reply_to_message", "restricted_action_thread_locked", "invalid_thread_ts"}
)


class Beside(Protocol):
    """What goes with lines in a room."""

    async def post_parent(self, channel: str, push: str) -> None:
        """Have the message of a push stand there. Errors as those of `Api.call`."""
        ...

    async def lost_parent(self, channel: str, push: str) -> bool:
        """Its message is gone; whether another can be posted."""
        ...

    def attach(self, channel: str, thread: str, name: str, output: tuple[str, ...]) -> None:
        """Put the end of a log into a thread, under a name, in its own time."""
        ...


@dataclass(slots=True, eq=False)
class Talk:
    """One conversation. `settles` is in seconds, see SETTLES."""

    address: Address
    api: Api
    writing: Writing
    index: MessageIndex
    beside: Beside
    outbox: Outbox = field(default_factory=Outbox)
    settles: float = SETTLES
    _doubts: int = 0

    def busy(self) -> bool:
        """Whether anything waits to be said."""
        return self.outbox.front() is not None

    def give_up(self, reference: str) -> None:
        """Drop what is in front."""
        item = self.outbox.front()
        if item is not None:
            self.outbox.items.popleft()
        if isinstance(item, Speech):
            item.fail(PushbotError(f"A fault of the bot kept this line from being said ({reference})."))

    async def work(self) -> None:
        """Say all that waits."""
        tries = 0
        while (item := self.outbox.front()) is not None:
            since = self.address.door.opened
            try:
                precisely = isinstance(item, Speech) and item.doubtful
                channel = await self.address.channel(precisely=precisely)
                if channel is None:
                    await self.address.door.knock(since)
                else:
                    await self._next(channel, item)
                tries = 0
            except Unreachable:
                tries += 1
                await self.address.door.knock(since, pause(tries))
            except Refused as refused:
                if not self._waits(refused):
                    self._drop(item, refused)
                else:
                    LOG.warning("conversation_not_usable", error=str(refused))
                    await self.address.door.knock(since)

    async def _next(self, channel: str, item: Speech | Parent) -> None:
        if isinstance(item, Parent):
            await self.beside.post_parent(channel, item.name)
            self.outbox.items.popleft()
        elif item.doubtful:
            await self._look(channel)
        else:
            await self.api.turn(POST, channel)
            place, batch = self.outbox.batch(lambda one: self._place(channel, one))
            if batch:
                await self._say(channel, place, batch)

    def _place(self, channel: str, speech: Speech) -> Place:
        """Where a line goes: the thread of its push, else the one where it was asked, else the channel itself."""
        manner = speech.manner
        if manner.push and (thread := self.index.thread(channel, manner.push)):
            return Place(thread, manner.loud)
        return Place(manner.spot) if is_thread(manner.spot) else Place()

    async def _say(self, channel: str, place: Place, batch: list[Speech]) -> None:
        where: Object = {"thread_ts": place.thread} if place.thread else {}
        if place.loud:
            where["reply_broadcast"] = True
        message = self.writing.public(batch, room=self.address.room)
        try:
            answer = await self.api.send(POST, channel=channel, newest=False, **message, **where)
        except DeliveryUncertain:
            for speech in batch:
                speech.doubtful = True
            await asyncio.sleep(self.settles * 2.0 ** min(self._doubts, MOST_DOUBLED))
            self._doubts += 1
        except Refused as refused:
            if self._waits(refused):
                raise
            if not await self._cured(channel, place, batch, refused):
                self._failed(batch, refused)
        except asyncio.CancelledError:  # it stays in its place, for who goes on
            for speech in batch:
                speech.doubtful = True
            raise
        else:
            self._said(channel, place.thread or text(answer, "ts"), batch)

    def _said(self, channel: str, thread: str, batch: list[Speech]) -> None:
        self._doubts = 0
        self.outbox.remove(batch)
        for speech in batch:
            speech.settle()
            self._attach(channel, thread, speech)

    def _attach(self, channel: str, thread: str, speech: Speech) -> None:
        if len(speech.manner.output) > SHORT:
            self.beside.attach(channel, thread, speech.manner.run, speech.manner.output)

    async def _look(self, channel: str) -> None:
        """Find out which of the lines that may have been said were."""
        doubtful = [one for one in self.outbox.speeches() if one.doubtful]
        threads = {self._place(channel, one).thread for one in doubtful}
        try:
            said = await history.said(self.api, channel, threads, self.index.record)
        except Refused as refused:
            if self._waits(refused) and refused.code != "missing_scope":
                raise
            warn("cannot_look_back", refused, channel=channel)
            for speech in doubtful:
                speech.text, speech.doubtful = again(speech.text), False
            return
        lines = ((self._place(channel, one).thread, one.key, self._text(one)) for one in doubtful)
        known = said.among(lines)
        there = [one for one in doubtful if one.key in known]
        self.outbox.remove(there)
        for speech in doubtful:
            speech.doubtful = False
        for speech in there:
            speech.settle()
            if not speech.manner.again:  # else nobody knows what came of the end of the log
                self._attach(channel, self._place(channel, speech).thread or said.keys.get(speech.key, ""), speech)

    def _text(self, speech: Speech) -> str:
        return text(self.writing.public([speech], room=self.address.room), "text")

    async def _cured(self, channel: str, place: Place, batch: list[Speech], refused: Refused) -> bool:
        """Whether the lines may pass in another way."""
        if place.thread and refused.code in NO_THREAD:
            pushes = {one.manner.push for one in batch if one.manner.push}
            new = [push for push in pushes if await self.beside.lost_parent(channel, push)]
            self.outbox.items.extendleft(Parent(push) for push in new)
            for speech in batch:
                kept = speech.manner.push if speech.manner.push in new else ""
                speech.manner = replace(speech.manner, spot="", push=kept)
            return True
        if refused.code in TOO_MUCH and not batch[0].plain:
            log = LOG.warning if self.api.first("message_said_plainly") else LOG.info
            log("message_said_plainly", channel=channel, error=str(refused))
            for speech in batch:
                speech.plain = True
            return True
        return False

    def _waits(self, refused: Refused) -> bool:
        """Whether somebody may see to it that what was refused passes later."""
        return refused.code in NO_BOT or (self.address.room and refused.code in NO_ENTRY)

    def _drop(self, item: Speech | Parent, refused: Refused) -> None:
        """Slack does not want what is in front, whatever it says."""
        if isinstance(item, Parent):
            warn("push_not_shown", refused, push=item.name)
            self.outbox.items.popleft()
        else:
            self._failed(list(self.outbox.speeches()), refused)

    def _failed(self, batch: list[Speech], refused: Refused) -> None:
        self.outbox.remove(batch)
        for speech in batch:
            speech.fail(refused)
