"""What the house makes of what it is asked: a batch of work that concerns no lane, not yet committed.

Incidents, who is on call, how people want to be called, what the bot says for somebody. See `house.py` for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, assert_never

import structlog

from pushbot.errors import PushbotError
from pushbot.ports import Moment, PersonRecord, Work
from pushbot.queue import commands as c
from pushbot.queue.refusals import Code, Refusal
from pushbot.service.audience import TALK
from pushbot.service.house.incidents import begun, gathered, over, scene, with_moments
from pushbot.service.house.paging import tell
from pushbot.service.house.postmortem import kept
from pushbot.service.journal.entries import DONE, entered
from pushbot.service.people.remembered import Remembering, key_of
from pushbot.service.speaker import REPLY
from pushbot.service.spec import News
from pushbot.service.voice import incident as words
from pushbot.service.voice.calls import wished
from pushbot.service.voice.refusals import refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from datetime import datetime
    from pathlib import Path

    from pushbot.ports import Delivery, Entry, IncidentRecord, Line
    from pushbot.queue.commands import BotCommand
    from pushbot.queue.model import Person
    from pushbot.service.asks import Ask, Origin
    from pushbot.service.house.surroundings import HouseSurroundings
    from pushbot.service.spec import Room

LOG = structlog.get_logger()
COMMANDING = ".!/\\@?~&%^$*+=-_,;:'`|<> "
"""What a line that the bot says for somebody does not begin with: other bots take it for the start of a command."""


@dataclass(slots=True)
class HouseDraft:
    """One batch. `incident` is the open one as it shall be, `last` the newest that is over.

    What is in `after` is done once all is committed.
    """

    around: HouseSurroundings
    at: datetime
    incident: IncidentRecord | None
    last: IncidentRecord | None
    remembering: Remembering
    after: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    opened: bool = False
    _incidents: dict[int, IncidentRecord] = field(default_factory=dict)
    _entries: list[Entry] = field(default_factory=list)
    _deliveries: list[Delivery] = field(default_factory=list)
    _reports: list[Path] = field(default_factory=list)

    async def take(self, ask: Ask, what: BotCommand) -> None:
        """Do what was asked, or say why not."""
        own = isinstance(what, c.Resolved) and self.incident is not None and self.incident.by == key_of(ask.by)
        refusal = self.around.access.refusal(what, None, ask.by, None, own=own) or await self._done(ask, what)
        self._entries.append(entered(ask, self.at, refusal.code if refusal is not None else DONE))
        self._deliveries += ask.deliveries
        if refusal is not None:
            self.reply(ask.origin, refused(ask.by, refusal), alone=True)

    async def _done(self, ask: Ask, what: BotCommand) -> Refusal | None:
        match what:
            case c.OpenIncident(None):
                return self._stands(ask.origin)
            case c.OpenIncident(title):
                return await self._open(ask, title or "")
            case c.Note(text):
                return self._note(ask, text)
            case c.Resolved(how):
                return self._resolve(ask, how)
            case c.Oncall():
                if ask.origin is not None:
                    self.after.append(partial(tell, self.around, ask.origin, pagers=ask.by.trusted))
            case c.SetNotify():
                self._notify(ask, what)
            case c.Say(room, text):
                return self._say(ask, room, text)
            case c.Reload():
                pass  # the house does it afterwards
            case _:
                assert_never(what)
        return None

    # --- incidents ---------------------------------------------------------------------------------

    async def _open(self, ask: Ask, title: str) -> Refusal | None:
        if self.incident is not None:
            return Refusal(Code.INCIDENT_OPEN, f"{words.standing(self.incident, self.at)}", ".note TEXT")
        around, number = self.around, (self.last.number if self.last is not None else 0) + 1
        incident = begun(number, title, ask.by, self.at)
        try:
            flying, pushes = await scene(around.snapshots(), around.store, around.outputs, self.at)
        except PushbotError as error:
            flying, pushes = (), (f"I cannot read the record: {error}",)
        self.write(with_moments(incident, gathered(flying, pushes, self.at)))
        self.opened = True
        lanes = [lane.spec.name for lane in around.snapshots()]
        told = [
            words.opened(incident, lanes),
            *(flying or ("Nothing is in flight",)),
            *map("Before: {}".format, pushes),
        ]
        self.announce(told, TALK)
        if ask.origin is None or not self._in_warroom(ask.origin):
            self.reply(ask.origin, words.knows(incident, tuple(dict.fromkeys(room.name for room in around.warroom))))
        return None

    def _stands(self, origin: Origin | None) -> Refusal | None:
        if self.incident is not None:
            self.reply(origin, words.standing(self.incident, self.at))
            return None
        if self.last is not None:
            self.reply(origin, words.last_one(self.last, self.at))
            return None
        return Refusal(Code.NO_INCIDENT, "there has been no incident yet", '.incident "what is wrong"')

    def _note(self, ask: Ask, text: str) -> Refusal | None:
        if self.incident is None:
            return _none_open()
        after = with_moments(self.incident, [Moment(self.at, ask.by.name, text)])
        if after is self.incident:
            return Refusal(Code.TIMELINE_FULL, f"{len(after.timeline)}")
        self.write(after)
        if ask.origin is None or not self._in_warroom(ask.origin):
            self.reply(ask.origin, f"{ask.by.name}: noted for {words.name_of(after)}.")
        return None

    def _resolve(self, ask: Ask, how: str | None) -> Refusal | None:
        if self.incident is None:
            return _none_open()
        incident = over(self.incident, ask.by, how, self.at)
        incident, where = self._reported(incident)
        self.write(incident)
        self.incident, self.last = None, incident
        told = words.resolved(incident, ask.by.name, where)
        self.announce([told], News.UNHOLD)
        if ask.origin is None or not self._in_warroom(ask.origin):
            self.reply(ask.origin, told)
        return None

    def _reported(self, incident: IncidentRecord) -> tuple[IncidentRecord, str]:
        """The incident with its post-mortem written, and a word on that. An incident ends also where none can be."""
        if self.around.incidents is None:
            return incident, ""
        try:
            path = kept(self.around.incidents, incident)
        except OSError as error:
            LOG.warning("no_postmortem", incident=incident.number, error=str(error))
            why = error.strerror or type(error).__name__
            return incident, f"I could not write the post-mortem into {self.around.incidents}: {why}"
        self._reports.append(path)
        return replace(incident, report=str(path)), f"The post-mortem is begun: {path}"

    def keep(self, moments: Iterable[Moment], *, talk: bool = False) -> None:
        """Put lines into the timeline of the incident, if one is open."""
        if self.incident is not None:
            after = with_moments(self.incident, moments, talk=talk)
            if after is not self.incident:
                self.write(after)

    def holds(self, lanes: Iterable[str]) -> None:
        """These lanes are held for the incident, now or at some time before."""
        if self.incident is not None:
            all_of_them = tuple(dict.fromkeys((*self.incident.lanes, *lanes)))
            if all_of_them != self.incident.lanes:
                self.write(replace(self.incident, lanes=all_of_them))

    def write(self, incident: IncidentRecord) -> None:
        """Put an incident into the draft."""
        self.incident = incident
        self._incidents[incident.number] = incident

    # --- people ------------------------------------------------------------------------------------

    def _notify(self, ask: Ask, what: c.SetNotify) -> None:
        wish = self.around.people.of(ask.by)
        after = wish
        if what.when is not None:
            after = replace(after, notify=what.when, ahead=what.ahead)
        if what.privately is not None:
            after = replace(after, privately=what.privately)
        if after != wish:
            self.remembering.write(after)
        self.reply(ask.origin, f"{ask.by.name}: {wished(after)}.")

    def renamed(self, old: Person, new: Person) -> None:
        """What is remembered of somebody goes with them to the name or account that they have now."""
        was, now = self.around.people.of(old), self.around.people.of(new)
        if was.key != now.key and was != PersonRecord(was.key) and now == PersonRecord(now.key):
            self.remembering.write(replace(was, key=now.key))

    def _say(self, ask: Ask, wanted: str, text: str) -> Refusal | None:
        room = self._room(wanted, ask.by)
        if room is None:
            known = ", ".join(map(str, self.around.rooms))
            return Refusal(Code.UNKNOWN_ROOM, f"I am not in {wanted}; I am in {known or 'no room'}")
        self.lines.append(self.around.speaker.line(room.chat, room.name, TALK, text.lstrip(COMMANDING)))
        if ask.origin is not None and (ask.origin.chat, ask.origin.to) != (room.chat, room.name):
            self.reply(ask.origin, f"{ask.by.name}: said in {room}.")
        return None

    def _room(self, wanted: str, by: Person) -> Room | None:
        """The room that is meant: by its whole name, or by its name in a chat, that of the asker first."""

        def fits(room: Room) -> bool:
            chat = self.around.speaker.chats.get(room.chat)
            return chat is not None and chat.fold(wanted) in {chat.fold(room.name), chat.fold(str(room))}

        found = [room for room in self.around.rooms if fits(room)]
        return next((room for room in found if room.chat == by.chat), next(iter(found), None))

    # --- words and the record ----------------------------------------------------------------------

    def _in_warroom(self, origin: Origin) -> bool:
        return any((room.chat, room.name) == (origin.chat, origin.to) for room in self.around.warroom)

    def reply(self, origin: Origin | None, text: str, *, alone: bool = False) -> None:
        """Answer who asked; with `alone` nobody else need see it."""
        if origin is not None:
            manner = origin.manner(alone=alone)
            self.lines.append(self.around.speaker.line(origin.chat, origin.to, REPLY, text, manner))

    def announce(self, told: Iterable[str], kind: str) -> None:
        """Say lines where incidents are told."""
        self.lines += [
            self.around.speaker.line(room.chat, room.name, kind, text) for text in told for room in self.around.warroom
        ]

    def work(self) -> Work | None:
        """What is to be committed, if anything is."""
        people = self.remembering.records()
        if not (self._entries or self._incidents or people or self.lines):
            return None
        return Work(
            lane="",
            entries=tuple(self._entries),
            incidents=tuple(self._incidents.values()),
            people=people,
            lines=tuple(self.lines),
            deliveries=tuple(self._deliveries),
            careful=bool(self._reports) or self.opened,
        )

    def forget(self) -> None:
        """It was not committed: nothing of it stays."""
        self.remembering.forget()
        for path in self._reports:
            path.unlink(missing_ok=True)


def _none_open() -> Refusal:
    return Refusal(Code.NO_INCIDENT, "no incident is open", '.incident "what is wrong"')
