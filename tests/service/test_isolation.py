"""What stands round plugins: who is stopped is given time to stop, and only who takes more is on the log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from pushbot.service import isolation

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any


async def stopped(*, stubborn: bool, times: int) -> list[MutableMapping[str, Any]]:
    """What is logged of a plugin that is told so often, one right after the other, to stop."""
    begun, over = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            if stubborn:
                await over.wait()

    task = asyncio.ensure_future(isolation.isolated(work(), "a plugin"))
    await begun.wait()
    with capture_logs() as logs:
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
    over.set()
    return logs


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_whoever_stops_is_not_said_to_be_stuck(times: int) -> None:
    assert await stopped(stubborn=False, times=times) == []


async def test_whoever_does_not_stop_is_on_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "LET_GO", 0.05)
    assert [one["event"] for one in await stopped(stubborn=True, times=1)] == ["does_not_stop"]
