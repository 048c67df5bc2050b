"""Chats: what comes from one, what is said on it, and what it may do beside."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from pushbot.queue.model import Person
    from pushbot.views import HomeView, LaneBoard, PushView


@dataclass(frozen=True, slots=True)
class Heard:
    """Somebody said something. `room` is None in private.

    `addressed` is True in private and when the bot was called by name, which is then no longer
    part of `text`. `text` is one line of valid Unicode without control characters.

    A chat that knows more tells it: `spot` is where in the room it was said (a thread), in the chat's own words, and an
    answer goes there. `lane` is what the place speaks of (the thread of a push, a button of a board), `seen` the
    `mark` of the board whose button it was. `id` names what was said, for ever: then `tell` returns when all that
    follows is on record; with `again` it may have been told before, and what is on record is not done twice. `late`: it
    was said so long ago that nobody expects it to be done any more.
    """

    chat: str
    room: str | None
    person: Person
    text: str
    addressed: bool = False
    spot: str = ""
    lane: str = ""
    seen: str = ""
    id: str = ""
    again: bool = False
    late: bool = False


@dataclass(frozen=True, slots=True)
class TopicEdited:
    """Somebody other than the bot changed a room's topic while the bot was there.

    `before` is what the room showed until then, in the order of the server: what the editor can have seen.
    `id` and `again` are as those of Heard.
    """

    chat: str
    room: str
    person: Person
    text: str
    before: str | None = None
    id: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class RoomEntered:
    """The bot has (re)joined a room; `topic` is what it found there.

    `setter` is the name of who had set it, None when that is not known or was the bot itself.
    """

    chat: str
    room: str
    topic: str
    setter: str | None = None


@dataclass(frozen=True, slots=True)
class TopicRefused:
    """The chat does not let the bot set the topic of `room`; told once for each time it enters the room.

    `cure` is what people there can do about it, in words; left out, it is what helps on IRC.
    """

    chat: str
    room: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Renamed:
    """A person is now known as another."""

    chat: str
    old: Person
    new: Person


@dataclass(frozen=True, slots=True)
class HomeOpened:
    """A person looks at their own page, which `Displays.show_home` is to draw."""

    chat: str
    person: Person


Notice = Heard | TopicEdited | RoomEntered | TopicRefused | Renamed | HomeOpened
"""What a chat tells the bot. Notices of one chat are handed over in the order in which they happened."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a line is meant, for a chat that can do more than say it in a room; any other just says it.

    `whom` is the address of the person whom it answers, `alone` that nobody else need see it (a refusal), `spot` where
    in the room it was asked. `push` is the journey that it is about (`web/12`), which may have a thread of its own;
    `loud` lines are for the whole room all the same. `calls` are the people called at the start of the text: the name
    as it stands there, and their address in this chat. `quote` is a line of a run's output, `output` the end of the log
    of `run`, which the line is about. `id` names the line on the record (0: it is not), `again` that it may have been
    said before.
    """

    whom: str = ""
    alone: bool = False
    spot: str = ""
    push: str = ""
    loud: bool = False
    calls: tuple[tuple[str, str], ...] = ()
    quote: bool = False
    output: tuple[str, ...] = ()
    run: str = ""
    id: int = 0
    again: bool = False


PLAIN = Manner()
"""A line for everybody there, about which there is nothing more to know."""


class Chat(Protocol):
    """One connection to one chat, kept up for ever.

    Constructed as `Type(name, options, rooms)`, `options` being an instance of its `Options` model.
    """

    name: str

    async def run(self, tell: Callable[[Notice], Awaitable[None]]) -> None:
        """Connect, enter the rooms and serve until cancelled, reconnecting for ever.

        `tell` may wait when the bot is busy; a chat then stops reading. On cancellation the chat
        signs off within two seconds. Raises PushbotError only for what no retry can cure.
        """
        ...

    def say(self, to: str, text: str, manner: Manner = PLAIN) -> Future[None]:
        """Queue one line for a room or a person's address; lines go out in order, before any topic.

        The future is done when the server has confirmed that it got the line. It raises
        DeliveryUncertain when the link broke after the line was written and before that; a line not
        yet written is kept over a reconnect and stays waiting. Long text goes out as several lines,
        confirmed as one. Control characters are removed.
        """
        ...

    def draw(self, room: str, topic: str) -> None:
        """Make `topic` the room's topic: at once when alone, else the latest within the server's limit.

        Remembered, and set again after a reconnect, a kick, or being made operator.
        """
        ...

    def topic_limit(self, room: str) -> int:
        """How many bytes of UTF-8 a topic may have there now."""
        ...

    def fold(self, name: str) -> str:
        """`name` in the form in which two names of one person are equal (IRC: the server's casemapping)."""
        ...

    def person(self, name: str) -> Person:
        """The person of that name, as far as the chat knows (used for names in hand-edited topics)."""
        ...


@runtime_checkable
class Measuring(Protocol):
    """What a chat may have beside whose topics are not limited in bytes."""

    def topic_fits(self, room: str, topic: str) -> bool:
        """Whether a topic may be there as it is; `Chat.topic_limit` is about how many bytes such a one has."""
        ...


@runtime_checkable
class Naming(Protocol):
    """What a chat may have beside in which people have other names too than the one that is shown, or share some."""

    def people(self, name: str) -> Sequence[Person]:
        """All whom `name` may mean when somebody types it there, each under a name that means nobody else."""
        ...


@runtime_checkable
class Displays(Protocol):
    """What a chat may have beside: it shows boards, pushes and people's own pages, each in its place.

    Of one that is shown again only the latest counts; all are remembered, and shown again after a reconnect.
    """

    def show_board(self, room: str, board: LaneBoard) -> None:
        """Make this the lane's board in `room`."""
        ...

    def keep_boards(self, boards: Collection[tuple[str, str]]) -> None:
        """Show these boards, each named by its room and its lane, and take down all others, also those of before.

        Told at the start and after each reload, before any board is shown. Pushes elsewhere are not followed any more.
        """
        ...

    async def take_down(self) -> None:
        """Take down all of them, as the chat leaves the configuration. Cancelled when it takes more than seconds."""
        ...

    def show_push(self, room: str, push: PushView) -> None:
        """Make this what `room` shows of the push; lines of that push that are said from now on belong to it.

        After a restart it is told again of what is under way and of what ended lately: of a push that has ended and
        was never shown there, nothing need be shown unless lines of it follow.
        """
        ...

    def show_home(self, address: str, home: HomeView) -> None:
        """Make this the own page of the person whom the chat reaches at `address`."""
        ...


@dataclass(frozen=True, slots=True)
class Letter:
    """What a chat took from its server and has not dealt with yet: `id` is the server's own, `body` the chat's.

    `at` is when it was taken in, where the store tells.
    """

    id: str
    body: str
    at: datetime | None = field(default=None, compare=False)


class Memory(Protocol):
    """A chat's own drawer in the store: letters that wait, and notes that outlive the bot.

    All methods raise PushbotError when the disk does not take it, or does not give it.
    """

    async def take_in(self, letter: Letter) -> bool:
        """Keep a letter, for good before this returns; False when one of that id came within the last 7 days."""
        ...

    async def waiting(self) -> Sequence[Letter]:
        """The letters that were not dealt with, in the order in which they were taken in."""
        ...

    async def dealt_with(self, letter: str) -> None:
        """The letter of that id is done; that it came is remembered for at least 7 days."""
        ...

    async def note(self, name: str, text: str | None) -> None:
        """Keep a text under a name; None to keep it no longer."""
        ...

    async def notes(self) -> Mapping[str, str]:
        """All that was noted."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """What a chat may have beside: a `memory`, None when made, which the bot gives it before `run` is called."""

    memory: Memory | None


@runtime_checkable
class Groups(Protocol):
    """What a chat may have beside: it knows groups of people, which may be in roles (`[roles.NAME] groups`)."""

    async def members(self, group: str) -> frozenset[str]:
        """The addresses of those in the group that the configuration names so; nobody, where there is no such group.

        May be asked before `run`, and while it is not connected. Raises PushbotError when the chat cannot tell.
        """
        ...


def recalls(chat: Chat) -> bool:
    """Whether `chat` can tell if a line was said before: it has `recalls = True`.

    It is then told so by `Manner.again`, and says only what was not; for any other, the text says that it may be a
    repetition.
    """
    return getattr(chat, "recalls", False) is True
