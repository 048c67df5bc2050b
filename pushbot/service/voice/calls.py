"""How people are called when it is their turn, or nearly: in the room, in private, or not by name, as they wish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.queue.commands import Notify
from pushbot.service.voice.plain import Said, called, counted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pushbot.ports import PersonRecord
    from pushbot.queue.model import Person, Queue, Train

    Wishes = Callable[[Person], PersonRecord]


def up(lane: str, train: Train, wishes: Wishes, *, held: bool, came: Collection[Person] = ()) -> tuple[Said, ...]:
    """The first train is called: in the room those who want it, and in private those who want that too.

    Where only some `came` aboard, the others were told in private before.
    """
    people = [rider.person for rider in train.riders]
    loud = [person for person in people if wishes(person).notify is not Notify.OFF]
    what = "you're next, once the hold is released" if held else "You're up"
    room = f"{called(loud)}: {what}" if loud else f"The next train is {'first in line' if held else 'up'}"
    then = ", once the hold is released" if held else ""
    new = [person for person in loud if not came or person in came]
    alone = [Said(f"You're up in {lane}{then}", to=person) for person in new if wishes(person).privately]
    return (Said(room), *alone)


def nearly(lane: str, before: Queue, after: Queue, wishes: Wishes) -> tuple[Said, ...]:
    """The word for those who want to know when only so many trains go before theirs, and now do."""
    ahead = {train.number: place for place, train in enumerate(before.trains)}
    told = list[Said]()
    for place, train in enumerate(after.trains):
        was = ahead.get(train.number)
        if was is None or not 0 < place < was:
            continue
        for person in (rider.person for rider in train.riders):
            wish = wishes(person)
            if wish.notify is Notify.AHEAD and place <= wish.ahead < was:
                goes = "goes" if place == 1 else "go"
                text = f"{counted(place, 'train')} {goes} before yours in {lane} now"
                told.append(Said(text, to=person) if wish.privately else Said(f"{person.name}: {text}"))
    return tuple(told)


def wished(wish: PersonRecord) -> str:
    """How somebody is called, for them to read."""
    match wish.notify:
        case Notify.UP:
            when = "I call you when your train is up"
        case Notify.AHEAD:
            when = f"I call you when {counted(wish.ahead, 'train')} {'goes' if wish.ahead == 1 else 'go'} before yours"
            when += ", and when it is up"
        case Notify.OFF:
            when = "I do not call you when your train is up"
    if wish.privately and wish.notify is not Notify.OFF:
        when += ", in private too"
    return f"{when}; what I ask of you I ask {'in private' if wish.privately else 'in the room'}"
