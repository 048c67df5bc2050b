"""Calls of Slack's Web API: each in its turn, tried again where that does no harm, with errors that say what to do.

A call waits for its turn (`paces.py`), a 429 stops all calls of its method for as long as it says, and a request that
got lost is made again only if it may be made twice. Tokens are in no log line and no error. Address, token and proxy
are those of the SDK's client; the requests are made here, for what answers may be none of Slack's (`answer.py`).
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Self

import aiohttp
import structlog

from pushbot.chat.slack.answer import Said, Trouble, lost, told
from pushbot.chat.slack.options import API_URL
from pushbot.chat.slack.paces import POST, Pace, pace_of
from pushbot.chat.slack.refused import UNKNOWN, WITHOUT, Refused, Unreachable
from pushbot.chat.slack.ways import OBJECTS, UNSEEN, Way, Ways
from pushbot.errors import DeliveryUncertain
from pushbot.tls import system_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from pydantic import JsonValue
    from slack_sdk.web.async_client import AsyncWebClient

    from pushbot.chat.slack.answer import Answer

LOG = structlog.get_logger()
TRIES = 5
"""How often a request is made before whoever asked hears that Slack cannot be reached."""
FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0
"""Seconds before the second try, doubled for each further one."""
TIMEOUT, CONNECT_TIMEOUT = 10.0, 5.0
"""Seconds for a whole call, and for the connection it goes over."""
PAGES = 1000
"""Pages of one list that are read, however many more there are said to be."""
REMEMBERED = 1000
"""Channels whose pace is remembered before those at rest are forgotten."""
JSON = {"Content-Type": "application/json; charset=utf-8"}
ONCE = frozenset({"chat.postMessage", "chat.postEphemeral", "conversations.setTopic", "files.completeUploadExternal"})
"""Methods that people see twice when they are called twice; all others may be called again."""


@dataclass(slots=True)
class Api:
    """The Web API of one workspace. Whoever calls it does so in an `async with`: the last one out closes all.

    `message_interval` is in seconds for each channel, `timeout` for each request. When `quiet`, whoever calls tells of
    methods that there are not. `user` is the id of whose token it is, once that is known; `scopes` what Slack said last
    that the token may do, None when it did not say.
    """

    client: AsyncWebClient
    message_interval: float = 1.0
    timeout: float = TIMEOUT
    quiet: bool = False
    user: str = ""
    scopes: str | None = None
    _methods: dict[str, Pace] = field(default_factory=dict)
    _channels: dict[str, Pace] = field(default_factory=dict)
    _ways: Ways = field(init=False)
    _noted: set[str] = field(default_factory=set)
    _session: aiohttp.ClientSession | None = None
    _callers: int = 0

    def __post_init__(self) -> None:
        self._ways = Ways(slack=self.client.base_url == API_URL)

    async def __aenter__(self) -> Self:
        self._callers += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        self._callers -= 1
        if not self._callers and self._session is not None:
            session, self._session, self.client.session = self._session, None, None  # who comes meanwhile has another
            await session.close()

    def session(self) -> aiohttp.ClientSession:
        """The connections to Slack, kept open between calls."""
        if self._session is None or self._session.closed:
            timeout = aiohttp.ClientTimeout(total=self.timeout, sock_connect=min(CONNECT_TIMEOUT, self.timeout))
            connector = aiohttp.TCPConnector(ssl=system_context())
            self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, trace_configs=[_staying()])
            self.client.session = self._session
            self.client.retry_handlers = []  # the SDK would send a message again whose answer got lost
        return self._session

    async def call(self, method: str, *, channel: str = "", **arguments: JsonValue) -> Answer:
        """Call a method when its turn has come, and give Slack's answer. Arguments that are None are left out.

        Raises Refused for `ok: false`, DeliveryUncertain when a write may or may not have happened, and Unreachable
        when nothing was done. All are PushbotErrors.
        """
        await self.turn(method, channel)
        return await self.send(method, channel=channel, newest=False, **arguments)

    async def turn(self, method: str, channel: str = "") -> None:
        """Return when the method may be called; the caller is to `send` it next.

        For who would rather decide at the last moment what to write.
        """
        pace = self._method(method)
        await _turn_of(pace)
        if method == POST and channel:
            await _turn_of(self._channel(channel))
            if pace.closed > asyncio.get_running_loop().time():  # meanwhile
                await _turn_of(pace)

    def free(self, method: str) -> bool:
        """Whether a call of the method would go out at once."""
        return self._method(method).wait(asyncio.get_running_loop().time()) <= 0

    def first(self, what: str) -> bool:
        """Whether this is asked for the first time: of what happens again and again the first is worth a warning."""
        new = what not in self._noted
        self._noted.add(what)
        return new

    async def send(self, method: str, *, channel: str = "", newest: bool = False, **arguments: JsonValue) -> Answer:
        """What `call` does, once it is the method's turn.

        Where Slack says to wait, what is to be the `newest` of its kind is Unreachable: another may be newer by then.
        """
        if channel:
            arguments["channel"] = channel
        tries = 0
        while True:
            answer = await self._request(method, {name: one for name, one in arguments.items() if one is not None})
            if method == POST and channel:  # when it got there is not known, but not after this
                self._channel(channel).over(asyncio.get_running_loop().time())
            if not isinstance(answer, Trouble):
                return answer
            if answer.after is not None:
                LOG.warning("slack_asks_to_wait", method=method, seconds=answer.after)
                self._method(method).close(asyncio.get_running_loop().time() + answer.after)
                if newest:
                    raise Unreachable(f"Slack asks to wait for {answer.after:g} s before {method}.")
            else:
                tries += 1
                LOG.warning("slack_call_failed", method=method, trouble=answer.what, tries=tries)
                if answer.doubtful and method in ONCE:
                    raise DeliveryUncertain(f"{answer.what}; {method} may have been carried out or not.")
                if tries >= TRIES:
                    raise Unreachable(f"{answer.what}: {method} was tried {tries} times; look at the network.")
                await asyncio.sleep(_backoff(tries))
            await self.turn(method, channel)

    async def pages(self, method: str, *, channel: str = "", **arguments: JsonValue) -> AsyncIterator[Answer]:
        """The answers of a method that gives a list in pages, by their cursors; PAGES of them at most."""
        for _ in range(PAGES):
            answer = await self.call(method, channel=channel, **arguments)
            yield answer
            more = answer.get("response_metadata")
            cursor = more.get("next_cursor") if isinstance(more, dict) else None
            if not cursor or cursor == arguments.get("cursor"):
                return
            arguments["cursor"] = cursor
        LOG.warning("slack_pages_left_out", method=method, read=PAGES)

    async def post_to(self, url: str, body: Mapping[str, JsonValue]) -> None:
        """Answer at a `response_url`. Raises Refused when it is used up, DeliveryUncertain or Unreachable."""
        trouble = await self._post(url, {"json": dict(body)})
        if trouble is not None:
            raise trouble

    async def upload(self, url: str, content: bytes) -> None:
        """Send a file's content to the address that files.getUploadURLExternal gave. Errors as those of `post_to`."""
        trouble = await self._post(url, {"data": content})
        if trouble is not None:
            raise trouble

    # --- below ---

    async def _post(self, url: str, body: Mapping[str, object]) -> Refused | DeliveryUncertain | Unreachable | None:
        try:
            async with self.session().post(url, **body) as response:  # type: ignore[arg-type]
                await response.read()
                if response.status < HTTPStatus.BAD_REQUEST:
                    return None
                if response.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                    return Refused(f"http_{response.status}", "the address it gave for this")
                return DeliveryUncertain(f"Slack answered with HTTP status {response.status}.")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            trouble = lost(error)
            return DeliveryUncertain(f"{trouble.what}.") if trouble.doubtful else Unreachable(f"{trouble.what}.")

    async def _request(self, method: str, arguments: Mapping[str, JsonValue]) -> Answer | Trouble:
        """Make one request; where its arguments seem to be missed, another that has them elsewhere (`ways.py`)."""
        refusals = list[Refused]()
        for way in self._ways.of(method):
            try:
                answer = await self._sent(method, arguments, way)
            except Refused as refused:
                if refused.code not in UNSEEN:
                    raise
                refusals.append(refused)
            else:
                if not isinstance(answer, Trouble):
                    self._ways.good(method, way)
                elif answer.broke:
                    self._ways.bad(method)
                return answer
        refusal = next((one for one in refusals if one.code != UNKNOWN), refusals[0])
        if refusal.code == UNKNOWN and not self.quiet and self.first(method):
            LOG.warning("slack_method_unknown", method=method, without=WITHOUT.get(method, "it goes on without it"))
        raise refusal

    async def _sent(self, method: str, arguments: Mapping[str, JsonValue], way: Way) -> Answer | Trouble:
        form = {name: _plain(one) for name, one in arguments.items()} if way is not Way.JSON else {}
        try:
            async with self.session().request(
                "GET" if way is Way.QUERY else "POST",
                f"{self.client.base_url}{method}",
                headers={"Authorization": f"Bearer {self.client.token}", **(JSON if way is Way.JSON else {})},
                proxy=self.client.proxy,
                ssl=self.client.ssl if self.client.ssl is not None else True,
                params=None if method in OBJECTS else form,
                data=form if form and way is Way.FORM else None,
                json=dict(arguments) if way is Way.JSON else None,
            ) as response:
                said = Said(response.status, response.headers, await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return lost(error)
        self.scopes = said.headers.get("x-oauth-scopes")
        return told(method, str(arguments.get("channel", "")), said)

    def _method(self, method: str) -> Pace:
        if method not in self._methods:
            self._methods[method] = pace_of(method, self.message_interval)
        return self._methods[method]

    def _channel(self, channel: str) -> Pace:
        if len(self._channels) > REMEMBERED:
            now = asyncio.get_running_loop().time()
            self._channels = {name: one for name, one in self._channels.items() if not one.idle(now)}
        return self._channels.setdefault(channel, Pace(self.message_interval))


async def _turn_of(pace: Pace) -> None:
    """Return when its next turn has come, also where it is closed, or the turn before is late, in the meantime."""
    loop = asyncio.get_running_loop()
    wait = pace.take(loop.time())
    while wait > 0:
        await asyncio.sleep(wait)
        now = loop.time()
        wait = pace.take(now) if pace.closed > now else pace.rested - now


def _plain(value: JsonValue) -> str | int | float:
    return value if isinstance(value, str | int | float) and not isinstance(value, bool) else json.dumps(value)


def _staying() -> aiohttp.TraceConfig:
    """Follows nobody elsewhere: Slack sends no call to another address, and what is said is for Slack alone."""

    async def refuse(*_: object) -> None:
        raise aiohttp.ClientConnectionError("redirected")

    config = aiohttp.TraceConfig()
    config.on_request_redirect.append(refuse)
    return config


def _backoff(tries: int) -> float:
    """Seconds before the next try, with jitter, so that not all come back at the same moment."""
    most: float = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (tries - 1))
    return most * random.uniform(0.5, 1.0)  # noqa: S311 - nothing secret about it
