"""The parts of Kubernetes objects that a rollout is about, as the API gives them (apps/v1, core/v1)."""

from __future__ import annotations

from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic.alias_generators import to_camel

RUN = "pushbot/run"
"""The annotation that says by which run an object was changed last."""
REVISION = "pushbot/revision"
CAUSE = "kubernetes.io/change-cause"
ROLLOUT = "deployment.kubernetes.io/revision"
"""By which a Deployment numbers its ReplicaSets."""
Object: TypeAlias = dict[str, JsonValue]


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_left_out(cls, value: object) -> object:
        """As the API means it ("Kubernetes API Conventions", optional and required)."""
        return {key: one for key, one in value.items() if one is not None} if isinstance(value, dict) else value


class Owner(_Part):
    """Whose an object is."""

    uid: str


class Meta(_Part):
    """What every object has."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    owner_references: tuple[Owner, ...] = ()

    def owned_by(self, uid: str) -> bool:
        """Whether the object of that id owns it."""
        return any(owner.uid == uid for owner in self.owner_references)


class Container(_Part):
    """One container of a pod's specification."""

    name: str
    image: str = ""


class PodSpec(_Part):
    """The containers of a pod."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()

    @property
    def images(self) -> frozenset[tuple[str, str]]:
        """The image of each container, by its name."""
        return frozenset((one.name, one.image) for one in (*self.containers, *self.init_containers))


class Template(_Part):
    """What pods are made from."""

    spec: PodSpec = PodSpec()


class Requirement(_Part):
    """One expression of a selector."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


class Selector(_Part):
    """Which pods are meant."""

    match_labels: dict[str, str] = Field(default_factory=dict)
    match_expressions: tuple[Requirement, ...] = ()

    def __str__(self) -> str:
        """As the parameter `labelSelector` wants it."""
        parts = [f"{key}={value}" for key, value in self.match_labels.items()]
        for one in self.match_expressions:
            match one.operator:
                case "In" | "NotIn":
                    parts.append(f"{one.key} {one.operator.lower()} ({','.join(one.values)})")
                case "Exists":
                    parts.append(one.key)
                case _:
                    parts.append(f"!{one.key}")
        return ",".join(parts)


class Rolling(_Part):
    """How far a StatefulSet is to be rolled out: pods from this number on."""

    partition: int = 0


class Strategy(_Part):
    """How a StatefulSet or DaemonSet changes its pods."""

    type: str = "RollingUpdate"
    rolling_update: Rolling | None = None


class Spec(_Part):
    """What a workload shall be."""

    replicas: int | None = None
    paused: bool = False
    selector: Selector = Selector()
    template: Template = Template()
    update_strategy: Strategy = Strategy()


class Condition(_Part):
    """One thing that is said of an object."""

    type: str
    status: str = ""
    reason: str = ""
    message: str = ""
    last_update_time: str = ""


class Status(_Part):
    """How a workload stands."""

    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    desired_number_scheduled: int = 0
    updated_number_scheduled: int = 0
    number_available: int = 0
    update_revision: str = ""
    current_revision: str = ""
    conditions: tuple[Condition, ...] = ()


class Workload(_Part):
    """A Deployment, StatefulSet or DaemonSet."""

    metadata: Meta
    spec: Spec = Spec()
    status: Status = Status()


class Waiting(_Part):
    """Why a container does not run."""

    reason: str = ""
    message: str = ""


class ContainerState(_Part):
    """Whether a container runs."""

    waiting: Waiting | None = None


class ContainerStatus(_Part):
    """How a container stands."""

    name: str
    restart_count: int = 0
    state: ContainerState = ContainerState()


class PodStatus(_Part):
    """How a pod stands."""

    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(_Part):
    """One pod."""

    metadata: Meta
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class Page(_Part):
    """Whether a list goes on."""

    more: str = Field(default="", alias="continue")


class Pods(_Part):
    """A list of pods, or its next part."""

    metadata: Page = Page()
    items: tuple[Pod, ...] = ()


class Past(_Part):
    """What a workload was: a ReplicaSet with its `spec`, or a ControllerRevision with its `data` and number."""

    metadata: Meta
    spec: Object = Field(default_factory=dict)
    data: Object = Field(default_factory=dict)
    revision: int = 0


class Pasts(_Part):
    """A list of these."""

    items: tuple[Past, ...] = ()


class Resource(_Part):
    """One kind that a cluster knows."""

    name: str
    kind: str
    namespaced: bool


class Resources(_Part):
    """The kinds of one group and version."""

    resources: tuple[Resource, ...] = ()


class Made(_Part):
    """Any object, as far as we look at it after making it."""

    metadata: Meta


class Cause(_Part):
    """One reason of a failure."""

    reason: str = ""
    message: str = ""


class Details(_Part):
    """More on a failure."""

    causes: tuple[Cause, ...] = ()


class Failure(_Part):
    """What the API says in place of an answer (kind `Status`)."""

    message: str = ""
    reason: str = ""
    code: int = 0
    details: Details | None = None
