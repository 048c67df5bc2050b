"""Keeps a room's topic: seldom, as each change leaves a line in the channel, and never to what it is already.

https://docs.slack.dev/reference/methods/conversations.setTopic
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from pushbot.chat.slack.blocks.text import escaped
from pushbot.chat.slack.inbound.mrkdwn import EMOJI, topic_of
from pushbot.chat.slack.outbound.workers import pause
from pushbot.chat.slack.refused import NO_ENTRY, UNKNOWN, Refused, Unreachable, warn
from pushbot.chat.slack.shape import text
from pushbot.errors import DeliveryUncertain

if TYPE_CHECKING:
    from collections.abc import Callable

    from pushbot.chat.slack.api import Api
    from pushbot.chat.slack.outbound.address import RoomAddress

LOG = structlog.get_logger()
METHOD = "conversations.setTopic"
LIMIT = 250
"""Characters of a topic, entities counted in full."""
PATIENCE = 5.0
"""Seconds a topic waits for lines that were said before it."""


@dataclass(slots=True, eq=False)
class Topic:
    """One room's, left as it is until the room is found. `shown` is what people read there, None if not known.

    `before` gives a future that is done when the lines that wait now were said; `refused` is told, once for each time
    that the room is entered, that the bot may not set it. `interval` is in seconds.
    """

    address: RoomAddress
    api: Api
    interval: float
    before: Callable[[], asyncio.Future[None]]
    refused: Callable[[str], None]
    wanted: str | None = None
    shown: str | None = None
    _not_before: float = 0.0
    _shut: bool = True
    _told: bool = False
    _last: str = ""
    _last_seen: str = ""
    _heard: int = 0
    _sent: str = ""
    _emoji: dict[str, str] = field(default_factory=dict)

    def busy(self) -> bool:
        """Whether it is to be set, and may be as far as is known."""
        return self.wanted is not None and not self._shut and not self._stands(self.wanted)

    def is_now(self, topic: str) -> None:
        """The server shows this, as people read it; what the bot set it may show in other words (`:tada:`)."""
        self.shown = self._last if topic == self._last_seen else topic
        self._heard += 1
        self._says(topic, self._sent)

    def is_seen(self, topic: str) -> None:
        """People see this, or did, of what the bot wrote: that tells how its emoji are shown."""
        self._emoji |= emoji_in(self._sent, topic) or {}

    def meant(self, topic: str) -> str:
        """A topic that people see there, with emoji that the bot wrote as the bot wrote them."""
        return EMOJI.sub(lambda found: self._emoji.get(found[0], found[0]), topic)

    def found(self) -> None:
        """The room was entered: setting the topic may work now."""
        self._shut = self._told = False
        if not self._not_before:  # a bot that ended just now may have written it
            self._rest()

    def give_up(self, reference: str) -> None:
        """Leave it as it is until it is to be another."""
        LOG.warning("topic_not_set", room=self.address.name, reference=reference)
        self.shown = self.wanted

    async def work(self) -> None:
        """Make it what it should be."""
        loop = asyncio.get_running_loop()
        tries = 0
        while self.busy():
            since = self.address.door.opened
            if (wait := self._not_before - loop.time()) > 0:
                await asyncio.sleep(wait)
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE):
                        await self.before()
                await self._set(since)
                tries = 0
            except Unreachable:
                tries += 1
                await self.address.door.knock(since, pause(tries))
            except Refused as error:
                if error.code in NO_ENTRY:
                    await self.address.door.knock(since)
                elif self.address.door.opened == since:  # else it may be allowed by now
                    self._refuse(error)
            except DeliveryUncertain:
                self.shown = None

    async def _set(self, since: int) -> None:
        channel = await self.address.channel()
        if channel is None:
            await self.address.door.knock(since)
            return
        heard = self._heard
        if self.shown is None:
            answer = await self.api.call("conversations.info", channel=channel)
            if heard == self._heard:  # else there is later news
                self.is_now(topic_of(text(answer, "channel", "topic", "value")))
        await self.api.turn(METHOD)
        topic = self.wanted
        if topic is None or self._stands(topic):
            return
        heard, before, self.shown, self._sent = self._heard, self.shown, None, topic
        written = escaped(topic, most=LIMIT) if topic else ""
        try:
            answer = await self.api.send(METHOD, channel=channel, newest=True, topic=written)
        except (Refused, Unreachable):
            self.shown = before if heard == self._heard else self.shown
            raise
        finally:
            self._rest()
        self._last = topic
        self._last_seen = topic_of(text(answer, "channel", "topic", "value")) or topic
        self.is_seen(self._last_seen)
        self.shown = topic if heard == self._heard else None  # of one that was heard of meanwhile: which came later?

    def _stands(self, topic: str) -> bool:
        """Whether this is what the server shows, maybe with emoji by their names."""
        return self.shown is not None and self._says(self.shown, topic)

    def _says(self, shown: str, topic: str) -> bool:
        """Whether people who see `shown` see `topic`; if so that tells names of emoji, where each has one."""
        names, known = emoji_in(topic, shown), self._emoji
        if names is None or any(
            known.get(name) != emoji and (name in known or emoji in known.values()) for name, emoji in names.items()
        ):
            return False
        self._emoji |= names
        return True

    def _rest(self) -> None:
        """It was written just now, or may have been: leave it for a while."""
        self._not_before = asyncio.get_running_loop().time() + self.interval

    def _refuse(self, error: Refused) -> None:
        self._shut = True
        warn("topic_refused", error, room=self.address.name)
        if not self._told and error.code != UNKNOWN:
            self._told = True
            self.refused(self.address.name)


def emoji_in(topic: str, shown: str) -> dict[str, str] | None:
    """The emoji of a topic, by the names that Slack shows for them; None where it shows another topic."""
    ours, theirs = EMOJI.split(topic), EMOJI.split(shown)
    if ours[::2] != theirs[::2]:
        return None
    named = {name: emoji for emoji, name in zip(ours[1::2], theirs[1::2], strict=True) if emoji != name}
    return named if all(":" in name and not emoji.isascii() for name, emoji in named.items()) else None
