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

    Where a chat knows people by no other name than is shown, one under which nobody is shown in `queue` may be that of
    an account there: who rides from another chat is called by it too.
    """
    if isinstance(chat, Naming):
        return lambda name: [directory.linked(person) for person in chat.people(name)]

    def meant(name: str) -> Sequence[Person]:
        wanted = chat.fold(name)
        if any(chat.fold(rider.person.name) == wanted for train in queue.trains for rider in train.riders):
            return ()
        return (directory.named(chat.person(name)),)

    return meant
