"""Says what only one person need see: below what they wrote, or where they gave a slash command, else in private.

Slack keeps none of these messages, so nobody can look whether one arrived. What did is noted, so that a restart does
not repeat it; what may have got lost is said again, with a word that it may be a repetition.
https://docs.slack.dev/reference/methods/chat.postEphemeral
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from pushbot.chat.slack.outbound.outbox import Outbox, Place, Speech, is_elsewhere, is_thread
from pushbot.chat.slack.outbound.workers import pause
from pushbot.chat.slack.refused import Refused, Unreachable
from pushbot.errors import DeliveryUncertain, PushbotError
from pushbot.service.voice.plain import again

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pushbot.chat.slack.api import Api
    from pushbot.chat.slack.outbound.address import Address
    from pushbot.chat.slack.outbound.message import Writing
    from pushbot.chat.slack.outbound.message_index import MessageIndex
    from pushbot.chat.slack.outbound.urls import Urls
    from pushbot.chat.slack.shape import Object

LOG = structlog.get_logger()
TRIES = 4
"""How often a message is sent of which nobody knows whether it arrives."""
METHOD = "chat.postEphemeral"


@dataclass(slots=True, eq=False)
class Ephemeral:
    """What one person is told in one room, or where they gave slash commands. `aloud` says it to them in private."""

    person: str
    address: Address | None
    api: Api
    writing: Writing
    urls: Urls
    index: MessageIndex
    aloud: Callable[[list[Speech]], None]
    outbox: Outbox = field(default_factory=Outbox)

    def busy(self) -> bool:
        """Whether anything waits to be said."""
        return self.outbox.front() is not None

    def give_up(self, reference: str) -> None:
        """Drop what waits."""
        for speech in self.outbox.speeches():
            speech.fail(PushbotError(f"A fault of the bot kept this line from being said ({reference})."))
        self.outbox.items.clear()

    async def work(self) -> None:
        """Say all that waits."""
        tries = doubts = 0
        while self.outbox.front() is not None:
            self._pass_over()
            spot, batch = self.outbox.batch(lambda one: Place(one.manner.spot))
            if not batch:
                continue
            try:
                sent = await self._send(spot.thread, batch)
            except DeliveryUncertain as error:
                doubts += 1
                if doubts < TRIES:
                    _warn(batch)
                    await asyncio.sleep(pause(doubts))
                    continue
                LOG.warning("slack_ephemeral_uncertain", person=self.person, error=str(error))
                sent = True
            except Unreachable:
                tries += 1
                await asyncio.sleep(pause(tries))
                continue
            except Refused as refused:
                LOG.info("slack_ephemeral_refused", person=self.person, error=str(refused))
                sent = False
            tries = doubts = 0
            if sent:
                await self.index.said_alone(one.key for one in batch if one.manner.id)
            self.outbox.remove(batch)
            if not sent:
                self.aloud(batch)
            for speech in batch if sent else ():
                speech.settle()

    def _pass_over(self) -> None:
        """What is known to have been said before a restart is not said again."""
        doubtful = [one for one in self.outbox.speeches() if one.doubtful]
        for speech in doubtful:
            if self.index.was_said_alone(speech.key):
                speech.settle()
        _warn(doubtful)

    async def _send(self, spot: str, batch: list[Speech]) -> bool:
        """Whether there is a place to say it, where it now is said. Errors as those of `Api.call`."""
        try:
            return await self._send_to(spot, batch)
        except asyncio.CancelledError:  # it stays, for who goes on
            for speech in batch:
                speech.doubtful = True
            raise

    async def _send_to(self, spot: str, batch: list[Speech]) -> bool:
        message = self.writing.private(batch)
        if (url := self.urls.take(spot)) is not None:
            await self.api.post_to(url, {"response_type": "ephemeral", **message})
            return True
        channel, thread_ts = await self._place(spot)
        if channel is None:
            return False
        thread: Object = {"thread_ts": thread_ts} if thread_ts else {}
        await self.api.call(METHOD, channel=channel, user=self.person, **thread, **message)
        return True

    async def _place(self, spot: str) -> tuple[str | None, str]:
        """The channel, None while there is none, and the thread in it."""
        if (found := is_elsewhere(spot)) is not None:
            return found
        channel = await self.address.channel() if self.address is not None else None
        return channel, spot if is_thread(spot) else ""


def _warn(speeches: Iterable[Speech]) -> None:
    """Have lines say that they may have been said before."""
    for speech in speeches:
        speech.text, speech.doubtful = again(speech.text), False
