"""All that the bot writes in one workspace, and the only place that does.

Each room and each person has a queue of its own, worked off by a task of its own: what is stuck holds up nobody else.
In a room lines go out in order and before any topic that was drawn after them, a message a second (`api.py`), what
waits for the same place in one message; beside them boards, pushes and the topic are written as they are by then.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Protocol

from pushbot.chat.slack.outbound.conversations import NoMore, PrivateConversation, RoomConversation, Tools
from pushbot.chat.slack.outbound.drawing import Drawing
from pushbot.chat.slack.outbound.ephemeral import Ephemeral
from pushbot.chat.slack.outbound.history import BOARD
from pushbot.chat.slack.outbound.homes import Homes
from pushbot.chat.slack.outbound.message import Writing
from pushbot.chat.slack.outbound.message_index import MessageIndex, lane_of
from pushbot.chat.slack.outbound.outbox import Speech, is_thread
from pushbot.chat.slack.outbound.snippets import Snippets
from pushbot.chat.slack.outbound.talk import SETTLES
from pushbot.chat.slack.outbound.urls import Urls
from pushbot.chat.slack.outbound.workers import Workers
from pushbot.chat.slack.people import ID
from pushbot.clock import SystemClock
from pushbot.errors import PushbotError
from pushbot.ports import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pushbot.chat.slack.api import Api
    from pushbot.chat.slack.outbound.address import ChannelIds
    from pushbot.chat.slack.outbound.message import Names
    from pushbot.ports import Clock, Manner, Memory
    from pushbot.views import HomeView, LaneBoard, PushView


class Pace(Protocol):
    """What the operator says about how often the bot writes."""

    @property
    def topic_interval(self) -> float:
        """Seconds between two changes of one topic."""
        ...


class Writer:
    """Writes through `api`. All but `run` may be called at any time; nothing goes out before `run` does.

    `topic_refused` is told the name of a room whose topic the bot may not set, once for each time that it is found.
    `settles` is how many seconds after a connection broke the bot looks at what arrived.
    """

    def __init__(
        self,
        api: Api,
        rooms: ChannelIds,
        roster: Names,
        options: Pace,
        name: str,
        *,
        clock: Clock | None = None,
        settles: float = SETTLES,
    ) -> None:
        self.name = name
        self.topic_refused: Callable[[str], None] | None = None
        self._rooms, self._options = rooms, options
        self._index, self._workers, self._urls = MessageIndex(), Workers(), Urls()
        drawing, snippets = Drawing(clock or SystemClock()), Snippets(api)
        writing = Writing(roster, self._index)
        self._tools = Tools(api, self._workers, self._index, writing, drawing, snippets, settles)
        self._homes = Homes(api, drawing.home)
        self._boards: Collection[tuple[str, str]] | None = None
        self._in_rooms: dict[str, RoomConversation] = {}
        self._no_more: dict[str, NoMore] = {}
        self._in_private: dict[str, PrivateConversation] = {}
        self._ephemerals: dict[tuple[str, str], Ephemeral] = {}

    async def run(self, memory: Memory | None) -> None:
        """Write what waits and what comes, until cancelled. Raises PushbotError when the memory cannot be read.

        When cancelled, all that waits or is not confirmed is left for the next run, which finds out what was said.
        """
        await self._index.load(memory)
        self._take_down()
        await self._workers.run()

    # --- lines ---

    def say(self, to: str, text: str, manner: Manner = PLAIN) -> asyncio.Future[None]:
        """Queue one line for a room as the configuration names it, or a person by their id; see `Chat.say`."""
        room = self._rooms.room(to) is not None
        if not room and ID.fullmatch(to) is None:
            return _failed(PushbotError(f"{to!r} is neither a room nor a person that a line can be sent to on Slack."))
        private = bool(manner.spot) and not is_thread(manner.spot)
        if manner.whom and (private or (room and manner.alone)):
            ephemeral = self._ephemeral("" if private else to, manner.whom)
            done = ephemeral.outbox.add(text, manner)
            self._workers.stir(ephemeral)
            return done
        talk = (self._room(to) if room else self._person(to)).talk
        done = talk.outbox.add(text, manner)
        self._workers.stir(talk)
        return done

    def answer_at(self, spot: str, url: str) -> None:
        """Lines for this spot may be said at a `response_url`; it is used while it lasts, then the person is told."""
        self._urls.keep(spot, url)

    def met_at(self, person: str, channel: str) -> None:
        """Somebody wrote to the bot in private, in this channel: there they are told what is for them."""
        self._person(person).address.is_at(channel)

    # --- what is shown ---

    def draw(self, room: str, topic: str) -> None:
        """Make `topic` the topic of a room; see `Chat.draw`."""
        there = self._room(room).topic
        there.wanted = topic
        self._workers.stir(there)

    def topic_is(self, room: str, topic: str, *, own: bool = False) -> None:
        """The server shows this topic now, as people read it. What it should be is put there when it is drawn again.

        Of its `own` the bot knows already, and maybe of a later one.
        """
        there = self._room(room).topic
        (there.is_seen if own else there.is_now)(topic)

    def topic_meant(self, room: str, topic: str) -> str:
        """A topic that people see, as the bot would have written it: Slack shows emoji by their names (`:tada:`)."""
        return self._room(room).topic.meant(topic)

    def show_board(self, room: str, board: LaneBoard) -> None:
        """Make this the lane's board in a room."""
        self._room(room).reconciler.show_board(board)

    def keep_boards(self, boards: Collection[tuple[str, str]]) -> None:
        """Take down all other boards than these, each a room and a lane."""
        self._boards = boards
        self._take_down()

    async def take_down(self) -> None:
        """Show nothing any more; returns when that is so, as far as it can be."""
        self._boards = ()
        if leaving := self._take_down():
            await asyncio.wait(leaving)

    def show_push(self, room: str, push: PushView) -> None:
        """Make this what a room shows of a push; lines of it that are said from now on stand below."""
        self._room(room).reconciler.show_push(push)

    def show_home(self, address: str, home: HomeView) -> None:
        """Make this a person's own page."""
        self._homes.show(address, home)
        self._workers.stir(self._homes)

    def found(self, room: str) -> None:
        """A room is usable now, or again: what waits goes out, and what it should show is put in order."""
        self._room(room).found()
        self._take_down()
        for one in self._in_private.values():
            one.address.door.open()

    async def deleted(self, channel: str, ts: str) -> None:
        """Somebody deleted this message: a board is put back, and so is a push that is under way."""
        key, room = self._index.key_at(channel, ts), self._rooms.named(channel)
        if key and room is not None:
            await self._room(room).reconciler.deleted(channel, key, ts)

    def unpinned(self, channel: str, ts: str) -> None:
        """Somebody unpinned this message, or any where that is not known: a board is pinned again."""
        room = self._rooms.named(channel)
        if room is not None:
            boards = [key for where, key in self._index.living() if where == channel and key.startswith(BOARD)]
            for key in [self._index.key_at(channel, ts)] if ts else boards:
                self._room(room).reconciler.touch(key)

    def lane_of(self, channel: str, thread: str) -> str:
        """The lane of the board or push whose message has this timestamp; empty when it is neither."""
        return lane_of(self._index.key_at(channel, thread))

    # --- below ---

    def _room(self, name: str) -> RoomConversation:
        if name not in self._in_rooms:
            interval = self._options.topic_interval
            self._in_rooms[name] = RoomConversation(name, self._rooms, self._tools, interval, self._refused)
        return self._in_rooms[name]

    def _take_down(self) -> list[asyncio.Future[None]]:
        """Take down what hangs where it is not to be any more, as far as is known which channels the rooms are."""
        if self._boards is None:
            return []
        leaving = []
        for channel, key in self._index.living():
            there = {self._rooms.id_of(room) for room, lane in self._boards if lane == lane_of(key)}
            if channel in there or None in there:
                continue
            room = self._rooms.named(channel)
            if room is None and channel not in self._no_more:
                self._no_more[channel] = NoMore(channel, self._tools)
            reconciler = (self._room(room) if room is not None else self._no_more[channel]).reconciler
            leaving.append(reconciler.take_down(key))
        return leaving

    def _person(self, user: str) -> PrivateConversation:
        if user not in self._in_private:
            self._in_private[user] = PrivateConversation(user, self._tools)
        return self._in_private[user]

    def _ephemeral(self, room: str, person: str) -> Ephemeral:
        if (room, person) not in self._ephemerals:
            address = self._room(room).address if room else None
            aloud = partial(self._aloud, person)
            tools = self._tools
            ephemeral = Ephemeral(person, address, tools.api, tools.writing, self._urls, self._index, aloud)
            self._ephemerals[room, person] = ephemeral
        return self._ephemerals[room, person]

    def _aloud(self, person: str, lines: list[Speech]) -> None:
        """Tell somebody in private what could not be said to them alone elsewhere."""
        talk = self._person(person).talk
        talk.outbox.items.extend(lines)
        self._workers.stir(talk)

    def _refused(self, room: str) -> None:
        if self.topic_refused is not None:
            self.topic_refused(room)


def _failed(error: PushbotError) -> asyncio.Future[None]:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done.set_exception(error)
    done.exception()
    return done
