"""A playground for the tests of the service: one lane, `web` in #push with princess and production."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from pushbot.testing.playground import Playground

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest_asyncio.fixture
async def play(tmp_path: Path) -> AsyncIterator[Playground]:
    """A playground whose bot is not started yet, so that a test can add lanes."""
    async with Playground(tmp_path) as playground:
        playground.add_lane("web", stages=("princess", "production"))
        yield playground
