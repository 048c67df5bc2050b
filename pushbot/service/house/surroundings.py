"""What the house has to do with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pushbot.ports import Clock, Store
    from pushbot.service.house.oncall import OnCall
    from pushbot.service.lane.runbook import Outputs
    from pushbot.service.people.access import Access
    from pushbot.service.people.remembered import People
    from pushbot.service.snapshot import Snapshot
    from pushbot.service.speaker import Speaker
    from pushbot.service.spec import Room


@dataclass(frozen=True, slots=True)
class HouseSurroundings:
    """What the house has to do with: `warroom` is where incidents are told, `rooms` are all that the bot is in.

    `incidents` is the folder for post-mortems, None for nowhere.
    """

    store: Store
    clock: Clock
    speaker: Speaker
    access: Access
    people: People
    outputs: Outputs
    snapshots: Callable[[], tuple[Snapshot, ...]]
    warroom: tuple[Room, ...] = ()
    rooms: tuple[Room, ...] = ()
    incidents: Path | None = None
    oncall: OnCall | None = None
