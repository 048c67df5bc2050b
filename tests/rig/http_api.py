"""A service on loopback that carries out runs as docs/executors.md asks of one.

It checks what a careful service checks: the signature over time and body (by its own means), a time of at most five
minutes ago, and a key seen before (the IETF's draft of the Idempotency-Key header): a repeated call is
answered like the first and begins nothing. Answers are those of RFC 9110: 202 with `Location`, 404 of what is not
known, 409 of what is over, 429 and 503 with `Retry-After`. `Plan` says how a run goes; time goes by by itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

SECRET, BEARER = "a shared secret", "bearer-of-news"


@dataclass(frozen=True)
class Plan:
    """What comes of a run: seconds (None: for ever), its end, and what it says meanwhile and then."""

    takes: float | None = 0.03
    state: str = "succeeded"
    lines: tuple[str, ...] = ("one", "two", "three")
    more: dict[str, object] = field(default_factory=dict)


@dataclass
class FakeRun:
    """One run as the service knows it."""

    id: int
    order: dict[str, object]
    began: float
    plan: Plan
    state: str = "running"


@dataclass
class FakeService:
    """The state of it. `faults` are answers for the next requests: a status, seconds before it hangs up, or a body.

    `begun` is called when a run has. With `named` it gives ids, with `placed` a Location (`elsewhere` overrides it);
    `deaf` POSTs are carried out and never answered.
    """

    plan: Plan = Plan()
    named: bool = True
    placed: bool = False
    elsewhere: str | None = None
    deaf: int = 0
    faults: list[int | float | bytes] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    keys: dict[str, FakeRun] = field(default_factory=dict)
    stops: int = 0
    begun: Callable[[], object] = lambda: None
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/deploy/runs"

    @property
    def runs(self) -> list[FakeRun]:
        return list(self.keys.values())

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.raw_path}")
        body = await request.read()
        if self.faults:
            fault = self.faults.pop(0)
            match fault:
                case int():
                    return web.Response(status=fault, text="in trouble", headers={"Retry-After": "0"})
                case bytes():
                    return web.Response(body=fault)
                case _:
                    await asyncio.sleep(fault)
                    return _hung_up(request)
        refused = self._refused(request, body)
        return refused or await self._routed(request, body)

    def _refused(self, request: web.Request, body: bytes) -> web.Response | None:
        at = request.headers.get("X-Pushbot-Timestamp", "")
        wanted = hmac.digest(SECRET.encode(), at.encode() + b"." + body, hashlib.sha256).hex()
        given = request.headers.get("X-Pushbot-Signature-256", "")
        if not hmac.compare_digest(given, f"sha256={wanted}"):
            return web.Response(status=401, text=f"bad signature, wanted one with {SECRET}")
        if abs(time.time() - int(at)) > 300:  # noqa: TID251 - a server has a clock
            return web.Response(status=401, text="stale")
        if request.headers.get("Authorization", f"Bearer {BEARER}") != f"Bearer {BEARER}":
            return web.Response(status=403)
        return None

    async def _routed(self, request: web.Request, body: bytes) -> web.StreamResponse:
        parts = request.path.strip("/").split("/")[2:]
        if request.method == "POST" and not parts:
            return await self._begin(request, json.loads(body))
        run = next((run for run in self.runs if parts and parts[0] in (str(run.id), run.order["key"])), None)
        if run is None:
            return web.Response(status=404)
        self._tick(run)
        if request.method == "POST" and parts[1:] == ["abort"]:
            self.stops += 1
            order = json.loads(body)
            assert (order["action"], order["run"], order["key"]) == ("abort", run.order["run"], run.order["key"])
            if run.state != "running":
                return web.Response(status=409)
            run.state = "cancelled"
            return web.Response(status=204)
        return web.json_response(self._told(run, int(request.query.get("after", "0"))))

    async def _begin(self, request: web.Request, order: dict[str, object]) -> web.StreamResponse:
        key = request.headers["Idempotency-Key"]
        assert (order["action"], order["key"]) == ("start", key)
        if key not in self.keys:
            self.keys[key] = FakeRun(41 + len(self.keys), order, asyncio.get_running_loop().time(), self.plan)
        run = self.keys[key]
        self.begun()
        if self.deaf:
            self.deaf -= 1
            return _hung_up(request)
        place = self.elsewhere or f"/deploy/runs/{run.id}"
        headers = {"Location": place} if self.placed or self.elsewhere else {}
        told = {"id": run.id, "state": run.state} if self.named else None
        return web.Response(status=202, text="" if told is None else json.dumps(told), headers=headers)

    def _tick(self, run: FakeRun) -> None:
        over = run.plan.takes is not None and asyncio.get_running_loop().time() >= run.began + run.plan.takes
        if over and run.state == "running":
            run.state = run.plan.state

    def _told(self, run: FakeRun, after: int) -> dict[str, object]:
        gone, takes = asyncio.get_running_loop().time() - run.began, run.plan.takes
        share = 1.0 if run.state != "running" or not takes else min(1.0, gone / takes)
        lines = run.plan.lines[: int(len(run.plan.lines) * share)]
        return {"id": run.id, "state": run.state, "log": lines[after:], **run.plan.more}


def _hung_up(request: web.Request) -> web.Response:
    """The connection ends here, without an answer."""
    assert request.transport
    request.transport.abort()
    return web.Response()


@asynccontextmanager
async def service(fake: FakeService | None = None) -> AsyncIterator[FakeService]:
    """One, on a free port."""
    fake = fake or FakeService()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", fake.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.port = int(runner.addresses[0][1])
    try:
        yield fake
    finally:
        await runner.cleanup()
