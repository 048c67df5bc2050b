"""What a bot keeps when its configuration is read again: its record, its connections, and all that it owes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog

from pushbot.errors import PushbotError, fault_reference
from pushbot.ports import Displays, Remembering
from pushbot.service.feed import Feed
from pushbot.service.isolation import isolated, kept_up, one_by_one

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

    from pushbot.control.server import ControlServer
    from pushbot.ports import Chat, Clock, Notice, Store, Timetable
    from pushbot.service.journal.clerk import Clerk
    from pushbot.service.limits import Limits
    from pushbot.service.speaker import Speaker
    from pushbot.web.listener import Listener
    from pushbot.web.spec import WebSpec

    GivenUp = Callable[[str, PushbotError], Awaitable[None]]
    Tell = Callable[[Notice], Awaitable[None]]

LOG = structlog.get_logger()
CLEARING = 5.0
"""Seconds in which a chat that leaves the configuration may take down what it shows; meanwhile nobody is answered."""


@dataclass(slots=True)
class Door:
    """Where chats hand over what they hear. While it is shut they wait, each with its notices in their order."""

    tell: Tell | None = None
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    _inside: int = 0
    _empty: asyncio.Event = field(default_factory=asyncio.Event)

    async def enter(self, notice: Notice) -> None:
        """Hand over one notice, once the door is open."""
        while self.tell is None or not self._open.is_set():
            await self._open.wait()
        self._inside += 1
        self._empty.clear()
        try:
            await self.tell(notice)
        finally:
            self._inside -= 1
            if not self._inside:
                self._empty.set()

    def open(self, tell: Tell) -> None:
        """Let notices through to `tell` from now on."""
        self.tell = tell
        self._open.set()

    async def shut(self) -> None:
        """Let nobody in any more; returns when all who are inside have left their notices."""
        self._open.clear()
        while self._inside:
            await self._empty.wait()


@dataclass(slots=True)
class Link:
    """A chat that is connected, or tries to be; `task` ends when it gives up."""

    chat: Chat
    task: asyncio.Task[None]


@dataclass(slots=True)
class Web:
    """The listener for webhooks, which keeps its port as long as its address does not change."""

    listener: Listener
    task: asyncio.Task[None]


@dataclass(slots=True)
class Lasting:
    """The parts that outlive a wiring. `group` has all tasks of the bot."""

    store: Store
    clock: Clock
    timetable: Timetable
    group: asyncio.TaskGroup
    speaker: Speaker
    clerk: Clerk
    limits: Limits
    feed: Feed = field(default_factory=Feed)
    door: Door = field(default_factory=Door)
    links: dict[str, Link] = field(default_factory=dict)
    control: ControlServer | None = None
    web: Web | None = None
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        """Have something done as long as the bot lives."""
        self.tasks.append(self.group.create_task(work, name=name))

    def connect(self, chat: Chat, given_up: GivenUp | None) -> None:
        """Have `chat` run. Without `given_up` the whole bot ends with a chat that gives up, else that is told."""
        if isinstance(chat, Remembering):
            chat.memory = self.store.memory(chat.name)
        name, run = f"chat {chat.name}", partial(chat.run, one_by_one(self.door.enter))
        work = self._guarded(kept_up(name, run, self.clock, ends=False), name, given_up)
        self.links[chat.name] = Link(chat, self.group.create_task(work, name=f"chat {chat.name}"))

    def listen(self, listener: Listener, given_up: GivenUp | None) -> None:
        """Have webhooks taken; `given_up` as in `connect`."""
        work = self._guarded(listener.run(), "the listener for webhooks", given_up)
        self.web = Web(listener, self.group.create_task(work, name="web"))

    async def _guarded(self, work: Awaitable[None], what: str, given_up: GivenUp | None) -> None:
        try:
            await work
        except PushbotError as error:
            if given_up is None:
                raise
            await given_up(what, error)

    async def part_with(self, chats: Mapping[str, Chat], web: WebSpec | None) -> None:
        """Hang up on the chats that are not among `chats`, and close the listener if it is not to be as in `web`."""
        gone = [link for name, link in self.links.items() if chats.get(name) is not link.chat]
        async with asyncio.TaskGroup() as group:
            for link in gone:
                if link.chat.name not in chats and not link.task.done() and isinstance(link.chat, Displays):
                    group.create_task(_cleared(link.chat, link.chat.name), name=f"{link.chat.name} is taken down")
        self.links = {name: link for name, link in self.links.items() if link not in gone}
        tasks = [link.task for link in gone]
        if self.web is not None and (self.web.task.done() or self.web.listener.spec != web):
            tasks.append(self.web.task)
            self.web = None
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
            await asyncio.sleep(0)  # what chats confirmed with their last breath is heard first

    def web_tasks(self) -> list[asyncio.Task[None]]:
        """The listener's, if there is one."""
        return [self.web.task] if self.web is not None else []

    def all_tasks(self) -> list[asyncio.Task[None]]:
        """Everything that runs here."""
        return [*self.tasks, *self.web_tasks(), *(link.task for link in self.links.values())]


async def _cleared(chat: Displays, name: str) -> None:
    """Have a chat that leaves take down what it shows, as far as it can in a short time."""
    try:
        await isolated(chat.take_down(), f"taking down what {name} shows", CLEARING)
    except TimeoutError:
        LOG.warning("not_taken_down", chat=name, within=CLEARING)
    except Exception:
        LOG.exception("not_taken_down", chat=name, reference=fault_reference())
