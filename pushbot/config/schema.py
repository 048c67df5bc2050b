"""The keys of a configuration file, one class for each table; docs/configuration.md explains them.

These classes are the only list of keys: the suite compares them with the documentation and with
config/pushbot.example.toml, and the messages about unknown keys are made from them.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pushbot.config.model import LogFormat, LogLevel, OnStop, Rollback
from pushbot.config.tables.access import AccessTable, PersonTable, RoleTable, SecondRole  # noqa: TC001 - pydantic reads them
from pushbot.config.tables.backup import BackupTable, Syslog  # noqa: TC001 - pydantic reads them
from pushbot.config.tables.calendars import CalendarTable, HoursNames  # noqa: TC001 - pydantic reads them
from pushbot.config.tables.checks import CheckTable  # noqa: TC001 - pydantic reads it
from pushbot.config.tables.hosts import HostsTable, InventoryTable, LabelName, LabelValues, RolloutTable, VersionsTable  # noqa: TC001 - pydantic reads them
from pushbot.config.tables.oncall import OncallTable  # noqa: TC001 - pydantic reads it
from pushbot.config.tables.table import STRICT, Environment, Plugin, PluginTable, StageOrTemplateName
from pushbot.config.tables.web import AutoTable, HookTable, WebTable  # noqa: TC001 - pydantic reads them
from pushbot.ports import Probe, ProbeKind, Step
from pushbot.queue.model import TRAIN_SIZE
from pushbot.queue.rules.decision import Patience
from pushbot.service.spec import News
from pushbot.values import (
    Count,
    Duration,
    Flag,
    HostPortForm,
    Label,
    Name,
    Positive,
    RoomName,
    RoomNames,
    Text,
    TimeLimit,
    Url,
    UrlForm,
    Words,
    expected,
)


class Table(BaseModel):
    """A table whose keys are all known."""

    model_config = STRICT


class BotTable(Table):
    """`[bot]`."""

    store: Text = "var/pushbot.sqlite3"
    runs: Text = "var/runs"
    incidents: Text = "var/incidents"
    guide: Flag = True
    commands_per_minute: Annotated[int, Field(strict=True, ge=0, le=60_000)] = 60
    on_stop: OnStop = OnStop.LEAVE
    drain_for: TimeLimit = 600.0
    url: Url | None = None
    log_format: LogFormat = LogFormat.TEXT
    log_level: LogLevel = LogLevel.INFO
    syslog: Syslog | None = None


class ChatTable(BaseModel):
    """`[chats.NAME]`; like PluginTable, with the table's name as the default type."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Text | None = None


class AnnounceTable(Table):
    """`[announce]`. Of a success the lane's rooms hear anyway: those aboard are called to check their changes."""

    rooms: tuple[RoomName, ...] = ()
    warroom: tuple[News, ...] = tuple(News)
    lane: tuple[News, ...] = tuple(news for news in News if news is not News.DEPLOY_SUCCEEDED)


class StepTable(Table):
    """`[[pipelines.NAME.stages.steps]]`, and the same for `post` and `rollback_steps`."""

    name: Label
    run: Words | None = None
    script: Text | None = None
    timeout: TimeLimit = 600.0
    retries: Count = 0
    retry_delay: Duration = 1.0
    after: Duration = 0.0
    env: Environment = {}
    once: Flag = False

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.run is None) == (self.script is None):
            raise expected("either `run`, a list of arguments, or `script`, a text for /bin/sh")
        return self

    def step(self) -> Step:
        """The step as an executor gets it, but for the environment."""
        return Step(
            name=self.name,
            run=self.run or (),
            script=self.script,
            timeout=self.timeout,
            retries=self.retries,
            retry_delay=self.retry_delay,
            after=self.after,
            once=self.once,
        )


class HealthTable(Table):
    """`[[pipelines.NAME.stages.health]]`."""

    name: Label
    http: UrlForm | None = None
    tcp: HostPortForm | None = None
    command: Words | None = None
    expect: Text | None = None
    status: Annotated[int, Field(strict=True, ge=100, le=599)] = 200
    interval: TimeLimit = 0.5
    timeout: TimeLimit = 5.0
    window: TimeLimit = 30.0
    passes: Positive = 1
    watch: Duration = 0.0

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(way is not None for way in (self.http, self.tcp, self.command)) != 1:
            raise expected("one of `http`, `tcp` and `command`")
        if self.http is None and "status" in self.model_fields_set:
            raise expected("`status` only beside `http`")
        if self.tcp is not None and self.expect is not None:
            raise expected("`expect` only beside `http` or `command`")
        if (self.passes - 1) * self.interval > self.window:
            raise expected(f"a `window` long enough for {self.passes} `passes`, one every {self.interval:g} s")
        return self

    def probe(self) -> Probe:
        """The health check as an executor gets it."""
        ways = ((ProbeKind.HTTP, self.http), (ProbeKind.TCP, self.tcp), (ProbeKind.COMMAND, ""))
        kind, target = next((kind, target) for kind, target in ways if target is not None)
        return Probe(
            kind=kind,
            name=self.name,
            target=target,
            run=self.command or (),
            expect=self.expect,
            status=self.status,
            interval=self.interval,
            timeout=self.timeout,
            window=self.window,
            passes=self.passes,
            watch=self.watch,
        )


class DefaultsTable(Table):
    """`[pipelines.NAME.defaults]`: what its stages have where they do not say otherwise."""

    executor: Plugin = PluginTable(type="local")
    workdir: Text = "."
    lock: Label | None = None
    timeout: TimeLimit = 3600.0
    grace: Duration = 5.0
    rollback: Rollback = Rollback.MANUAL
    rollback_from: Label | None = None
    hours: HoursNames = ()
    access: AccessTable = {}
    second: SecondRole = None
    each: dict[LabelName, LabelValues] = {}
    hosts: HostsTable | None = None
    rollout: RolloutTable | None = None
    versions: VersionsTable | None = None
    env: Environment = {}
    links: dict[Label, Url] = {}
    checks: tuple[CheckTable, ...] = ()
    downtime: tuple[Label, ...] = ()
    downtime_budget: TimeLimit | None = None
    steps: tuple[StepTable, ...] = ()
    health: tuple[HealthTable, ...] = ()
    post: tuple[StepTable, ...] = ()
    rollback_steps: tuple[StepTable, ...] = ()


class StageTable(DefaultsTable):
    """`[[pipelines.NAME.stages]]`."""

    name: StageOrTemplateName


class PipelineTable(Table):
    """`[pipelines.NAME]`."""

    repository: Plugin | None = None
    branch: Text | None = None
    defaults: DefaultsTable = DefaultsTable()
    stages: tuple[StageTable, ...] = ()


class LaneTable(Table):
    """`[lanes.NAME]`."""

    rooms: RoomNames
    pipeline: Text | None = None
    max_riders: Positive = TRAIN_SIZE
    config: Flag = False
    auto: AutoTable | None = None
    hours: HoursNames = ()
    access: AccessTable = {}
    ask_after: Duration = 600.0
    grace: Duration = 300.0
    remind: Duration = 600.0
    lock_for: TimeLimit = 7200.0

    def patience(self) -> Patience:
        """How long people are waited for."""
        return Patience(self.ask_after, self.grace, self.remind, self.lock_for)


class FileTable(Table):
    """The whole file."""

    plugin_path: tuple[Text, ...] = ()
    bot: BotTable = BotTable()
    backup: BackupTable | None = None
    chats: dict[Name, ChatTable] = {}
    announce: AnnounceTable = AnnounceTable()
    people: dict[Name, PersonTable] = {}
    roles: dict[Name, RoleTable] = {}
    access: AccessTable = {}
    calendars: dict[Name, CalendarTable] = {}
    inventories: dict[Name, InventoryTable] = {}
    pipelines: dict[Name, PipelineTable] = {}
    lanes: dict[Name, LaneTable] = {}
    oncall: OncallTable | None = None
    web: WebTable | None = None
    hooks: dict[Name, HookTable] = {}
