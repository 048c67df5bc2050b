"""Whom a name may mean in a chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.ports import Naming

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pushbot.ports import Chat
    from pushbot.queue.model import Person
    from pushbot.service.people.directory import Directory


def whom(chat: Chat, directory: Directory) -> Callable[[str], Sequence[Person]]:
    """All whom a name may mean in `chat`, linked; nobody where a chat knows people by no other name than is shown."""
    if not isinstance(chat, Naming):
        return lambda _: ()
    return lambda name: [directory.linked(person) for person in chat.people(name)]
