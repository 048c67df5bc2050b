"""What a configuration says of the house, and the house that is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pushbot.service.hailing import Wishes
from pushbot.service.house import House
from pushbot.service.housework import Premises
from pushbot.service.oncall import OnCall
from pushbot.service.people import People

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from pushbot.ports import Clock, Store
    from pushbot.service.access import Access
    from pushbot.service.conductor import Conductor
    from pushbot.service.feed import Feed
    from pushbot.service.oncall import OncallSpec
    from pushbot.service.runbook import Outputs
    from pushbot.service.speaker import Speaker
    from pushbot.service.spec import Announce, LaneSpec


class Lanes(Protocol):
    """The lanes of a bot, and what they have in common."""

    @property
    def lanes(self) -> tuple[LaneSpec, ...]:
        """The lanes."""
        ...

    @property
    def announce(self) -> Announce:
        """Where news are told, and incidents."""
        ...

    @property
    def outputs(self) -> Outputs:
        """Where the output of runs is."""
        ...

    @property
    def access(self) -> Access:
        """Who may do what."""
        ...


@dataclass(frozen=True, slots=True)
class HouseSpec:
    """`incidents` is the folder for post-mortems, None for nowhere; with `guide` newcomers are told how it goes."""

    incidents: Path | None = None
    guide: bool = False
    oncall: OncallSpec | None = None

    def wishes(self) -> Wishes:
        """What lanes and house know of people, nobody yet."""
        return Wishes(People(), self.guide)

    def house(
        self,
        plan: Lanes,
        wishes: Wishes,
        conductors: Mapping[str, Conductor],
        *,
        store: Store,
        clock: Clock,
        speaker: Speaker,
        feed: Feed,
        run: Callable[[Sequence[str], float], Awaitable[str]],
    ) -> House:
        """The house of these lanes; `run` gives what a command prints within so many seconds."""
        announce = plan.announce
        rooms = dict.fromkeys((*(room for lane in plan.lanes for room in lane.rooms), *announce.rooms))
        around = Premises(
            store,
            clock,
            speaker,
            plan.access,
            wishes.people,
            plan.outputs,
            snapshots=lambda: tuple(conductor.snapshot() for conductor in conductors.values()),
            warroom=announce.rooms,
            rooms=tuple(rooms),
            incidents=self.incidents,
            oncall=OnCall(self.oncall, clock, run) if self.oncall is not None else None,
        )
        return House(around, conductors, feed)
