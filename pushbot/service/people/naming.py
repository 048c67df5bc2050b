"""Whom a name may mean in a chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.ports import Naming

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pushbot.ports import Chat
    from pushbot.queue.model import Person, Queue
    from pushbot.service.people.directory import Directory


def whom(chat: Chat, directory: Directory, queue: Queue) -> Callable[[str], Sequence[Person]]:
    """All whom a name may mean in `chat`, linked.

    Where a chat knows people by no other name than is shown, one that several are shown by is that of who is here. One
    under which nobody is shown in `queue` may be that of an account there: who rides from another chat is called by it
    too.
    """
    if isinstance(chat, Naming):
        return lambda name: [directory.linked(person) for person in chat.people(name)]

    def meant(name: str) -> Sequence[Person]:
        wanted = chat.fold(name)
        seats = [rider.person for train in queue.trains for rider in train.riders]
        shown = [seat for seat in seats if chat.fold(seat.name) == wanted]
        if shown:
            here = [seat for seat in shown if seat.chat == chat.name]
            return here if all(seat.same(here[0]) for seat in here) else ()
        return (directory.named(chat.person(name)),)

    return meant
