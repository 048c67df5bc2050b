"""How a lane speaks to people: where its lines go, who is called as they wish, who hears the guide of a newcomer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pushbot.queue import events as e
from pushbot.service.beside import is_beside
from pushbot.service.speaker import REPLY
from pushbot.service.voice import calls
from pushbot.service.voice.guide import guide
from pushbot.service.voice.news import told
from pushbot.service.voice.plain import Said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pushbot.ports import Chat, Line
    from pushbot.queue.model import Person, Queue
    from pushbot.service.asks import Origin
    from pushbot.service.people import People, Remembering
    from pushbot.service.speaker import Speaker
    from pushbot.service.spec import Announce, LaneSpec, Room
    from pushbot.service.voice.news import Setting

TALK = "talk"
"""The kind of a line for everybody that is no news."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is known of people, and whether those who ride for the first time are told how it goes."""

    people: People
    guide: bool = False


@dataclass(slots=True)
class Hailing:
    """For one batch of work on a lane."""

    lane: LaneSpec
    announce: Announce
    chats: Mapping[str, Chat]
    wishes: Wishes
    people: Remembering
    at: datetime

    def told(self, event: e.Event, at: Setting) -> tuple[Said, ...]:
        """The lines that `event` is worth, to everybody as they wish; of stages beside the line only the lane hears."""
        lines = self._told(event, at)
        if not is_beside(self.lane, event):
            return lines
        return tuple(replace(line, news=None) for line in lines if line.news in {None, *self.announce.lane})

    def _told(self, event: e.Event, at: Setting) -> tuple[Said, ...]:
        of = self.wishes.people.of
        match event:
            case e.HeadChanged(train, held) if not train.by_itself:
                return calls.up(at.lane, train, of, held=held)
            case e.DriverAsked(train):
                lines = told(event, at)
                private = lines if of(train.driver).privately else ()
                return (*lines, *(Said(line.text, to=train.driver) for line in private))
            case e.RidersAsked():
                return self._asked(event, at)
            case e.Joined(person) if self._is_new(person):
                return (*told(event, at), *self._guide(event))
            case _:
                return told(event, at)

    def nearly(self, before: Queue, after: Queue) -> tuple[Said, ...]:
        """The word for those whose turn comes near."""
        return calls.nearly(self.lane.name, before, after, self.wishes.people.of)

    def _asked(self, event: e.RidersAsked, at: Setting) -> tuple[Said, ...]:
        private = [person for person in event.riders if self.wishes.people.of(person).privately]
        rest = tuple(person for person in event.riders if person not in private)
        alone = [(line, person) for person in private for line in told(replace(event, riders=(person,)), at)]
        room = told(replace(event, riders=rest), at) if rest else ()
        return (*room, *(Said(line.text, to=person) for line, person in alone))

    def _is_new(self, person: Person) -> bool:
        return not person.bot and self.wishes.people.of(person).first_at is None

    def _guide(self, event: e.Joined) -> tuple[Said, ...]:
        """Note that they ride now, for good; and tell them how it goes, if that is wanted."""
        person = event.person
        self.people.write(replace(self.wishes.people.of(person), first_at=self.at))
        if not self.wishes.guide:
            return ()
        stages = tuple(stage.name for stage in self.lane.stages)
        room = next((room.name for room in self.lane.rooms if room.chat == person.chat), None)
        lines = guide(person.name, self.lane.name, stages, event.ahead, room)
        return tuple(Said(line, to=person) for line in lines)

    def lines(self, said: Sequence[tuple[Said, Origin | None]], speaker: Speaker) -> list[Line]:
        """Where each line goes: what was asked and from where stands beside it."""
        lines: list[Line] = []
        for each, origin in said:
            if each.to is not None:
                if each.to.chat in self.chats:
                    lines.append(speaker.line(each.to.chat, each.to.name, REPLY, each.text))
            elif each.reply:
                if origin is not None and not (each.aside and self._sees_topic(origin)):
                    lines.append(speaker.line(origin.chat, origin.to, REPLY, each.text))
            else:
                kind = each.news or TALK
                lines += [speaker.line(room.chat, room.name, kind, each.text) for room in self._rooms(each)]
        return lines

    def _sees_topic(self, origin: Origin) -> bool:
        """Whether who asked from `origin` sees in the topic there what became of it."""
        return not origin.private and any(
            (room.chat, room.name) == (origin.chat, origin.to) for room in self.lane.rooms
        )

    def _rooms(self, said: Said) -> list[Room]:
        """Where a line that is no reply is said: the lane's rooms, and for news those that want it."""
        own = self.lane.rooms if said.news is None or said.news in self.announce.lane else ()
        others = self.announce.rooms if said.news is not None and said.news in self.announce.warroom else ()
        return list(dict.fromkeys((*own, *others)))
