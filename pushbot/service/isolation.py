"""The fence around plugins: one that raises, hangs, or does not let itself be stopped harms nobody else.

What is awaited of a plugin is awaited as a task of its own, since whoever awaits a coroutine that swallows its
cancellation is stuck with it. One that does not stop is left behind, on the log, with nobody waiting for it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import structlog

from pushbot.errors import PushbotError, fault_reference

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from pushbot.ports import Clock, Notice

T = TypeVar("T")

LOG = structlog.get_logger()
LET_GO = 3.0
"""Seconds that a plugin may take to stop when it is told to; a chat signs off within two."""
AGAIN_AFTER = 1.0
"""Seconds until what broke is begun again; each time twice as long, up to `AGAIN_AT_MOST`."""
AGAIN_AT_MOST = 60.0
_left = set[object]()
"""What did not stop: kept, so that what becomes of it is seen."""


async def isolated(work: Coroutine[None, None, T], what: str, within: float | None = None) -> T:
    """What `work` of a plugin gives, or raises. Raises TimeoutError when it has come to no end within those seconds.

    When it is late, or this call is cancelled, `work` is cancelled, and not waited for longer than `LET_GO`.
    """
    task = asyncio.ensure_future(_inside(work))
    try:
        await asyncio.wait({task}, timeout=within)
        if not task.done():
            raise TimeoutError
        if task.cancelled():
            raise RuntimeError(f"{what} was cancelled from within")
        return task.result()
    finally:
        await _stopped(task, what)


async def _inside(work: Coroutine[None, None, T]) -> T:
    try:
        return await work
    except SystemExit as error:  # which would go past everybody who waits, and end the process
        raise RuntimeError(f"a plugin called sys.exit({error.code!r})") from error


async def _stopped(task: asyncio.Future[T], what: str) -> None:
    if task.done():
        return
    task.cancel()
    _left.add(task)
    task.add_done_callback(_ended)
    await asyncio.wait({task}, timeout=LET_GO)  # cancelled once more, it was in a hurry: that proves nothing
    if not task.done():
        LOG.error("does_not_stop", what=what)


def _ended(task: asyncio.Future[T]) -> None:
    _left.discard(task)
    if not task.cancelled():
        task.exception()


async def kept_up(what: str, run: Callable[[], Coroutine[None, None, None]], clock: Clock, *, ends: bool) -> None:
    """Have something run, and run again when it breaks, or ends though it `ends` never. Raises its PushbotError."""
    delay = AGAIN_AFTER
    while True:
        try:
            await isolated(run(), what)
            if ends:
                return
            LOG.error("ended_by_itself", what=what, again_in=delay)
        except PushbotError:
            raise
        except Exception:
            LOG.exception("broke", what=what, reference=fault_reference(), again_in=delay)
        await clock.sleep(delay)
        delay = min(2 * delay, AGAIN_AT_MOST)


def one_by_one(tell: Callable[[Notice], Awaitable[None]]) -> Callable[[Notice], Awaitable[None]]:
    """`tell`, such that a bug in what follows from a notice costs that notice alone, and not the chat."""

    async def told(notice: Notice) -> None:
        try:
            await tell(notice)
        except Exception:
            LOG.exception("notice_failed", reference=fault_reference())

    return told
