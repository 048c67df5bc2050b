"""What each room shows, what it should show, and whether we are in it. Pure: times are given, in seconds.

A topic change goes out at once when nothing else is under way in its room. While one is under way (sent,
and not yet seen to have come true) or waiting, later ones replace each other, and the latest goes out
`interval` after the last: forty people joining at once make two changes, one person none too late.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from pushbot.chat.backoff import Backoff
from pushbot.chat.irc.wire import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ENTER_WAIT = 30.0
"""Seconds after which a JOIN that got no answer is sent again."""

ECHO_WAIT = 2.0
"""Seconds after which a topic is taken for set without an echo: some servers do not echo an unchanged one."""

RETRY_WAIT = 1.0
"""Seconds after which a topic is tried again that the server did not want just now (inspircd's 437)."""

REJOIN_MIN = 1.0
REJOIN_MAX = 300.0
SILENCED_WAIT = 60.0
"""Seconds after which a room that took no line of ours is tried again, if nothing was changed there before."""

STAY = 60.0
"""Seconds in a room after which being thrown out is forgiven: the next return is quick again."""


class Presence(Enum):
    """Where we are, seen from a room."""

    OUTSIDE = auto()
    ASKED = auto()
    ENTERING = auto()
    INSIDE = auto()


@dataclass(slots=True)
class Room:
    """One room. `topic` is the text it shows now; `wanted` the one we were last told to show there."""

    name: str
    presence: Presence = Presence.OUTSIDE
    since: float = 0.0
    rejoin_at: float = 0.0
    backoff: Backoff = field(default_factory=lambda: Backoff(REJOIN_MIN, REJOIN_MAX))
    topic: str = ""
    setter: str | None = None
    wanted: str | None = None
    waiting_since: float | None = None
    under_way: str | None = None
    sent_at: float = 0.0
    not_before: float = 0.0
    crowded: bool = False
    refused: bool = False
    refusal_told: bool = False
    silenced_at: float | None = None
    split: bool = False

    @property
    def inside(self) -> bool:
        """Whether we are in."""
        return self.presence is Presence.INSIDE

    @property
    def hears(self) -> bool:
        """Whether we are in and may speak."""
        return self.inside and self.silenced_at is None

    # --- coming and going ---

    def asked(self, now: float) -> None:
        """A JOIN was sent."""
        self.presence, self.since = Presence.ASKED, now

    def entering(self, now: float) -> None:
        """The server let us in and goes on to describe the room."""
        self.presence, self.since = Presence.ENTERING, now
        self.topic, self.setter, self.under_way, self.silenced_at = "", None, None, None
        self.refused = self.refusal_told = self.crowded = self.split = False

    def entered(self, now: float, limit: int) -> None:
        """All is told about the room; if it does not show what it should, that is put right."""
        self.presence, self.since = Presence.INSIDE, now
        if self.wanted is not None and cut(self.wanted, limit) != self.topic:
            self.waiting_since = now

    def outside(self, now: float) -> None:
        """We were not let in, or are out again; `rejoin_at` is when to try next."""
        if self.inside and now - self.since > STAY:
            self.backoff.reset()
        self.presence, self.since, self.under_way = Presence.OUTSIDE, now, None
        self.rejoin_at = now + REJOIN_MIN / 2 + self.backoff.next()

    def disconnected(self) -> None:
        """The connection is gone; the next one enters at once."""
        self.presence, self.under_way, self.rejoin_at = Presence.OUTSIDE, None, 0.0

    def knock_due(self, now: float) -> bool:
        """Whether it is time to send a JOIN."""
        if self.presence is Presence.OUTSIDE:
            return now >= self.rejoin_at
        return self.presence is Presence.ASKED and now - self.since > ENTER_WAIT

    # --- topic ---

    def draw(self, text: str, now: float, limit: int) -> None:
        """The room is to show `text` from now on."""
        self.wanted = text
        goal = cut(text, limit)
        if goal == (self.topic if self.under_way is None else self.under_way):
            self.waiting_since = None
            self.crowded = self.under_way is not None and self.crowded
            return
        if self.under_way is not None or self.waiting_since is not None:
            self.crowded = True
        if self.waiting_since is None:
            self.waiting_since = now

    def due(self, interval: float) -> float | None:
        """When the waiting topic may be sent; None when there is none or nothing may be sent now."""
        if self.waiting_since is None or self.refused or self.under_way is not None or not self.inside:
            return None
        return max(self.waiting_since, self.not_before, self.sent_at + interval if self.crowded else 0.0)

    def send(self, now: float, limit: int) -> str:
        """The topic to be written now."""
        self.under_way = cut(self.wanted or "", limit)
        self.waiting_since, self.sent_at = None, now
        return self.under_way

    def echoed(self, text: str) -> None:
        """The server showed everybody a topic that we had set."""
        if self.under_way is None or not (self.under_way == text or (text and self.under_way.startswith(text))):
            self.topic = text
        else:
            self.settled()

    def settled(self) -> None:
        """The topic under way has come true."""
        if self.under_way is not None:
            self.topic, self.under_way = self.under_way, None
        self.crowded = self.waiting_since is not None

    def lost(self, text: str, now: float, limit: int) -> None:
        """The server itself (a netsplit's end) put `text` there: what should be there is put back."""
        self.topic = text
        if self.wanted is not None and cut(self.wanted, limit) != text:
            self.waiting_since = now

    def back_from_split(self, now: float) -> bool:
        """Somebody came in; True for the first one after a netsplit.

        The other side may show another topic now, as ngircd keeps each its own: ours is set once more.
        """
        back, self.split = self.split, False
        if back and self.wanted is not None:
            self.waiting_since = now
        return back

    def put_off(self, now: float) -> None:
        """The server did not take the topic now; it, or what is wanted by then, goes out later."""
        self.under_way, self.not_before = None, now + RETRY_WAIT
        if self.waiting_since is None:
            self.waiting_since = now

    def refuse(self, now: float) -> bool:
        """The server does not let us; True when that was not told since we entered. It waits for `allow`."""
        self.put_off(now)
        self.not_before, self.refused = now, True
        told, self.refusal_told = self.refusal_told, True
        return not told

    def allow(self) -> None:
        """Something changed after which setting the topic may work."""
        self.refused = False


class Rooms:
    """The rooms of the config, in its spelling, found by any spelling that the server holds for equal."""

    def __init__(self, names: Sequence[str], fold: Callable[[str], str]) -> None:
        self._all = [Room(name) for name in names]
        self._fold = fold
        self._index: dict[str, Room] = {}
        self.refold()

    def refold(self) -> None:
        """The server told how it compares names."""
        self._index = {self._fold(room.name): room for room in self._all}

    def split(self) -> None:
        """The network has broken in two: who left may come back with another topic."""
        for room in self._all:
            room.split = True

    def find(self, name: str) -> Room | None:
        """The room of that name, or None when it is none of ours."""
        return self._index.get(self._fold(name))

    def shut(self, name: str) -> str | None:
        """The room's name in our spelling when `name` is a room of ours that does not hear us; else None."""
        room = self.find(name)
        return None if room is None or room.hears else room.name

    def __iter__(self) -> Iterator[Room]:
        return iter(self._all)
