"""Keeps what a room shows: each lane's board, pinned, and a message for each push, edited as things go on.

Where they are is remembered. A message that was posted and not noted, as the bot ended in between, is found again by
its metadata; one that is gone, or cannot be edited any more, is posted anew: that is no war, see `pins.Cooldown`.
https://docs.slack.dev/reference/methods/chat.update
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Protocol

import structlog

from pushbot.chat.slack.outbound import history
from pushbot.chat.slack.outbound.history import BOARD
from pushbot.chat.slack.outbound.message_index import PUSH, board_key, push_key
from pushbot.chat.slack.outbound.pins import GONE, NOT_THERE, Cooldown, delete, pin, take_down, unfollow
from pushbot.chat.slack.outbound.view_messages import is_over
from pushbot.chat.slack.outbound.workers import pause
from pushbot.chat.slack.refused import NO_BOT, NO_ENTRY, UNKNOWN, Refused, Unreachable, warn
from pushbot.views import PushEnd, PushView

if TYPE_CHECKING:
    from pushbot.chat.slack.outbound.address import Address
    from pushbot.chat.slack.outbound.message_index import Spot
    from pushbot.chat.slack.outbound.view_messages import ViewMessages
    from pushbot.views import LaneBoard

LOG = structlog.get_logger()
PIN, NEW = "pin of ", "new "
RENEWED = 5.0
"""Seconds between two boards where each is posted anew."""


class Room(Protocol):
    """What else goes on in the room."""

    def stir(self) -> None:
        """There is something to draw."""
        ...

    def announce(self, push: str) -> None:
        """The message of a push is to be posted, before the lines that are said from now on."""
        ...


@dataclass(slots=True, eq=False)
class Reconciler:
    """What one room shows."""

    address: Address
    messages: ViewMessages
    room: Room
    _dirty: dict[str, None] = field(default_factory=dict)
    _announced: set[str] = field(default_factory=set)
    _sure: dict[str, tuple[int, int]] = field(default_factory=dict)
    _touched: dict[str, int] = field(default_factory=dict)
    _cooldown: Cooldown = field(default_factory=Cooldown)
    _resting: dict[str, float] = field(default_factory=dict)
    _leaving: dict[str, asyncio.Future[None]] = field(default_factory=dict)

    def show_board(self, board: LaneBoard) -> None:
        """Make this the lane's board."""
        self._left(board_key(board.lane))
        self._change(board_key(board.lane), board)

    def take_down(self, key: str) -> asyncio.Future[None]:
        """Show a board, or how a push goes on, no more. Done when that is so, or is not to be."""
        left = self._leaving.setdefault(key, asyncio.get_running_loop().create_future())
        self._stir(key)
        return left

    def touch(self, key: str) -> bool:
        """Look at the message of a view, which somebody may have unpinned, and put that right.

        False where nothing more comes of that view.
        """
        shown = key in self.messages.views
        if shown:
            self._touched[key] = self._touched.get(key, 0) + 1
            self._stir(key)
        return shown

    def show_push(self, push: PushView) -> None:
        """Make this what is shown of a push. One that is over, and that the room never heard of, is not begun."""
        key = push_key(push.name)
        new = key not in self.messages.views and push.end is PushEnd.UNDERWAY
        self._left(key)
        self._change(key, push)
        if new:
            self._announce(push.name)

    def found(self) -> None:
        """The room was entered, its door opened: who knows what became of the boards in the meantime.

        What is being looked at just now is looked at again: that may have been too early.
        """
        for key, view in self.messages.views.items():
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
            since, doubts, view = self.address.door.opened, self._since(key), self.messages.views.get(key)
            try:
                channel = await self.address.channel()
                if channel is None:
                    await self.address.door.knock(since)
                    continue
                await (self._leave(channel, key) if key in self._leaving else self._draw(channel, key))
                tries = 0
            except Unreachable:
                tries += 1
                await self.address.door.knock(since, pause(tries))
            except Refused as refused:
                warn("view_refused", refused, key=key)
                if refused.code in NO_ENTRY | NO_BOT:
                    await self.address.door.knock(since)
                elif self._since(key) == doubts and self.messages.views.get(key) is view:
                    self._dirty.pop(key, None)

    async def post_parent(self, channel: str, push: str) -> None:
        """Have the message of a push stand in the channel. Errors as those of `Api.call`, but no doubts."""
        key = push_key(push)
        try:
            if key in self.messages.views and self.messages.index.get(channel, key) is None:
                await self._post(channel, key)
        except Refused as refused:
            if refused.code not in NO_ENTRY | NO_BOT:
                self._announced.discard(push)
            raise
        self._announced.discard(push)  # only now: what is over and not announced is forgotten
        if key in self.messages.views:
            self._change(key, self.messages.views[key])

    async def deleted(self, channel: str, key: str, ts: str) -> None:
        """Somebody deleted this message of a view: lines need not wait for another."""
        await self._lose(channel, key, ts)
        self.touch(key)

    async def lost_parent(self, channel: str, push: str) -> bool:
        """The message of a push is gone; whether another can be posted."""
        key = push_key(push)
        await self._lose(channel, key, self.messages.index.thread(channel, push))
        if not self.touch(key) or self._cooldown.left(key):
            return False
        self._announced.add(push)
        return True

    # --- below ---

    def _change(self, key: str, view: LaneBoard | PushView) -> None:
        self.messages.views[key] = view
        self._stir(key)

    def _stir(self, key: str) -> None:
        self._dirty[key] = None
        self.room.stir()

    def _since(self, key: str) -> tuple[int, int]:
        """How often it was in doubt whether a view is where it was: since then one may be sure that it is."""
        return self.address.door.opened, self._touched.get(key, 0)

    def _announce(self, push: str) -> None:
        if push not in self._announced:
            self._announced.add(push)
            self.room.announce(push)

    async def _draw(self, channel: str, key: str) -> None:
        board, since = key.startswith(BOARD), self._since(key)
        if (board or self._touched.get(key)) and self._sure.get(key) != since:
            await self._make_sure(channel, key, since)
        view = self.messages.views[key]
        missed = board or (self._cooldown.lost(key) and not is_over(view))
        if missed and self.messages.index.get(channel, key) is None:
            if (left := self._cooldown.left(key)) > 0:
                self._rest(key, left)
            elif isinstance(view, PushView):
                self._announce(view.name)
            else:
                ts = await self._post(channel, key)
                self._sure[key] = since
                if not await pin(self.messages.api, channel, ts):
                    await self.deleted(channel, key, ts)  # before the bot knew which it was
        spot = self.messages.index.get(channel, key)
        if spot is not None:
            await self._edit(channel, key, spot)
        if self.messages.views[key] is view and self._since(key) == since and key not in self._leaving:
            self._dirty.pop(key, None)
            if isinstance(view, PushView) and is_over(view) and view.name not in self._announced:
                del self.messages.views[key]  # nothing more comes of it

    async def _make_sure(self, channel: str, key: str, since: tuple[int, int]) -> None:
        """Look whether what may have been taken away is still there, and a board pinned."""
        spot = self.messages.index.get(channel, key)
        if spot is None:
            return
        try:
            message = await history.message_at(self.messages.api, channel, spot.ts)
        except Refused as refused:
            if refused.code in NO_ENTRY:
                raise
            warn("board_not_looked_at", refused, key=key)
        else:
            if message is None:
                await self._lose(channel, key, spot.ts)
                return
            if key.startswith(BOARD) and not history.is_pinned(message):
                self._cooldown.lose(PIN + key)
                if (left := self._cooldown.left(PIN + key)) > 0:
                    self._rest(key, left)
                else:
                    await pin(self.messages.api, channel, spot.ts)
                    self._cooldown.settle(PIN + key)
        self._sure[key] = since

    async def _leave(self, channel: str, key: str) -> None:
        api, index, art = self.messages.api, self.messages.index, self.messages.art
        try:
            if key.startswith(BOARD):
                await take_down(api, index, channel, key, art.past(key.removeprefix(BOARD)))
            else:
                await unfollow(api, index, channel, key, partial(art.unfollowed, key.removeprefix(PUSH)))
        except Refused as refused:  # it is tried again when the room is entered anew, or the bot begins
            warn("board_not_taken_down", refused, key=key, channel=channel)
        if key in self._leaving:
            self._left(key)
            self.messages.views.pop(key, None)
            self._dirty.pop(key, None)

    def _left(self, key: str) -> None:
        """It has left, or is to stay after all."""
        left = self._leaving.pop(key, None)
        if left is not None:
            left.set_result(None)

    async def _post(self, channel: str, key: str) -> str:
        ts = await self.messages.post(channel, key)
        self._cooldown.settle(key)
        return ts

    async def _lose(self, channel: str, key: str, ts: str) -> None:
        if self.messages.index.is_at(channel, key, ts):  # else another was posted meanwhile
            self._cooldown.lose(key)
            await self.messages.index.keep(channel, key, None)

    def _rest(self, key: str, seconds: float) -> None:
        """Look at it again then, if not before."""
        loop = asyncio.get_running_loop()
        if loop.time() + seconds < self._resting.get(key, inf):
            self._resting[key] = loop.time() + seconds
            loop.call_later(seconds, self._rested, key)

    def _rested(self, key: str) -> None:
        self._resting.pop(key, None)
        self.touch(key)

    async def _edit(self, channel: str, key: str, spot: Spot) -> None:
        try:
            await self.messages.edit(channel, key, spot)
        except Refused as refused:
            if refused.code == UNKNOWN and key.startswith(BOARD):
                await self._renew(channel, key, spot)
                return
            if refused.code not in GONE:
                raise
            await self._lose(channel, key, spot.ts)
            if key.startswith(BOARD) and refused.code != NOT_THERE:
                self.messages.scanned = True  # so that it is not found once more where it cannot be removed
                await delete(self.messages.api, channel, spot.ts)
            self.touch(key)  # so that it is drawn once more

    async def _renew(self, channel: str, key: str, spot: Spot) -> None:
        """Post a board anew, as a stand-in for Slack edits nothing; once in so many seconds."""
        self._cooldown.lose(NEW + key)
        if (left := self._cooldown.left(NEW + key, RENEWED)) > 0:
            self._rest(key, left)
            return
        self._cooldown.settle(NEW + key)
        await self.messages.index.keep(channel, key, None)
        self.messages.scanned = True
        await delete(self.messages.api, channel, spot.ts)
        self.touch(key)
