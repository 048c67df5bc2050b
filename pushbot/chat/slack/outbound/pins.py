"""What is done about a message that hangs in a channel: it is pinned, deleted, taken down, or not followed any more.

https://docs.slack.dev/reference/methods/pins.add, https://docs.slack.dev/reference/methods/pins.remove
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from pushbot.chat.slack.outbound import history
from pushbot.chat.slack.refused import NO_ENTRY, UNKNOWN, Refused, warn
from pushbot.chat.slack.shape import objects

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pushbot.chat.slack.api import Api
    from pushbot.chat.slack.outbound.message_index import MessageIndex
    from pushbot.chat.slack.shape import Object

LOG = structlog.get_logger()
COOLDOWN = 60.0
"""Seconds in which what people take away is put back once."""
NOT_THERE = "message_not_found"
GONE = frozenset({NOT_THERE, "cant_update_message", "edit_window_closed"})
"""Codes of a message that cannot be edited any more."""
NO_PIN = frozenset({NOT_THERE, "no_pin", "not_pinned"})
"""Codes of a message that is not pinned."""


@dataclass(slots=True)
class Cooldown:
    """When what people took away may be put back: at once, and again only after a while."""

    _lost: set[str] = field(default_factory=set)
    _put_back: dict[str, float] = field(default_factory=dict)

    def lose(self, key: str) -> None:
        """Somebody took it away."""
        self._lost.add(key)

    def lost(self, key: str) -> bool:
        """Whether somebody did, and it was not put back."""
        return key in self._lost

    def left(self, key: str, cooldown: float | None = None) -> float:
        """Seconds for which it has to stay away, of so many, or COOLDOWN; 0 for what nobody took."""
        if key not in self._lost or key not in self._put_back:
            return 0.0
        until = self._put_back[key] + (COOLDOWN if cooldown is None else cooldown)
        return max(0.0, until - asyncio.get_running_loop().time())

    def settle(self, key: str) -> None:
        """It is there, if need be again."""
        if key in self._lost:
            self._lost.remove(key)
            self._put_back[key] = asyncio.get_running_loop().time()


async def pin(api: Api, channel: str, ts: str) -> bool:
    """Pin a message, where that is allowed; whether it is there."""
    try:
        await api.call("pins.add", channel=channel, timestamp=ts)
    except Refused as refused:
        if refused.code != "already_pinned":
            warn("board_not_pinned", refused, channel=channel)
        return refused.code != NOT_THERE
    return True


async def delete(api: Api, channel: str, ts: str) -> None:
    """Delete a message that is there twice, or leave it where it is."""
    for method, name in (("pins.remove", "timestamp"), ("chat.delete", "ts")):
        try:
            await api.call(method, channel=channel, **{name: ts})
        except Refused as refused:
            LOG.info("old_board_stays", channel=channel, error=str(refused))


async def take_down(api: Api, index: MessageIndex, channel: str, key: str, last: Object) -> None:
    """Have a view shown no more: its message has these `last` words, is not pinned, and is forgotten.

    After a crash in between it does what is left to do. A message that was deleted, or that another record has made its
    own since, is only forgotten. Errors as those of `Api.call`; then it is still remembered.
    """
    spot = index.get(channel, key)
    if spot is None:
        return
    message = await _looked_at(api, channel, spot.ts)
    if history.is_ours(message, index.record):
        if not history.is_past(message):
            await index.keep(channel, key, replace(spot, drawn=""))  # should it be a board again after a crash
            await _last_words(api, channel, spot.ts, {**last, "metadata": history.of_past(index.record)})
        await _unpin(api, channel, spot.ts)
    await index.keep(channel, key, None)


async def unfollow(
    api: Api, index: MessageIndex, channel: str, key: str, unfollowed: Callable[[Sequence[Object]], Object]
) -> None:
    """Have nothing more shown of a push under way: its message says so, and else stays as it is, should it go on again.

    `unfollowed` makes that of the blocks which it has. Errors as those of `Api.call`; then it is tried again.
    """
    spot = index.get(channel, key)
    if spot is None:
        return
    message = await _looked_at(api, channel, spot.ts)
    if history.is_ours(message, index.record):
        metadata = history.of_view(index.record, key)
        last = unfollowed(objects(message, "blocks"))
        await index.keep(channel, key, replace(spot, drawn=""))  # should it go on after a crash
        await _edited(api, channel, spot.ts, {**last, "metadata": metadata})
    await index.keep(channel, key, replace(spot, drawn="", ended=True))


async def _looked_at(api: Api, channel: str, ts: str) -> Object:
    """The message; nothing is in it when it is gone, or the bot may not look."""
    try:
        return await history.message_at(api, channel, ts) or {}
    except Refused as refused:
        if refused.code in NO_ENTRY:
            raise
        warn("board_not_looked_at", refused, channel=channel)
        return {}


async def _last_words(api: Api, channel: str, ts: str, last: Object) -> None:
    refusal = await _edited(api, channel, ts, last)
    if refusal not in ("", NOT_THERE):
        await delete(api, channel, ts)


async def _edited(api: Api, channel: str, ts: str, message: Object) -> str:
    """Edit a message that is shown no more; empty, or the code where that cannot be done any more."""
    try:
        await api.call("chat.update", channel=channel, ts=ts, **message)
    except Refused as refused:
        if refused.code not in GONE | {UNKNOWN}:
            raise
        return refused.code
    return ""


async def _unpin(api: Api, channel: str, ts: str) -> None:
    try:
        await api.call("pins.remove", channel=channel, timestamp=ts)
    except Refused as refused:
        if refused.code not in NO_PIN:
            warn("board_not_unpinned", refused, channel=channel)
