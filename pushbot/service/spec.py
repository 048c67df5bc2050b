"""What the service is told about its lanes: values made from the configuration, with plugins ready for use."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from pushbot.fleet.model import ALL_HOSTS, AT_ONCE, Rollout, Selection
from pushbot.ports import traits_of
from pushbot.queue.model import TRAIN_SIZE
from pushbot.queue.rules.decision import Patience
from pushbot.queue.templates import called

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pushbot.calendar.source import CalendarSpec
    from pushbot.fleet.model import VersionProbe
    from pushbot.ports import Check, Executor, Inventory, Probe, Repository, Step
    from pushbot.service.house.oncall import OncallSpec


class News(StrEnum):
    """A kind of announcement, as `[announce]` in the configuration names it."""

    DEPLOY_STARTED = "deploy_started"
    DEPLOY_SUCCEEDED = "deploy_succeeded"
    DEPLOY_FAILED = "deploy_failed"
    DEPLOY_STOPPED = "deploy_stopped"
    ROLLBACK = "rollback"
    HOLD = "hold"
    UNHOLD = "unhold"
    UHOH = "uhoh"
    HOTFIX = "hotfix"
    MISMATCH = "mismatch"
    DRIFT = "drift"
    BUILD_FAILED = "build_failed"
    LOCK = "lock"
    OVERRIDE = "override"


@dataclass(frozen=True, slots=True, order=True)
class Room:
    """A room of a chat: the chat's name in the configuration and the room's name there (`#push`)."""

    chat: str
    name: str

    def __str__(self) -> str:
        """As the configuration writes it: `irc/#push`."""
        return f"{self.chat}/{self.name}"


class Mismatch(StrEnum):
    """What becomes of a run when the lists of an inventory do not agree."""

    BLOCK = "block"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Source:
    """One list of an inventory, by the name that people are told it by."""

    name: str
    inventory: Inventory


@dataclass(frozen=True, slots=True)
class InventorySpec:
    """Where hosts come from: the lists of `sources` put together.

    Each list of `compare` should have the same hosts as these; `env` are variables for hosts by the value
    of a label: `("region", "lon", (("API", "https://…"),))`.
    """

    name: str
    sources: tuple[Source, ...]
    compare: tuple[Source, ...] = ()
    mismatch: Mismatch = Mismatch.BLOCK
    env: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class HostsSpec:
    """The hosts of a stage."""

    inventory: InventorySpec
    selection: Selection = ALL_HOSTS


@dataclass(frozen=True, slots=True)
class VersionSpec:
    """How a stage's hosts are asked for their version, and every how many seconds that is done unasked (0: never)."""

    probe: VersionProbe
    every: float = 300.0


class OnFail(StrEnum):
    """What becomes of a run when a check does not pass: it does not begin, a person is asked, or it is only told."""

    BLOCK = "block"
    ASK = "ask"
    WARN = "warn"


class OnError(StrEnum):
    """What becomes of a run when a check cannot tell."""

    BLOCK = "block"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """What looks at a change before a run of a stage begins, for at most `timeout` seconds."""

    name: str
    check: Check
    timeout: float = 300.0
    on_fail: OnFail = OnFail.BLOCK
    on_error: OnError = OnError.BLOCK


@dataclass(frozen=True, slots=True)
class DowntimeSpec:
    """Steps and health checks during which a stage is down, and how many seconds of that a day may have."""

    steps: tuple[str, ...]
    budget: float


@dataclass(frozen=True, slots=True)
class StageSpec:
    """One place to deploy to, and how. `lock` is the exclusive claim that its runs hold.

    It is deployed to while all calendars of `hours`, and of its lane's, are open. `access` is who may use a verb here,
    where that is not as in the rest of the lane; `second` is the role that has to give a second word, if one is wanted.
    One that a template made is `called` as people named it: `ann` of `staging-ann`. `executor_name` is how the
    configuration names what carries its runs out.
    """

    name: str
    executor: Executor
    workdir: Path
    lock: str
    steps: tuple[Step, ...] = ()
    health: tuple[Probe, ...] = ()
    post: tuple[Step, ...] = ()
    rollback_steps: tuple[Step, ...] = ()
    rollback_auto: bool = False
    rollback_from: str | None = None
    timeout: float = 3600.0
    grace: float = 5.0
    env: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    hosts: HostsSpec | None = None
    rollout: Rollout = AT_ONCE
    versions: VersionSpec | None = None
    rollback_never: bool = False
    checks: tuple[CheckSpec, ...] = ()
    downtime: DowntimeSpec | None = None
    hours: tuple[CalendarSpec, ...] = ()
    access: Mapping[str, frozenset[str]] = field(default_factory=dict)
    second: str | None = None
    called: str = ""
    executor_name: str = ""

    def made(self, name: str) -> StageSpec | None:
        """The stage `name`, where this is a template that makes it: a place of its own, with links of its own."""
        own = called(self.name, name)
        if own is None:
            return None
        links = tuple((text, url.replace("{stage}", name).replace("{name}", own)) for text, url in self.links)
        return replace(self, name=name, called=own, lock=self.lock.removesuffix("*") + own, links=links)

    @property
    def reverts(self) -> bool:
        """Whether it can be rolled back."""
        return not self.rollback_never and (bool(self.rollback_steps) or traits_of(self.executor).reverts)

    def changed_by(self, step: str | None) -> bool:
        """Whether a deploy that failed at `step` may have changed something (None: it failed before any step)."""
        if step is None:
            return False
        names = [each.name for each in self.steps]
        if step not in names or self.rollback_from not in names:
            return True
        return names.index(step) >= names.index(self.rollback_from)


@dataclass(frozen=True, slots=True)
class AutoSpec:
    """What goes to a lane's stages by itself, as far as `stage`: what is new on the lane's branch and has passed.

    `builds` are the names of the builds that must have passed, any one if there are none; with `poll` the branch is
    looked at every so many seconds.
    """

    stage: str
    builds: tuple[str, ...] = ()
    poll: float = 0.0


@dataclass(frozen=True, slots=True)
class LaneSpec:
    """One named queue: its rooms, its stages in order, and where its revisions come from.

    `templates` make stages beside the line, as people name them.
    """

    name: str
    rooms: tuple[Room, ...]
    stages: tuple[StageSpec, ...] = ()
    repository: Repository | None = None
    branch: str | None = None
    max_riders: int = TRAIN_SIZE
    config: bool = False
    auto: AutoSpec | None = None
    hours: tuple[CalendarSpec, ...] = ()
    access: Mapping[str, frozenset[str]] = field(default_factory=dict)
    patience: Patience = field(default_factory=Patience)
    templates: tuple[StageSpec, ...] = ()

    def stage(self, name: str) -> StageSpec | None:
        """The stage of that name, one of the line or one that a template makes."""
        own = next((stage for stage in self.stages if stage.name == name), None)
        return own or self.beside(name)

    def beside(self, name: str | None) -> StageSpec | None:
        """The stage that a template makes of `name`, unless the line has one of that name."""
        if name is None or any(stage.name == name for stage in self.stages):
            return None
        return next(filter(None, (template.made(name) for template in self.templates)), None)

    def widened(self, names: Iterable[str | None]) -> LaneSpec:
        """The lane with those stages behind its own that templates make of `names`."""
        made = (self.beside(name) for name in dict.fromkeys(names)) if self.templates else ()
        found = tuple(stage for stage in made if stage is not None)
        return replace(self, stages=(*self.stages, *found)) if found else self


@dataclass(frozen=True, slots=True)
class Announce:
    """Which news go where: `warroom` kinds to `rooms`, `lane` kinds to the lane's own rooms."""

    rooms: tuple[Room, ...] = ()
    warroom: frozenset[News] = field(default=frozenset(News))
    lane: frozenset[News] = field(default=frozenset(News))


@dataclass(frozen=True, slots=True)
class HouseSpec:
    """What concerns no lane: the folder for post-mortems (None for nowhere), a guide for newcomers, who is on call."""

    incidents: Path | None = None
    guide: bool = False
    oncall: OncallSpec | None = None


@dataclass(frozen=True, slots=True)
class BackupSpec:
    """Where backups go, how many are kept of those named by their time, and how often one is taken.

    `every` is seconds or a crontab's five fields in UTC; None when only people take them.
    """

    folder: Path
    keep: int = 7
    every: float | str | None = None
