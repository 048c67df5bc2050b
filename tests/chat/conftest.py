"""What the tests of chats share: a Slack on loopback with Ada and Bob, and a chat that listens there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.rig.slack_listener import Listener, workspace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.rig.slack import SlackServer


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with workspace() as server:
        yield server


@pytest.fixture
async def bot(slack: SlackServer, tmp_path: Path) -> AsyncIterator[Listener]:
    async with Listener(slack, tmp_path).running() as made:
        yield made
