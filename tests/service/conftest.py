"""A playground for the tests of the service: one lane, `web` in #push with princess and production."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
import structlog

from pushbot.testing.playground import Playground

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def plain_log() -> Iterator[None]:
    """Tracebacks as Python writes them: coloured ones with all variables take most of a test's time."""
    renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], renderer])
    yield
    structlog.reset_defaults()


@pytest_asyncio.fixture
async def play(tmp_path: Path) -> AsyncIterator[Playground]:
    """A playground whose bot is not started yet, so that a test can add lanes."""
    async with Playground(tmp_path) as playground:
        playground.add_lane("web", stages=("princess", "production"))
        yield playground
