"""The house: takes what concerns no lane, or all of them. One mailbox, read by one task, as in a lane.

What is waiting is put into a draft, committed in one transaction, and only then does anything follow.

An incident holds every lane. Its record is committed first, the lanes are asked then, each in its own mailbox: a bot
that ends in between finds an open incident and lanes that are not held for it, and asks again. In the record an
incident has the lanes that were held for it, so that one which people released by hand stays released. In the same
way a hold for an incident that is over is released.

While an incident is open, what is said in the rooms where it was announced goes into its timeline, and so does what
the feed tells of the lanes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog

from pushbot.errors import PushbotError, fault_reference
from pushbot.ports import Moment
from pushbot.queue import commands as c
from pushbot.queue.refusals import Code, Refusal
from pushbot.service.asks import Ask
from pushbot.service.feed import Declined, Happened, Lost
from pushbot.service.house.draft import HouseDraft
from pushbot.service.house.incidents import cause_of, causes, reason
from pushbot.service.house.oncall import Ping
from pushbot.service.house.paging import call, wakes
from pushbot.service.people.remembered import Remembering
from pushbot.service.runs.dispatcher import BOT
from pushbot.service.spec import Room
from pushbot.service.voice.incident import moments, name_of, titled
from pushbot.service.voice.refusals import broken, refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from pushbot.ports import Heard, IncidentRecord
    from pushbot.queue.model import Person
    from pushbot.service.feed import Feed, Word
    from pushbot.service.house.surroundings import HouseSurroundings
    from pushbot.service.lane.conductor import Conductor

LOG = structlog.get_logger()
MAILBOX = 1000
"""Pieces of work that may wait; whoever brings more has to wait, back to the chat's socket."""
BATCH = 200
"""Pieces of work that go into one transaction at most."""
AGAIN_AFTER = 1.0
"""Seconds until what could not be recorded, or what a lane could not record, is tried again."""


@dataclass(frozen=True, slots=True)
class Talk:
    """A plain line that was said where incidents are told."""

    moment: Moment


Mail = Ask | Talk | Happened | Declined


@dataclass(slots=True)
class House:
    """One for the whole bot. `reload` reads the configuration again for a person, and gives lines to answer with."""

    around: HouseSurroundings
    conductors: Mapping[str, Conductor]
    feed: Feed
    reload: Callable[[Person], Awaitable[tuple[str, ...]]] | None = None
    incident: IncidentRecord | None = None
    _last: IncidentRecord | None = None
    _busy: bool = False
    _retry_at: float | None = None
    _owed: deque[Mail] = field(default_factory=lambda: deque(maxlen=MAILBOX))
    _ordered: set[tuple[str, str]] = field(default_factory=set)
    _declined: set[tuple[str, str]] = field(default_factory=set)
    _mailbox: asyncio.Queue[Mail] = field(default_factory=lambda: asyncio.Queue(MAILBOX))
    _news: asyncio.Queue[Word] = field(default_factory=asyncio.Queue)

    async def remember(self) -> None:
        """Take up what the store knows. Raises PushbotError when it cannot be read."""
        self.around.people.take(await self.around.store.people())
        self._last = newest = next(iter(await self.around.store.incidents(limit=1)), None)
        self.incident = newest if newest is not None and newest.resolved_at is None else None

    def inherit(self, former: House) -> None:
        """Go on with what another house, which does no more, was left and has not done."""
        self._mailbox, self._owed, self._retry_at = former._mailbox, former._owed, former._retry_at

    async def rest(self) -> None:
        """Return when all that has been put is done, or could not be recorded."""
        await self._mailbox.join()

    @property
    def resting(self) -> bool:
        """Whether nothing is under way, nor told by a lane and not looked at yet."""
        return not self._busy and self._mailbox.empty() and self._news.empty()

    async def put(self, ask: Ask) -> None:
        """Leave a piece of work; waits while the mailbox is full."""
        await self._mailbox.put(ask)

    async def hear(self, heard: Heard) -> None:
        """Take a plain line for the timeline, if there is or may in a moment be one that it belongs to."""
        told_here = heard.room is not None and Room(heard.chat, heard.room) in self.around.warroom
        if told_here and (self.incident is not None or self._busy or not self._mailbox.empty()):
            await self._mailbox.put(Talk(Moment(self.around.clock.now(), heard.person.name, heard.text)))

    async def run(self) -> None:
        """Do what is put into the mailbox, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(), name="house watches the lanes")
            await asyncio.sleep(0)  # it watches before anything is asked of the lanes
            await self._do([])
            while True:
                owed = len(self._owed)
                batch = await self._next_batch()
                try:
                    await self._do(batch)
                except Exception:
                    reference = fault_reference()
                    LOG.exception("batch_failed", reference=reference)
                    self._tell(batch, broken(reference))
                finally:
                    for mail in batch:
                        if isinstance(mail, Ask):
                            mail.settled()
                    for _ in batch[owed:]:
                        self._mailbox.task_done()

    async def _next_batch(self) -> list[Mail]:
        """All that waits, up to a bound, after what could not be recorded before."""
        batch = list(self._owed)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._retry_at):
                batch.append(await self._mailbox.get())
        self._owed.clear()
        if self._retry_at is not None and self._retry_at <= asyncio.get_running_loop().time():
            self._retry_at = None
            self._ordered -= self._declined
            self._declined.clear()
        while len(batch) < BATCH and not self._mailbox.empty():
            batch.append(self._mailbox.get_nowait())
        return batch

    # --- a batch -----------------------------------------------------------------------------------

    async def _do(self, batch: Sequence[Mail]) -> None:
        self._busy = True
        around = self.around
        draft = HouseDraft(around, around.clock.now(), self.incident, self._last, Remembering(around.people))
        try:
            for mail in batch:
                await self._take(draft, mail)
            mine = name_of(draft.incident) if draft.incident else ""
            draft.holds(lane for lane, conductor in self.conductors.items() if mine in causes(conductor.queue))
            if await self._committed(draft, batch):
                self.incident, self._last = draft.incident, draft.last
                around.speaker.hand(draft.lines)
                await self._order()
                await self._follow(draft, batch)
        finally:
            self._busy = False

    async def _take(self, draft: HouseDraft, mail: Mail) -> None:
        """Put one piece of work into the draft; a bug in it costs that piece alone."""
        try:
            match mail:
                case Ask(what) if isinstance(what, c.BotCommand):
                    await draft.take(mail, what)
                case Ask(c.Rename(old, new)):
                    draft.renamed(old, new)
                case Talk(moment):
                    draft.keep([moment], talk=True)
                case Happened():
                    self._happened(draft, mail)
                case _:
                    pass
        except Exception:
            reference = fault_reference()
            LOG.exception("command_failed", reference=reference)
            self._tell([mail], broken(reference))

    async def _committed(self, draft: HouseDraft, batch: Sequence[Mail]) -> bool:
        """Write the draft down; when that fails nothing was done, and that is said."""
        work = draft.work()
        if work is None:
            return True
        try:
            await self.around.store.commit(work)
        except PushbotError as error:
            draft.forget()
            LOG.error("not_recorded", error=str(error))  # noqa: TRY400 - expected of a disk, told in words
            self._tell(batch, refused(None, Refusal(Code.NOT_RECORDED, subject=str(error))))
            self._owed.extend(mail for mail in batch if not isinstance(mail, Ask))
            self._try_again()
            return False
        except BaseException:  # it may have been recorded all the same
            draft.remembering.forget()
            raise
        return True

    def _try_again(self) -> None:
        """What did not work is tried again in a moment."""
        if self._retry_at is None:
            self._retry_at = asyncio.get_running_loop().time() + AGAIN_AFTER

    def _tell(self, batch: Sequence[Mail], text: str) -> None:
        for origin in dict.fromkeys(mail.origin for mail in batch if isinstance(mail, Ask)):
            if origin is not None:
                self.around.speaker.answer(origin, text, alone=True)

    async def _follow(self, draft: HouseDraft, batch: Sequence[Mail]) -> None:
        """What comes after the record: a fault in one thing keeps no other back."""
        acts = list(draft.after)
        if draft.opened and draft.incident is not None:
            acts.append(partial(call, self.around, Ping.INCIDENT, f"This is {titled(draft.incident)}"))
        for mail in batch:
            if isinstance(mail, Ask):
                LOG.info("asked", person=mail.by.name, command=type(mail.what).__name__.lower())
            if isinstance(mail, Ask) and isinstance(mail.what, c.Reload):
                acts.append(partial(self._reload, mail))
        for act in acts:
            try:
                await act()
            except Exception:
                LOG.exception("follow_up_failed", reference=fault_reference())

    async def _reload(self, ask: Ask) -> None:
        if self.around.access.refusal(c.Reload(), None, ask.by, None) is not None:  # which the draft has told
            return
        try:
            told = await self.reload(ask.by) if self.reload is not None else ("I cannot be reloaded here",)
        except PushbotError as error:
            told = tuple(str(error).splitlines())
        if ask.origin is not None:
            for line in told:
                self.around.speaker.answer(ask.origin, line)

    # --- the lanes ---------------------------------------------------------------------------------

    async def _order(self) -> None:
        """Have each lane held for the open incident, and for no other."""
        mine = name_of(self.incident) if self.incident is not None else ""
        for lane, conductor in self.conductors.items():
            there = causes(conductor.queue)
            for cause in sorted(there - {mine}):
                await self._ask(lane, c.Unhold(cause), cause)
            if self.incident is not None and mine not in there and lane not in self.incident.lanes:
                await self._ask(lane, c.PutHold(reason(self.incident), cause=mine), mine)

    async def _ask(self, lane: str, what: c.PutHold | c.Unhold, cause: str) -> None:
        if (lane, cause) not in self._ordered:
            self._ordered.add((lane, cause))
            await self.conductors[lane].put(Ask(what, BOT, cause))

    async def _watch(self) -> None:
        """Pass on what the feed tells, as far as it matters here; for ever."""
        while True:
            with self.feed.watched() as self._news:
                while not isinstance(word := await self._news.get(), Lost):
                    if isinstance(word, Happened | Declined) and self._matters(word):
                        await self._mailbox.put(word)
            LOG.warning("house_did_not_keep_up")
            self._ordered.clear()

    def _matters(self, word: Happened | Declined) -> bool:
        cause = cause_of(word.ask)
        if cause is not None:
            if isinstance(word, Declined):
                self._declined.add((word.lane, cause))
                self._try_again()
            else:
                self._ordered.discard((word.lane, cause))
            return True
        lane, events = self.conductors[word.lane].lane, word.events if isinstance(word, Happened) else ()
        return bool(events) and (self.incident is not None or any(wakes(lane, event) for event in events))

    def _happened(self, draft: HouseDraft, word: Happened) -> None:
        """What a lane did, for the timeline; and who has to hear of it."""
        cause = cause_of(word.ask)
        if cause is not None:
            if draft.incident is not None and cause == name_of(draft.incident):
                draft.holds([word.lane])
            return
        for event in word.events:
            told = moments(word.lane, event)
            if told is not None:
                draft.keep([Moment(draft.at, *told)])
            if wakes(self.conductors[word.lane].lane, event):
                what = f"{word.lane} failed on {self.conductors[word.lane].lane.stages[-1].name}"
                draft.after.append(partial(call, self.around, Ping.DEPLOY_FAILED, what, level=1))
