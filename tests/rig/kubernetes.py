"""A Kubernetes API server on loopback that keeps to the published API, as far as deploys need it, with its controllers.

Followed is kubernetes.io/docs/reference, v1.32:

- *API concepts*: discovery (`/apis/apps/v1`), get, list with `labelSelector` and `fieldSelector`, patches of all kinds
  (415 for others), `dryRun=All`, `resourceVersion` on every write, `generation` on changes of a spec; *watch* with
  `resourceVersion`, `timeoutSeconds` (the stream ends), bookmarks, 410 Gone as an answer or as an ERROR event.
- Failures are `Status` objects: 401, 403, 404, 409 for a stale `resourceVersion` and for conflicts of server-side
  apply, 422 for a failed test of a JSON patch and for what is invalid.
- *Deployment v1 apps* and its kin by `kubernetes_controllers.py`, *Pod v1 core* with `log` (`previous`, `tailLines`).
- *Authenticating*: bearer tokens, or client certificates when it is given a TLS context that asks for them.

Its controllers take a step every `pace` seconds. `faults` befall requests as they do with the rig's GitHub.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from aiohttp import web

from tests.rig.kubernetes_controllers import Controllers, images, number, rows, table, text
from tests.rig.kubernetes_patches import Owners, PatchRefused, apply, json_patch, strategic_merge, updated

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from pydantic import JsonValue

    from tests.rig.github import Fault
    from tests.rig.kubernetes_patches import Object

TOKEN = "eyJhbGciOiJSUzI1NiJ9.c29tZWJvZHk.correct-horse"
LOG = "starting shop\nconnecting to the database\nTraceback: password rejected\n"
KINDS = {
    "Deployment": ("apps/v1", "deployments", True),
    "StatefulSet": ("apps/v1", "statefulsets", True),
    "DaemonSet": ("apps/v1", "daemonsets", True),
    "ReplicaSet": ("apps/v1", "replicasets", True),
    "ControllerRevision": ("apps/v1", "controllerrevisions", True),
    "Pod": ("v1", "pods", True),
    "ConfigMap": ("v1", "configmaps", True),
    "Service": ("v1", "services", True),
    "Namespace": ("v1", "namespaces", False),
}
RESOURCES = {resource: (kind, version) for kind, (version, resource, _) in KINDS.items()}
Key = tuple[str, str, str]


def deployment(name: str = "web", image: str = "registry.example/princess:1.0", replicas: int = 3) -> Object:
    """A manifest, with a value in its environment that nobody else should see."""
    container: JsonValue = {"name": name, "image": image, "env": [{"name": "PASSWORD", "value": "swordfish"}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
        },
    }


class Refusal(Exception):  # noqa: N818 - says what happened
    """What is answered in place of what was wanted."""

    def __init__(self, code: int, reason: str, message: str, causes: tuple[tuple[str, str], ...] = ()) -> None:
        self.code = code
        named = {"reason": "FieldManagerConflict"}
        details: JsonValue = {
            "causes": [
                {**named, "message": f'conflict with "{manager}" using apps/v1', "field": field}
                for manager, field in causes
            ]
        }
        self.status: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "details": details,
            "code": code,
        }


class Kubernetes:
    """One cluster with the namespace `shop`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        self.ca = Path()
        self.pace = 0.01
        self.faults: list[Fault] = []
        self.forbidden: set[tuple[str, str]] = set()
        self.gone_as_event = True
        self.events_a_stream = 10**9
        self.tokens = {TOKEN}
        self.log = LOG
        self.asked: list[tuple[str, str, JsonValue]] = []
        self.watches = 0
        self.objects: dict[Key, Object] = {}
        self.owners: dict[Key, Owners] = {}
        self._version = 1000
        self._oldest = 0
        self._history: list[tuple[int, str, str, Object]] = []
        self._news = asyncio.Event()
        self.controllers = Controllers(self.find, self.save, self.drop, self._made)
        self.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})

    async def start(self) -> None:
        app = web.Application(middlewares=[self._gate])
        app.add_routes([web.route("*", "/{rest:.*}", self._any)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls).start()
        self.port: int = self._runner.addresses[0][1]
        self._work = asyncio.get_running_loop().create_task(self._tick())

    async def close(self) -> None:
        self._work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._work
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}" if self.tls else f"http://127.0.0.1:{self.port}"

    async def _tick(self) -> None:
        while True:
            self.controllers.tick()
            await asyncio.sleep(self.pace)

    # --- the store ------------------------------------------------------------------------------

    def put(self, manifest: Object) -> None:
        """Make an object, as somebody else would."""
        self.save(KINDS[text(manifest, "kind")][1], copy.deepcopy(manifest))

    def settle(self) -> None:
        """Let the controllers do all there is to do now."""
        for _ in range(50):
            self.controllers.tick()

    def get(self, resource: str, name: str, namespace: str = "shop") -> Object:
        return self.objects[resource, namespace, name]

    def find(self, resource: str, namespace: str) -> Iterable[Object]:
        """Those of a namespace, of all for an empty one."""
        return [one for (kind, place, _), one in self.objects.items() if kind == resource and namespace in {"", place}]

    def save(self, resource: str, thing: Object) -> None:
        thing = copy.deepcopy(thing)
        meta = table(thing, "metadata")
        key = (resource, text(meta, "namespace"), text(meta, "name"))
        before = self.objects.get(key)
        self._version += 1
        meta["uid"] = text(before, "metadata", "uid") or f"uid-{self._version}"
        meta["resourceVersion"] = str(self._version)
        generation = number(before, "metadata", "generation")
        meta["generation"] = generation + (before is None or before.get("spec") != thing.get("spec"))
        self.objects[key] = thing
        self._tell("MODIFIED" if before else "ADDED", resource, thing)

    def drop(self, resource: str, thing: Object) -> None:
        del self.objects[resource, text(thing, "metadata", "namespace"), text(thing, "metadata", "name")]
        self._version += 1
        self._tell("DELETED", resource, thing)

    def compact(self) -> None:
        """Forget the past, as a cluster does after five minutes."""
        self._version += 1
        self._oldest = self._version
        self._history.clear()
        self._news.set()

    def _tell(self, what: str, resource: str, thing: Object) -> None:
        self._history.append((self._version, what, resource, thing))
        self._news.set()

    def _made(self, kind: str, owner: Object, mark: str, labels: Object, *, template: JsonValue) -> Object:
        """Something that a controller makes for a workload."""
        version, _, _ = KINDS[kind]
        name, selector = text(owner, "metadata", "name"), table(owner, "spec", "selector", "matchLabels")
        reference: JsonValue = {
            "apiVersion": text(owner, "apiVersion"),
            "kind": text(owner, "kind"),
            "name": name,
            "uid": text(owner, "metadata", "uid"),
            "controller": True,
        }
        made: Object = {
            "apiVersion": version,
            "kind": kind,
            "metadata": {
                "name": f"{name}-{mark}",
                "namespace": text(owner, "metadata", "namespace"),
                "labels": {**selector, **labels},
                "ownerReferences": [reference],
            },
        }
        if template is not None:
            made["spec"] = {"replicas": 0, "selector": {"matchLabels": {**selector, **labels}}, "template": template}
        return made

    # --- requests -------------------------------------------------------------------------------

    @web.middleware
    async def _gate(self, request: web.Request, handler: object) -> web.StreamResponse:  # noqa: ARG002
        body = await request.text()
        if request.method != "GET":
            self.asked.append((request.method, request.path_qs, yaml.safe_load(body)))
        fault = next((one for one in self.faults if one.times and _meant(one, request)), None)
        if fault is not None:
            fault.times -= 1
            if fault.drop == "before":
                return _die(request)
            if fault.status:
                return _failure(Refusal(fault.status, "InternalError", fault.message), fault.headers)
        try:
            answer = await self._any(request)
        except Refusal as refusal:
            answer = _failure(refusal)
        if fault is not None and fault.drop == "garble":
            return web.Response(status=answer.status, text='{"kind')
        return _die(request) if fault is not None and fault.drop == "after" else answer

    async def _any(self, request: web.Request) -> web.StreamResponse:
        self._authenticate(request)
        parts = request.path.strip("/").split("/")
        if parts[0] == "apis" and len(parts) > 2:
            version, rest = "/".join(parts[1:3]), parts[3:]
        else:
            version, rest = parts[1] if len(parts) > 1 else "", parts[2:]
        if not rest:
            return self._discover(parts[0], version)
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        kind, known = RESOURCES.get(rest[0], ("", ""))
        if known != version:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        self._authorize(request, rest)
        if len(rest) == 3 and rest[2] == "log":
            return self._pod_log(request, self._known(rest[0], namespace, rest[1]))
        if len(rest) == 2 and request.method == "PATCH":
            return await self._patch(request, kind, (rest[0], namespace, rest[1]))
        if len(rest) == 2:
            return web.json_response(self._known(rest[0], namespace, rest[1]))
        if request.query.get("watch") in {"1", "true"}:
            stream = web.StreamResponse(headers={"Content-Type": "application/json"})
            with contextlib.suppress(ConnectionResetError):
                await self._watch(request, stream, rest[0], namespace)
            return stream
        whole = [one for one in self.find(rest[0], namespace) if _selected(one, request)]
        first, size = int(request.query.get("continue", "0")), int(request.query.get("limit", "1000000"))
        found, rest_of_it = whole[first : first + size], len(whole) > first + size
        meta: Object = {"resourceVersion": str(self._version)}
        if rest_of_it:
            meta["continue"] = str(first + size)
        listed: Object = {
            "kind": f"{kind}List",
            "apiVersion": version,
            "metadata": meta,
            "items": [*found],
        }
        return web.json_response(listed)

    def _authenticate(self, request: web.Request) -> None:
        assert request.transport is not None
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.tokens and not request.transport.get_extra_info("peercert"):
            raise Refusal(401, "Unauthorized", "Unauthorized")

    def _authorize(self, request: web.Request, rest: list[str]) -> None:
        watch = request.query.get("watch") in {"1", "true"}
        verb = {"GET": "watch" if watch else "get" if len(rest) > 1 else "list", "PATCH": "patch"}[request.method]
        resource = "pods/log" if rest[-1] == "log" else rest[0]
        if (verb, resource) in self.forbidden:
            who = "system:serviceaccount:shop:pushbot"
            raise Refusal(
                403, "Forbidden", f'{resource} is forbidden: User "{who}" cannot {verb} resource "{resource}"'
            )

    def _discover(self, root: str, version: str) -> web.Response:
        found = [
            {
                "name": resource,
                "namespaced": spaced,
                "kind": kind,
                "singularName": kind.lower(),
                "verbs": ["get", "patch", "watch"],
            }
            for kind, (group, resource, spaced) in KINDS.items()
            if group == version
        ]
        if root == "apis" and not version:
            one = {"groupVersion": "apps/v1", "version": "v1"}
            group = {"name": "apps", "versions": [one], "preferredVersion": one}
            return web.json_response({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]})
        if root == "api" and not version:
            return web.json_response({"kind": "APIVersions", "versions": ["v1"]})
        if not found:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        return web.json_response({"kind": "APIResourceList", "groupVersion": version, "resources": found})

    def _known(self, resource: str, namespace: str, name: str) -> Object:
        try:
            return self.objects[resource, namespace, name]
        except KeyError:
            group = ".apps" if RESOURCES[resource][1] == "apps/v1" else ""
            raise Refusal(404, "NotFound", f'{resource}{group} "{name}" not found') from None

    def _pod_log(self, request: web.Request, pod: Object) -> web.Response:
        name = request.query.get("container")
        one = next((one for one in rows(pod, "status", "containerStatuses") if text(one, "name") == name), {})
        if request.query.get("previous") == "true" and not number(one, "restartCount"):
            raise Refusal(400, "BadRequest", f'previous terminated container "{name}" not found')
        if "ImagePullBackOff" in json.dumps(one):
            raise Refusal(
                400, "BadRequest", f'container "{name}" is waiting to start: trying and failing to pull image'
            )
        lines = self.log.splitlines(keepends=True)[-int(request.query.get("tailLines", "1000000")) :]
        return web.Response(text="".join(lines)[: int(request.query.get("limitBytes", "1000000"))])

    # --- patches --------------------------------------------------------------------------------

    async def _patch(self, request: web.Request, kind: str, key: Key) -> web.Response:
        resource, namespace, name = key
        body: JsonValue = yaml.safe_load(await request.text())
        content, query = request.headers.get("Content-Type", ""), request.query
        manager = query.get("fieldManager") or request.headers.get("User-Agent", "").partition("/")[0]
        owners = self.owners.get(key, {})
        if content != "application/apply-patch+yaml":
            live = self._known(*key)
        elif not query.get("fieldManager"):
            raise Refusal(422, "Invalid", "PatchOptions.meta.k8s.io is invalid: fieldManager: Required value")
        elif namespace and ("namespaces", "", namespace) not in self.objects:
            raise Refusal(404, "NotFound", f'namespaces "{namespace}" not found')
        else:
            live = self.objects.get(key, {})
        stale = text(body, "metadata", "resourceVersion")
        if stale and stale != text(live, "metadata", "resourceVersion"):
            said = f'Operation cannot be fulfilled on {resource}.apps "{name}": the object has been modified'
            raise Refusal(409, "Conflict", f"{said}; please apply your changes to the latest version and try again")
        try:
            new, owners = self._patched(content, live, body, owners, manager, force=query.get("force") == "true")
        except PatchRefused as refused:
            code, reason = (409, "Conflict") if refused.conflicts else (422, "Invalid")
            raise Refusal(code, reason, str(refused), refused.conflicts) from None
        _check(new, kind, namespace, name)
        if query.get("dryRun") == "All":
            return web.json_response(new)
        self.owners[key] = owners
        if new != live:
            self.save(resource, new)
        return web.json_response(self.objects[key], status=200 if live else 201)

    @staticmethod
    def _patched(
        content: str, live: Object, body: JsonValue, owners: Owners, manager: str, *, force: bool
    ) -> tuple[Object, Owners]:
        match content:
            case "application/apply-patch+yaml" if isinstance(body, dict):
                return apply(live, body, owners, manager, force=force)
            case "application/json-patch+json":
                new = json_patch(live, body)
            case "application/strategic-merge-patch+json":
                merged = strategic_merge(live, body)
                assert isinstance(merged, dict)
                new = merged
            case _:
                raise Refusal(415, "UnsupportedMediaType", "the body of the request was in an unknown format")
        return new, updated(live, new, owners, manager)

    # --- watches --------------------------------------------------------------------------------

    async def _watch(self, request: web.Request, stream: web.StreamResponse, resource: str, namespace: str) -> None:
        self.watches += 1
        version = int(request.query.get("resourceVersion", "0"))
        loop = asyncio.get_running_loop()
        until, left = loop.time() + float(request.query.get("timeoutSeconds", "1800")), self.events_a_stream
        if version < self._oldest and not self.gone_as_event:
            raise Refusal(410, "Expired", f"too old resource version: {version} ({self._oldest})")
        await stream.prepare(request)
        while loop.time() < until and left > 0:
            self._news.clear()
            if version < self._oldest:
                gone = Refusal(410, "Expired", f"too old resource version: {version} ({self._oldest})")
                await _event(stream, "ERROR", gone.status)
                return
            for at, what, kind, thing in [*self._history]:
                mine = kind == resource and text(thing, "metadata", "namespace") == namespace
                if at > version and mine and _selected(thing, request):
                    await _event(stream, what, thing)
                    left -= 1
            if version != self._version and request.query.get("allowWatchBookmarks") == "true":
                kind_of, group = RESOURCES[resource]
                mark: Object = {
                    "kind": kind_of,
                    "apiVersion": group,
                    "metadata": {"resourceVersion": str(self._version)},
                }
                await _event(stream, "BOOKMARK", mark)
            version = self._version
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(0.05, max(0.0, until - loop.time()))):
                    await self._news.wait()


def _check(new: Object, kind: str, namespace: str, name: str) -> None:
    """What an object must be for its address."""
    if namespace and text(new, "metadata", "namespace") not in {"", namespace}:
        raise Refusal(400, "BadRequest", "the namespace of the object does not match the namespace on the URL")
    if namespace:
        table(new, "metadata")["namespace"] = namespace
    if text(new, "metadata", "name") != name or text(new, "kind") != kind:
        raise Refusal(400, "BadRequest", "the name of the object does not match the name on the URL")
    if "spec" in new and not all(images(table(new, "spec", "template"))):
        raise Refusal(422, "Invalid", f'{kind}.apps "{name}" is invalid: spec.containers[0].image: Required value')


async def _event(stream: web.StreamResponse, what: str, thing: Object) -> None:
    await stream.write(json.dumps({"type": what, "object": thing}).encode() + b"\n")


def _selected(thing: Object, request: web.Request) -> bool:
    labels, name = table(thing, "metadata", "labels"), text(thing, "metadata", "name")
    wanted = [pair.split("=", 1) for pair in request.query.get("labelSelector", "").split(",") if pair]
    fields = [pair.split("=", 1) for pair in request.query.get("fieldSelector", "").split(",") if pair]
    return all(labels.get(key) == value for key, value in wanted) and all(value == name for _, value in fields)


def _meant(fault: Fault, request: web.Request) -> bool:
    return fault.method == request.method and fault.path in request.path_qs


def _die(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def _failure(refusal: Refusal, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(refusal.status, status=refusal.code, headers=headers)
