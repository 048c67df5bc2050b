"""`SlackChat`: pushbot's chat in one Slack workspace."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from pushbot.chat.backoff import Backoff
from pushbot.chat.slack.api import Api
from pushbot.chat.slack.blocks.text import escaped
from pushbot.chat.slack.groups import UserGroups
from pushbot.chat.slack.inbound.dispatch import Dispatch
from pushbot.chat.slack.inbound.entering import Entering
from pushbot.chat.slack.inbound.inbox import Inbox
from pushbot.chat.slack.inbound.link import HOPELESS, Link
from pushbot.chat.slack.inbound.mrkdwn import tidy
from pushbot.chat.slack.inbound.user_list import UserList
from pushbot.chat.slack.inbound.user_lookup import UserLookup
from pushbot.chat.slack.known import Known
from pushbot.chat.slack.options import SlackOptions, token_at
from pushbot.chat.slack.outbound.writer import Writer
from pushbot.chat.slack.people import Roster, fold
from pushbot.chat.slack.refused import Refused
from pushbot.chat.slack.rooms import ID, NAME, Rooms
from pushbot.chat.slack.setup.check import look
from pushbot.chat.slack.shape import text
from pushbot.errors import PushbotError
from pushbot.ports import PLAIN, TopicRefused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence

    from pushbot.ports import Manner, Memory, Notice, Sight, Wanted
    from pushbot.queue.model import Person
    from pushbot.views import HomeView, LaneBoard, PushView

    Tell = Callable[[Notice], Awaitable[None]]

LOG = structlog.get_logger()
TOPIC_CHARACTERS = 250
"""Characters of a topic, counted with `&amp;`, `&lt;` and `&gt;` in place of `&`, `<` and `>`.

https://docs.slack.dev/reference/methods/conversations.setTopic
"""
TOPIC_CURE = "give the app the scope channels:write.topic (groups:write.topic), and let it in the workspace's settings"
SPARE = 26
"""Characters that escaping a topic may add: the marks of a stage or two, and some `&` of a message."""


class SlackChat:
    """One connection to one workspace, kept up for ever.

    It is Chat, Measuring, Naming, Displays, Remembering, Groups and Inspecting of `pushbot.ports`. Raises PushbotError
    when one of `rooms` cannot be a channel.
    """

    Options = SlackOptions
    recalls = True

    def __init__(self, name: str, options: SlackOptions, rooms: Sequence[str]) -> None:
        self.name = name
        self.memory: Memory | None = None
        for room in rooms:
            if not (ID.fullmatch(room) or NAME.fullmatch(room)):
                raise PushbotError(
                    f"{room!r} cannot be a room of the chat {name!r}: on Slack a room is a channel's name like #push, "
                    "or its id like C024BE91L."
                )
        timeout = int(options.connect_timeout) + 1
        client = AsyncWebClient(base_url=options.api_url, timeout=timeout, retry_handlers=[])
        api = Api(client, message_interval=options.message_interval, timeout=options.connect_timeout)
        known_rooms, roster = Rooms(rooms), Roster(name, guests=options.guests)
        writer = Writer(api, known_rooms, roster, options, name)
        self._known = Known(name, options, rooms=known_rooms, roster=roster, api=api, writer=writer)
        self._groups = UserGroups(api)
        self._signed_on = False

    # --- what the bot asks ---

    def say(self, to: str, text: str, manner: Manner = PLAIN) -> asyncio.Future[None]:
        """Queue one line for a room or a person's address, see `Chat.say`."""
        return self._known.writer.say(to, text, manner)

    def draw(self, room: str, topic: str) -> None:
        """Make `topic` the room's topic, see `Chat.draw`. A room that is not in the config is an error of the bot's."""
        if self._known.rooms.room(room) is None:
            raise ValueError(f"{room!r} is no room of the chat {self.name!r}")
        self._known.writer.draw(room, topic)

    def topic_limit(self, room: str) -> int:  # noqa: ARG002 - all channels have the same
        """How many bytes a topic may have so that it fits, whatever has to be escaped in an ordinary one."""
        return TOPIC_CHARACTERS - SPARE

    def topic_fits(self, room: str, topic: str) -> bool:  # noqa: ARG002 - all channels have the same
        """Whether a topic is short enough: Slack counts characters, where names may have three bytes each."""
        return escaped(topic, most=TOPIC_CHARACTERS) == escaped(topic)

    def fold(self, name: str) -> str:
        """`name` as two names of one person are equal: in any case, with or without `@`."""
        return fold(name)

    def person(self, name: str) -> Person:
        """Who is called so now."""
        return self._known.roster.named(name)

    def people(self, name: str) -> Sequence[Person]:
        """All whom it may mean: by their name, the one that they chose, their handle or their id; see `Naming`."""
        return self._known.roster.people(name)

    def show_board(self, room: str, board: LaneBoard) -> None:
        """Make this the lane's board in `room`, see `Displays`."""
        self._known.writer.show_board(room, board)

    def keep_boards(self, boards: Collection[tuple[str, str]]) -> None:
        """Take down the boards of all other rooms and lanes, see `Displays`."""
        self._known.writer.keep_boards(boards)

    async def take_down(self) -> None:
        """Take down all boards, see `Displays`."""
        await self._known.writer.take_down()

    def show_push(self, room: str, push: PushView) -> None:
        """Make this what `room` shows of the push, see `Displays`."""
        self._known.writer.show_push(room, push)

    def show_home(self, address: str, home: HomeView) -> None:
        """Make this somebody's own page, see `Displays`."""
        self._known.writer.show_home(address, home)

    async def members(self, group: str) -> frozenset[str]:
        """Who is in a user group, see `Groups`."""
        api = self._known.api
        api.client.token = api.client.token or token_at(self._known.options.token)
        async with api:  # roles are asked for before `run` is, and after it gave up
            return await self._groups.members(group)

    def look(self, wanted: Wanted) -> AsyncIterator[Sight]:
        """Whether there is all that the bot counts on, see `Inspecting`."""
        return look(self._known.options, [room.name for room in self._known.rooms], wanted)

    # --- the connection ---

    async def run(self, tell: Tell) -> None:
        """Connect, enter the rooms and serve until cancelled, see `Chat.run`.

        Raises PushbotError when the very first connection fails for a reason that no retry cures: a token that is
        missing, of the wrong kind, or not taken any more.
        """
        known, options = self._known, self._known.options
        memory = self.memory
        if memory is None:
            raise RuntimeError("a chat that remembers is given its memory before it runs")
        known.api.client.token = token_at(options.token)
        opener = AsyncWebClient(token_at(options.app_token), options.api_url, retry_handlers=[])
        async with known.api, Api(opener, timeout=options.connect_timeout) as app:
            await self._patiently(self._sign_in)
            try:
                await self._serve(memory, app, tell)
            except BaseExceptionGroup as several:
                found: BaseException = several
                while isinstance(found, BaseExceptionGroup):
                    found = found.exceptions[0]
                if isinstance(found, PushbotError):
                    raise found from None
                raise

    async def _serve(self, memory: Memory, app: Api, tell: Tell) -> None:
        """Take up what waits, then listen; ends by being cancelled, or when there is no getting in."""
        known = self._known
        notes = await memory.notes()
        known.roster.recall(notes)
        known.rooms.recall(notes)
        inbox = Inbox(self.name, memory)
        user_lookup = UserLookup(known, memory, tell, inbox.errand)
        entering = Entering(known, memory, user_lookup, inbox.errand, tell)
        dispatch = Dispatch(known, user_lookup, entering, tell)
        user_list = UserList(known, inbox.errand, tell)

        def topic_refused(room: str) -> None:
            inbox.errand(partial(tell, TopicRefused(self.name, room, TOPIC_CURE)))

        known.writer.topic_refused = topic_refused
        await self._patiently(entering.resolve)
        await inbox.resume()

        def connected() -> None:
            LOG.info("slack_connected", chat=self.name, bot=known.own.name, team=known.own.team)
            self._signed_on = True
            entering.all()
            user_list.look()

        link = Link(self.name, known.options, app, inbox.take, connected)
        async with asyncio.TaskGroup() as group:
            group.create_task(known.writer.run(memory), name=f"writer of {self.name}")
            group.create_task(inbox.run(dispatch.deal), name=f"inbox of {self.name}")
            group.create_task(entering.run(), name=f"rooms of {self.name}")
            group.create_task(user_list.run(), name=f"people of {self.name}")
            try:
                await link.run()
            finally:
                user_lookup.part()

    async def _patiently(self, ask: Callable[[], Awaitable[None]]) -> None:
        """Have something asked until Slack answers. Raises PushbotError for what no second try cures at the start."""
        backoff = Backoff(self._known.options.reconnect_min, self._known.options.reconnect_max)
        while True:
            try:
                await ask()
            except PushbotError as error:
                if isinstance(error, Refused) and error.code in HOPELESS and not self._signed_on:
                    raise PushbotError(self._turned_away(error)) from None
                delay = backoff.next()
                LOG.warning("slack_not_reached", chat=self.name, error=str(error), again_in=round(delay, 2))
                await asyncio.sleep(delay)
            else:
                return

    def _turned_away(self, error: Refused) -> str:
        if error.code == "missing_scope":
            return f"The chat {self.name!r} may not do what it has to. {error}"
        return (
            f"The chat {self.name!r} cannot sign in to Slack ({error.code}): put the bot token (xoxb-) of the "
            f"installed app where {self._known.options.token} points."
        )

    async def _sign_in(self) -> None:
        """Find out who we are."""
        answer = await self._known.api.call("auth.test")
        if not text(answer, "user_id"):  # an app-level token is somebody too
            raise Refused("not_allowed_token_type", "auth.test")
        own = self._known.own
        own.user, own.bot, own.team = text(answer, "user_id"), text(answer, "bot_id"), text(answer, "team_id")
        own.name = tidy(text(answer, "user"))
        self._known.roster.team, self._known.api.user = own.team, own.user
