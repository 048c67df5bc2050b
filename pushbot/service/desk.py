"""The front desk: takes what chats tell, finds out what is asked of which lane, and puts it into its mailbox."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, assert_never

from pushbot.ports import Heard, HomeOpened, Notice, Renamed, RoomEntered, TopicEdited, TopicRefused
from pushbot.queue import commands as c
from pushbot.queue.access import BOT
from pushbot.queue.called import called
from pushbot.queue.grammar import Mistake, parse_message
from pushbot.queue.model import Person, Queue, Ticket
from pushbot.queue.refusals import Code, Refusal
from pushbot.queue.rules.time import stirs
from pushbot.queue.topic import Unreadable, split_lanes
from pushbot.service.asks import Ask, Origin
from pushbot.service.journal.clerk import LATE, MISTAKE, STOPPING
from pushbot.service.people.directory import Directory, follows
from pushbot.service.people.naming import whom
from pushbot.service.spec import Room
from pushbot.service.voice.refusals import found_elsewhere, late, mistaken, quoted_back, refused, topic_refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pushbot.queue.grammar import Request
    from pushbot.service.house.house import House
    from pushbot.service.journal.clerk import Clerk
    from pushbot.service.lane.conductor import Conductor
    from pushbot.service.letters import Letters, Post
    from pushbot.service.limits import Limits
    from pushbot.service.speaker import Speaker
    from pushbot.service.topics import Topics

TO_A_LANE = re.compile(r"([A-Za-z0-9_.-]+):\s*(.*)")
"""`search: .join`: a command for one of the lanes; to the bot alone also without the dot."""


class Homes(Protocol):
    """Who draws people's own pages."""

    def opened(self, person: Person) -> None:
        """Draw the page of `person`, who looks at it."""
        ...


@dataclass(slots=True)
class Desk:
    """One for all chats."""

    conductors: Mapping[str, Conductor]
    house: House
    topics: Topics
    speaker: Speaker
    letters: Letters
    limits: Limits
    directory: Directory = field(default_factory=Directory)
    closing: str | None = None
    clerk: Clerk | None = None
    homes: Homes | None = None
    _entered: set[Room] = field(default_factory=set)

    def inherit(self, former: Desk) -> None:
        """Know of the rooms that another desk has seen the bot enter."""
        self._entered |= former._entered

    async def tell(self, notice: Notice) -> None:
        """Take one notice of a chat; waits while the lane it concerns is busy.

        What a letter brought is on record when this returns.
        """
        match notice:
            case Heard():
                post = self.letters.post(notice)
                await self._heard(replace(notice, person=self.directory.linked(notice.person)), post)
                await post.settled()
            case TopicEdited():
                post = self.letters.post(notice)
                await self._edited(replace(notice, person=self.directory.linked(notice.person)), post)
                await post.settled()
            case HomeOpened(_, person):
                if self.homes is not None:
                    self.homes.opened(self.directory.linked(person))
            case RoomEntered():
                await self._entered_room(notice)
            case TopicRefused(chat, room, cure):
                self.speaker.answer(Origin(chat, room), topic_refused(room, cure))
            case Renamed(_, old, new) if follows(old, new):
                now = self.directory.linked(new)
                # who is only called otherwise is the same to us, whatever vouches for them, and whatever the name was
                was = replace(now, name=old.name) if old.same(new) else self.directory.named(old)
                for put in (self.house.put, *(conductor.put for conductor in self.conductors.values())):
                    await put(Ask(c.Rename(was, now), now, f"{old.name} is now {new.name}"))
            case Renamed():
                pass  # another one of that name, or nobody for sure: seats stay with whom they are for
            case _:
                assert_never(notice)

    async def _heard(self, heard: Heard, post: Post) -> None:
        private, by = heard.room is None, heard.person
        origin = Origin(heard.chat, heard.room or by.reach, private=private, spot=heard.spot, whom=by.address)
        lanes = self._lanes(heard.chat, heard.room)
        chosen, text = self._chosen(heard)
        for conductor in lanes:
            if stirs(conductor.queue, heard.person, conductor.clock.now()):
                await conductor.put(Ask(c.Stirred(heard.person), heard.person, f"{heard.person.name} is there"))
        requests = parse_message(text, addressed=heard.addressed)
        if not requests:
            await self.house.hear(heard)
        if heard.late and any(not isinstance(request, c.Question) for request in requests):
            await self._come_late(requests, heard, origin, post)
            return
        for number, request in enumerate(requests, 1):
            if not self.limits.takes(request, by, text, origin):
                continue
            if isinstance(request, Mistake):
                self._turn_away(heard, origin, mistaken(by, request), MISTAKE)
                continue
            goes = self._goes_to(request, by, chosen, lanes)
            if isinstance(goes, tuple):
                self._turn_away(heard, origin, *goes)
            else:
                await post.put(goes.put, Ask(request, by, text, origin, seen=heard.seen), number)

    def _goes_to(
        self,
        request: c.Command | c.Question | c.BotCommand,
        by: Person,
        chosen: Conductor | None,
        lanes: tuple[Conductor, ...],
    ) -> House | Conductor | tuple[str, str]:
        """Whose business it is, or why nobody's: in words, and as the journal has it."""
        if isinstance(request, c.BotCommand):
            return self.house
        if self.closing is not None and not isinstance(request, c.Question | c.Abort):
            return f"{by.name}: {self.closing}.", STOPPING
        lane = chosen or self._for_config(request, lanes) or _lane_for(request, by, lanes)
        return (refused(by, lane), lane.code) if isinstance(lane, Refusal) else lane

    async def _come_late(self, requests: tuple[Request, ...], heard: Heard, origin: Origin, post: Post) -> None:
        """What was said long before a restart is not done by surprise; nothing need be said of what was done then."""
        if self.limits.takes(requests[0], heard.person, heard.text, origin) and not await post.begun(len(requests)):
            self._turn_away(heard, origin, late(heard.person), LATE)

    def _turn_away(self, heard: Heard, origin: Origin, why: str, outcome: str) -> None:
        self.speaker.answer(origin, why, alone=True)
        if self.clerk is not None:
            self.clerk.note(heard.person, heard.text, origin, outcome)

    def _chosen(self, heard: Heard) -> tuple[Conductor | None, str]:
        """The lane that a line begins with, and the rest of it; else the one that its place speaks of, or None."""
        named = TO_A_LANE.fullmatch(heard.text)
        if named is not None and (heard.addressed or named[2].startswith(".")):
            for name, conductor in self.conductors.items():
                if name.casefold() == named[1].casefold():
                    return conductor, named[2]
        return self.conductors.get(heard.lane), heard.text

    def _lanes(self, chat: str, room: str | None) -> tuple[Conductor, ...]:
        """The lanes that somebody there may mean: the room's own, else all."""
        own = self.topics.lanes_in(Room(chat, room)) if room is not None else ()
        return tuple(self.conductors[lane.name] for lane in own) or tuple(self.conductors.values())

    def _for_config(self, request: Request, lanes: tuple[Conductor, ...]) -> Conductor | None:
        """The lane that takes `.join config`: one that is shown there, else the only one there is."""
        if not (isinstance(request, c.Join) and request.ticket is Ticket.CONFIG):
            return None
        near = [lane for lane in lanes if lane.lane.config]
        anywhere = [lane for lane in self.conductors.values() if lane.lane.config]
        return near[0] if near else anywhere[0] if len(anywhere) == 1 else None

    async def _edited(self, edited: TopicEdited, post: Post) -> None:
        room = Room(edited.chat, edited.room)
        lanes = self.topics.lanes_in(room)
        before = edited.before if edited.before is not None else self.topics.drawn(room)
        names = [lane.name for lane in lanes]
        parts = split_lanes(edited.text, names)
        if not lanes:
            return
        by, there = edited.person, Origin(room.chat, room.name, whom=edited.person.address)
        if not self.limits.takes(c.EditTopic(edited.text, before), by, f"topic: {edited.text}", there):
            self.topics.redraw(room)
            return
        if isinstance(parts, Unreadable):
            refusal = Refusal(Code.UNREADABLE_TOPIC, subject=parts.why)
            self.speaker.answer(Origin(room.chat, room.name), refused(edited.person, refusal))
            self.speaker.answer(Origin(room.chat, room.name), quoted_back(edited.text))
            self.topics.redraw(room)
            return
        drawn = split_lanes(before, names)
        was = dict(drawn) if not isinstance(drawn, Unreadable) else {}
        origin = Origin(room.chat, room.name)
        for number, (name, body) in enumerate(parts, 1):
            ask = Ask(c.EditTopic(body, was.get(name, "")), edited.person, f"topic: {body}", origin)
            await post.put(self.conductors[name].put, ask, number)

    async def _entered_room(self, entered: RoomEntered) -> None:
        """Put the topic in order. A topic that stood there before the bot ever came is taken as the queue."""
        room = Room(entered.chat, entered.room)
        lanes = self.topics.lanes_in(room)
        first = room not in self._entered
        self._entered.add(room)
        drawn = self.topics.drawn(room)
        if not lanes:
            return
        if first and entered.topic and all(self._untouched(lane.name) for lane in lanes):
            setter = entered.setter or "somebody"
            person = Person(room.chat, BOT, setter, proof="the topic that stood there")
            found = TopicEdited(room.chat, room.name, person, entered.topic, before="")
            await self._edited(found, self.letters.post(found))
            for lane in lanes:  # so that nothing is drawn over it before it is on record
                await self.conductors[lane.name].rest()
        elif entered.topic and entered.setter and entered.topic != drawn:
            self.speaker.answer(Origin(room.chat, room.name), found_elsewhere(entered.topic))
        self.topics.redraw(room)

    def _untouched(self, lane: str) -> bool:
        conductor = self.conductors[lane]
        return conductor.fresh and conductor.queue == Queue()


def _lane_for(request: Request, person: Person, lanes: tuple[Conductor, ...]) -> Conductor | Refusal:
    """The lane that `request` means: the one there is, the one named, or the one that the person is aboard in."""
    if len(lanes) == 1 or isinstance(request, c.Join | c.Question):
        return lanes[0]
    if isinstance(request, c.LockStage | c.Unlock | c.Deploy | c.Rollback) and request.stage:
        stage = request.stage
        lanes = tuple(one for one in lanes if one.lane.stage(stage) is not None) or lanes
        if len(lanes) == 1:
            return lanes[0]
    if isinstance(request, c.Kick):
        chat, directory = lanes[0].around.chats[person.chat], lanes[0].around.access.directory
        mine = [one for one in lanes if called(one.queue, request.name, chat.fold, whom(chat, directory, one.queue))]
    else:
        mine = [one for one in lanes if any(train.seat(person) is not None for train in one.queue.trains)]
    if isinstance(request, c.Abort | c.Done | c.At | c.Retry | c.Rollback):
        mine = [one for one in mine if one.queue.head is not None and one.queue.head.seat(person) is not None] or mine
    of_riders = c.Good | c.Uhoh | c.Go | c.Drive | c.Nevermind | c.Pop | c.Kick
    if len(mine) == 1 or (not mine and isinstance(request, of_riders)):
        return (mine or lanes)[0]
    verb = type(request).__name__.lower().removeprefix("put").removeprefix("set").removesuffix("stage")
    names = ", ".join(lane.lane.name for lane in mine or lanes)
    return Refusal(Code.WHICH_LANE, subject=names, fix=f"{(mine or lanes)[0].lane.name}: .{verb}")
