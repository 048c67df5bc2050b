"""The HTTP listener: bounded in every way, and silent about what it knows to whoever cannot sign.

`POST /hooks/NAME` takes a webhook. 202: recorded. 200: nothing in it for us. 409: taken before. 401: not signed as it
should be, or no such hook. 400: signed, but not readable. 413, 408: too long, too slow. 503: it could not be recorded
or the bot is busy; send it again.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from pushbot.errors import PushbotError, fault_reference
from pushbot.secret import resolve_secret
from pushbot.web.payloads import Unreadable, builds
from pushbot.web.signed import Unsigned, identified

if TYPE_CHECKING:
    from pushbot.ports import Clock
    from pushbot.service.house.autopilot import Autopilot
    from pushbot.web.spec import WebSpec

LOG = structlog.get_logger()
READ_WITHIN = 10.0
"""Seconds in which a body has to have come in."""
DONE_WITHIN = 10.0
"""Seconds in which what it says has to be on record."""
AT_ONCE = 20
"""Requests that are looked at at the same time; more are told to come again."""
CONNECTIONS = 100
"""Connections that are open at the same time; who comes then is hung up on. They are the bot's own open files, too."""
LASTS = 30.0
"""Seconds after which a connection is cut: it is for one request, which is answered long before."""
LOOKS = 1.0
"""Seconds between two looks at that."""


@dataclass(slots=True)
class Listener:
    """Takes webhooks, `POST /hooks/NAME`, and hands what they tell to the autopilot; one for the whole bot."""

    spec: WebSpec
    autopilot: Autopilot
    clock: Clock
    port: int | None = None
    _open: int = 0
    _under_way: set[str] = field(default_factory=set)

    async def run(self) -> None:
        """Listen and serve. Raises PushbotError when the address cannot be had."""
        app = web.Application(client_max_size=self.spec.max_body)
        app.router.add_post("/hooks/{name}", self._hook)
        quiet = logging.getLogger("pushbot.web.no_http")
        quiet.setLevel(logging.CRITICAL)  # what is no HTTP gets its 400: no strange bytes fill the log with tracebacks
        runner = web.AppRunner(
            app, access_log=None, keepalive_timeout=15.0, lingering_time=2.0, shutdown_timeout=1.0, logger=quiet
        )
        await runner.setup()
        loop, listening = asyncio.get_running_loop(), None
        try:
            if runner.server is None:
                raise TypeError("a runner that is set up has a server")
            try:
                come_in = partial(_admitted, runner.server)
                listening = await loop.create_server(come_in, self.spec.host, self.spec.port)
            except OSError as error:
                raise PushbotError(
                    f"web.listen: cannot listen on {self.spec.host}:{self.spec.port} ({error.strerror}); "
                    "choose another address, or end what listens there"
                ) from error
            self.port = listening.sockets[0].getsockname()[1]
            LOG.info("web_listening", host=self.spec.host, port=self.port)
            await _cut_what_lasts(runner.server)
        finally:
            if listening is not None:
                listening.close()
            await runner.cleanup()

    async def _hook(self, request: web.Request) -> web.Response:
        if self._open >= AT_ONCE:
            return _answer(503, "busy; send it again later")
        self._open += 1
        try:
            return await self._taken(request)
        except web.HTTPException:
            raise
        except PushbotError as error:
            LOG.warning("hook_not_taken", error=str(error))
            return _answer(503, "not recorded; send it again later")
        except Exception:
            reference = fault_reference()
            LOG.exception("hook_broke", reference=reference)
            return _answer(500, f"something broke in the bot: {reference} in its log")
        finally:
            self._open -= 1

    async def _taken(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        try:
            async with asyncio.timeout(READ_WITHIN):
                body = await request.read()
        except TimeoutError:
            return _answer(408, "too slow")
        hook = next((hook for hook in self.spec.hooks if hook.name == name), None)
        try:
            if hook is None:
                raise Unsigned("there is no such hook")  # noqa: TRY301 - told to the sender like any other
            message = identified(hook.form, resolve_secret(hook.secret), request.headers, body, self.clock.now())
        except Unsigned as error:
            LOG.warning("hook_unsigned", hook=name[:40], peer=request.remote, why=str(error))
            return _answer(401, "not signed as it should be")
        try:
            told = builds(hook.form, request.headers, body)
        except Unreadable as error:
            LOG.warning("hook_unreadable", hook=name, why=str(error))
            return _answer(400, str(error)[:200])
        if not told:
            return _answer(200, "nothing in it for me")
        if message in self._under_way or await self.autopilot.known(message, hook.lanes):
            LOG.warning("hook_again", hook=name, peer=request.remote)
            return _answer(409, "taken before")
        self._under_way.add(message)
        try:
            async with asyncio.timeout(DONE_WITHIN):
                taken = await self.autopilot.take(message, hook.lanes, told)
        except TimeoutError:
            return _answer(503, "busy; send it again later")
        finally:
            self._under_way.discard(message)
        return _answer(202, "recorded") if taken else _answer(200, "nothing in it for me")


def _answer(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n", headers={"Cache-Control": "no-store", "Connection": "close"})


class _Shut(asyncio.Protocol):
    """For whoever connects when there are too many: the connection is closed at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()


def _admitted(server: web.Server, /) -> asyncio.Protocol:
    return _Shut() if len(server.connections) >= CONNECTIONS else server()


async def _cut_what_lasts(server: web.Server) -> None:
    """Cut connections that are older than `LASTS`, whatever goes on there; for ever."""
    since = dict[web.RequestHandler, float]()
    while True:
        await asyncio.sleep(LOOKS)
        now = asyncio.get_running_loop().time()
        since = {one: since.get(one, now) for one in server.connections}
        for one, began in since.items():
            if now - began > LASTS and one.transport is not None:
                one.transport.abort()
