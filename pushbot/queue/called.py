"""Whom a name means that somebody typed: one person who is aboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.queue.refusals import Code, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pushbot.queue.model import Person, Queue


def called(
    queue: Queue, name: str, fold: Callable[[str], str], people: Callable[[str], Sequence[Person]]
) -> tuple[Person, ...] | Refusal:
    """The seats in the line of whom `name` means, none where nobody aboard is called so.

    `people` are all whom the chat knows by it, each under a name that means nobody else: of several who are aboard none
    is taken. Where the chat knows none of those aboard by it, it is compared with the names that are shown.
    """
    seats = [rider.person for train in queue.trains for rider in train.riders]
    known: list[Person] = []
    for person in people(name):
        if any(person.same(seat) for seat in seats) and not any(person.same(one) for one in known):
            known.append(person)
    if len(known) > 1:
        spelt = sorted(f'"{person.name}"' for person in known)
        return Refusal(Code.WHICH_PERSON, subject=f"{name} may be {' or '.join(spelt)}")
    if known:
        return tuple(seat for seat in seats if seat.same(known[0]))
    wanted = fold(name)
    return tuple(seat for seat in seats if fold(seat.name) == wanted)
