"""The whole of it: one workspace with our app installed, served on a loopback port.

    async with SlackServer() as slack:
        slack.add_user("ada"); slack.add_channel("#push")
        ... slack.url, BOT_TOKEN, APP_TOKEN for the bot ...
        slack.say("ada", "#push", ".join")
        await slack.until(lambda: ".join" in slack.shown("#push")[-1])

People and channels are named by id, handle, display name or `#name`. It lives in the test's loop and outlives the bot.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Self

from aiohttp import web

from tests.rig.slack.api import Api
from tests.rig.slack.app import App, Grant
from tests.rig.slack.chat_methods import ChatMethods
from tests.rig.slack.files import File, Files
from tests.rig.slack.links import Links
from tests.rig.slack.people import People
from tests.rig.slack.posts import Ephemeral, Posts
from tests.rig.slack.rooms import Rooms
from tests.rig.slack.shown import blocks_shown, mentions
from tests.rig.slack.state import BOT, BOT_USER, Channel, Group, Message, User, Workspace
from tests.rig.slack.team_methods import Team
from tests.rig.slack.text import plain, unescape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from tests.rig.slack.calls import Call
    from tests.rig.slack.faults import Fault
    from tests.rig.slack.link import Delivery
    from tests.rig.slack.state import Object

DEADLINE = 60.0


class SlackServer:
    """A workspace. What it consists of: `space`, `app`, `links`, `api`, `people`, `posts`, `team`."""

    def __init__(self, *, bot: str = "pushbot") -> None:
        self.port = 0
        self.space = Workspace()
        self.links = Links()
        self.app = App(self.space, self.links)
        self.posts = Posts(self.space, self.app)
        self.rooms = Rooms(self.posts)
        self.team = Team(self.posts)
        self.uploads = Files(self.posts, self.rooms, lambda: self.base)
        self.api = Api(self.app, lambda: f"ws://127.0.0.1:{self.port}/link/?ticket={self.links.ticket()}")
        chat = ChatMethods(self.posts, self.rooms)
        for part in (chat.methods, self.rooms.methods, self.team.methods, self.uploads.methods):
            self.api.methods |= part
        self.people = People(self.team, self.rooms, self.uploads, self.links)
        people = self.people
        self.say, self.direct, self.edit, self.delete = people.say, people.direct, people.edit, people.delete
        self.submit = people.submit
        self.slash, self.press, self.choose, self.open_home = (
            people.slash,
            people.press,
            people.choose,
            people.open_home,
        )
        self.rename, self.rename_channel, self.archive = people.rename, people.rename_channel, people.archive
        self.write_topic, self.invite, self.kick = people.write_topic, people.invite, people.kick
        self.space.users[BOT_USER] = User(BOT_USER, bot, "", bot, bot=BOT)
        self._runner: web.AppRunner | None = None
        self._open: set[asyncio.BaseTransport] = set()

    # --- its life ---

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """What the app takes for https://slack.com/api/."""
        return f"{self.base}/api/"

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.down()

    async def up(self) -> None:
        """Be reachable, at the port it had before if it had one."""
        app = web.Application(client_max_size=64 * 2**20, middlewares=[self._seen])
        app.router.add_route("*", "/api/{method}", self.api.answer)
        app.router.add_get("/link/", self.links.connect)
        app.router.add_post("/upload/v1/{file}", self.uploads.upload)
        app.router.add_post("/commands/{team}/{name}", self.uploads.reply)
        self.api.over.clear()
        self._runner = web.AppRunner(app, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = int(self._runner.addresses[0][1])

    async def down(self) -> None:
        """Be gone, with all connections; what it knows stays."""
        self.links.stop()
        self.api.over.set()
        self.cut()
        if self._runner:
            await self._runner.cleanup()
        self._runner = None

    def cut(self) -> None:
        """Break all connections at once; new ones may come."""
        self.links.reset()
        for transport in list(self._open):
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
        self._open.clear()

    @web.middleware
    async def _seen(self, request: web.Request, handler: Callable[[web.Request], object]) -> web.StreamResponse:
        if request.transport is not None:
            self._open.add(request.transport)
        return await handler(request)  # type: ignore[misc,no-any-return]

    async def until(self, condition: Callable[[], object], seconds: float = DEADLINE, what: str = "") -> None:
        """Return once this holds; AssertionError when it does not in time."""
        ends = asyncio.get_running_loop().time() + seconds
        while not condition():
            assert asyncio.get_running_loop().time() < ends, what or f"not within {seconds} s"
            await asyncio.sleep(0.003)

    async def settled(self, seconds: float = DEADLINE) -> None:
        """Return once all that was sent to the app is acknowledged."""
        await self.until(lambda: not self.links.unacked, seconds, "unacknowledged events")

    # --- what there is ---

    def add_user(self, name: str, *, id: str = "", display: str | None = None, bot: bool = False) -> User:  # noqa: A002
        """A person (or somebody else's bot): `name` is the handle, `display` the display name, else the same."""
        user = User(id or self.space.id("U"), name, name if display is None else display, name.title())
        user.bot = self.space.id("B") if bot else ""
        self.space.users[user.id] = user
        return user

    def add_channel(
        self,
        name: str,
        *,
        id: str = "",  # noqa: A002
        private: bool = False,
        members: Iterable[str] | None = None,
        bot: bool = True,
    ) -> Channel:
        """A channel with these members (everybody there is, by default) and, unless told otherwise, the bot."""
        people = list(self.space.users) if members is None else [self.space.user(one).id for one in members]
        inside = [one for one in people if one != BOT_USER] + ([BOT_USER] if bot else [])
        kind = "group" if private else "channel"
        channel = Channel(id or self.space.id("C"), name.lstrip("#"), kind, inside)
        self.space.channels[channel.id] = channel
        return channel

    def add_group(self, handle: str, users: Iterable[str] = ()) -> Group:
        """A user group."""
        group = Group(self.space.id("S"), handle, [self.space.user(one).id for one in users])
        self.space.groups[group.id] = group
        return group

    def make_token(self, kind: str = "bot", scopes: Iterable[str] = ()) -> str:
        """A new token of kind `bot` or `app` with these scopes."""
        token = f"{'xoxb' if kind == 'bot' else 'xapp'}-{self.space.number()}-{self.space.number()}-made"
        self.app.grants[token] = Grant(kind, set(scopes))
        return token

    def fault(self, method: str, fault: Fault, times: int = 1) -> None:
        """The next `times` calls of `method` (`*`: of any that has no order of its own) befalls this."""
        self.api.orders.setdefault(method, []).extend(itertools.repeat(fault, times))

    # --- what is seen ---

    def messages(self, channel: str, thread: str | None = None) -> list[Message]:
        """What stands in a channel (replies only where they were sent to the channel too), or in a thread of it."""
        there = [one for one in self.space.channel(channel).messages if not one.deleted]
        if thread is not None:
            return [one for one in there if thread in {one.ts, one.thread}]
        return [one for one in there if not one.is_reply or one.broadcast]

    def shown(self, channel: str, thread: str | None = None, by: str | None = None) -> list[str]:
        """What people read there, a text a message, of `by` only when given: its blocks, or its text without."""
        user = self.space.user(by).id if by else None
        return [self.read(one) for one in self.messages(channel, thread) if user in {None, one.user}]

    def read(self, message: Message | Ephemeral) -> str:
        """What people read in a message."""
        return blocks_shown(message.blocks, self.space) if message.blocks else plain(message.text, self.space)

    def mentioned(self, message: Message | Ephemeral) -> list[str]:
        """Whom it calls: user ids, user group ids, `here`, `channel`, `everyone`."""
        return mentions(message)

    def said(self, channel: str, thread: str | None = None) -> list[str]:
        """What the bot wrote there, as people read it."""
        return self.shown(channel, thread, BOT_USER)

    def ephemerals(self, user: str) -> list[str]:
        """What only this person was shown."""
        who = self.space.user(user).id
        return [self.read(one) for one in self.posts.ephemerals if one.user == who]

    def whispers(self, user: str) -> list[Ephemeral]:
        """The same as messages, to press buttons on."""
        return [one for one in self.posts.ephemerals if one.user == self.space.user(user).id]

    def im(self, user: str) -> str:
        """The id of the conversation between somebody and the bot."""
        return self.space.im(self.space.user(user).id).id

    def topic(self, channel: str) -> str:
        return unescape(self.space.channel(channel).topic)

    def pins(self, channel: str) -> list[Message]:
        """Oldest pin first."""
        where = self.space.channel(channel)
        return [one for ts in where.pins if (one := where.find(ts))]

    def home(self, user: str) -> Object | None:
        """The view on somebody's Home tab."""
        return self.team.homes.get(self.space.user(user).id)

    @property
    def files(self) -> list[File]:
        return list(self.uploads.files.values())

    @property
    def calls(self) -> list[Call]:
        return self.api.calls

    def called(self, method: str) -> list[Call]:
        """The calls of one method."""
        return [call for call in self.api.calls if call.method == method]

    @property
    def rate_limited(self) -> int:
        """How many calls were answered 429."""
        return self.api.limited

    @property
    def acked(self) -> list[Delivery]:
        return self.links.acked

    @property
    def unacked(self) -> list[Delivery]:
        return self.links.unacked
