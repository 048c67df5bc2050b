"""How the parts of a bot come to rest before they end: what was begun is done, the rest is for who comes after."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_LOOK = 0.001


class Resting(Protocol):
    """A part with a mailbox: a lane, or the house."""

    @property
    def resting(self) -> bool:
        """Whether nothing is under way there."""
        ...

    async def rest(self) -> None:
        """Return when all that has been put is done, or could not be recorded."""
        ...


async def at_rest(parts: Sequence[Resting]) -> None:
    """Return when nothing is under way in any of them, what they tell each other included.

    Who cancels them before waiting for anything else ends nothing in the middle.
    """
    while True:
        for part in parts:
            await part.rest()
        if all(part.resting for part in parts):
            return
        await asyncio.sleep(_LOOK)


async def ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks, and return when they have ended."""
    there = set(tasks)
    for task in there:
        task.cancel()
    if there:
        await asyncio.wait(there)
