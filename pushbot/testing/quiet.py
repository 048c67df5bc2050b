"""When a bot without an outside world has come to rest."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sized

MOST_TURNS = 100_000
"""Turns of the event loop after which work that does not come to an end is a bug."""


async def quiet() -> None:
    """Return when nothing in this event loop can go on before something comes from outside or time passes.

    Exact as long as all takes place in the loop, without threads and sockets: asyncio keeps what can
    run now in one list, and when that is empty after our own turn, everybody waits for somebody else.
    """
    ready: Sized = vars(asyncio.get_running_loop())["_ready"]  # there is no public way to ask for it
    for _ in range(MOST_TURNS):
        await asyncio.sleep(0)
        if not ready:
            return
    raise AssertionError("the bot does not come to rest")
