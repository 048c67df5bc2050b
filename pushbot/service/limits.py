"""How much one person may ask for: who sends more is told so once, and keeps nobody else waiting.

Commands are done one after the other, and what a script sends that runs wild would stand before everybody else's.
So each person has so many at hand, and gets more as time passes: enough for anybody who works by hand. When they are
used up there is a pause: nothing of theirs is done until some have come back, so that what is done has no holes. For
each pause people are told once, to them alone, when it is known how much was not done; the journal has it in two lines,
at the pause's beginning and end. What only makes things stop has as much of its own, which nothing else uses up.

Time that runs backwards gives nothing and takes nothing.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

import structlog

from pushbot.queue import commands as c
from pushbot.queue.refusals import Code, Refusal
from pushbot.service.voice.refusals import refused

if TYPE_CHECKING:
    from datetime import datetime

    from pushbot.ports import Clock
    from pushbot.queue.grammar import Request
    from pushbot.queue.model import Person
    from pushbot.service.asks import Origin
    from pushbot.service.journal.clerk import Clerk
    from pushbot.service.speaker import Speaker

LOG = structlog.get_logger()
AT_ONCE: Final = 2
"""Minutes of which all commands may come at the same moment."""
PAUSE: Final = 20.0
"""Seconds of which all commands have come back when a pause ends."""
LOOK_EVERY: Final = 1.0
"""Seconds after which pauses are looked at; people are told when nothing more of theirs came for so long ..."""
TOLD_WITHIN: Final = 5.0
"""... or so many seconds after the pause began."""
MOST: Final = 10_000
"""People who are known at the same time; who was quiet for longest is forgotten."""


@dataclass(slots=True)
class _Pause:
    """`count` commands by somebody were not done since `began`, the first of them said at `origin`."""

    by: Person
    origin: Origin
    began: datetime
    last: datetime
    brake: bool
    count: int = 0
    told: bool = False


@dataclass(slots=True)
class _Purse:
    """What somebody has at hand: at the time `at` so many commands were left."""

    left: float
    at: datetime
    pause: _Pause | None = None


@dataclass(slots=True)
class Limits:
    """One for the whole bot, so that a reload makes nobody's commands more. `per_minute` is 0 for no limit."""

    clock: Clock
    speaker: Speaker
    clerk: Clerk
    per_minute: int = 0
    _purses: OrderedDict[tuple[str, str, bool], _Purse] = field(default_factory=OrderedDict)
    _stir: asyncio.Event = field(default_factory=asyncio.Event)

    def takes(self, what: Request, by: Person, text: str, origin: Origin) -> bool:
        """Whether a command is to be done. If not it is counted, and `by` will be told."""
        if not self.per_minute or by.bot:
            return True
        brake = by.trusted and _only_stops(what)
        purse = self._purse(by, brake=brake)
        if purse.pause is None and purse.left >= 1:
            purse.left -= 1
            return True
        now = self.clock.now()
        if purse.pause is None:
            purse.pause = _Pause(by, origin, now, now, brake)
            self.clerk.note(by, text, origin, Code.TOO_FAST)
            self._stir.set()
        purse.pause.count += 1
        purse.pause.last = now
        return False

    async def run(self) -> None:
        """Look at pauses, until cancelled; those that there are then are written down as they are."""
        try:
            while True:
                await self._stir.wait()
                await self.clock.sleep(LOOK_EVERY)
                if not self._looked():
                    self._stir.clear()
        finally:
            for _, pause in self._pauses():
                self._note(pause)

    def tell(self) -> None:
        """Tell all who have not been told yet: there may be no later."""
        for purse, pause in self._pauses():
            self._tell(purse, pause)

    def _looked(self) -> bool:
        """Tell who is to be told, end what is to end; whether any pause is left."""
        now = self.clock.now()
        for purse, pause in self._pauses():
            self._refill(purse)
            silent, since = ((now - then).total_seconds() for then in (pause.last, pause.began))
            if silent >= LOOK_EVERY or since >= TOLD_WITHIN:
                self._tell(purse, pause)
        return bool(self._pauses())

    def _pauses(self) -> list[tuple[_Purse, _Pause]]:
        return [(purse, purse.pause) for purse in self._purses.values() if purse.pause is not None]

    def _purse(self, by: Person, *, brake: bool) -> _Purse:
        """What `by` has now, who then is the one who was heard last."""
        who = ("" if by.linked else by.chat, by.key, brake)
        purse = self._purses.pop(who, None)
        if purse is None:
            self._forget()
            purse = _Purse(self._most, self.clock.now())
        self._purses[who] = purse
        self._refill(purse)
        return purse

    def _forget(self) -> None:
        """For one who comes let go of two who were quiet until they had all again, and of the quietest of too many."""
        for purse in list(islice(self._purses.values(), 2)):
            self._refill(purse)
            if purse.left < self._most and len(self._purses) < MOST:
                return
            self._purses.popitem(last=False)
            if purse.pause is not None:
                self._end(purse, purse.pause)

    @property
    def _most(self) -> float:
        return float(AT_ONCE * self.per_minute)

    @property
    def _enough(self) -> float:
        """What is to be there when a pause ends."""
        return min(self._most, max(1.0, PAUSE * self.per_minute / 60))

    def _refill(self, purse: _Purse) -> None:
        now = self.clock.now()
        back = max(0.0, (now - purse.at).total_seconds()) * self.per_minute / 60
        purse.left, purse.at = min(self._most, purse.left + back), now
        if purse.pause is not None and purse.left >= self._enough:
            self._end(purse, purse.pause)

    def _end(self, purse: _Purse, pause: _Pause) -> None:
        purse.pause = None
        self._tell(purse, pause)
        self._note(pause)

    def _tell(self, purse: _Purse, pause: _Pause) -> None:
        if pause.told:
            return
        pause.told = True
        now, lacking = self.clock.now(), max(0.0, self._enough - purse.left)
        until = now + timedelta(minutes=lacking / self.per_minute) if self.per_minute else now
        about = f"{pause.count} brakes" if pause.brake else str(pause.count)
        refusal = Refusal(Code.TOO_FAST, subject=about, until=until, now=now)
        self.speaker.answer(pause.origin, refused(pause.by, refusal), Code.TOO_FAST, alone=True)  # before their answers

    def _note(self, pause: _Pause) -> None:
        """Write down how many they were, but for the first, which is on record."""
        LOG.warning("commands_not_taken", person=pause.by.name, count=pause.count)
        if pause.count > 1:
            self.clerk.note(pause.by, f"{pause.count - 1} more", pause.origin, Code.TOO_FAST)


def _only_stops(what: Request) -> bool:
    """Whether a command does nothing but stop what goes on, or calls for help."""
    return isinstance(what, c.Abort | c.PutHold | c.Uhoh) or (isinstance(what, c.OpenIncident) and bool(what.title))
