"""What the controllers of a cluster do about Deployments, StatefulSets and DaemonSets, a step every tick.

After kubernetes.io/docs/concepts/workloads/controllers: a change of a Deployment's pod template makes a ReplicaSet (or
takes up an older one of the same template) with the next `deployment.kubernetes.io/revision`; annotations of the
Deployment go to it; one new pod at a time, and an old one less when it is available; `observedGeneration`, the numbers
of replicas, and `Progressing` with `ProgressDeadlineExceeded` when nothing moved for long (`deadline_ticks`). The
other two keep ControllerRevisions (whose data is the patch that brings a template back) and replace pods in place.

What becomes of a pod is said by its image: `…-bad` cannot be pulled, `…-crash` crashes, `…-slow` never gets ready.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
from typing import TYPE_CHECKING

from pydantic import JsonValue, TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.rig.kubernetes_patches import Object

REVISION = "deployment.kubernetes.io/revision"
_SKIPPED = {REVISION, "kubectl.kubernetes.io/last-applied-configuration"}
HASH = "pod-template-hash"
_LATE = "ProgressDeadlineExceeded"
_OBJECT = TypeAdapter(dict[str, JsonValue])
_ROWS = TypeAdapter(list[dict[str, JsonValue]])


def at(thing: JsonValue, *path: str) -> JsonValue:
    """What lies there, None when nothing does."""
    for key in path:
        thing = thing.get(key) if isinstance(thing, dict) else None
    return thing


def text(thing: JsonValue, *path: str) -> str:
    found = at(thing, *path)
    return found if isinstance(found, str) else ""


def number(thing: JsonValue, *path: str, default: int = 0) -> int:
    found = at(thing, *path)
    return found if isinstance(found, int) else default


def table(thing: JsonValue, *path: str) -> Object:
    """The map there, itself where there is one."""
    found = at(thing, *path)
    return found if isinstance(found, dict) else {}


def rows(thing: JsonValue, *path: str) -> list[Object]:
    found = at(thing, *path)
    return _ROWS.validate_python(found) if found is not None else []


def images(template: JsonValue) -> list[str]:
    return [text(one, "image") for one in rows(template, "spec", "containers")]


def hash_of(template: JsonValue) -> str:
    """The same for templates that mean the same."""
    plain = copy.deepcopy(template)
    table(plain, "metadata", "labels").pop(HASH, None)
    return hashlib.sha256(json.dumps(_meant(plain), sort_keys=True).encode()).hexdigest()[:8]


def _meant(thing: JsonValue) -> JsonValue:
    """Without what is left out or empty."""
    if isinstance(thing, dict):
        return {key: _meant(value) for key, value in thing.items() if value not in (None, {}, [])}
    return [*map(_meant, thing)] if isinstance(thing, list) else thing


class Controllers:
    """Those of one cluster, which is read by `find` and written by `save` and `drop`."""

    def __init__(
        self,
        find: Callable[[str, str], Iterable[Object]],
        save: Callable[[str, Object], None],
        drop: Callable[[str, Object], None],
        make: Callable[..., Object],
    ) -> None:
        self._find, self._save, self._drop, self._make = find, save, drop, make
        self._still: dict[str, int] = {}
        self._numbers = itertools.count()
        self._followed: set[str] = set()
        self._moved: set[str] = set()
        self.deadline_ticks = 10**9

    def tick(self) -> None:
        """One step of everything."""
        for resource in ("deployments", "statefulsets", "daemonsets"):
            for workload in [*self._find(resource, "")]:
                if not at(workload, "spec", "paused"):
                    self._reconcile(resource, workload)

    def _reconcile(self, resource: str, workload: Object) -> None:
        workload = copy.deepcopy(workload)
        before = copy.deepcopy(workload)
        history = self._replicaset(workload) if resource == "deployments" else self._revision(workload)
        wanted = number(workload, "spec", "replicas", default=2 if resource == "daemonsets" else 1)
        uid = text(workload, "metadata", "uid")
        self._write_status(resource, workload, history, wanted, moved=uid in self._moved)
        self._moved.discard(uid)
        if self._move_pods(workload, text(history, "metadata", "name"), wanted, surge=resource == "deployments"):
            self._moved.add(uid)  # which the next status tells, as numbers come from what is there
        if workload != before:
            self._save(resource, workload)

    # --- history ------------------------------------------------------------------------------

    def _replicaset(self, workload: Object) -> Object:
        mark, owned = hash_of(at(workload, "spec", "template")), self._owned("replicasets", workload)
        newest = max((int(text(one, "metadata", "annotations", REVISION) or 0) for one in owned), default=0)
        found = next((one for one in owned if text(one, "metadata", "labels", HASH) == mark), None)
        annotations = {key: value for key, value in _annotations(workload).items() if key not in _SKIPPED}
        if found is None:
            template = copy.deepcopy(table(workload, "spec", "template"))
            template["metadata"] = {**table(template, "metadata")}
            table(template, "metadata")["labels"] = {
                **table(workload, "spec", "template", "metadata", "labels"),
                HASH: mark,
            }
            found = self._make("ReplicaSet", workload, mark, {HASH: mark}, template=template)
            table(found, "metadata")["annotations"] = {**annotations, REVISION: str(newest + 1)}
            self._save("replicasets", found)
        ours = int(text(found, "metadata", "annotations", REVISION))
        wanted = {**annotations, REVISION: str(ours if ours >= newest else newest + 1)}
        if _annotations(found) != wanted:
            found = copy.deepcopy(found)
            table(found, "metadata")["annotations"] = dict[str, JsonValue](wanted)
            self._save("replicasets", found)
        table(workload, "metadata")["annotations"] = {**_annotations(workload), REVISION: wanted[REVISION]}
        return found

    def _revision(self, workload: Object) -> Object:
        mark, owned = hash_of(at(workload, "spec", "template")), self._owned("controllerrevisions", workload)
        newest = max((number(one, "revision") for one in owned), default=0)
        found = next((one for one in owned if text(one, "metadata", "labels", HASH) == mark), None)
        if found is None:
            found = self._make("ControllerRevision", workload, mark, {HASH: mark}, template=None)
            template = copy.deepcopy(table(workload, "spec", "template"))
            found["data"] = {"spec": {"template": {**template, "$patch": "replace"}}}
            found["revision"] = newest + 1
        changed = copy.deepcopy(found)
        table(changed, "metadata")["annotations"] = dict[str, JsonValue](_annotations(workload))
        if number(changed, "revision") < newest:
            changed["revision"] = newest + 1
        if not text(found, "metadata", "resourceVersion") or changed != found:
            self._save("controllerrevisions", changed)
        return changed

    def _owned(self, resource: str, workload: Object) -> list[Object]:
        uid = text(workload, "metadata", "uid")
        found = self._find(resource, text(workload, "metadata", "namespace"))
        return [
            one for one in found if any(text(owner, "uid") == uid for owner in rows(one, "metadata", "ownerReferences"))
        ]

    # --- pods ---------------------------------------------------------------------------------

    def _move_pods(self, workload: Object, history: str, wanted: int, *, surge: bool) -> bool:
        pods = self._owned("pods", workload)
        new = [pod for pod in pods if text(pod, "metadata", "labels", "history") == history]
        old = [pod for pod in pods if pod not in new]
        unready = [pod for pod in new if not _ready(pod)]
        if unready:
            return sum([self._grow_up(pod) for pod in unready]) > 0
        if len(new) < wanted and (surge or not old or len(pods) < wanted):
            self._new_pod(workload, history)
            return True
        if old:
            self._drop("pods", old[-1])
            return True
        if len(new) > wanted:
            self._drop("pods", new[-1])
            return True
        return False

    def _new_pod(self, workload: Object, history: str) -> None:
        template = table(workload, "spec", "template")
        labels = {**table(template, "metadata", "labels"), "history": history}
        pod = self._make("Pod", workload, f"{history[-4:]}-{next(self._numbers)}", labels, template=None)
        pod["spec"] = copy.deepcopy(table(template, "spec"))
        names = [text(one, "name") for one in rows(template, "spec", "containers")]
        waiting: JsonValue = {"waiting": {"reason": "ContainerCreating"}}
        pod["status"] = {
            "phase": "Pending",
            "conditions": [{"type": "Ready", "status": "False"}],
            "containerStatuses": [{"name": name, "restartCount": 0, "state": waiting} for name in names],
        }
        self._save("pods", pod)

    def _grow_up(self, pod: Object) -> bool:
        """The pod's next state; whether it got ready."""
        pod, image = copy.deepcopy(pod), " ".join(images(pod))
        before, status = copy.deepcopy(pod), table(pod, "status")
        state: JsonValue = {"running": {}}
        restarts = 0
        if "-bad" in image:
            state = {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{images(pod)[0]}"'}}
        elif "-crash" in image:
            state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}}
            restarts = 3
        elif "-slow" not in image:
            status["conditions"] = [{"type": "Ready", "status": "True"}]
        for each in table(pod, "status").get("containerStatuses") or []:  # type: ignore[union-attr]
            assert isinstance(each, dict)
            each["state"], each["restartCount"] = state, restarts
        if pod != before:
            self._save("pods", pod)
        return _ready(pod)

    # --- status -------------------------------------------------------------------------------

    def _write_status(self, resource: str, workload: Object, history: Object, wanted: int, *, moved: bool) -> None:
        pods = self._owned("pods", workload)
        name = text(history, "metadata", "name")
        new = [pod for pod in pods if text(pod, "metadata", "labels", "history") == name]
        ready, uid = sum(map(_ready, pods)), text(workload, "metadata", "uid")
        generation = number(workload, "metadata", "generation")
        fresh = number(workload, "status", "observedGeneration") != generation
        over = len(new) == len(pods) == ready == wanted
        self._still[uid] = 0 if moved or fresh or over else self._still.get(uid, 0) + 1
        status: Object = {"observedGeneration": generation}
        if resource == "daemonsets":
            status |= {"desiredNumberScheduled": wanted, "updatedNumberScheduled": len(new), "numberAvailable": ready}
        else:
            status |= {
                "replicas": len(pods),
                "updatedReplicas": len(new),
                "readyReplicas": ready,
                "availableReplicas": ready,
            }
        if resource == "statefulsets":
            current = name if over else text(workload, "status", "currentRevision") or name
            status |= {"currentRevision": current, "updateRevision": name}
        if resource == "deployments":
            known, before = {text(history, "metadata", "name")}, table(workload, "status")
            reason = "" if known <= self._followed else "NewReplicaSetCreated"
            self._followed |= known
            late = self._still[uid] > self.deadline_ticks
            status["conditions"] = [self._progressing(before, status, reason, over=over, late=late)]
        workload["status"] = status

    def _progressing(self, before: Object, now: Object, reason: str, *, over: bool, late: bool) -> Object:
        """As `syncRolloutStatus` has it: a deadline that passed stays passed until there is progress, or something new.

        A ReplicaSet that is taken up again is nothing new.
        """
        had = next(iter(rows(before, "conditions")), {})
        if not reason and over:
            reason = "NewReplicaSetAvailable"
        elif not reason and _progress(before, now):
            reason = "ReplicaSetUpdated"
        elif not reason and (late or text(had, "reason") == _LATE):
            reason = _LATE
        reason = reason or text(had, "reason")
        at = text(had, "lastUpdateTime") if reason == text(had, "reason") else f"tick {next(self._numbers)}"
        return {"type": "Progressing", "status": str(reason != _LATE), "reason": reason, "lastUpdateTime": at}


def _progress(before: Object, now: Object) -> bool:
    """`DeploymentProgressing`: more of the new, fewer of the old, or more that are ready."""

    def old(status: Object) -> int:
        return number(status, "replicas") - number(status, "updatedReplicas")

    more = any(number(now, key) > number(before, key) for key in ("updatedReplicas", "readyReplicas"))
    return more or old(now) < old(before)


def _annotations(thing: Object) -> dict[str, str]:
    return {key: str(value) for key, value in table(thing, "metadata", "annotations").items()}


def _ready(pod: Object) -> bool:
    return any(
        text(each, "type") == "Ready" and text(each, "status") == "True" for each in rows(pod, "status", "conditions")
    )
