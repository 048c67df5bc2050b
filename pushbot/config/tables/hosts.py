"""The tables about hosts: where they come from, which a stage means, how a rollout goes over them, their versions."""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, PlainValidator, model_validator

from pushbot.config.tables.table import STRICT, Environment, PluginTable, one_or_more
from pushbot.errors import PushbotError
from pushbot.fleet import names
from pushbot.fleet.model import ALL, NONE, Amount, Look, Rollout, Selection, VersionProbe
from pushbot.service.spec import Mismatch
from pushbot.values import Duration, Label, Name, Text, TimeLimit, UrlForm, Words, expected

if TYPE_CHECKING:
    from collections.abc import Callable

_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%")
_WHOLE = 100
_LARGEST = 1_000_000


def amount(value: object) -> Amount:
    """So many, or a share: from `3` or `"25%"`."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
        return Amount(value)
    match = _SHARE.fullmatch(value) if isinstance(value, str) else None
    if match and isfinite(float(match[1])) and float(match[1]) <= _WHOLE:
        return Amount(float(match[1]), percent=True)
    raise expected('so many hosts, as 3, or a share of them, as "25%"')


def _some(value: Amount) -> Amount:
    if not value.number:
        raise expected("at least one host")
    return value


def _word(check: Callable[[str], str]) -> AfterValidator:
    """What may be a label or a label's value, as pydantic is told."""

    def checked(text: str) -> str:
        try:
            return check(text)
        except PushbotError as error:
            raise expected(str(error).partition(": that is ")[2]) from error

    return AfterValidator(checked)


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values or len(set(values)) < len(values):
        raise expected("a list with something in it, each once")
    return values


LabelName = Annotated[str, _word(names.label)]
LabelValue = Annotated[str, _word(names.value)]
LabelValues = Annotated[tuple[LabelValue, ...], BeforeValidator(one_or_more), AfterValidator(_distinct)]
MaybeNone = Annotated[Amount, PlainValidator(amount)]
Some = Annotated[Amount, PlainValidator(amount), AfterValidator(_some)]
Sizes = Annotated[tuple[Some, ...], BeforeValidator(one_or_more), Field(min_length=1)]


class SourceTable(PluginTable):
    """`[[inventories.NAME.sources]]`, and the same for `compare`; all other keys are options of the plugin."""

    name: Label | None = None


class InventoryTable(BaseModel):
    """`[inventories.NAME]`."""

    model_config = STRICT

    sources: tuple[SourceTable, ...] = ()
    compare: tuple[SourceTable, ...] = ()
    on_mismatch: Mismatch = Mismatch.BLOCK
    env: dict[LabelName, dict[LabelValue, Environment]] = {}


class HostsTable(BaseModel):
    """`hosts` of a stage."""

    model_config = STRICT

    inventory: Name | None = Field(default=None, alias="from")
    where: dict[LabelName, LabelValues] = {}

    def selection(self) -> Selection:
        """Which hosts of the inventory are meant."""
        return Selection(tuple(self.where.items()))


class RolloutTable(BaseModel):
    """`rollout` of a stage."""

    model_config = STRICT

    batch: Sizes = (ALL,)
    order: LabelName | None = None
    pause: Duration = 0.0
    max_failures: MaybeNone = NONE

    def rollout(self) -> Rollout:
        """The same for an executor."""
        return Rollout(batches=self.batch, order=self.order, pause=self.pause, max_failures=self.max_failures)


class VersionsTable(BaseModel):
    """`versions` of a stage."""

    model_config = STRICT

    http: UrlForm | None = None
    command: Words | None = None
    file: Text | None = None
    pattern: Text | None = None
    timeout: TimeLimit = 5.0
    every: Duration = 300.0

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(way is not None for way in (self.http, self.command, self.file)) != 1:
            raise expected("one of `http`, `command` and `file`")
        if self.file is not None and not self.file.startswith("/"):
            raise expected('a `file` on the hosts that begins with "/"')
        try:
            re.compile(self.pattern or "")
        except re.error as error:
            raise expected(f"a `pattern` that is a regular expression ({error})") from error
        return self

    def probe(self) -> VersionProbe:
        """How a host is asked, as an executor gets it."""
        ways = ((Look.HTTP, self.http), (Look.FILE, self.file), (Look.COMMAND, ""))
        kind, target = next((kind, target) for kind, target in ways if target is not None)
        return VersionProbe(kind, target, self.command or (), self.pattern, self.timeout)
