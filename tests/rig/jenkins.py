"""A Jenkins on loopback: what its API does as far as a build is concerned, in a server of its own.

It follows the Remote Access API as published: "Remote API of Job" (`build`, `buildWithParameters`, `config.xml`,
`api/json` with `tree`), "Remote API of Queue item" (`why`, `cancelled`, `executable`), "Accessing Progressive Console
Output" (`logText/progressiveText`: whole lines while the build goes on, `X-Text-Size` as the next `start`,
`X-More-Data`), "CSRF Protection" (the crumb belongs to a session's cookie, 403 without; asked for also where newer ones
let API tokens off). And these of its sources: 201 with a `Location` made of the address it was asked at, 303 to the
item that waits already for the same parameters, unknown parameters dropped, 409 of a disabled job, 204, 404 and 500
of `queue/cancelItem`, 302 after `stop`, queue items forgotten five minutes after they left, and a `config.xml` as an
XML transformer writes it.

Time goes by by itself: `Plan` says how long a job waits and builds. All tests share one user, `bot` with `TOKEN`.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from base64 import b64encode
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

USER, TOKEN = "bot", "11c0ffee11c0ffee11c0ffee11c0ffee"
CONFIG = b"""<?xml version='1.1' encoding='UTF-8'?>
<project>
  <description>Deploys &quot;web&quot;</description>
  <scm class="hudson.plugins.git.GitSCM" plugin="git@5.2.1">
    <userRemoteConfigs><hudson.plugins.git.UserRemoteConfig>
      <url>https://git.example/web.git</url>
    </hudson.plugins.git.UserRemoteConfig></userRemoteConfigs>
    <branches><hudson.plugins.git.BranchSpec><name>*/main</name></hudson.plugins.git.BranchSpec></branches>
  </scm>
  <builders/>
</project>
"""
_BRANCH = re.compile(rb"BranchSpec>\s*<name>([^<]*)")


@dataclass(frozen=True)
class Plan:
    """What comes of a build: seconds in the queue (None: for ever), seconds of building, result, output."""

    waits: float | None = 0.0
    why: str = "In the quiet period. Expires in 4.9 sec"
    takes: float | None = 0.02
    result: str = "SUCCESS"
    lines: tuple[str, ...] = ("Started by user bot", "+ ./deploy", "Finished")


@dataclass
class FakeJob:
    """One job; `parameters` is None for one that takes none."""

    plan: Plan = Plan()
    parameters: dict[str, str] | None = field(default_factory=lambda: {"PUSHBOT_RUN": "", "REVISION": "main"})
    config: bytes = CONFIG
    enabled: bool = True
    builds: list[FakeBuild] = field(default_factory=list)


@dataclass
class FakeItem:
    """One queue item; `left` is when it left, as a build or cancelled."""

    id: int
    job: str
    values: dict[str, str]
    since: float
    plan: Plan
    left: float | None = None
    cancelled: bool = False
    build: int | None = None


@dataclass
class FakeBuild:
    """One build; `branch` is what the job's configuration said when it began, `sha` what its git plugin tells."""

    number: int
    item: FakeItem
    began: float
    branch: str
    ended: float | None = None
    result: str | None = None
    sha: str | None = None


@dataclass
class FakeJenkins:
    """The state of it all. `faults` are answers for the next requests: a status, or seconds before it hangs up.

    `asked` are method and path of each request, `crumbs` says whether crumbs are asked for, `forgets` is how many
    seconds it knows a queue item that has left, `named` is how it is called in addresses,
    and to paths that end in `forbidden` nobody may POST. `on` is waited for before a request is answered. `cuts` are
    the bytes after which the next longer answers with a console stall, until `cut` is set and the connection breaks.
    """

    jobs: dict[str, FakeJob] = field(default_factory=lambda: {"team/web": FakeJob()})
    crumbs: bool = True
    forgets: float = 300.0
    prefix: str = ""
    named: str | None = None
    faults: list[int | float] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    items: dict[int, FakeItem] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    forbidden: str | None = None
    port: int = 0
    cuts: list[int] = field(default_factory=list)
    cut: asyncio.Event = field(default_factory=asyncio.Event)
    on: dict[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.prefix}"

    def job(self, name: str = "team/web") -> FakeJob:
        return self.jobs[name]

    def posts(self, ending: str) -> list[str]:
        return [asked for asked in self.asked if asked.startswith("POST ") and asked.endswith(ending)]

    def restart(self) -> None:
        """Sessions are forgotten; queue and builds are not."""
        self.sessions.clear()

    # --- time ---

    def tick(self) -> None:
        now = asyncio.get_running_loop().time()
        for item in self.items.values():
            if item.left is None and item.plan.waits is not None and now >= item.since + item.plan.waits:
                job = self.jobs[item.job]
                item.left, item.build = now, len(job.builds) + 1
                branch = _BRANCH.search(job.config)
                job.builds.append(FakeBuild(item.build, item, now, branch[1].decode() if branch else ""))
        for job in self.jobs.values():
            for build in job.builds:
                takes = build.item.plan.takes
                if build.ended is None and takes is not None and now >= build.began + takes:
                    build.ended, build.result = now, build.item.plan.result
        for item in list(self.items.values()):
            if item.left is not None and now >= item.left + self.forgets:
                del self.items[item.id]

    def output(self, build: FakeBuild) -> bytes:
        """What the console holds now; of a build that takes its time, as much as its time is over."""
        plan, now = build.item.plan, asyncio.get_running_loop().time()
        text = "".join(f"{line}\n" for line in plan.lines).encode()
        shown = 1.0 if build.ended is not None or not plan.takes else min(1.0, (now - build.began) / plan.takes)
        return text[: int(len(text) * shown)]

    # --- requests ---

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0].removeprefix(self.prefix)
        self.asked.append(f"{request.method} {path}")
        body = await request.read()
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, int):
                return web.Response(status=fault, text="<html><body><h2>Jenkins is in trouble</h2></body></html>")
            await asyncio.sleep(fault)
            return _hung_up(request)
        refused = self._refused(request)
        if refused is not None:
            return refused
        if request.method == "POST" and self.forbidden and path.endswith(self.forbidden):
            return web.Response(status=403, text="<h2>Access Denied</h2> bot is missing the Job/Cancel permission")
        self.tick()
        response = self._routed(request, path, body)
        hook = self.on.get(f"{request.method} {path}")
        if hook is not None:
            await hook()
        size = len(response.body) if isinstance(response.body, bytes) else 0
        if self.cuts and path.endswith("/progressiveText") and size > self.cuts[0]:
            return await self._cut_short(request, response, self.cuts.pop(0))
        return response

    async def _cut_short(self, request: web.Request, response: web.Response, size: int) -> web.StreamResponse:
        assert isinstance(response.body, bytes)
        stream = web.StreamResponse(headers=response.headers)
        stream.content_length = len(response.body)
        await stream.prepare(request)
        await stream.write(response.body[:size])
        await self.cut.wait()
        return _hung_up(request)

    def _refused(self, request: web.Request) -> web.Response | None:
        given = request.headers.get("Authorization", "")
        if given != f"Basic {b64encode(f'{USER}:{TOKEN}'.encode()).decode()}":
            return web.Response(status=401, text=f"Invalid password/token for user: {given}")
        crumb = self.sessions.get(request.cookies.get("JSESSIONID.1a2b", ""))
        if request.method == "POST" and self.crumbs and (not crumb or request.headers.get("Jenkins-Crumb") != crumb):
            return web.Response(status=403, text="<h2>HTTP ERROR 403 No valid crumb was included in the request</h2>")
        return None

    def _routed(self, request: web.Request, path: str, body: bytes) -> web.Response:
        if path == "/crumbIssuer/api/json":
            return self._crumb(request)
        if path == "/queue/api/json":
            waiting = [self._item(item) for item in self.items.values() if item.left is None]
            return _json({"items": waiting}, request)
        if found := re.fullmatch(r"/queue/item/(\d+)/api/json", path):
            item = self.items.get(int(found[1]))
            return _json(self._item(item), request) if item else web.Response(status=404)
        if path == "/queue/cancelItem":
            return self._cancel(int(request.query["id"]))
        if found := re.fullmatch(r"((?:/job/[^/]+)+)(/.*)", path):
            name = "/".join(unquote(part) for part in found[1].split("/job/")[1:])
            if name in self.jobs:
                return self._of_job(request, name, found[2], body)
        return web.Response(status=404)

    def _crumb(self, request: web.Request) -> web.Response:
        if not self.crumbs:
            return web.Response(status=404)
        session = request.cookies.get("JSESSIONID.1a2b", "")
        if session not in self.sessions:
            session = secrets.token_hex(8)
            self.sessions[session] = secrets.token_hex(32)
        response = web.json_response({"crumb": self.sessions[session], "crumbRequestField": "Jenkins-Crumb"})
        response.set_cookie("JSESSIONID.1a2b", session, httponly=True)
        return response

    def _cancel(self, number: int) -> web.Response:
        item = self.items.get(number)
        if item is None:
            return web.Response(status=404)
        if item.left is not None:
            return web.Response(status=500, text=f"Could not cancel run for id {number}")
        item.left, item.cancelled = asyncio.get_running_loop().time(), True
        return web.Response(status=204)

    def _of_job(self, request: web.Request, name: str, rest: str, body: bytes) -> web.Response:
        job = self.jobs[name]
        match request.method, rest:
            case "GET", "/api/json":
                return _json(self._job(job), request)
            case "GET", "/config.xml":
                return web.Response(body=job.config, content_type="application/xml")
            case "POST", "/config.xml":
                written = re.sub(rb"<\?xml[^>]*\?>\s*", b'<?xml version="1.1" encoding="UTF-8" standalone="no"?>', body)
                job.config = written
                return web.Response()
            case "POST", "/build" | "/buildWithParameters":
                return self._schedule(request, name, rest, body)
            case _:
                pass
        if found := re.fullmatch(r"/(\d+)(/.*)", rest):
            number = int(found[1])
            build = next((build for build in job.builds if build.number == number), None)
            return web.Response(status=404) if build is None else self._of_build(request, build, found[2])
        return web.Response(status=404)

    def _schedule(self, request: web.Request, name: str, verb: str, body: bytes) -> web.Response:
        job = self.jobs[name]
        if not job.enabled:
            return web.Response(status=409, text=f"{name} is not buildable")
        if (verb == "/build") is (job.parameters is not None):
            return web.Response(status=400, text="This page expects a form submission or a parameterized job")
        given = dict(parse_qsl(body.decode(), keep_blank_values=True)) if job.parameters is not None else {}
        values = {key: given.get(key, default) for key, default in (job.parameters or {}).items()}
        waiting = [i for i in self.items.values() if i.left is None and i.job == name and i.values == values]
        if waiting:
            return web.Response(status=303, headers={"Location": self._place(request, waiting[0].id)})
        number = 1000 + len(self.asked)
        self.items[number] = FakeItem(number, name, values, asyncio.get_running_loop().time(), job.plan)
        return web.Response(status=201, headers={"Location": self._place(request, number)})

    def _place(self, request: web.Request, number: int) -> str:
        return f"{self.named or f'http://{request.host}'}{self.prefix}/queue/item/{number}/"

    def _of_build(self, request: web.Request, build: FakeBuild, rest: str) -> web.Response:
        match request.method, rest:
            case "GET", "/api/json":
                return _json(self._build(build), request)
            case "POST", "/stop":
                if build.ended is None:
                    build.ended, build.result = asyncio.get_running_loop().time(), "ABORTED"
                return web.Response(status=302, headers={"Location": "."})
            case "GET", "/logText/progressiveText":
                return self._console(build, int(request.query.get("start", "0")))
            case _:
                pass
        return web.Response(status=404)

    def _console(self, build: FakeBuild, start: int) -> web.Response:
        text = self.output(build)
        if build.ended is None:
            text = text[: text.rfind(b"\n") + 1]
        piece = text[start if start <= len(text) else 0 :]
        headers = {"X-Text-Size": str(len(text))} | ({"X-More-Data": "true"} if build.ended is None else {})
        return web.Response(body=piece.replace(b"\n", b"\r\n"), content_type="text/plain", headers=headers)

    # --- what things look like ---

    def _item(self, item: FakeItem) -> dict[str, object]:
        place = self.named or "http://jenkins.internal:8080"
        job = "".join(f"/job/{quote(part, safe='')}" for part in item.job.split("/"))
        looks: dict[str, object] = {
            "_class": "hudson.model.Queue$LeftItem" if item.left is not None else "hudson.model.Queue$WaitingItem",
            "actions": [{}, _parameters(item.values), {"_class": "hudson.model.CauseAction", "causes": []}],
            "blocked": False,
            "buildable": False,
            "id": item.id,
            "task": {"_class": "hudson.model.FreeStyleProject", "name": item.job, "url": f"{place}{job}/"},
            "url": f"queue/item/{item.id}/",
            "why": None if item.left is not None else item.plan.why,
        }
        if item.left is not None:
            looks["cancelled"] = item.cancelled
            at = f"{place}{job}/{item.build}/"
            looks["executable"] = None if item.build is None else {"number": item.build, "url": at}
        return looks

    def _job(self, job: FakeJob) -> dict[str, object]:
        defined = [{"name": name, "type": "StringParameterDefinition"} for name in job.parameters or {}]
        return {
            "_class": "hudson.model.FreeStyleProject",
            "buildable": job.enabled,
            "property": [{"_class": "jenkins.model.BuildDiscarderProperty"}]
            + ([{"parameterDefinitions": defined}] if job.parameters is not None else []),
            "builds": [self._build(build) for build in reversed(job.builds)],
        }

    def _build(self, build: FakeBuild) -> dict[str, object]:
        return {
            "_class": "hudson.model.FreeStyleBuild",
            "actions": [_parameters(build.item.values), _built(build)],
            "building": build.ended is None,
            "number": build.number,
            "queueId": build.item.id,
            "result": build.result,
        }


def _built(build: FakeBuild) -> dict[str, object]:
    """What the git plugin adds, of a build that it checked out for."""
    if build.sha is None:
        return {}
    revision = {"SHA1": build.sha, "branch": [{"SHA1": build.sha, "name": build.branch}]}
    return {"_class": "hudson.plugins.git.util.BuildData", "lastBuiltRevision": revision}


def _parameters(values: dict[str, str]) -> dict[str, object]:
    pairs = [{"_class": "StringParameterValue", "name": name, "value": value} for name, value in values.items()]
    return {"_class": "hudson.model.ParametersAction", "parameters": pairs}


def _json(whole: dict[str, object], request: web.Request) -> web.Response:
    tree = request.query.get("tree")
    shown = whole if tree is None else _pruned(whole, _parsed(tree))
    return web.Response(text=json.dumps(shown), content_type="application/json")


Tree = dict[str, "Tree"]


def _parsed(tree: str) -> Tree:
    """`a,b[c]{0,5}` as `{"a": {}, "b": {"c": {}}}`; ranges are for large lists, and have no effect here."""
    stack: list[Tree] = [{}]
    last = ""
    for token in re.findall(r"\{[\d,]*\}|\w+|[\[\],]", tree):
        match token[0]:
            case "[":
                stack.append(stack[-1][last])
            case "]":
                stack.pop()
            case "," | "{":
                pass
            case _:
                last = token
                stack[-1][last] = {}
    return stack[0]


def _pruned(value: object, tree: Tree) -> object:
    match value:
        case dict():
            kept = {name: _pruned(value[name], inner) for name, inner in tree.items() if name in value}
            return kept | ({"_class": value["_class"]} if "_class" in value else {})
        case list():
            return [_pruned(each, tree) for each in value]
        case _:
            return value


def _hung_up(request: web.Request) -> web.Response:
    """The connection ends here, without an answer."""
    assert request.transport
    request.transport.abort()
    return web.Response()


@asynccontextmanager
async def jenkins(fake: FakeJenkins | None = None) -> AsyncIterator[FakeJenkins]:
    """One, on a free port."""
    fake = fake or FakeJenkins()
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
