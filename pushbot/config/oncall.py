"""The table of who is on call, `[oncall]`, and what the configuration says of incidents and newcomers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, model_validator

from pushbot.config.table import STRICT
from pushbot.errors import PushbotError
from pushbot.service.house.oncall import OncallSpec, Ping, read_roster
from pushbot.service.spec import HouseSpec
from pushbot.values import Text, TimeLimit, Words, expected

if TYPE_CHECKING:
    from pushbot.config.reading import Reading


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


def read_house(reading: Reading) -> HouseSpec:
    """What the house is told; a roster that is no good is noted."""
    bot = reading.found.table.bot
    return HouseSpec(reading.path(bot.incidents), bot.guide, _oncall(reading))


def _oncall(reading: Reading) -> OncallSpec | None:
    table = reading.found.table.oncall
    if table is None:
        return None
    roster = reading.path(table.roster) if table.roster is not None else None
    if roster is not None:
        try:
            read_roster(roster)
        except PushbotError as error:
            reading.note(("oncall", "roster"), str(error))
    command = table.command or ()
    if command and command[0].startswith(("./", "../")):
        command = (str(reading.path(command[0])), *command[1:])
    return OncallSpec(roster, command, table.timeout, frozenset(table.ping))
