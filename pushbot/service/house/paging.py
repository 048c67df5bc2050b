"""Those who are on call: told by name to who asks, and called where incidents are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushbot.errors import PushbotError
from pushbot.ports import PLAIN, Manner, Work
from pushbot.queue import events as e
from pushbot.service.audience import TALK
from pushbot.service.voice.incident import no_oncall, on_call, ping

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pushbot.ports import Chat
    from pushbot.queue.model import Person
    from pushbot.service.asks import Origin
    from pushbot.service.house.oncall import Duty, Ping
    from pushbot.service.house.surroundings import HouseSurroundings
    from pushbot.service.people.directory import Directory
    from pushbot.service.spec import LaneSpec, Room

CHECKS = "checks"
"""The step at which a run ends that was not let go: nobody need be woken for that."""
NOT_SET_UP = "Nobody told me who is on call: see [oncall] in the configuration"


async def tell(around: HouseSurroundings, origin: Origin, *, pagers: bool) -> None:
    """Say who is on call to somebody, off the record; with `pagers` also where they are paged."""
    directory = around.access.directory
    pager = directory.pager if pagers else lambda _: None
    told: tuple[str, ...] = (NOT_SET_UP,)
    if around.oncall is not None:
        try:
            named = Named(directory, origin.chat, around.speaker.chats)
            told = on_call(await around.oncall.now(), named, pager)
        except PushbotError as error:
            told = (no_oncall(str(error)),)
    for line in told:
        around.speaker.answer(origin, line)


async def call(around: HouseSurroundings, why: Ping, what: str, level: int | None = None) -> None:
    """Call those on call where incidents are told, if they are to be called for that: all, or those of one level.

    That it cannot be found out who they are is told there too. Raises PushbotError when the call cannot be recorded.
    """
    if around.oncall is None or why not in around.oncall.spec.ping:
        return
    try:
        duties = [duty for duty in await around.oncall.now() if level is None or duty.level == level]
    except PushbotError as error:
        told = {room: (no_oncall(str(error)), PLAIN) for room in around.warroom}
    else:
        told = {room: _ping(around, room, duties, what) for room in around.warroom if duties}
    lines = tuple(around.speaker.line(room.chat, room.name, TALK, text, how) for room, (text, how) in told.items())
    if lines:
        await around.store.commit(Work("", lines=lines))
        around.speaker.hand(lines)


def _ping(around: HouseSurroundings, room: Room, duties: Sequence[Duty], what: str) -> tuple[str, Manner]:
    """The line for a room, in which a chat that can do so really calls them."""
    named = Named(around.access.directory, room.chat, around.speaker.chats)
    calls = ((named(duty.who), named.address(duty.who)) for duty in duties)
    return ping(duties, named, what), Manner(calls=tuple(dict.fromkeys(call for call in calls if call[1])))


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
    """What people of a roster are called in a chat: by their account there, if the configuration knows it.

    Where accounts are no names, by the name that the chat has for the account.
    """

    directory: Directory
    chat: str
    chats: Mapping[str, Chat]

    def __call__(self, who: str) -> str:
        """The name there of somebody whom the roster calls `who`."""
        person = self._person(who)
        return person.name if person is not None and person.address else self._account(who) or who

    def address(self, who: str) -> str:
        """Where the chat reaches them, empty where that is their name or the configuration does not know them."""
        person = self._person(who)
        return person.address if person is not None else ""

    def _person(self, who: str) -> Person | None:
        account, chat = self._account(who), self.chats.get(self.chat)
        return chat.person(account) if account and chat is not None else None

    def _account(self, who: str) -> str:
        human = self.directory.called(who)
        accounts = human.accounts if human is not None else ()
        return next((each.who for each in accounts if each.chat == self.chat and "@" not in each.who), "")
