"""`[oncall]`."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, model_validator

from pushbot.config.tables.table import STRICT
from pushbot.service.house.oncall import Ping
from pushbot.values import Text, TimeLimit, Words, expected


class OncallTable(BaseModel):
    """`[oncall]`."""

    model_config = STRICT

    roster: Text | None = None
    command: Words | None = None
    timeout: TimeLimit = 10.0
    ping: tuple[Ping, ...] = tuple(Ping)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.roster is None) == (self.command is None):
            raise expected("either `roster`, a file, or `command`, a list of arguments")
        return self
