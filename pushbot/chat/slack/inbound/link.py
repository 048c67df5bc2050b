"""The socket over which Slack tells things (Socket Mode): kept up, watched, and changed for another without a gap.

https://docs.slack.dev/apis/events-api/using-socket-mode. Each connection gets a fresh address, as one is good for one
connection. A link that is silent is given up soon, whatever TCP thinks. When Slack says that it will close a link, the
next is opened first, and the old one is read until it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp
import structlog
from aiohttp import ClientWebSocketResponse, ClientWSTimeout, WSMessage, WSMsgType

from pushbot.chat.backoff import Backoff
from pushbot.chat.slack.answer import UNTRUSTED
from pushbot.chat.slack.inbound.dispatch import LATE
from pushbot.chat.slack.refused import Refused
from pushbot.chat.slack.shape import text
from pushbot.errors import PushbotError
from pushbot.tls import system_context

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pushbot.chat.slack.api import Api
    from pushbot.chat.slack.options import SlackOptions
    from pushbot.chat.slack.shape import Object

LOG = structlog.get_logger()
PATIENCE = 2.5
"""Pings after which a silent link is given up."""
AT_A_TIME = 0.5
"""Pings for which is waited at a time."""
UNPROVEN = 10.0
"""The same where no ping was ever answered, doubled for each link that was given up so: RFC 6455 (5.5.2) wants pings
answered, Slack does, and some stand-ins for it do not."""
HELD = 10.0
"""Seconds that a link must have lasted for the next one to be tried at once."""
LEAVING = 30.0
"""Seconds that a link is still read after Slack said that it will close it."""
GOODBYE = 0.5
"""Seconds that the other side has to answer when we close a link."""
LARGEST = 4 * 1024 * 1024
"""Bytes of a message that are taken."""
OFF = "link_disabled"
CROWDED = "too_many_websockets"
CURES = {OFF: "turn on Socket Mode in the app's settings", CROWDED: "run one bot for an app"}

HOPELESS = frozenset(
    {
        "access_denied",
        "account_inactive",
        "forbidden_team",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
    }
)
"""Errors that no second try cures, when the first one meets them."""


@dataclass(slots=True)
class _Turn:
    """How it stands with one connection: `over` when the next should be opened, and what was said then."""

    over: asyncio.Event = field(default_factory=asyncio.Event)
    reason: str = ""
    began: float | None = None
    """When there was a link, which takes its time, and may come to nothing."""

    def end(self, reason: str) -> None:
        """Have the next one opened; the first reason is the one that counts."""
        if not self.over.is_set():
            self.reason = reason
            self.over.set()

    @property
    def held(self) -> bool:
        """Whether it was worth having."""
        return self.began is not None and time.monotonic() - self.began >= HELD


@dataclass(slots=True)
class Link:
    """Gives each envelope to `take`, and acknowledges it when that returns; `connected` is called for each new link.

    `api` calls Slack with the app-level token.
    """

    chat: str
    options: SlackOptions
    api: Api
    take: Callable[[Object], Awaitable[None]]
    connected: Callable[[], None]
    _signed_on: bool = False
    _greeted: bool = False
    _answered: bool = False
    _unanswered: int = 0

    async def run(self) -> None:
        """Keep a link up until cancelled.

        Raises PushbotError when the very first one cannot be had, for a reason that no retry cures.
        """
        backoff = Backoff(self.options.reconnect_min, self.options.reconnect_max)
        connector = aiohttp.TCPConnector(ssl=system_context())
        async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
            while True:
                turn = _Turn()
                socket = await self._open(session, turn)
                if socket is not None:
                    self._signed_on, turn.began = True, time.monotonic()
                    group.create_task(self._serve(socket, turn), name=f"link of {self.chat}")
                    self.connected()
                    await turn.over.wait()
                if turn.held or not turn.reason:  # to be asked to change is no trouble
                    backoff.reset()
                delay = 0.0 if turn.held else backoff.next()
                if turn.reason:
                    why = f"{turn.reason}: {CURES[turn.reason]}" if turn.reason in CURES else turn.reason
                    LOG.warning("slack_disconnected", chat=self.chat, why=why, again_in=round(delay, 2))
                await asyncio.sleep(delay)

    async def _open(self, session: aiohttp.ClientSession, turn: _Turn) -> ClientWebSocketResponse | None:
        """A new link at a new address; None, and the reason in `turn`, when there is none to be had now."""
        try:
            answer = await self.api.call("apps.connections.open")
            async with asyncio.timeout(self.options.connect_timeout):
                return await session.ws_connect(
                    text(answer, "url"),
                    timeout=ClientWSTimeout(ws_close=GOODBYE),
                    max_msg_size=LARGEST,
                    autoping=False,
                    proxy=self.api.client.proxy,
                    ssl=self.api.client.ssl if self.api.client.ssl is not None else True,
                )
        except Refused as error:
            if error.code in HOPELESS and not self._signed_on:
                raise PushbotError(
                    f"The chat {self.chat!r} gets no connection to Slack ({error.code}): put an app-level token "
                    f"(xapp-) of the app, with the scope connections:write, where {self.options.app_token} points, "
                    "and turn on Socket Mode in the app's settings."
                ) from None
            turn.end(str(error))
        except PushbotError as error:
            turn.end(str(error))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            turn.end(_trouble(error))  # the address is a secret, and stands in the error's own words
        return None

    # --- one connection ---

    async def _serve(self, socket: ClientWebSocketResponse, turn: _Turn) -> None:
        """Read one link to its end."""
        try:
            async with asyncio.TaskGroup() as group:
                pings = group.create_task(self._ping(socket))
                turn.end(await self._read(socket, turn))
                pings.cancel()
        finally:
            await socket.close()

    async def _read(self, socket: ClientWebSocketResponse, turn: _Turn) -> str:
        """Take what comes; why that ended. Where links are greeted, one that is not has nobody at its other end."""
        leave_at = time.monotonic() + self.options.connect_timeout if self._greeted else math.inf
        while True:
            message = await self._next(socket, leave_at)
            if message is None:
                return self._silent() if time.monotonic() < leave_at else "Slack did not say hello"
            if message.type is not WSMsgType.TEXT:
                self._answered = self._answered or message.type is WSMsgType.PONG
                if message.type is WSMsgType.PING:
                    await _pong(socket, message.data)
                if message.type in (WSMsgType.BINARY, WSMsgType.PONG, WSMsgType.PING):
                    continue
                return _trouble(message.data) if message.type is WSMsgType.ERROR else "Slack closed it"
            envelope = _parsed(message.data)
            if text(envelope, "type") == "disconnect":
                reason = text(envelope, "reason")
                if reason in CURES:
                    return reason
                LOG.info("slack_link_will_close", chat=self.chat, reason=reason)
                turn.end("")
                leave_at = min(leave_at, time.monotonic() + LEAVING)
            elif text(envelope, "type") == "hello":
                self._greeted, leave_at = True, math.inf
                LOG.info("slack_hello", chat=self.chat, connections=envelope.get("num_connections"))  # 1: it is alone
            else:
                await self._take(socket, envelope)

    async def _next(self, socket: ClientWebSocketResponse, leave_at: float) -> WSMessage | None:
        """The next message; None when there was none for too long, or is none and it is time to leave.

        Waits are counted, and not seconds: a bot that stood still itself finds what came meanwhile, and an answer to
        its next ping. Not after so long that nobody expects any more to be heard.
        """
        for _ in range(round(self._patience() / AT_A_TIME)):
            began = time.monotonic()
            with contextlib.suppress(TimeoutError):
                return await socket.receive(self.options.ping_interval * AT_A_TIME)
            if began > leave_at or time.monotonic() - began > LATE.total_seconds():
                break
        return None

    def _patience(self) -> float:
        """How many pings of silence are too many."""
        return PATIENCE if self._answered else UNPROVEN * 2.0**self._unanswered

    def _silent(self) -> str:
        """Why a silent link is given up."""
        if self._answered:
            return "it has gone silent"
        self._unanswered += 1
        return "it has gone silent, and never answered a ping: a dead link is noticed late there"

    async def _take(self, socket: ClientWebSocketResponse, envelope: Object) -> None:
        """Keep an envelope, then say so. What is not kept is not acknowledged, so that Slack sends it again."""
        name = text(envelope, "envelope_id")
        if not name:
            return
        try:
            await self.take(envelope)
        except PushbotError as error:
            LOG.warning("slack_letter_not_taken", chat=self.chat, kind=text(envelope, "type"), error=str(error))
            return
        except Exception:  # what breaks us today may not tomorrow, and comes again only so often
            LOG.exception("slack_letter_not_taken", chat=self.chat, kind=text(envelope, "type"))
            return
        try:
            await socket.send_str(json.dumps({"envelope_id": name}))
        except (ConnectionError, aiohttp.ClientError) as error:  # Slack sends it again, and it is known then
            LOG.info("slack_not_acknowledged", chat=self.chat, error=type(error).__name__)

    async def _ping(self, socket: ClientWebSocketResponse) -> None:
        while True:  # the first one at once, to see soon whether they are answered
            try:
                await socket.ping()
            except (ConnectionError, aiohttp.ClientError):
                return  # whoever reads sees it too
            await asyncio.sleep(self.options.ping_interval)


async def _pong(socket: ClientWebSocketResponse, data: bytes) -> None:
    with contextlib.suppress(ConnectionError, aiohttp.ClientError):  # whoever reads sees it too
        await socket.pong(data)


def _parsed(said: str) -> Object:
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _trouble(error: object) -> str:
    """What went wrong, without the address."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return UNTRUSTED
    status = getattr(error, "status", None)
    return f"{type(error).__name__} {status}" if isinstance(status, int) else type(error).__name__
