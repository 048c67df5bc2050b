"""What a run changes: images, manifests, or back to what a workload was.

Every changed object says in its annotations by which run, to which revision, and in `kubernetes.io/change-cause` what
`kubectl rollout history` shows. Going back is what `kubectl rollout undo` does: the template of an older ReplicaSet or
ControllerRevision is put back.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, JsonValue

from pushbot.errors import PushbotError
from pushbot.queue.model import RunKind
from pushbot_plugins.kubernetes.cluster import APPLY, JSON_PATCH, MANAGER, STRATEGIC, Denied, Ref
from pushbot_plugins.kubernetes.manifests import documents, filled, image, tag
from pushbot_plugins.kubernetes.objects import CAUSE, REVISION, ROLLOUT, RUN, Made, Object, Past, Workload
from pushbot_plugins.kubernetes.options import Kind
from pushbot_plugins.kubernetes.rollout import late_since
from pushbot_plugins.remote_line import one_line

if TYPE_CHECKING:
    from pushbot.ports import Job
    from pushbot_plugins.kubernetes.cluster import Cluster
    from pushbot_plugins.kubernetes.options import KubernetesOptions
    from pushbot_plugins.remote_words import Words

_HASH = "pod-template-hash"
_STAYS = frozenset({ROLLOUT, "kubectl.kubernetes.io/last-applied-configuration"})
_MISSING, _CONFLICT, _FAILED_TEST = 404, 409, 422


class Part(BaseModel):
    """One workload that a run changes, and what it was `before` (the name of that), None when it was not there.

    `late` is since when it was past its deadline before, `was` its generation then.
    """

    kind: Kind
    namespace: str
    name: str
    before: str | None = None
    generation: int = 0
    late: str | None = None
    was: int = 0

    @property
    def stale(self) -> str | None:
        """The word of its controller that it is late, when that is of an earlier template."""
        return None if self.generation == self.was else self.late

    @property
    def ref(self) -> Ref:
        """Which one that is."""
        return Ref(self.kind, self.namespace, self.name)


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a cluster by one run, which is called `call` there."""

    cluster: Cluster
    options: KubernetesOptions
    job: Job
    words: Words
    call: str

    @property
    def notes(self) -> dict[str, str]:
        """The annotations of what this run changes."""
        job = self.job
        cause = f"pushbot {job.run}: {job.kind} {job.revision or ''} by {job.driver}"
        return {RUN: self.call, REVISION: job.revision or "", CAUSE: one_line(cause, 200)}

    async def wanted(self) -> list[Object]:
        """The manifests, with the revision filled in; none when images are set. Raises PushbotError."""
        if not self.options.manifests:
            return []
        revision = tag(self.job.revision or "")
        found: list[Object] = []
        for path in self.options.manifests:
            for one in await asyncio.to_thread(documents, path):
                new = filled(one, revision)
                found += [new] if isinstance(new, dict) else []
        return found

    async def parts(self, manifests: list[Object]) -> list[Part]:
        """The workloads that will change, as they are before that. Raises PushbotError for one that cannot be."""
        if self.options.name is not None:
            refs = [Ref(self.options.kind, self.options.namespace, self.options.name)]
        else:
            refs = [ref for one in manifests if (ref := _ref(one, self.options.namespace))]
        return [await self._part(ref) for ref in refs]

    async def rehearse(self, manifests: list[Object]) -> None:
        """Apply the manifests without any effect. Raises PushbotError for what the cluster would refuse."""
        await self._apply(manifests, dry=True)

    async def make(self, parts: list[Part], manifests: list[Object]) -> list[Part]:
        """Change all of it; the parts with the generation that each has by that. Raises PushbotError."""
        if self.job.kind is RunKind.ROLLBACK and parts and (back := await self._all_back(parts)):
            return back
        if manifests:
            made = await self._apply(manifests, dry=False)
            return [part.model_copy(update={"generation": made[part.ref]}) for part in parts]
        return [await self._set_images(part) for part in parts]

    async def undo(self, part: Part) -> None:
        """Put back what was before this run, unless somebody else has changed the workload since.

        Raises PushbotError when it was not there before.
        """
        while True:
            workload = await self.cluster.workload(part.ref)
            if workload.metadata.annotations.get(RUN) != self.call:
                return
            past = {one.metadata.name: one for one in await self.cluster.past(part.ref, workload)}
            if part.before not in past:
                raise PushbotError(
                    f"{part.ref} has nothing to go back to: it was made by this run, or its history is not kept "
                    f"(revisionHistoryLimit)"
                )
            try:
                await self._put_back(part, workload, past[part.before], None)
            except Denied as error:
                if error.status not in {_CONFLICT, _FAILED_TEST}:
                    raise
                continue  # it changed meanwhile
            return

    async def _part(self, ref: Ref) -> Part:
        try:
            workload = await self.cluster.workload(ref)
        except Denied as error:
            if error.status == _MISSING and self.options.manifests:
                return Part(kind=ref.kind, namespace=ref.namespace, name=ref.name)
            raise
        if workload.spec.paused:
            raise PushbotError(f"{ref} is paused: kubectl rollout resume it first")
        if ref.kind is not Kind.DEPLOYMENT and workload.spec.update_strategy.type != "RollingUpdate":
            raise PushbotError(
                f"{ref} has the update strategy {workload.spec.update_strategy.type}, and is not rolled out"
            )
        known = {
            one.name for one in (*workload.spec.template.spec.containers, *workload.spec.template.spec.init_containers)
        }
        if unknown := sorted(self.options.images.keys() - known):
            raise PushbotError(f"{ref} has no container {unknown[0]!r}; it has {', '.join(sorted(known))}")
        before = _present(ref.kind, workload, await self.cluster.past(ref, workload))
        late, was = late_since(workload), workload.metadata.generation
        return Part(kind=ref.kind, namespace=ref.namespace, name=ref.name, before=before, late=late, was=was)

    async def _set_images(self, part: Part) -> Part:
        workload = await self.cluster.workload(part.ref)
        spec: dict[str, JsonValue] = {}
        for key, names in (
            ("containers", {one.name for one in workload.spec.template.spec.containers}),
            ("initContainers", {one.name for one in workload.spec.template.spec.init_containers}),
        ):
            chosen = {name: text for name, text in self.options.images.items() if name in names}
            if chosen:
                spec[key] = [
                    {"name": name, "image": image(self.words.fill(text, self._tag))} for name, text in chosen.items()
                ]
        body: JsonValue = {"metadata": {"annotations": {**self.notes}}, "spec": {"template": {"spec": spec}}}
        changed = await self.cluster.patch(part.ref.path, STRATEGIC, body, Workload)
        return part.model_copy(update={"generation": changed.metadata.generation})

    def _tag(self, value: str) -> str:
        if value in self.words.secrets:
            raise PushbotError(
                f"the images of {self.job.stage} name a secret, which everybody could see in the cluster"
            )
        return tag(value)

    async def _apply(self, manifests: list[Object], *, dry: bool) -> dict[Ref, int]:
        """Apply them in order; the generation of each workload by that. Tried `dry`, nothing changes."""
        made: dict[Ref, int] = {}
        for manifest in manifests:
            ref = _ref(manifest, self.options.namespace)
            body = _noted(manifest, self.notes) if ref else manifest
            try:
                path = await self.cluster.place(body, self.options.namespace)
                done = await self._apply_one(path, body, dry=dry)
            except Denied as error:
                if dry and error.status == _MISSING:
                    continue  # its namespace or kind is among what will be made before it
                raise
            if ref:
                made[ref] = done.metadata.generation
        return made

    async def _apply_one(self, path: str, body: Object, *, dry: bool) -> Made:
        query = {"force": "true"} if self.options.force else {}
        if dry:
            query["dryRun"] = "All"
        try:
            return await self.cluster.patch(path, APPLY, body, Made, **query)
        except Denied as error:
            causes = error.failure.details.causes if error.failure.details else ()
            ours = f'conflict with "{MANAGER}" '
            if error.status != _CONFLICT or not causes or not all(one.message.startswith(ours) for one in causes):
                raise
        return await self.cluster.patch(path, APPLY, body, Made, **{**query, "force": "true"})  # over our own undo

    async def _all_back(self, parts: list[Part]) -> list[Part]:
        """All parts back to what they were with the job's revision; none when one has no such past."""
        found: list[tuple[Part, Workload, Past]] = []
        for part in parts:
            try:
                workload = await self.cluster.workload(part.ref)
            except Denied as error:
                if error.status != _MISSING:
                    raise
                return []
            past = await self.cluster.past(part.ref, workload)
            fitting = [one for one in past if one.metadata.annotations.get(REVISION) == self.job.revision]
            if not fitting:
                return []
            found.append((part, workload, max(fitting, key=_age)))
        back = []
        for part, workload, past_one in found:
            generation = await self._put_back(part, workload, past_one, self.notes)
            back.append(part.model_copy(update={"generation": generation}))
        return back

    async def _put_back(self, part: Part, workload: Workload, past: Past, notes: dict[str, str] | None) -> int:
        """Its template as it was, with its annotations of then or with `notes`; the generation by that."""
        meta = workload.metadata
        if part.kind is not Kind.DEPLOYMENT:
            then = {key: past.metadata.annotations.get(key) for key in (RUN, REVISION, CAUSE)}
            changes: Object = {"annotations": {**(notes or then)}}
            if notes is None:
                changes["resourceVersion"] = meta.resource_version
            body: JsonValue = {**past.data, "metadata": changes}
            return (await self.cluster.patch(part.ref.path, STRATEGIC, body, Workload)).metadata.generation
        annotations = {key: value for key, value in past.metadata.annotations.items() if key not in _STAYS}
        annotations |= {key: value for key, value in meta.annotations.items() if key in _STAYS} | (notes or {})
        operations: list[JsonValue] = [
            {"op": "replace", "path": "/spec/template", "value": _template(past)},
            {"op": "replace", "path": "/metadata/annotations", "value": {**annotations}},
        ]
        if notes is None:
            operations.insert(
                0, {"op": "test", "path": f"/metadata/annotations/{RUN.replace('/', '~1')}", "value": self.call}
            )
        return (await self.cluster.patch(part.ref.path, JSON_PATCH, operations, Workload)).metadata.generation


def _ref(manifest: Object, namespace: str) -> Ref | None:
    """Which workload a manifest is of, None for anything else."""
    meta = manifest.get("metadata")
    kinds = {kind.name: kind for kind in Kind}
    kind = kinds.get(str(manifest.get("kind")).upper()) if manifest.get("apiVersion") == "apps/v1" else None
    if kind is None or not isinstance(meta, dict):
        return None
    return Ref(kind, str(meta.get("namespace") or namespace), str(meta.get("name")))


def _noted(manifest: Object, notes: dict[str, str]) -> Object:
    meta = manifest.get("metadata")
    meta = meta if isinstance(meta, dict) else {}
    had = meta.get("annotations")
    return {**manifest, "metadata": {**meta, "annotations": {**(had if isinstance(had, dict) else {}), **notes}}}


def _template(past: Past) -> JsonValue:
    """A ReplicaSet's template without the label that its controller put there."""
    template = past.spec.get("template")
    if not isinstance(template, dict):
        return template
    meta = template.get("metadata")
    meta = meta if isinstance(meta, dict) else {}
    labels = meta.get("labels")
    labels = {key: value for key, value in labels.items() if key != _HASH} if isinstance(labels, dict) else {}
    return {**template, "metadata": {**meta, "labels": labels}}


def _present(kind: Kind, workload: Workload, past: tuple[Past, ...]) -> str | None:
    """The name of what the workload is now, in its history."""
    if kind is Kind.DEPLOYMENT:
        now = workload.metadata.annotations.get(ROLLOUT)
        return next((one.metadata.name for one in past if one.metadata.annotations.get(ROLLOUT) == now), None)
    if kind is Kind.STATEFULSET and workload.status.update_revision:
        return workload.status.update_revision
    return max(past, key=_age).metadata.name if past else None


def _age(past: Past) -> int:
    """Its number in the history: higher is younger."""
    number = past.metadata.annotations.get(ROLLOUT, "")
    return int(number) if number.isdecimal() else past.revision
