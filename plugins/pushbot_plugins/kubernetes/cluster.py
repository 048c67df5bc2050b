"""A cluster's API as a rollout needs it: objects read, patched and watched, failures in the cluster's own words.

After kubernetes.io/docs/reference/using-api/api-concepts. A patch sets values and never adds to them, so that one whose
answer was lost is made again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, JsonValue, ValidationError

from pushbot.errors import PushbotError
from pushbot_plugins.kubernetes.objects import Failure, Past, Pasts, Pod, Pods, Resources, Workload
from pushbot_plugins.kubernetes.options import Kind
from pushbot_plugins.remote_api import Answer, Api, Limits, Refused
from pushbot_plugins.remote_line import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from pushbot_plugins.kubernetes.access import Access

M = TypeVar("M", bound=BaseModel)
LIMITS = Limits()
MANAGER = "pushbot"
"""The field manager of all that the bot changes."""
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
_ANSWERS = frozenset({200, 201, 400, 401, 403, 404, 409, 410, 415, 422})
_GOOD = 400
_PODS, _PAGES = 100, 10
_WATCH = 20


class Denied(Refused):
    """The cluster said no; `failure` is what it said."""

    def __init__(self, text: str, failure: Failure, status: int) -> None:
        super().__init__(text, status)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Ref:
    """One workload of a cluster."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        """For people: `deployment shop/web`."""
        return f"{self.kind} {self.namespace}/{self.name}"

    @property
    def path(self) -> str:
        """Where it is in the API."""
        return f"{self.folder}/{quote(self.name, safe='')}"

    @property
    def folder(self) -> str:
        """Where all of its kind are."""
        return f"apis/apps/v1/namespaces/{quote(self.namespace, safe='')}/{self.kind.resource}"


@dataclass(slots=True)
class Cluster:
    """The API, open for as long as this is used."""

    api: Api
    _kinds: dict[str, Resources] = field(default_factory=dict)

    async def workload(self, ref: Ref) -> Workload:
        """The workload as it is now. Raises Denied, with 404 when there is none."""
        return (await self._look(ref.path)).read(Workload)

    async def pods(self, ref: Ref, workload: Workload) -> tuple[Pod, ...]:
        """Its pods, at most a thousand of them."""
        found: list[Pod] = []
        query = {"labelSelector": str(workload.spec.selector), "limit": str(_PODS)}
        for _ in range(_PAGES):
            page = (await self._look(f"api/v1/namespaces/{quote(ref.namespace, safe='')}/pods", query)).read(Pods)
            found += page.items
            if not page.metadata.more:
                break
            query["continue"] = page.metadata.more
        return tuple(found)

    async def past(self, ref: Ref, workload: Workload) -> tuple[Past, ...]:
        """What it was before, newest last: its ReplicaSets or ControllerRevisions."""
        resource = "replicasets" if ref.kind is Kind.DEPLOYMENT else "controllerrevisions"
        where = f"apis/apps/v1/namespaces/{quote(ref.namespace, safe='')}/{resource}"
        found = (await self._look(where, {"labelSelector": str(workload.spec.selector)})).read(Pasts)
        return tuple(one for one in found.items if one.metadata.owned_by(workload.metadata.uid))

    async def last_words(self, namespace: str, pod: str, container: str, *, previous: bool) -> bytes:
        """The last lines of a container, of the one before it when that crashed. Raises PushbotError."""
        query = {"container": container, "tailLines": "50", "limitBytes": "65536"}
        path = f"api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/log"
        return (await self._look(path, query | ({"previous": "true"} if previous else {}))).body

    async def patch(self, path: str, form: str, body: JsonValue, kind: type[M], **query: str) -> M:
        """The object after the patch. Raises Denied."""
        answer = await self.api.call(
            "PATCH",
            path,
            query={"fieldManager": MANAGER, **query},
            body=json.dumps(body, ensure_ascii=False).encode(),  # not all servers read JSON's escapes as YAML
            headers={"Content-Type": form},
            ok=_ANSWERS,
            again=True,
        )
        return _good(answer).read(kind)

    async def place(self, manifest: dict[str, JsonValue], namespace: str) -> str:
        """The path of a manifest's object, in `namespace` when it does not say one.

        Raises PushbotError when it does not say what it is, or the cluster does not know such things.
        """
        version, kind, name, own = _identity(manifest)
        folder = f"apis/{version}" if "/" in version else f"api/{version}"
        if folder not in self._kinds:
            self._kinds[folder] = (await self._look(folder)).read(Resources)
        found = next((one for one in self._kinds[folder].resources if one.kind == kind and "/" not in one.name), None)
        if found is None:
            raise PushbotError(f"the cluster knows no {kind} of {version}")
        space = f"/namespaces/{quote(own or namespace, safe='')}" if found.namespaced else ""
        return f"{folder}{space}/{found.name}/{quote(name, safe='')}"

    async def watch(self, ref: Ref, version: str, take: Callable[[bytes], None]) -> None:
        """Tell changes since `version` for a while, each a line of JSON. Raises Refused, with 410 for one too old."""
        query = {
            "watch": "1",
            "fieldSelector": f"metadata.name={ref.name}",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCH),
        }
        await self.api.stream(ref.folder, take, query=query)

    async def _look(self, path: str, query: dict[str, str] | None = None) -> Answer:
        return _good(await self.api.get(path, query=query, ok=_ANSWERS))


def open_cluster(way: Access, limits: Limits, hide: set[str]) -> Api:
    """The API with the credentials; to be used in `async with`. `hide` are texts that stand in no error."""
    headers = {"Accept": "application/json"}
    if way.token is not None:
        headers["Authorization"] = f"Bearer {way.token}"
    return Api("Kubernetes", way.server, headers=headers, tls=way.tls, limits=limits, hide=hide)


def _good(answer: Answer) -> Answer:
    if answer.status < _GOOD:
        return answer
    try:
        failure = Failure.model_validate_json(answer.body)
    except ValidationError:
        failure = Failure(message=answer.body[:1000].decode(errors="replace"))
    said = one_line(failure.message) or "without a word"
    raise Denied(f"{answer.source} refused ({answer.status}): {said}", failure, answer.status)


def _identity(manifest: dict[str, JsonValue]) -> tuple[str, str, str, str]:
    """Version, kind, name and namespace of a manifest."""
    meta = manifest.get("metadata")
    meta = meta if isinstance(meta, dict) else {}
    version, kind, name = manifest.get("apiVersion"), manifest.get("kind"), meta.get("name")
    namespace = meta.get("namespace") or ""
    if not (
        isinstance(version, str) and isinstance(kind, str) and isinstance(name, str) and isinstance(namespace, str)
    ):
        raise PushbotError("a manifest lacks its apiVersion, kind or metadata.name")
    return version, kind, name, namespace
