"""People's own pages: their trains in all lanes, the queues, how they are called, what they brought out last.

A page is drawn when somebody looks at it, and again for a while as things change. As with boards, of several changes
only the last counts, and nobody waits for it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from pushbot.errors import PushbotError, fault_reference
from pushbot.ports import Displays
from pushbot.queue.commands import Notify
from pushbot.service.people.remembered import key_of
from pushbot.service.views.boards import MADE_WITHIN
from pushbot.service.views.offers import for_one, offers
from pushbot.service.voice.calls import wished
from pushbot.service.voice.eta import turns
from pushbot.service.voice.homes import pushed
from pushbot.views import HomeView, Offer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pushbot.ports import Chat, Clock, PersonRecord, PushRecord, Store
    from pushbot.queue.model import Person
    from pushbot.service.audience import Wishes
    from pushbot.service.snapshot import Snapshot
    from pushbot.service.views.boards import Boards, Look
    from pushbot.service.views.offers import Scene
    from pushbot.service.voice.status import LaneNow
    from pushbot.views import LaneBoard

LOG = structlog.get_logger()
LOOKING = timedelta(minutes=10)
"""How long somebody who opened their page is taken to look at it."""
MOST = 100
"""Pages that are kept up to date, those that were opened last."""
PAUSE = 2.0
"""Seconds between two rounds: a page is as good as a few seconds old."""
LANES = 10
"""Lanes that a page shows, those of the person first."""
LAST = 5
PUSHES = 50
"""Pushes of a lane, the newest, among which a person's own are looked for."""


@dataclass(frozen=True, slots=True)
class _Round:
    """All lanes at a moment, for every page of a round; what is found out of a lane for one page is there for all."""

    snapshots: tuple[Snapshot, ...]
    pushes: tuple[PushRecord, ...]
    boards: dict[str, tuple[LaneBoard, Scene]] = field(default_factory=dict)
    known: dict[str, LaneNow] = field(default_factory=dict)


@dataclass(slots=True)
class Homes:
    """One for the whole bot. Commands that are pressed there come like those of a private message."""

    chats: Mapping[str, Chat]
    boards: Boards
    look: Look
    store: Store
    clock: Clock
    wishes: Wishes
    _looking: dict[tuple[str, str], tuple[Person, datetime]] = field(default_factory=dict)
    _wanted: dict[tuple[str, str], None] = field(default_factory=dict)
    _shown: dict[tuple[str, str], str] = field(default_factory=dict)
    _awake: asyncio.Event = field(default_factory=asyncio.Event)

    def opened(self, person: Person) -> None:
        """Draw the page of `person`, who looks at it."""
        key = person.chat, person.reach
        self._looking.pop(key, None)
        self._shown.pop(key, None)
        self._looking[key] = person, self.clock.now()
        while len(self._looking) > MOST:
            del self._looking[next(iter(self._looking))]
        self._wanted[key] = None
        self._awake.set()

    def changed(self) -> None:
        """Something is not as pages show it."""
        if self._looking:
            self._wanted |= dict.fromkeys(self._looking)
            self._awake.set()

    async def run(self) -> None:
        """Draw the pages that are wanted, for ever."""
        while True:
            await self._awake.wait()
            self._awake.clear()
            now = self.clock.now()
            self._looking = {key: one for key, one in self._looking.items() if now - one[1] < LOOKING}
            self._shown = {key: text for key, text in self._shown.items() if key in self._looking}
            wanted, self._wanted = self._wanted, {}
            await self._draw([self._looking[key][0] for key in wanted if key in self._looking])
            await self.clock.sleep(PAUSE)

    async def _draw(self, people: Sequence[Person]) -> None:
        if not people:
            return
        left = list(people)
        try:
            async with asyncio.timeout(MADE_WITHIN):
                now = await self._round()
                while left:
                    self._show(left[0], await self._page(left[0], now))
                    del left[0]
        except (PushbotError, TimeoutError) as error:
            LOG.warning("homes_not_made", error=str(error) or "it took too long")
        except Exception:
            LOG.exception("homes_not_made", reference=fault_reference())
            del left[0]  # that one, or the next one will come to the same
        if left:
            self._wanted |= {(person.chat, person.reach): None for person in left}
            self._awake.set()

    def _show(self, person: Person, page: HomeView) -> None:
        chat: object = self.chats.get(person.chat)
        key, told = (person.chat, person.reach), repr(page)
        if isinstance(chat, Displays) and self._shown.get(key) != told:
            self._shown[key] = told
            chat.show_home(person.reach, page)

    async def _round(self) -> _Round:
        snapshots = tuple(conductor.snapshot() for conductor in self.boards.conductors.values())
        pushes = [push for each in snapshots for push in await self.store.pushes(each.spec.name, limit=PUSHES)]
        return _Round(snapshots, tuple(sorted(pushes, key=lambda push: push.began_at, reverse=True)))

    async def _page(self, person: Person, now: _Round) -> HomeView:
        aboard = [each for each in now.snapshots if any(one.seat(person) is not None for one in each.queue.trains)]
        lanes = list(dict.fromkeys(each.spec.name for each in (*aboard, *now.snapshots)))[:LANES]
        wish, rode = self.wishes.people.of(person), [push for push in now.pushes if self._rode(person, push)]
        for lane in lanes:
            if lane not in now.boards:
                now.boards[lane] = await self.boards.seen(lane)
        for each in aboard:
            if each.spec.name not in now.known:
                now.known[each.spec.name] = await self.look(each, now.snapshots)
        return HomeView(
            replace(person, proof=""),
            boards=tuple(now.boards[lane][0] for lane in lanes),
            offered=tuple(offers(for_one(now.boards[lane][1], person)) for lane in lanes),
            mine=tuple(turn for each in aboard for turn in turns(now.known[each.spec.name], person)),
            wish=wished(wish),
            wishes=tuple(_wishes(wish)) if person.trusted else (),
            last=tuple(pushed(push) for push in rode[:LAST]),
        )

    def _rode(self, person: Person, push: PushRecord) -> bool:
        """Whether a push was theirs, in whatever chat, also before the configuration linked them."""
        directory = self.wishes.directory
        human = directory.human(person)
        if push.people:
            known = key_of(person)
            return any(key == known or (human is not None and directory.recorded(key) == human) for key in push.people)
        others = (human.name, *(one.who for one in human.accounts)) if human is not None else ()
        return not {person.name, *others}.isdisjoint(push.riders)  # of old ones the record has names alone


def _wishes(wish: PersonRecord) -> list[Offer]:
    """How somebody could be called otherwise than now."""
    offered = {
        "up": (wish.notify is not Notify.UP, "When my train is up", ".notify me when up"),
        "ahead": (
            wish.notify is not Notify.AHEAD or wish.ahead != 1,
            "When 1 train goes before",
            ".notify me when 1 ahead",
        ),
        "off": (wish.notify is not Notify.OFF, "Do not call me", ".notify off"),
        "privately": (not wish.privately, "In private", ".notify privately"),
        "here": (wish.privately, "In the room", ".notify here"),
    }
    return [Offer(name, label, text, bound=False) for name, (other, label, text) in offered.items() if other]
