"""A chat without a network: a server in memory with rooms, topics and people, and the bot's connection to it.

`ChatServer` is what tests hold: people speak, rename themselves and edit topics there; what the bot said is
in `spoken`. It outlives the bot. `FakeChat` is one bot's connection, made anew for each bot that starts.
It behaves as a real chat may: confirmations can be held back, the link can break before them, lines
wait over a reconnect, topics are cut at a limit, topics may be refused.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot.errors import DeliveryUncertain
from pushbot.ports import PLAIN, Heard, Notice, Renamed, RoomEntered, TopicEdited, TopicRefused
from pushbot.queue.model import Person

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pushbot.ports import Manner

TOPIC_LIMIT = 454
"""Bytes of a topic that fit through ngircd, see `ChatServer.topic_limit`."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One line that the bot said to a room, or to a person by name; how it was meant is no part of what was said."""

    to: str
    text: str
    manner: Manner = field(default=PLAIN, compare=False, repr=False)


@dataclass(slots=True)
class Topic:
    """What a room shows, and who had set it (None: nobody, or the bot)."""

    text: str = ""
    setter: str | None = None


@dataclass(slots=True)
class ChatServer:
    """A chat server in memory.

    `spoken` are the bot's lines in the order in which people saw them, `topics_set` each topic that the
    bot set, with its room. `topic_limit` is in bytes of UTF-8. With `confirming` off, lines are shown but not
    confirmed until `confirm()`. With `losing` on, what the bot writes never arrives, as on a link that is
    about to break. In `guarded` rooms the bot may not set the topic.
    """

    chat: str = "irc"
    bot: str = "pushbot"
    topic_limit: int = TOPIC_LIMIT
    confirming: bool = True
    losing: bool = False
    spoken: list[Spoken] = field(default_factory=list)
    topics_set: list[tuple[str, str]] = field(default_factory=list)
    guarded: set[str] = field(default_factory=set)
    _accounts: dict[str, str | None] = field(default_factory=dict)
    _topics: dict[str, Topic] = field(default_factory=dict)
    _up: asyncio.Event = field(default_factory=asyncio.Event)
    _link: FakeChat | None = None

    def __post_init__(self) -> None:
        self._up.set()

    # --- what people do and see ---

    def person(self, name: str) -> Person:
        """The person of that name: by their account if they ever logged in or out, else by their nick, trusted."""
        account = self._accounts.get(name.casefold(), "")
        if account:
            return Person(self.chat, f"account:{account}", name, f"account {account}")
        proof = "" if account is None else "nick, which is trusted on this network"
        return Person(self.chat, f"nick:{name.casefold()}", name, proof)

    def log_in(self, name: str, account: str | None) -> None:
        """Somebody logs in to an account; with None they log out, and then nobody vouches for them."""
        before = self.person(name)
        self._accounts[name.casefold()] = account
        self._notify(Renamed(self.chat, before, self.person(name)))

    def say(self, name: str, text: str, to: str | None = None) -> None:
        """Somebody says a line in the room `to`; None is to the bot alone. `pushbot: join` calls the bot by name."""
        called = text.startswith((f"{self.bot}:", f"{self.bot},"))
        words = text[len(self.bot) + 1 :].strip() if called else text
        self._notify(Heard(self.chat, to, self.person(name), words, addressed=called or to is None))

    def rename(self, old: str, new: str) -> None:
        """Somebody takes another name."""
        before = self.person(old)
        if old.casefold() in self._accounts:
            self._accounts[new.casefold()] = self._accounts.pop(old.casefold())
        self._notify(Renamed(self.chat, before, self.person(new)))

    def write_topic(self, name: str, room: str, text: str) -> None:
        """Somebody sets a room's topic by hand."""
        topic = self._topics.setdefault(room, Topic())
        before, topic.text, topic.setter = topic.text, self._cut(text), name
        self._notify(TopicEdited(self.chat, room, self.person(name), topic.text, before))

    def topic(self, room: str) -> str:
        """What the room shows."""
        return self._topics[room].text if room in self._topics else ""

    def forget_topics(self) -> None:
        """Lose all topics, as a server does that is started again."""
        self._topics.clear()

    def confirm(self) -> None:
        """Confirm all lines that were written and held back, and from now on each at once."""
        self.confirming = True
        if self._link is not None:
            self._link.confirmed()

    def hold(self, *, losing: bool) -> None:
        """Confirm nothing from now on; with `losing` let nothing arrive either."""
        self.confirming, self.losing = False, losing

    def tell(self, notice: Notice) -> None:
        """Bring the bot word of anything that a chat may tell."""
        self._notify(notice)

    # --- the link ---

    @property
    def connected(self) -> bool:
        """Whether a bot is here."""
        return self._link is not None

    def disconnect(self) -> None:
        """Break the link; the bot cannot come back before `let_in`. Unconfirmed lines are uncertain for it."""
        self._up.clear()
        if self._link is not None:
            self._link.broken()
        self._link = None

    def let_in(self) -> None:
        """Let the bot connect again, over a link that loses nothing."""
        self.losing = False
        self._up.set()

    async def admit(self, link: FakeChat) -> None:
        """Wait until the bot may connect, then take `link` for its connection."""
        await self._up.wait()
        self._link = link

    def part(self, link: FakeChat) -> None:
        """The bot has gone."""
        if self._link is link:
            self._link = None

    # --- what the bot does ---

    def hear(self, line: Spoken) -> None:
        """The bot says a line."""
        if not self.losing:
            self.spoken.append(line)

    def found(self, room: str) -> RoomEntered:
        """What the bot finds as it enters a room."""
        topic = self._topics.setdefault(room, Topic())
        return RoomEntered(self.chat, room, topic.text, topic.setter)

    def set_topic(self, room: str, text: str) -> bool:
        """The bot sets a topic, unless it shows that already; False when it may not."""
        if room in self.guarded:
            return False
        topic, shown = self._topics.setdefault(room, Topic()), self._cut(text)
        if topic.text != shown:
            topic.text, topic.setter = shown, None
            self.topics_set.append((room, shown))
        return True

    def _cut(self, text: str) -> str:
        """What a server with such a limit makes of a topic."""
        return text.encode()[: self.topic_limit].decode(errors="ignore")

    def _notify(self, notice: Notice) -> None:
        if self._link is not None:
            self._link.notify(notice)


class FakeChat:
    """A `Chat`: one bot's connection to a `ChatServer`.

    Writing takes one turn of the event loop, so that lines go out before topics and the latest of
    several topics wins.
    """

    def __init__(self, name: str, options: ChatServer, rooms: Sequence[str]) -> None:
        self.name = name
        self._server = options
        self._rooms = tuple(rooms)
        self._inbox: asyncio.Queue[Notice | None] = asyncio.Queue()
        self._waiting: list[tuple[Spoken, asyncio.Future[None]]] = []
        self._written: list[asyncio.Future[None]] = []
        self._drawn: dict[str, str] = {}
        self._refused: set[str] = set()
        self._inside = False
        self._dead = False

    async def run(self, tell: Callable[[Notice], Awaitable[None]]) -> None:
        """Serve until cancelled, reconnecting for ever."""
        try:
            while True:
                await self._server.admit(self)
                self._inbox = asyncio.Queue()
                self._refused.clear()
                for room in self._rooms:
                    await tell(self._server.found(room))
                self._inside = True
                self._pump()
                while (notice := await self._inbox.get()) is not None:
                    await tell(notice)
        finally:
            self._inside = False
            self._server.part(self)

    def say(self, to: str, text: str, manner: Manner = PLAIN) -> asyncio.Future[None]:
        """Queue one line, see `Chat.say`."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._dead:
            done.cancel()
            return done
        self._waiting.append((Spoken(to, text, manner), done))
        self._soon()
        return done

    def draw(self, room: str, topic: str) -> None:
        """Set a topic, see `Chat.draw`."""
        if room not in self._rooms:
            raise ValueError(f"{room!r} is no room of the chat {self.name!r}")
        self._drawn[room] = topic
        self._soon()

    def topic_limit(self, room: str) -> int:  # noqa: ARG002 - all rooms of this server have the same
        """How many bytes of UTF-8 a topic may have."""
        return self._server.topic_limit

    def fold(self, name: str) -> str:
        """Names that differ only in case are the same."""
        return name.casefold()

    def person(self, name: str) -> Person:
        """The person of that name."""
        return self._server.person(name)

    # --- what the server does to the link ---

    def notify(self, notice: Notice) -> None:
        """Bring the bot word of something."""
        self._inbox.put_nowait(notice)

    def confirmed(self) -> None:
        """The server has got all that was written."""
        written, self._written = self._written, []
        for done in written:
            if not done.done():
                done.set_result(None)

    def broken(self) -> None:
        """The link broke: nobody knows what of the unconfirmed lines arrived."""
        self._inside = False
        written, self._written = self._written, []
        for done in written:
            if not done.done():
                done.set_exception(DeliveryUncertain("the link broke"))
        self._inbox.put_nowait(None)

    def cut(self) -> None:
        """End like a process that is killed: nothing more goes out, and nobody hears of it."""
        self._dead, self._inside = True, False
        for done in (*self._written, *(done for _, done in self._waiting)):
            done.cancel()
        self._written, self._waiting = [], []
        self._server.part(self)

    def _soon(self) -> None:
        asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        """Write what waits: lines first, then the topics that are not yet there."""
        if not self._inside:
            return
        waiting, self._waiting = self._waiting, []
        for line, done in waiting:
            self._server.hear(line)
            self._written.append(done)
        if self._server.confirming:
            self.confirmed()
        for room, text in self._drawn.items():
            if not self._server.set_topic(room, text) and room not in self._refused:
                self._refused.add(room)
                self.notify(TopicRefused(self.name, room))
