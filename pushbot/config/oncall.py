"""Who is on call, and what the configuration says of incidents and newcomers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.errors import PushbotError
from pushbot.service.house.oncall import OncallSpec, read_roster
from pushbot.service.spec import HouseSpec

if TYPE_CHECKING:
    from pushbot.config.reading import Reading


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
