"""The people of a day, and what they do with every train: set out, arrive, finish."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.bot import BotProcess
    from tests.e2e.crowd import Member
    from tests.e2e.made import Gate
    from tests.rig.ngircd import Ngircd


@dataclass
class Day:
    """Who is there. `chief` came first, may kick, and hears all; `drivers` are those whose trains are still to go."""

    bot: BotProcess
    server: Ngircd
    chief: Member
    gate: Gate
    staff: list[Member] = field(default_factory=list)
    guests: list[Member] = field(default_factory=list)
    drivers: list[Member] = field(default_factory=list)

    @property
    def everybody(self) -> list[Member]:
        """All of them, the chief first."""
        return [self.chief, *self.staff, *self.guests]

    async def sets_out(self) -> Member:
        """The next train's driver says `.go`; the deploy is under way then, and waits at the gate."""
        driver = self.drivers.pop(0)
        await driver.asks(".go", f"is being deployed to princess by {driver.nick}")
        return driver

    async def arrives(self, *riders: Member) -> None:
        """The deploy goes on, and all riders are called."""
        since = self.chief.mark
        await self.gate.opened()
        await self.chief.hears(f"{_names(riders)}: you're on princess.", since=since)
        await self.chief.sees(lambda topic: "..." not in topic)

    async def finishes(self, *riders: Member) -> None:
        """All are content with princess, and with production."""
        since = self.chief.mark
        for rider in riders:
            rider.say(".good")
        await self.chief.hears(f"{_names(riders)}: everyone is ready. {riders[0].nick}, say .go", since=since)
        riders[0].say(".go")
        await self.chief.hears(f"{_names(riders)}: you're on production.", since=since)
        await riders[0].asks(".done", f"Thanks for driving, {riders[0].nick}")

    async def goes_through(self) -> Member:
        """The next train goes all its way; its driver."""
        driver = await self.sets_out()
        await self.arrives(driver)
        await self.finishes(driver)
        return driver

    async def writes(self, topic: str, *answers: str) -> None:
        """The chief writes a topic that is refused: it is quoted back, and drawn again as it was."""
        before, since = self.chief.topic(), self.chief.mark
        self.chief.send(f"TOPIC #push :{topic}")
        for answer in (*answers, f"I put mine back. Yours was: {topic}"):
            await self.chief.hears(answer, since=since)
        await self.chief.sees(before)


def _names(riders: tuple[Member, ...]) -> str:
    return ", ".join(rider.nick for rider in riders)
