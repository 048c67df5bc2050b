"""A GitHub on loopback that keeps to the published REST API, as far as deploys need it.

Followed is docs.github.com/rest, API version 2022-11-28 (and 2026-03-10, which answers the same here):

- *Workflows*: "Create a workflow dispatch event", 204, or 200 with `workflow_run_id` for `return_run_details`; a GitHub
  Enterprise Server before 3.21 does not know that key (`run_details=False`). 422 for an unknown ref or input.
- *Workflow runs*: "List workflow runs for a workflow" (`event`, `branch`, `created`), "Get a workflow run", "Cancel a
  workflow run" (202; 409 when it is over). *Workflow jobs*: "List jobs for a workflow run", "Download job logs for a
  workflow run" (302 to a signed address elsewhere, which refuses a request that carries credentials).
- *Deployments*: "Create a deployment" (201; 202 when it merged instead; 409 for required contexts and merge conflicts),
  "List deployments", "Get a deployment", *Deployment statuses*: "List" (newest first) and "Create". A success makes
  earlier deployments of the environment inactive, unless that is transient or production (`auto_inactive`).
- *Commit statuses*: "Get the combined status for a specific reference". *Check runs*: "List check runs for a Git
  reference".
- "Using the REST API": 401 and 403, `X-GitHub-Api-Version` (400 when unknown), a User-Agent is a must, ETag and 304
  (which costs nothing), `link` headers, `x-ratelimit-*`, primary and secondary limits with 403 or 429.

Runs and deployments go on by themselves, a step every `pace` seconds; runs once there is a `runner`. The input or
environment `…-bad` fails, `…-slow` never ends by itself, `…-deaf` neither and does not care to be cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

T = TypeVar("T")

TOKEN = "github_pat_11AAAAAAA0correcthorsebatterystaple"
HEAD = "6957bb87c0ffee00000000000000000000000000"
LOG = """2026-11-01T10:00:00.1234567Z ##[group]Run ./deploy\x1b[36;1m
2026-11-01T10:00:01.1234567Z \x1b[31mmigrating\x1b[0m the database
2026-11-01T10:00:02.1234567Z ##[error]no space left on device
2026-11-01T10:00:03.1234567Z ##[error]Process completed with exit code 1.
"""


@dataclass
class Fault:
    """What befalls the next request of `method` whose path contains `path`, `times` times.

    A `status` is answered in place of the right answer. `drop` is a dead connection: "before" the request has had any
    effect, or "after" it had; "garble" is an answer after that which is cut short. With `hold` it is waited for first.
    """

    method: str = "GET"
    path: str = ""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "Server Error"
    drop: str = ""
    times: int = 1
    hold: asyncio.Event | None = None


@dataclass
class Run:
    """A workflow run; `jobs` are its steps by the job's name, the last step of a bad run fails."""

    id: int
    title: str
    branch: str
    kind: str
    inputs: dict[str, str]
    created: str
    at: int = -1
    status: str = "queued"
    conclusion: str | None = None
    failed_step: int | None = None


@dataclass
class Deployment:
    """A deployment as created, and its statuses, oldest first."""

    id: int
    asked: dict[str, object]
    created: str
    statuses: list[dict[str, object]] = field(default_factory=list)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class GitHub:
    """One repository, `acme/shop`, with a workflow `deploy.yml` on the branches `main` and `fix`."""

    JOBS = (("build", ("Set up job", "checkout", "compile")), ("deploy", ("Set up job", "migrate", "restart")))

    def __init__(self, *, prefix: str = "", run_details: bool = True, run_name: bool = True) -> None:
        self.prefix = prefix
        self.run_details = run_details
        self.run_name = run_name
        self.inputs = {"revision", "run", "environment"}
        self.versions = {"2022-11-28", "2026-03-10"}
        self.pace = 0.01
        self.runner = asyncio.Event()
        self.runner.set()
        self.log = LOG
        self.remaining = 5000
        self.reset = 0
        self.merged = False
        self.failing_contexts: set[str] = set()
        self.statuses: dict[str, str] = {}
        self.checks: list[tuple[str, str, str | None]] = []
        self.faults: list[Fault] = []
        self.runs: dict[int, Run] = {}
        self.deployments: dict[int, Deployment] = {}
        self.seen: Counter[tuple[str, str, int]] = Counter()
        self.asked: list[tuple[str, str, object]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._ids = iter(range(9001, 10**6))
        self._runners: list[web.AppRunner] = []
        self._url = self._store = ""

    @property
    def url(self) -> str:
        """The base of the API."""
        return self._url + self.prefix

    async def start(self) -> None:
        app = web.Application(middlewares=[self._gate])
        at = f"{self.prefix}/repos/acme/shop"
        app.add_routes(
            [
                web.post(f"{at}/actions/workflows/{{workflow}}/dispatches", self._dispatch),
                web.get(f"{at}/actions/workflows/{{workflow}}/runs", self._list_runs),
                web.get(f"{at}/actions/runs/{{run}}", self._get_run),
                web.get(f"{at}/actions/runs/{{run}}/jobs", self._list_jobs),
                web.post(f"{at}/actions/runs/{{run}}/cancel", self._cancel),
                web.get(f"{at}/actions/jobs/{{job}}/logs", self._job_log),
                web.get(f"{at}/commits/{{ref}}/status", self._combined_status),
                web.get(f"{at}/commits/{{ref}}/check-runs", self._list_check_runs),
                web.post(f"{at}/deployments", self._create_deployment),
                web.get(f"{at}/deployments", self._list_deployments),
                web.get(f"{at}/deployments/{{deployment}}", self._get_deployment),
                web.get(f"{at}/deployments/{{deployment}}/statuses", self._list_statuses),
                web.post(f"{at}/deployments/{{deployment}}/statuses", self._create_status),
            ]
        )
        elsewhere = web.Application()
        elsewhere.add_routes([web.get("/logs/{job}", self._signed_log)])
        self._url, self._store = await self._serve(app), await self._serve(elsewhere)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks, timeout=5) if self._tasks else None
        for runner in self._runners:
            await runner.cleanup()

    async def _serve(self, app: web.Application) -> str:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    # --- what holds for every request ---------------------------------------------------------

    @web.middleware
    async def _gate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        body = await request.text()
        if request.method != "GET":
            self.asked.append((request.method, request.path, json.loads(body) if body else None))
        fault = self._fault(request)
        if fault is not None and fault.hold is not None:
            await fault.hold.wait()
        if fault is not None and fault.drop == "before":
            return self._die(request)
        if fault is not None and fault.status:
            answer = _error(fault.status, fault.message)
            answer.headers.update(fault.headers)
        else:
            answer = await self._answer(request, handler)
        if fault is not None and fault.drop == "after":
            return self._die(request)
        if fault is not None and fault.drop == "garble":
            return web.Response(status=answer.status, text='{"workflow_run')
        self.seen[request.method, request.path.removeprefix(self.prefix), answer.status] += 1
        answer.headers.setdefault("x-ratelimit-limit", "5000")
        answer.headers.setdefault("x-ratelimit-remaining", str(max(0, self.remaining)))
        answer.headers.setdefault("x-ratelimit-reset", str(self.reset or int(_epoch()) + 3600))
        return answer

    async def _answer(self, request: web.Request, handler: Handler) -> web.Response:
        if not request.headers.get("User-Agent", "").strip():
            return _error(
                403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent"
            )
        if request.headers.get("X-GitHub-Api-Version", "2022-11-28") not in self.versions:
            return _error(400, "the API version is not supported")
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _error(401, "Bad credentials")
        if self.remaining <= 0 and _epoch() < self.reset:
            return _error(403, "API rate limit exceeded for user ID 1.")
        if self.remaining <= 0:
            self.remaining = 5000
        try:
            answer = await handler(request)
        except web.HTTPNotFound:
            answer = _error(404, "Not Found")
        assert isinstance(answer, web.Response)
        if request.method == "GET" and answer.status == 200:
            etag = f'W/"{hashlib.sha256(bytes(answer.body or b"")).hexdigest()}"'  # type: ignore[arg-type]
            if request.headers.get("If-None-Match") == etag:
                return web.Response(status=304, headers={"ETag": etag})
            answer.headers["ETag"] = etag
        self.remaining -= 1
        return answer

    def _fault(self, request: web.Request) -> Fault | None:
        for fault in self.faults:
            if fault.method == request.method and fault.path in request.path and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    @staticmethod
    def _die(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    # --- workflows ----------------------------------------------------------------------------

    async def _dispatch(self, request: web.Request) -> web.Response:
        if request.match_info["workflow"] not in {"deploy.yml", "7"}:
            raise web.HTTPNotFound
        asked = await request.json()
        details = asked.pop("return_run_details", None)
        if details is not None and not self.run_details:
            return _error(422, 'Invalid request.\n\n"return_run_details" is not a permitted key.')
        branch, inputs = asked.pop("ref", None), asked.pop("inputs", {})
        if asked:
            return _error(422, f'Invalid request.\n\n"{next(iter(asked))}" is not a permitted key.')
        if not isinstance(branch, str) or branch.removeprefix("refs/heads/") not in {"main", "fix"}:
            return _error(422, f"No ref found for: {branch}")
        if not all(isinstance(value, str) for value in inputs.values()):
            return _error(422, "Invalid request.\n\nFor 'properties/inputs', value is not a string.")
        if unknown := sorted(inputs.keys() - self.inputs):
            return _error(422, f"Unexpected inputs provided: {json.dumps(unknown)}")
        run = self.begin(branch.removeprefix("refs/heads/"), inputs)
        if not details:
            return web.Response(status=204)
        where = f"{self.url}/repos/acme/shop/actions/runs/{run.id}"
        page = f"https://github.example/acme/shop/actions/runs/{run.id}"
        return web.json_response({"workflow_run_id": run.id, "run_url": where, "html_url": page})

    def begin(self, branch: str, inputs: dict[str, str]) -> Run:
        """A run of the workflow, begun by whoever calls this."""
        number = next(self._ids)
        title = f"Deploy {inputs.get('revision')} ({inputs.get('run')})" if self.run_name else "Deploy"
        kind = inputs.get("environment", "").rpartition("-")[2]
        run = self.runs[number] = Run(number, title, branch, kind, inputs, _now())
        self._go(self._work(run))
        return run

    async def _work(self, run: Run) -> None:
        steps = sum(len(steps) for _, steps in self.JOBS)
        await asyncio.sleep(self.pace)
        await self.runner.wait()
        for at in range(steps):
            run.at, run.status = at, "in_progress"
            while run.kind in {"slow", "deaf"} and run.conclusion is None:  # noqa: ASYNC110 - a long step
                await asyncio.sleep(self.pace)
            await asyncio.sleep(self.pace)
            if run.kind == "bad" and at == steps - 2:
                run.failed_step = at
                run.conclusion = "failure"
            if run.conclusion is not None:
                break
        run.status, run.conclusion = "completed", run.conclusion or "success"

    async def _list_runs(self, request: web.Request) -> web.Response:
        query, runs = request.query, [*reversed(self.runs.values())]
        if query.get("event", "workflow_dispatch") != "workflow_dispatch":
            runs = []
        if created := query.get("created"):
            assert created.startswith(">="), created
            runs = [run for run in runs if run.created >= created[2:]]
        if branch := query.get("branch"):
            runs = [run for run in runs if run.branch == branch]
        return self._page(request, runs, lambda part: {"total_count": len(runs), "workflow_runs": part}, self._run)

    async def _get_run(self, request: web.Request) -> web.Response:
        return web.json_response(self._run(self._known(self.runs, request, "run")))

    def _run(self, run: Run) -> dict[str, object]:
        over = run.status == "completed"
        return {
            "id": run.id,
            "name": "Deploy",
            "display_title": run.title,
            "event": "workflow_dispatch",
            "head_branch": run.branch,
            "head_sha": HEAD,
            "status": run.status,
            "conclusion": run.conclusion if over else None,
            "created_at": run.created,
            "html_url": f"https://github.example/acme/shop/actions/runs/{run.id}",
        }

    async def _list_jobs(self, request: web.Request) -> web.Response:
        run, jobs, first = self._known(self.runs, request, "run"), [], 0
        for index, (name, names) in enumerate(self.JOBS):
            steps = [self._step(run, first, number, step) for number, step in enumerate(names)]
            first += len(names)
            if run.status == "queued":
                continue
            status, conclusion = _sum_up(steps, run)
            where = f"https://github.example/acme/shop/actions/runs/{run.id}/job/{index}"
            jobs.append(
                {
                    "id": run.id * 10 + index,
                    "run_id": run.id,
                    "name": name,
                    "status": status,
                    "conclusion": conclusion,
                    "html_url": where,
                    "steps": [step for step in steps if step["status"] != "pending" or status != "queued"],
                }
            )
        return self._page(request, jobs, lambda part: {"total_count": len(jobs), "jobs": part}, lambda job: job)

    @staticmethod
    def _step(run: Run, first: int, number: int, name: str) -> dict[str, object]:
        at, over = first + number, run.status == "completed"
        if at > run.at:
            return {"name": name, "number": number + 1, "status": "pending", "conclusion": None}
        if at == run.at and not over:
            return {"name": name, "number": number + 1, "status": "in_progress", "conclusion": None}
        conclusion = "success"
        if at == run.at and over:
            conclusion = str(run.conclusion)
        return {"name": name, "number": number + 1, "status": "completed", "conclusion": conclusion}

    async def _cancel(self, request: web.Request) -> web.Response:
        run = self._known(self.runs, request, "run")
        if run.status == "completed":
            return _error(409, "Cannot cancel a workflow run that is completed.")
        if run.kind != "deaf":
            run.conclusion = "cancelled"
        return web.json_response({}, status=202)

    async def _job_log(self, request: web.Request) -> web.Response:
        number = int(request.match_info["job"])
        if number // 10 not in self.runs:
            raise web.HTTPNotFound
        return web.Response(status=302, headers={"Location": f"{self._store}/logs/{number}?sig=s1gned"})

    async def _signed_log(self, request: web.Request) -> web.Response:
        if "Authorization" in request.headers or request.query.get("sig") != "s1gned":
            return web.Response(status=403, text="AuthenticationFailed")
        return web.Response(text="\ufeff" + self.log)

    # --- deployments --------------------------------------------------------------------------

    async def _create_deployment(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if asked.get("ref") not in {"main", "fix", HEAD}:
            return _error(422, f"No ref found for: {asked.get('ref')}")
        required = asked.get("required_contexts")
        if bad := sorted(self.failing_contexts if required is None else self.failing_contexts & set(required)):
            return _error(409, f"Conflict: Commit status checks failed for main: {', '.join(bad)}.")
        if asked.get("auto_merge", True) and self.merged:
            return web.json_response({"message": "Auto-merged main into fix on deployment."}, status=202)
        deployment = self.announce(asked)
        return web.json_response(self._deployment(deployment), status=201)

    def announce(self, asked: dict[str, object]) -> Deployment:
        """A deployment, which somebody's tool hears of and carries out."""
        deployment = Deployment(next(self._ids), asked, _now())
        self.deployments[deployment.id] = deployment
        self._go(self._deploy(deployment))
        return deployment

    async def _deploy(self, deployment: Deployment) -> None:
        environment = str(deployment.asked.get("environment", "production"))
        await asyncio.sleep(self.pace)
        for state, text in (("queued", "in line"), ("in_progress", "copying"), ("in_progress", "restarting")):
            self.report(deployment, state, text)
            await asyncio.sleep(self.pace)
        if environment.endswith("-slow"):
            return
        if environment.endswith("-bad"):
            self.report(deployment, "failure", "no space left on device")
        else:
            self.report(deployment, "success", "done")

    def report(self, deployment: Deployment, state: str, text: str, log_url: str = "") -> dict[str, object]:
        """A deployment status, by whoever calls this."""
        status: dict[str, object] = {
            "id": next(self._ids),
            "state": state,
            "description": text,
            "log_url": log_url or "https://ci.example/log/1",
            "created_at": _now(),
        }
        deployment.statuses.append(status)
        if state == "success":
            for other in self.deployments.values():
                if other.id < deployment.id and _replaced(other.asked, deployment.asked):
                    other.statuses.append({**status, "id": next(self._ids), "state": "inactive", "description": ""})
        return status

    async def _list_deployments(self, request: web.Request) -> web.Response:
        found = [*reversed(self.deployments.values())]
        for key in ("environment", "task", "ref"):
            if value := request.query.get(key):
                found = [one for one in found if one.asked.get(key) == value]
        return self._page(request, found, lambda part: part, self._deployment)

    async def _get_deployment(self, request: web.Request) -> web.Response:
        return web.json_response(self._deployment(self._known(self.deployments, request, "deployment")))

    def _deployment(self, deployment: Deployment) -> dict[str, object]:
        asked = deployment.asked
        return {
            "id": deployment.id,
            "sha": HEAD,
            "ref": asked.get("ref"),
            "task": asked.get("task", "deploy"),
            "environment": asked.get("environment", "production"),
            "payload": asked.get("payload", {}),
            "description": asked.get("description"),
            "created_at": deployment.created,
        }

    async def _list_statuses(self, request: web.Request) -> web.Response:
        deployment = self._known(self.deployments, request, "deployment")
        return self._page(request, [*reversed(deployment.statuses)], lambda part: part, lambda status: status)

    async def _create_status(self, request: web.Request) -> web.Response:
        deployment, asked = self._known(self.deployments, request, "deployment"), await request.json()
        if asked.get("state") not in {"error", "failure", "inactive", "in_progress", "queued", "pending", "success"}:
            return _error(422, "Validation Failed")
        if len(asked.get("description", "")) > 140:
            return _error(422, "Validation Failed: description is too long (maximum is 140 characters)")
        return web.json_response(self.report(deployment, asked["state"], asked.get("description", "")), status=201)

    # --- what CI said of HEAD -----------------------------------------------------------------

    async def _combined_status(self, request: web.Request) -> web.Response:
        found = [
            {"id": at, "context": name, "state": state, "description": None}
            for at, (name, state) in enumerate(self.statuses.items())
            if request.match_info["ref"] == HEAD
        ]
        whole = {"state": "pending", "sha": HEAD, "total_count": len(found)}
        return self._page(request, list(found), lambda part: {**whole, "statuses": part}, lambda one: one)

    async def _list_check_runs(self, request: web.Request) -> web.Response:
        assert request.query.get("filter", "latest") == "latest"
        found = [
            {"id": at, "name": name, "head_sha": HEAD, "status": status, "conclusion": conclusion}
            for at, (name, status, conclusion) in enumerate(self.checks)
            if request.match_info["ref"] == HEAD
        ]
        return self._page(request, list(found), lambda p: {"total_count": len(found), "check_runs": p}, lambda one: one)

    # --- small parts --------------------------------------------------------------------------

    def _go(self, work: Awaitable[None]) -> None:
        async def quietly() -> None:
            with contextlib.suppress(asyncio.CancelledError):
                await work

        task = asyncio.get_running_loop().create_task(quietly())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    def _known(things: dict[int, T], request: web.Request, name: str) -> T:
        number = request.match_info[name]
        if not number.isdigit() or int(number) not in things:
            raise web.HTTPNotFound
        return things[int(number)]

    def _page(
        self, request: web.Request, things: list[T], wrap: Callable[[list[object]], object], show: Callable[[T], object]
    ) -> web.Response:
        """One page of a list, with `link` headers to the others."""
        size, page = int(request.query.get("per_page", "30")), int(request.query.get("page", "1"))
        if size > 100:
            return _error(422, "per_page is at most 100")
        answer = web.json_response(wrap([show(thing) for thing in things[(page - 1) * size : page * size]]))
        if len(things) > page * size:
            following = request.url.update_query(page=str(page + 1))
            answer.headers["Link"] = f'<{following}>; rel="next", <{following}>; rel="last"'
        return answer


def _sum_up(steps: list[dict[str, object]], run: Run) -> tuple[str, str | None]:
    """The state of a job from its steps."""
    states = {str(step["status"]) for step in steps}
    over = run.status == "completed"
    if states == {"pending"}:
        return ("completed", "skipped") if over else ("queued", None)
    if states == {"completed"} or over:
        worst = {str(step["conclusion"]) for step in steps} - {"success", "None"}
        return "completed", min(worst, default="success")
    return "in_progress", None


def _replaced(asked: dict[str, object], by: dict[str, object]) -> bool:
    environment = asked.get("environment", "production")
    lasting = asked.get("transient_environment") or asked.get("production_environment", environment == "production")
    return environment == by.get("environment", "production") and not lasting


def _epoch() -> float:
    return float(time.strftime("%s"))


def _error(status: int, message: str) -> web.Response:
    where = "https://docs.github.com/rest"
    return web.json_response({"message": message, "documentation_url": where, "status": str(status)}, status=status)
