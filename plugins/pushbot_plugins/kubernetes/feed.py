"""The newest state of a workload: watched, and where that is not possible looked up every few seconds.

After kubernetes.io/docs/reference/using-api/api-concepts, "Efficient detection of changes": a watch goes on from the
last resource version, which bookmarks keep fresh; 410 Gone, as an answer or as an event, means to look anew.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from pydantic import BaseModel, ValidationError

from pushbot.errors import PushbotError
from pushbot_plugins.kubernetes.objects import Failure, Object, Workload
from pushbot_plugins.remote_api import Refused, Unanswered

if TYPE_CHECKING:
    from pushbot_plugins.kubernetes.cluster import Cluster, Ref

LOG = structlog.get_logger()
_LINE = 8 * 2**20
_GONE, _NOT_FOUND = 410, 404
_NO_WATCH = frozenset({403, 405})
_SOON = 1.0


class _Event(BaseModel):
    type: str
    object: Object


class _Mark(BaseModel):
    class _Meta(BaseModel):
        resourceVersion: str  # noqa: N815 - the API's name

    metadata: _Meta


@dataclass(slots=True)
class Feed:
    """One workload as it changes. `changed` is set whenever `now`, `deleted` or `trouble` has."""

    cluster: Cluster
    ref: Ref
    poll: float
    changed: asyncio.Event
    now: Workload | None = None
    deleted: bool = False
    trouble: PushbotError | None = None
    _version: str = ""
    _rest: bytes = b""
    _look_again: bool = False
    _watchable: bool = True

    async def run(self) -> None:
        """Keep it up to date until cancelled, or until there is `trouble`."""
        loop = asyncio.get_running_loop()
        try:
            while not self.deleted:
                began = loop.time()
                await self._look()
                if self._watchable:
                    await self._watch()
                if not self._watchable:
                    await asyncio.sleep(self.poll)
                elif loop.time() - began < _SOON:
                    await asyncio.sleep(min(self.poll, _SOON))
        except PushbotError as error:
            self.trouble = error
        self.changed.set()

    async def _look(self) -> None:
        try:
            self._take(await self.cluster.workload(self.ref))
        except Refused as error:
            if error.status != _NOT_FOUND:
                raise
            self.deleted = True

    async def _watch(self) -> None:
        """Watch from the last version on, stream after stream, until it has to be looked up anew."""
        loop = asyncio.get_running_loop()
        while not (self._look_again or self.deleted):
            began, self._rest = loop.time(), b""
            try:
                await self.cluster.watch(self.ref, self._version, self._read)
            except Unanswered:
                return  # the look-up is patient with a cluster that is away
            except Refused as error:
                self._watchable = error.status not in _NO_WATCH
                if self._watchable and error.status != _GONE:
                    raise
                LOG.info("watch_refused", workload=str(self.ref), status=error.status)
                return
            if loop.time() - began < _SOON:
                return
        self._look_again = False

    def _read(self, piece: bytes) -> None:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > _LINE:
            raise PushbotError(f"the cluster's word on {self.ref} is longer than {_LINE} bytes")
        for line in filter(None, lines):
            try:
                self._event(_Event.model_validate_json(line))
            except ValidationError:
                self._look_again = True

    def _event(self, event: _Event) -> None:
        match event.type:
            case "ADDED" | "MODIFIED":
                self._take(Workload.model_validate(event.object))
            case "DELETED":
                self.deleted = True
                self.changed.set()
            case "BOOKMARK":
                self._version = _Mark.model_validate(event.object).metadata.resourceVersion
            case _:
                LOG.info("watch_ended", workload=str(self.ref), said=Failure.model_validate(event.object).message)
                self._look_again = True

    def _take(self, workload: Workload) -> None:
        self.now, self._version = workload, workload.metadata.resource_version
        self.changed.set()
