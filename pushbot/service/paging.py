"""Those who are on call: told by name to who asks, and called where incidents are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushbot.errors import PushbotError
from pushbot.ports import Work
from pushbot.queue import events as e
from pushbot.service.hailing import TALK
from pushbot.service.voice.incident import no_oncall, on_call, ping

if TYPE_CHECKING:
    from pushbot.service.asks import Origin
    from pushbot.service.directory import Directory
    from pushbot.service.housework import Premises
    from pushbot.service.oncall import Ping
    from pushbot.service.spec import LaneSpec

CHECKS = "checks"
"""The step at which a run ends that was not let go: nobody need be woken for that."""
NOT_SET_UP = "Nobody told me who is on call: see [oncall] in the configuration"


async def tell(around: Premises, origin: Origin, *, pagers: bool) -> None:
    """Say who is on call to somebody, off the record; with `pagers` also where they are paged."""
    directory = around.access.directory
    pager = directory.pager if pagers else lambda _: None
    told: tuple[str, ...] = (NOT_SET_UP,)
    if around.oncall is not None:
        try:
            told = on_call(await around.oncall.now(), Named(directory, origin.chat), pager)
        except PushbotError as error:
            told = (no_oncall(str(error)),)
    for line in told:
        around.speaker.answer(origin, line)


async def call(around: Premises, why: Ping, what: str, level: int | None = None) -> None:
    """Call those on call where incidents are told, if they are to be called for that: all, or those of one level.

    That it cannot be found out who they are is told there too. Raises PushbotError when the call cannot be recorded.
    """
    if around.oncall is None or why not in around.oncall.spec.ping:
        return
    try:
        duties = [duty for duty in await around.oncall.now() if level is None or duty.level == level]
    except PushbotError as error:
        told = {room: no_oncall(str(error)) for room in around.warroom}
    else:
        directory = around.access.directory
        told = {room: ping(duties, Named(directory, room.chat), what) for room in around.warroom if duties}
    lines = tuple(around.speaker.line(room.chat, room.name, TALK, text) for room, text in told.items())
    if lines:
        await around.store.commit(Work("", lines=lines))
        around.speaker.hand(lines)


def wakes(lane: LaneSpec, event: e.Event) -> bool:
    """Whether something went wrong on the last stage of a lane, which is the one that users see."""
    match event:
        case e.RunFailed(stage=stage, step=step) if step != CHECKS:
            pass
        case e.RunWasLost(stage=stage):
            pass
        case _:
            return False
    return bool(lane.stages) and stage == lane.stages[-1].name


@dataclass(frozen=True, slots=True)
class Named:
    """What people of a roster are called in a chat: by their account there, if the configuration knows it."""

    directory: Directory
    chat: str

    def __call__(self, who: str) -> str:
        """The name there of somebody whom the roster calls `who`."""
        human = self.directory.called(who)
        accounts = human.accounts if human is not None else ()
        return next((each.who for each in accounts if each.chat == self.chat and "@" not in each.who), who)
