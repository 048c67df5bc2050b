"""Two days of people, trouble and crashes, in a small form: `make soak` plays three whole ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.soak.soak import Soak, play
from tests.soak.world import World

if TYPE_CHECKING:
    from pathlib import Path

STEPS = 1200
EVERYTHING = {
    *("board", "press on", "runs go on", "chatter", "rider speaks", "operator speaks", "keep", "edit"),
    *("burst", "rename"),
    *("come or go", "log in or out", "steal", "commit", "build", "check", "crash", "split", "full", "reload"),
    *("incident", "noted", "resolved", "run well", "run fail", "run broken", "run partly", "run lost", "run stopped"),
    *(f"trouble: {how}" for how in ("start", "stall", "stubborn", "git", "slow git", "hosts")),
    *(f"wire: {how}" for how in ("slow", "broken", "losing", "guarded")),
}


@pytest.mark.parametrize("sqlite", [True, False], ids=["sqlite", "memory"])
def test_two_days_with_all_that_may_happen(tmp_path: Path, *, sqlite: bool) -> None:
    soak = Soak(World(seed=1, folder=tmp_path, days=2, sqlite=sqlite), steps=STEPS)
    play(soak)
    assert set(soak.world.kinds) >= EVERYTHING
    assert soak.crashed == 20
    assert soak.world.kinds["split"] == 2
    assert all(day.trains >= 40 for day in soak.done)
