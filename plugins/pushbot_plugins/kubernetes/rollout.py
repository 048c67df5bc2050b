"""How far a rollout is: pure rules, those by which `kubectl rollout status` goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from pushbot.fleet.model import Tally
from pushbot_plugins.kubernetes.options import Kind

if TYPE_CHECKING:
    from pushbot_plugins.kubernetes.objects import Pod, PodSpec, Workload

TIMED_OUT = "ProgressDeadlineExceeded"
_TROUBLES = frozenset(
    {
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "RunContainerError",
    }
)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a workload is with its newest template; `stuck` when the cluster itself has given it up."""

    done: int
    total: int
    over: bool = False
    stuck: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """A pod that does not come up, and why; `container` where it is one's fault, which `crashed` before."""

    pod: str
    reason: str
    message: str
    container: str | None = None
    crashed: bool = False

    def __str__(self) -> str:
        """For people: `web-5f-x2 ImagePullBackOff (Back-off pulling image …)`."""
        return f"{self.pod} {self.reason}" + (f" ({self.message})" if self.message else "")


def late_since(workload: Workload) -> str | None:
    """When the controller last said that a Deployment is past its progress deadline; None when it does not say so."""
    late = (one for one in workload.status.conditions if one.type == "Progressing" and one.reason == TIMED_OUT)
    return next((one.last_update_time for one in late), None)


def standing(kind: Kind, workload: Workload, before: str | None = None) -> Standing:
    """By the fields that the kind's controller writes; none of them counts before it has seen the newest template.

    `before` is when it said of an earlier template that it is late, which it does not take back at once.
    """
    status, wanted = workload.status, workload.spec.replicas
    total = 1 if wanted is None else wanted
    seen = status.observed_generation >= workload.metadata.generation
    match kind:
        case Kind.DEPLOYMENT:
            new, up, pods = status.updated_replicas, status.available_replicas, status.replicas
            over = new >= total and pods <= new and up >= new
            stuck = late_since(workload) not in {None, before}
            return Standing(_done(new, up, pods) if seen else 0, total, seen and over, seen and stuck)
        case Kind.STATEFULSET:
            new, up, pods = status.updated_replicas, status.ready_replicas, status.replicas
            rolling = workload.spec.update_strategy.rolling_update
            meant = max(0, total - (rolling.partition if rolling else 0))
            over = up >= total and new >= meant
            return Standing(min(_done(new, up, pods), meant) if seen else 0, meant, seen and over)
        case Kind.DAEMONSET:
            new, up, total = status.updated_number_scheduled, status.number_available, status.desired_number_scheduled
            return Standing(_done(new, up, total) if seen else 0, total, seen and new >= total and up >= total)
        case _:
            assert_never(kind)


def _done(new: int, up: int, pods: int) -> int:
    """How many of the `new` pods are up at least, when `up` of all do not say which."""
    return max(0, min(new, up - max(0, pods - new)))


def troubles(spec: PodSpec, pods: tuple[Pod, ...]) -> list[Trouble]:
    """What keeps pods of this specification (to which a cluster may add) from coming up; others do not matter."""
    return [trouble for pod in pods if spec.images <= pod.spec.images and (trouble := _trouble(pod))]


def tally(stands: list[Standing], failed: int) -> Tally:
    """All of them together, in pods."""
    return Tally(sum(one.done for one in stands), sum(one.total for one in stands), failed)


def _trouble(pod: Pod) -> Trouble | None:
    name = pod.metadata.name
    for one in (*pod.status.init_container_statuses, *pod.status.container_statuses):
        waiting = one.state.waiting
        if waiting is not None and waiting.reason in _TROUBLES:
            return Trouble(name, waiting.reason, waiting.message, one.name, crashed=one.restart_count > 0)
    for condition in pod.status.conditions:
        if condition.type == "PodScheduled" and condition.status == "False" and condition.reason == "Unschedulable":
            return Trouble(name, condition.reason, condition.message)
    return None
