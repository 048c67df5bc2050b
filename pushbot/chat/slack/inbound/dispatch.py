"""Letters become what the bot is told. Bolt sorts them and finds who is meant; here is what each kind of them means.

Bolt would acknowledge first and listen to all at the same time. Here it is given one letter, which Slack knows to have
come, and it is done when the listener is (`process_before_response`); acknowledging is the link's business.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError

from pushbot.chat.slack.blocks.press import pressed
from pushbot.chat.slack.inbound.envelopes import (
    COMING,
    GOING,
    GONE,
    HOME,
    LOOSE,
    MESSAGES,
    PEOPLE,
    RENAMES,
    TALK,
    TOPIC,
    UNPINNED,
)
from pushbot.chat.slack.inbound.inbox import NotYet
from pushbot.chat.slack.inbound.mrkdwn import mentioned, straight, topic_of
from pushbot.chat.slack.inbound.spoken import Place, Spoken, is_private
from pushbot.chat.slack.outbound.outbox import is_thread
from pushbot.chat.slack.people import ID
from pushbot.chat.slack.shape import objects, part, text
from pushbot.clock import SystemClock
from pushbot.errors import PushbotError
from pushbot.ports import HomeOpened, RoomEntered, TopicEdited

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from slack_bolt.context.async_context import AsyncBoltContext

    from pushbot.chat.slack.inbound.entering import Entering
    from pushbot.chat.slack.inbound.user_lookup import UserLookup
    from pushbot.chat.slack.known import Known
    from pushbot.chat.slack.shape import Object
    from pushbot.ports import Letter, Notice

LOG = structlog.get_logger()
HELP = ".help"
LATE = timedelta(minutes=10)
"""After so long nobody expects any more that what they said before a crash is done."""
_ANY = re.compile(".*", re.DOTALL)
_SILENT = logging.getLogger("pushbot.chat.slack.bolt")
_SILENT.setLevel(logging.CRITICAL + 1)
"""What Bolt would log is logged here, without what people said: not one of its own, whose level is set elsewhere."""


class Dispatch:
    """Deals with letters, one at a time; `tell` is how the bot is told."""

    def __init__(
        self, known: Known, user_lookup: UserLookup, entering: Entering, tell: Callable[[Notice], Awaitable[None]]
    ) -> None:
        self._known, self._user_lookup, self._entering, self._tell = known, user_lookup, entering, tell
        self._spoken, self._clock = Spoken(known), SystemClock()
        self._app = self._sorted(
            AsyncApp(
                name="pushbot",
                logger=_SILENT,
                client=known.api.client,
                authorize=_authorize(known),
                process_before_response=True,
                raise_error_for_unhandled_request=True,
                request_verification_enabled=False,
                ssl_check_enabled=False,
                url_verification_enabled=False,
                ignoring_self_events_enabled=False,
                ignoring_self_assistant_message_events_enabled=False,
                attaching_function_token_enabled=False,
                attaching_conversation_kwargs_enabled=False,
            )
        )

    async def deal(self, letter: Letter, again: bool) -> None:  # noqa: FBT001 - what the inbox gives
        """Tell what is in a letter. Raises what the listeners raise."""
        body = json.loads(letter.body)
        trouble: list[Exception] = []
        late = again and letter.at is not None and self._clock.now() - letter.at > LATE
        context = {"letter": letter.id, "again": again, "late": late, "trouble": trouble}
        try:
            await self._app.async_dispatch(AsyncBoltRequest(mode="socket_mode", body=body, context=context))
        except (AttributeError, LookupError, TypeError, ValueError) as odd:  # what listeners raise is in `trouble`
            raise PushbotError(f"Slack sent something of another shape than it documents ({odd}).") from odd
        for error in trouble:
            raise error

    # --- Bolt's part ---

    def _sorted(self, app: AsyncApp) -> AsyncApp:
        """Who listens to what."""
        for names, listener in (
            (MESSAGES, self._message),
            (PEOPLE, self._person),
            (COMING | GOING, self._moved),
            (RENAMES, self._room_renamed),
            ({HOME}, self._home),
            ({UNPINNED}, self._unpinned),
        ):
            for name in names:
                app.event(name)(listener)
        app.event(_ANY)(self._nothing)
        app.command(_ANY)(self._command)
        app.action(_ANY)(self._press)
        app.error(self._broken)
        return app

    async def _broken(self, error: Exception, context: AsyncBoltContext) -> None:
        if isinstance(error, BoltUnhandledRequestError):
            LOG.debug("slack_letter_of_no_use", chat=self._known.chat, letter=context["letter"])
        else:
            context["trouble"].append(error)

    async def _nothing(self) -> None:
        """An event that matters to nobody here."""

    # --- messages ---

    async def _message(self, event: Object, context: AsyncBoltContext) -> None:
        subtype = text(event, "subtype")
        if subtype in TOPIC:
            await self._topic(event, context)
        elif GONE in event:
            await self._known.writer.deleted(text(event, "channel"), text(event, GONE))
        elif subtype in TALK and not text(event, "bot_id"):
            await self._user_lookup.meet([text(event, "user")], mentioned(text(event, "text")))
            if is_private(event) and ID.fullmatch(text(event, "user")):
                self._known.writer.met_at(text(event, "user"), text(event, "channel"))
            await self._hear(list(self._spoken.message(event)), text(event, "user"), context)

    async def _hear(self, said: Sequence[tuple[str, Place]], user: str, context: AsyncBoltContext) -> None:
        """Tell what somebody said, a notice for each line that counts."""
        if not ID.fullmatch(user) or self._known.roster.is_bot(user) or user == self._known.own.user:
            return
        if said:
            self._put_off(user)
        letter, again, late = str(context["letter"]), bool(context["again"]), bool(context["late"])
        person = self._known.roster.person(user)
        for number, (line, place) in enumerate(said, 1):
            name = letter if len(said) == 1 else f"{letter}/{number}"
            await self._tell(replace(place.heard(self._known.chat, person, line, name, again=again), late=late))

    def _put_off(self, user: str) -> None:
        """Leave the letter until it is known who that is, if Slack is late to say so."""
        waiting = self._user_lookup.waiting.get(user)
        if waiting is not None:
            raise NotYet(waiting)

    async def _topic(self, event: Object, context: AsyncBoltContext) -> None:
        """The topic is another. Ours has come true; somebody else's is told, with what it took the place of."""
        known, room, user = self._known, self._known.rooms.find(text(event, "channel")), text(event, "user")
        if room is None:
            return
        if "topic" not in event:  # not as documented: then Slack has to be asked
            self._entering.again([room.name])
            return
        await self._user_lookup.meet([user], mentioned(text(event, "topic")))
        if user != known.own.user:
            self._put_off(user)
        before, now = room.topic, topic_of(text(event, "topic"), known.roster.name_of, known.rooms.name_of)
        own, at = user == known.own.user, text(event, "ts")
        written = float(at) if is_thread(at) else 0.0
        if 0 < written < room.written:  # Slack told of a later one first: this one stands there no more
            if not own and ID.fullmatch(user) and room.found != (now, user):
                await self._tell(RoomEntered(known.chat, room.name, now, known.roster.name_of(user)))
            return
        room.topic, room.setter, room.news, room.written = now, user, room.news + 1, written
        known.writer.topic_is(room.name, now, own=own)
        if ID.fullmatch(user) and not own:
            name, again = str(context["letter"]), bool(context["again"])
            person, meant = known.roster.person(user), partial(known.writer.topic_meant, room.name)
            now, before = straight(meant(now)), meant(before) if before is not None else None
            await self._tell(TopicEdited(known.chat, room.name, person, now, before, id=name, again=again))

    async def _unpinned(self, event: Object) -> None:
        self._known.writer.unpinned(text(event, "channel"), text(event, LOOSE))

    # --- slash commands and buttons ---

    async def _command(self, body: Object, context: AsyncBoltContext) -> None:
        said, user, letter = text(body, "text"), text(body, "user_id"), str(context["letter"])
        await self._user_lookup.meet([user], mentioned(said))
        place = self._spoken.asked(text(body, "channel_id"), letter)
        if place.spot and text(body, "response_url"):
            self._known.writer.answer_at(place.spot, text(body, "response_url"))
        await self._hear(list(self._spoken.lines(said.strip() or HELP, place)), user, context)

    async def _press(self, body: Object, context: AsyncBoltContext) -> None:
        user = text(body, "user", "id")
        await self._user_lookup.meet({user})
        container = part(body, "container")
        channel = text(body, "channel", "id") or text(container, "channel_id")
        said = list[tuple[str, Place]]()
        for action in objects(body, "actions"):
            press = pressed(action)
            if press is None:
                LOG.debug("slack_press_of_no_use", chat=self._known.chat, action=text(action, "action_id"))
            else:
                said.append((press.command, self._spoken.pressed(channel, _thread_of(container), press)))
        await self._hear(said, user, context)

    # --- people and rooms ---

    async def _person(self, event: Object) -> None:
        for renamed in self._known.roster.learn(part(event, "user")):
            await self._tell(renamed)
            await self._user_lookup.note(renamed.new.address)

    async def _home(self, event: Object) -> None:
        user = text(event, "user")
        if text(event, "tab") == "home" and ID.fullmatch(user):
            await self._user_lookup.meet({user})
            self._put_off(user)
            if not self._known.roster.is_bot(user):
                await self._tell(HomeOpened(self._known.chat, self._known.roster.person(user)))

    async def _moved(self, event: Object) -> None:
        """Somebody came or went, or a channel did: where it concerns the bot, the room is looked at again."""
        known = self._known
        user = text(event, "user")
        if text(event, "type") in ("member_joined_channel", "member_left_channel") and user != known.own.user:
            return
        channel = text(event, "channel") or text(event, "channel", "id")
        room = known.rooms.find(channel)
        if room is not None:
            room.news += 1
            if text(event, "type") in GOING:
                room.inside = False
            self._entering.again([room.name])
        elif text(event, "type") in COMING:
            self._entering.again([one.name for one in known.rooms if not one.inside])

    async def _room_renamed(self, event: Object) -> None:
        """The room stays, its name is another."""
        room = self._known.rooms.find(text(event, "channel", "id"))
        if room is not None:
            room.title = f"#{text(event, 'channel', 'name')}"
            LOG.info("slack_room_renamed", chat=self._known.chat, room=room.name, title=room.title)
        else:
            self._entering.again([one.name for one in self._known.rooms if not one.inside])


def _thread_of(container: Object) -> str:
    """The thread in which a message stands that something was pressed on, not the one that hangs below it."""
    thread = text(container, "thread_ts")
    return thread if thread != text(container, "message_ts") else ""


def _authorize(known: Known) -> Callable[..., Awaitable[AuthorizeResult]]:
    """One app in one workspace: who may what is decided by the people's ids, later."""

    async def authorized(team_id: str | None = None, enterprise_id: str | None = None) -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team_id or known.own.team,
            bot_user_id=known.own.user,
            bot_id=known.own.bot,
            bot_token=known.api.client.token,
        )

    return authorized
