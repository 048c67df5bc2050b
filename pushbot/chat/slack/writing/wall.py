"""Keeps what a room shows: each lane's board, pinned, and a message for each push, edited as things go on.

Where they are is remembered. A message that was posted and not noted, as the bot ended in between, is found again by
its metadata; one that is gone, or cannot be edited any more, is posted anew.
https://docs.slack.dev/reference/methods/chat.update, https://docs.slack.dev/reference/methods/pins.add
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import structlog

from pushbot.chat.slack.paces import POST
from pushbot.chat.slack.refused import NO_BOT, NO_ENTRY, TOO_MUCH, Refused, Unreachable
from pushbot.chat.slack.shape import text
from pushbot.chat.slack.writing import lookback
from pushbot.chat.slack.writing.crew import pause
from pushbot.chat.slack.writing.lookback import BOARD
from pushbot.chat.slack.writing.places import Spot, board_key, push_key
from pushbot.errors import DeliveryUncertain
from pushbot.views import PushEnd, PushView

if TYPE_CHECKING:
    from pushbot.chat.slack.api import Api
    from pushbot.chat.slack.shape import Object
    from pushbot.chat.slack.writing.address import RoomAddress
    from pushbot.chat.slack.writing.places import Places
    from pushbot.views import LaneBoard

LOG = structlog.get_logger()
UPDATE = "chat.update"
NOT_THERE = "message_not_found"
GONE = frozenset({NOT_THERE, "cant_update_message", "edit_window_closed"})
"""Codes of a message that cannot be edited any more."""


class Art(Protocol):
    """How views look."""

    def message(self, view: LaneBoard | PushView) -> Object:
        """The arguments of a message that shows a view now: its blocks, and a text for notifications."""
        ...


class Room(Protocol):
    """What else goes on in the room."""

    def stir(self) -> None:
        """There is something to draw."""
        ...

    def announce(self, push: str) -> None:
        """The message of a push is to be posted, before the lines that are said from now on."""
        ...


@dataclass(slots=True, eq=False)
class Wall:
    """What one room shows. `settles` is in seconds, see `talk.SETTLES`."""

    address: RoomAddress
    api: Api
    places: Places
    art: Art
    room: Room
    settles: float
    _views: dict[str, LaneBoard | PushView] = field(default_factory=dict)
    _dirty: dict[str, None] = field(default_factory=dict)
    _announced: set[str] = field(default_factory=set)
    _sure: dict[str, int] = field(default_factory=dict)
    _scanned: bool = False

    def show_board(self, board: LaneBoard) -> None:
        """Make this the lane's board."""
        self._change(board_key(board.lane), board)

    def show_push(self, push: PushView) -> None:
        """Make this what is shown of a push. One that is over, and that the room never heard of, is not begun."""
        key = push_key(push.name)
        new = key not in self._views and push.end is PushEnd.UNDERWAY
        self._change(key, push)
        if new:
            self._announce(push.name)

    def found(self) -> None:
        """The room was entered, its door opened: who knows what became of the boards in the meantime.

        What is being looked at just now is looked at again: that may have been too early.
        """
        for key, view in self._views.items():
            self._change(key, view)

    def busy(self) -> bool:
        """Whether anything is to be drawn."""
        return bool(self._dirty)

    def give_up(self, reference: str) -> None:
        """Leave what is drawn first until it changes again."""
        if self._dirty:
            key = next(iter(self._dirty))
            LOG.warning("view_not_shown", key=key, reference=reference)
            del self._dirty[key]

    async def work(self) -> None:
        """Draw all that is to be drawn."""
        tries = 0
        while self._dirty:
            key = next(iter(self._dirty))
            since = self.address.door.opened
            try:
                channel = await self.address.channel()
                if channel is None:
                    await self.address.door.knock(since)
                    continue
                await self._draw(channel, key)
                tries = 0
            except Unreachable:
                tries += 1
                await self.address.door.knock(since, pause(tries))
            except Refused as refused:
                LOG.warning("view_refused", key=key, room=self.address.name, error=str(refused))
                if refused.code in NO_ENTRY | NO_BOT:
                    await self.address.door.knock(since)
                elif self.address.door.opened == since:
                    self._dirty.pop(key, None)

    async def post_parent(self, channel: str, push: str) -> None:
        """Have the message of a push stand in the channel. Errors as those of `Api.call`, but no doubts."""
        key = push_key(push)
        try:
            if key in self._views and self.places.get(channel, key) is None:
                await self._post(channel, key)
        except Refused:
            self._announced.discard(push)
            raise
        self._announced.discard(push)  # only now: what is over and not announced is forgotten
        if key in self._views:
            self._change(key, self._views[key])

    async def lost_parent(self, channel: str, push: str) -> bool:
        """The message of a push is gone; whether another can be posted."""
        await self.places.keep(channel, push_key(push), None)
        return push_key(push) in self._views

    # --- below ---

    def _change(self, key: str, view: LaneBoard | PushView) -> None:
        self._views[key] = view
        self._dirty[key] = None
        self.room.stir()

    def _announce(self, push: str) -> None:
        if push not in self._announced:
            self._announced.add(push)
            self.room.announce(push)

    async def _draw(self, channel: str, key: str) -> None:
        board, since = key.startswith(BOARD), self.address.door.opened
        if board and self._sure.get(key) != since:
            await self._make_sure(channel, key, since)
        view = self._views[key]
        if board and self.places.get(channel, key) is None:
            await self._pin(channel, await self._post(channel, key))
            self._sure[key] = since
        spot = self.places.get(channel, key)
        if spot is not None:
            await self._edit(channel, key, spot)
        if self._views[key] is view and self.address.door.opened == since:
            self._dirty.pop(key, None)
            if isinstance(view, PushView) and _is_over(view) and view.name not in self._announced:
                del self._views[key]  # nothing more comes of it

    async def _make_sure(self, channel: str, key: str, since: int) -> None:
        """Look whether a board of which the bot was not told for a while is still there, and pinned."""
        spot = self.places.get(channel, key)
        if spot is None:
            return
        try:
            message = await lookback.message_at(self.api, channel, spot.ts)
        except Refused as refused:
            if refused.code in NO_ENTRY:
                raise
            LOG.warning("board_not_looked_at", key=key, error=str(refused))
        else:
            if message is None:
                await self.places.keep(channel, key, None)
                return
            if not lookback.is_pinned(message):
                await self._pin(channel, spot.ts)
        self._sure[key] = since

    async def _edit(self, channel: str, key: str, spot: Spot) -> None:
        if self._drawn(key, spot) == spot:
            return
        await self.api.turn(UPDATE)
        made = self._drawn(key, spot)
        try:
            await self._send(UPDATE, channel, key, {"ts": spot.ts})
        except Refused as refused:
            if refused.code not in GONE:
                raise
            await self.places.keep(channel, key, None)
            if not key.startswith(BOARD):
                view = self._views[key]
                if isinstance(view, PushView) and not _is_over(view):
                    self._announce(view.name)
                return
            if refused.code != NOT_THERE:
                self._scanned = True  # so that it is not found once more where it cannot be removed
                await self._remove(channel, spot.ts)
            await self._draw(channel, key)
        else:
            await self.places.keep(channel, key, made)

    async def _post(self, channel: str, key: str) -> str:
        """Post what is not there, or find that it is; its timestamp."""
        while True:
            await self._scan(channel)
            spot = self.places.get(channel, key)
            if spot is not None:
                return spot.ts
            await self.api.turn(POST, channel)
            made = self._drawn(key, Spot(""))
            try:
                answer = await self._send(POST, channel, key, {})
            except DeliveryUncertain:
                self._scanned = False
                await asyncio.sleep(self.settles)
            else:
                ts = text(answer, "ts")
                await self.places.keep(channel, key, replace(made, ts=ts))
                return ts

    async def _send(self, method: str, channel: str, key: str, where: Object) -> Object:
        """Write a view as it is now, without blocks where Slack does not take them."""
        message = {**self.art.message(self._views[key]), **where}
        message["metadata"] = lookback.of_view(self.places.record, key)
        try:
            return await self.api.send(method, channel=channel, newest=method == UPDATE, **message)
        except Refused as refused:
            if refused.code not in TOO_MUCH:
                raise
            LOG.warning("view_without_blocks", key=key, error=str(refused))
            del message["blocks"]
            return await self.api.call(method, channel=channel, **message)

    async def _scan(self, channel: str) -> None:
        """Find what was posted and not noted; a board that stands there twice is taken away."""
        if self._scanned:
            return
        try:
            found = await lookback.views(self.api, channel, self.places.record)
        except Refused as refused:
            if refused.code in NO_ENTRY:
                raise
            LOG.warning("cannot_look_back", channel=channel, error=str(refused))
            found = []
        self._scanned = True
        for one in found:
            spot = self.places.get(channel, one.key)
            if spot is None:
                await self.places.keep(channel, one.key, Spot(one.ts))
                self._sure.pop(one.key, None)
            elif spot.ts != one.ts and one.key.startswith(BOARD):
                await self._remove(channel, one.ts)

    async def _pin(self, channel: str, ts: str) -> None:
        try:
            await self.api.call("pins.add", channel=channel, timestamp=ts)
        except Refused as refused:
            if refused.code != "already_pinned":
                LOG.warning("board_not_pinned", room=self.address.name, error=str(refused))

    async def _remove(self, channel: str, ts: str) -> None:
        for method, name in (("pins.remove", "timestamp"), ("chat.delete", "ts")):
            try:
                await self.api.call(method, channel=channel, **{name: ts})
            except Refused as refused:
                LOG.info("old_board_stays", room=self.address.name, error=str(refused))

    def _drawn(self, key: str, spot: Spot) -> Spot:
        """The spot of a view once it is drawn as it is now."""
        view = self._views[key]
        shown = json.dumps(self.art.message(view), sort_keys=True).encode()
        return Spot(spot.ts, hashlib.sha256(shown).hexdigest()[:16], _is_over(view))


def _is_over(view: LaneBoard | PushView) -> bool:
    return isinstance(view, PushView) and view.end is not PushEnd.UNDERWAY
