"""`[[pipelines.NAME.stages.checks]]`."""

from __future__ import annotations

from pushbot.config.tables.table import PluginTable
from pushbot.service.spec import OnError, OnFail
from pushbot.values import Label, TimeLimit  # noqa: TC001 - pydantic reads them


class CheckTable(PluginTable):
    """`[[pipelines.NAME.stages.checks]]`; all other keys are options of the plugin."""

    name: Label | None = None
    timeout: TimeLimit = 300.0
    on_fail: OnFail = OnFail.BLOCK
    on_error: OnError = OnError.BLOCK
