"""The Web API: each call is recorded, may befall what a test ordered, and is answered as Slack does."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from tests.rig.slack.calls import PLACES, Args, Call, Refusal, arguments, token_of
from tests.rig.slack.faults import Fault, Http, Limited, Lost, Rates, Refused, Slow, Stuck
from tests.rig.slack.mocks import never

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.rig.slack.app import App, Grant
    from tests.rig.slack.mocks import Breaks
    from tests.rig.slack.state import Object

SCOPES = {
    "bots.info": "users:read",
    "chat.delete": "chat:write",
    "chat.postEphemeral": "chat:write",
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "files.completeUploadExternal": "files:write",
    "files.getUploadURLExternal": "files:write",
    "pins.add": "pins:write",
    "pins.list": "pins:read",
    "pins.remove": "pins:write",
    "team.info": "team:read",
    "usergroups.list": "usergroups:read",
    "usergroups.users.list": "usergroups:read",
    "users.info": "users:read",
    "users.list": "users:read",
}
"""Those that do not depend on the conversation; these are asked for where the conversation is known."""
APP_METHODS = {"apps.connections.open", "auth.test"}
"""Methods that take an app-level token."""


@dataclass
class Api:
    """The methods, and what came in. `orders` are faults by method (`*`: any), each for the next call of it."""

    app: App
    link_url: Callable[[], str]
    methods: dict[str, Callable[[Args], Object]] = field(default_factory=dict)
    rates: Rates = field(default_factory=Rates)
    orders: dict[str, list[Fault]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    limited: int = 0
    """How many calls were answered 429."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    places: frozenset[str] = PLACES
    """Where arguments are taken from: a stand-in for Slack may know only what one SDK sends."""
    breaks: Breaks = never
    """Over which calls it breaks down, see `mocks.py`."""

    def __post_init__(self) -> None:
        self.methods |= {"api.test": self._test, "apps.connections.open": self._open}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one call."""
        method = request.match_info["method"]
        call = Call(method, {}, "", asyncio.get_running_loop().time(), request.method)
        self.calls.append(call)
        if (status := self.breaks(method, request)) is not None:
            call.status = status
            return web.Response(status=status, text="<html><body>Internal Server Error</body></html>")
        try:
            call.arguments = await arguments(request, self.places)
        except Refusal as refusal:
            return self._answered(call, refusal.answer, None)
        call.token = token_of(request, call.arguments)
        orders = self.orders.get(method) or self.orders.get("*")
        fault = orders.pop(0) if orders else None
        if fault is not None:
            return await self._befallen(request, call, fault)
        return self._done(call)

    async def _befallen(self, request: web.Request, call: Call, fault: Fault) -> web.StreamResponse:
        match fault:
            case Limited(after):
                return self._limited(call, after)
            case Http(status, text, kind):
                call.status = status
                return web.Response(status=status, text=text, content_type=kind)
            case Refused(error):
                return self._answered(call, {"ok": False, "error": error}, None)
            case Slow(seconds, under_way):
                await asyncio.sleep(under_way)
                response = self._done(call)
                await asyncio.sleep(seconds)
                return response
            case Stuck(done) | Lost(done):
                if done:
                    self._done(call)
                call.status = 0
                if isinstance(fault, Stuck):
                    await self.over.wait()
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()

    def _done(self, call: Call) -> web.Response:
        grant = self.app.grants.get(call.token)
        args = Args(call.arguments, grant)
        try:
            method = self._allowed(call, grant)
            if self.rates.on and (after := self.rates.wait(call.method, self._room(args))):
                return self._limited(call, after)
            return self._answered(call, method(args), grant)
        except Refusal as refusal:
            return self._answered(call, refusal.answer, grant)

    def _room(self, args: Args) -> str:
        with contextlib.suppress(KeyError):
            return self.app.space.channel(args.text("channel")).id
        return args.text("channel")

    def _allowed(self, call: Call, grant: Grant | None) -> Callable[[Args], Object]:
        """The method, when this token may call it (docs.slack.dev/authentication/tokens)."""
        method = self.methods.get(call.method)
        if method is None:
            raise Refusal("unknown_method", req_method=call.method)
        if call.method == "api.test":
            return method
        if not call.token:
            raise Refusal("not_authed")
        if grant is None:
            raise Refusal("invalid_auth")
        if grant.revoked:
            raise Refusal(grant.revoked)
        wrong = call.method not in APP_METHODS if grant.kind == "app" else call.method == "apps.connections.open"
        if wrong:
            raise Refusal("not_allowed_token_type")
        needed = "connections:write" if call.method == "apps.connections.open" else SCOPES.get(call.method)
        if needed and needed not in grant.scopes:
            raise Refusal("missing_scope", needed=needed, provided=",".join(sorted(grant.scopes)))
        return method

    def _limited(self, call: Call, after: int) -> web.Response:
        self.limited += 1
        call.status, call.answer = 429, {"ok": False, "error": "ratelimited"}
        return web.json_response(call.answer, status=429, headers={"Retry-After": str(after)})

    def _answered(self, call: Call, answer: Object, grant: Grant | None) -> web.Response:
        call.status, call.answer = 200, answer
        headers = {}
        if grant is not None:
            headers["x-oauth-scopes"] = ",".join(sorted(grant.scopes))
            if needed := SCOPES.get(call.method):
                headers["x-accepted-oauth-scopes"] = needed
        return web.json_response(answer, headers=headers)

    def _test(self, args: Args) -> Object:
        given = {key: value for key, value in args.given.items() if key != "token"}
        if "error" in given:
            raise Refusal(args.text("error"), args=given)
        return {"ok": True, "args": given}

    def _open(self, args: Args) -> Object:
        assert args.grant is not None
        if self.calls[-1].http != "POST":
            raise Refusal("insecure_request")
        if not self.app.socket_mode:
            raise Refusal("access_denied")
        return {"ok": True, "url": self.link_url()}
