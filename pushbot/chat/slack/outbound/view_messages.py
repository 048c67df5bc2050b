"""The messages that show a room's views: each is posted once, found again, and edited to what its view is by then.

https://docs.slack.dev/reference/methods/chat.postMessage, https://docs.slack.dev/reference/methods/chat.update
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import structlog

from pushbot.chat.slack.outbound import history
from pushbot.chat.slack.outbound.history import BOARD
from pushbot.chat.slack.outbound.message_index import Spot
from pushbot.chat.slack.outbound.pins import delete
from pushbot.chat.slack.paces import POST
from pushbot.chat.slack.refused import NO_ENTRY, TOO_MUCH, UNKNOWN, Refused, warn
from pushbot.chat.slack.shape import text
from pushbot.errors import DeliveryUncertain
from pushbot.views import PushEnd, PushView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.chat.slack.api import Api
    from pushbot.chat.slack.outbound.message_index import MessageIndex
    from pushbot.chat.slack.shape import Object
    from pushbot.views import LaneBoard

LOG = structlog.get_logger()
UPDATE = "chat.update"


class Art(Protocol):
    """How views look."""

    def message(self, view: LaneBoard | PushView) -> Object:
        """The arguments of a message that shows a view now: its blocks, and a text for notifications."""
        ...

    def past(self, lane: str) -> Object:
        """Those of one that shows a lane no more."""
        ...

    def unfollowed(self, push: str, shown: Sequence[Object]) -> Object:
        """Those of one that showed these blocks of a push, when nothing more of it is shown."""
        ...


@dataclass(slots=True, eq=False)
class ViewMessages:
    """Of one room. `views` are what is to be shown, `settles` is in seconds, see `talk.SETTLES`.

    `scanned`: what was posted and not noted was found.
    """

    api: Api
    index: MessageIndex
    art: Art
    settles: float
    views: dict[str, LaneBoard | PushView] = field(default_factory=dict)
    scanned: bool = False

    async def edit(self, channel: str, key: str, spot: Spot) -> None:
        """Have the message there show its view as it is now. Errors as those of `Api.call`."""
        if self._drawn(key, spot) == spot:
            return
        await self.api.turn(UPDATE)
        made = self._drawn(key, spot)
        try:
            await self._send(UPDATE, channel, key, {"ts": spot.ts})
        except Refused as refused:
            if refused.code != UNKNOWN or key.startswith(BOARD):
                raise  # else the lines below the message of a push say the same
        if self.index.is_at(channel, key, spot.ts):  # else another was posted meanwhile
            await self.index.keep(channel, key, made)

    async def post(self, channel: str, key: str) -> str:
        """Post what is not there, or find that it is; its timestamp. Errors as those of `Api.call`, but no doubts."""
        while True:
            await self._scan(channel)
            spot = self.index.get(channel, key)
            if spot is not None:
                return spot.ts
            await self.api.turn(POST, channel)
            made = self._drawn(key, Spot(""))
            try:
                answer = await self._send(POST, channel, key, {})
            except asyncio.CancelledError:
                self.scanned = False
                raise
            except DeliveryUncertain:
                self.scanned = False
                await asyncio.sleep(self.settles)
            else:
                ts = text(answer, "ts") or await self._find(channel, key)
                await self.index.keep(channel, key, replace(made, ts=ts))
                return ts

    async def _find(self, channel: str, key: str) -> str:
        """Where a view stands of which a stand-in for Slack did not say where; empty if that cannot be seen."""
        try:
            found = await history.views(self.api, channel, self.index.record)
        except Refused:
            found = []
        ts = next((one.ts for one in found if one.key == key), "")
        if not ts:
            LOG.warning("view_not_found", key=key, channel=channel, why="nobody says where what was posted stands")
        return ts

    async def _send(self, method: str, channel: str, key: str, where: Object) -> Object:
        """Write a view as it is now, without blocks where Slack does not take them."""
        message = {**self.art.message(self.views[key]), **where}
        message["metadata"] = history.of_view(self.index.record, key)
        try:
            return await self.api.send(method, channel=channel, newest=method == UPDATE, **message)
        except Refused as refused:
            if refused.code not in TOO_MUCH:
                raise
            log = LOG.warning if self.api.first("view_without_blocks") else LOG.info
            log("view_without_blocks", key=key, error=str(refused))
            del message["blocks"]
            return await self.api.call(method, channel=channel, **message)

    async def _scan(self, channel: str) -> None:
        """Find what was posted and not noted; a board that stands there twice is taken away."""
        if self.scanned:
            return
        try:
            found = await history.views(self.api, channel, self.index.record)
        except Refused as refused:
            if refused.code in NO_ENTRY:
                raise
            warn("cannot_look_back", refused, channel=channel)
            found = []
        self.scanned = True
        for one in found:
            spot = self.index.get(channel, one.key)
            if spot is None:
                await self.index.keep(channel, one.key, Spot(one.ts))
            elif spot.ts != one.ts and one.key.startswith(BOARD):
                await delete(self.api, channel, one.ts)

    def _drawn(self, key: str, spot: Spot) -> Spot:
        """The spot of a view once it is drawn as it is now."""
        view = self.views[key]
        shown = json.dumps(self.art.message(view), sort_keys=True).encode()
        return Spot(spot.ts, hashlib.sha256(shown).hexdigest()[:16], is_over(view))


def is_over(view: LaneBoard | PushView) -> bool:
    """Whether it is a push that has come to its end."""
    return isinstance(view, PushView) and view.end is not PushEnd.UNDERWAY
