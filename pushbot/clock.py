"""The time of the machine, behind the Clock port."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime


class SystemClock:
    """The real time; everything else asks a Clock, so that tests can drive it by hand."""

    def now(self) -> datetime:
        """The present, in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - the Clock port itself

    async def sleep(self, seconds: float) -> None:
        """Return `seconds` later."""
        await asyncio.sleep(seconds)
