"""An inventory whose list of hosts is what the test says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from pushbot.errors import PushbotError  # noqa: TC001 - a field's type
from pushbot.fleet.model import Host


def hosts_in(counts: dict[str, int]) -> tuple[Host, ...]:
    """So many hosts in each region: `{"lon": 2, "dub": 1}` are lon-1, lon-2 and dub-1."""
    return tuple(
        Host(f"{region}-{number}", labels=(("region", region),))
        for region, count in counts.items()
        for number in range(1, count + 1)
    )


@dataclass(slots=True)
class HandInventory:
    """An `Inventory` of `kept` without those named in `lacking`.

    `trouble` is raised instead of any answer. While `answering` is cleared, no answer comes.
    """

    kept: tuple[Host, ...] = ()
    lacking: frozenset[str] = frozenset()
    trouble: PushbotError | None = None
    answering: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.answering.set()

    async def hosts(self) -> tuple[Host, ...]:
        """The hosts of this moment."""
        await self.answering.wait()
        if self.trouble is not None:
            raise self.trouble
        return tuple(host for host in self.kept if host.name not in self.lacking)
