"""How a lane speaks to people: where its lines go, who is called as they wish, who hears the guide of a newcomer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pushbot.ports import Manner
from pushbot.queue import events as e
from pushbot.queue.model import Train
from pushbot.service.lane.beside import is_beside
from pushbot.service.people.directory import Directory
from pushbot.service.speaker import REPLY
from pushbot.service.spec import News
from pushbot.service.voice import calls
from pushbot.service.voice.guide import guide
from pushbot.service.voice.news import told
from pushbot.service.voice.plain import Said
from pushbot.views import push_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pushbot.ports import Chat, Line
    from pushbot.queue.model import Person, Queue
    from pushbot.service.asks import Origin
    from pushbot.service.people.remembered import People, Remembering
    from pushbot.service.speaker import Speaker
    from pushbot.service.spec import Announce, LaneSpec, Room
    from pushbot.service.voice.news import Setting

TALK = "talk"
"""The kind of a line for everybody that is no news."""
LOUD = frozenset({News.DEPLOY_FAILED, News.DEPLOY_STOPPED, News.ROLLBACK, News.UHOH})
"""News of a push that are for the whole room, wherever else a chat may put what is said of it."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is known of people, and whether those who ride for the first time are told how it goes."""

    people: People
    guide: bool = False
    directory: Directory = field(default_factory=Directory)

    def at(self, person: Person, chat: str) -> str:
        """The address of `person` in a chat, also when they are aboard from another one; empty when not known."""
        if person.chat == chat:
            return person.address
        human = self.directory.human(person)
        accounts = human.accounts if human is not None else ()
        return next((one.who for one in accounts if one.chat == chat and "@" not in one.who), "")


@dataclass(slots=True)
class Audience:
    """For one batch of work on a lane."""

    lane: LaneSpec
    announce: Announce
    chats: Mapping[str, Chat]
    wishes: Wishes
    people: Remembering
    at: datetime

    def told(self, event: e.Event, at: Setting) -> tuple[Said, ...]:
        """The lines that `event` is worth, to everybody as they wish; of stages beside the line only the lane hears."""
        lines = about(event, at.lane, self._told(event, at))
        if not is_beside(self.lane, event):
            return lines
        here = (line for line in lines if line.news in {None, *self.announce.lane})
        return tuple(replace(line, news=None, loud=_is_loud(line)) for line in here)

    def _told(self, event: e.Event, at: Setting) -> tuple[Said, ...]:
        of = self.wishes.people.of
        match event:
            case e.HeadChanged(train, held, came) if not train.by_itself:
                return calls.up(at.lane, train, of, held=held, came=came)
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
                    manner = Manner(whom=each.to.address)
                    lines.append(speaker.line(each.to.chat, each.to.reach, REPLY, each.text, manner))
            elif each.reply:
                if origin is not None and not (each.aside and self._sees_topic(origin)):
                    manner = origin.manner(alone=each.alone)
                    lines.append(speaker.line(origin.chat, origin.to, REPLY, each.text, manner))
            else:
                kind = each.news or TALK
                rooms = ((room, self._manner(each, room)) for room in self._rooms(each))
                lines += [speaker.line(room.chat, room.name, kind, each.text, manner) for room, manner in rooms]
        return lines

    def _manner(self, said: Said, room: Room) -> Manner:
        """How a line for everybody is meant in `room`: journeys have their threads where their lane lives."""
        people = (person for person in called_in(said.text, said.people) if person not in said.known)
        there = tuple((person.name, self.wishes.at(person, room.chat)) for person in people)
        calls = tuple((name, address) for name, address in there if address)
        push = said.push if room in self.lane.rooms else ""
        loud = _is_loud(said) or bool(there)
        return Manner(push=push, loud=loud, calls=calls, quote=said.quote, output=said.output, run=said.run)

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


def about(event: e.Event, lane: str, lines: tuple[Said, ...]) -> tuple[Said, ...]:
    """The same lines with whom they may call by name, and the journey that they are about, once it has begun."""
    train = getattr(event, "train", None)
    if not isinstance(train, Train):
        return lines
    people = tuple(rider.person for rider in train.riders)
    came = event.came if isinstance(event, e.HeadChanged) else ()
    known = tuple(person for person in people if person not in came) if came else ()
    push = push_name(lane, train.number) if train.begun else ""
    return tuple(replace(line, people=people, known=known, push=push) for line in lines)


def _is_loud(said: Said) -> bool:
    """Whether a line is for the whole room, also where the journey that it is about has a thread."""
    return said.loud or (said.news in LOUD and not said.quote)


def called_in(text: str, people: Sequence[Person]) -> tuple[Person, ...]:
    """Those of `people` by whose names `text` begins: `alice, bob: You're up`."""
    names = {person.name: person for person in sorted(people, key=lambda one: len(one.name))}
    called: list[Person] = []
    while names:
        name = next((one for one in reversed(names) if text.startswith((f"{one}, ", f"{one}: "))), None)
        if name is None:
            return ()
        called.append(names[name])
        if text.startswith(f"{name}: "):
            return tuple(called)
        text = text.removeprefix(f"{name}, ")
    return ()
