"""The house that is made of what a configuration says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pushbot.service.house.house import House
from pushbot.service.house.oncall import OnCall
from pushbot.service.house.surroundings import HouseSurroundings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from pushbot.ports import Clock, Store
    from pushbot.service.audience import Wishes
    from pushbot.service.feed import Feed
    from pushbot.service.lane.conductor import Conductor
    from pushbot.service.lane.runbook import Outputs
    from pushbot.service.people.access import Access
    from pushbot.service.speaker import Speaker
    from pushbot.service.spec import Announce, HouseSpec, LaneSpec


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

    @property
    def house(self) -> HouseSpec:
        """What concerns none of them."""
        ...


def house_of(
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
    spec, announce = plan.house, plan.announce
    rooms = dict.fromkeys((*(room for lane in plan.lanes for room in lane.rooms), *announce.rooms))
    around = HouseSurroundings(
        store,
        clock,
        speaker,
        plan.access,
        wishes.people,
        plan.outputs,
        snapshots=lambda: tuple(conductor.snapshot() for conductor in conductors.values()),
        warroom=announce.rooms,
        rooms=tuple(rooms),
        incidents=spec.incidents,
        oncall=OnCall(spec.oncall, clock, run) if spec.oncall is not None else None,
    )
    return House(around, conductors, feed)
