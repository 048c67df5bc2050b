"""The transcripts in `scenarios/`, played in memory; those marked `# also on ngircd` on a real server too."""

from __future__ import annotations

from pathlib import Path

import pytest

from pushbot.testing.playground import Playground
from pushbot.testing.scenario import FakeVenue, Scenario, perform, read

FOLDER = Path(__file__).parent / "scenarios"
ALL = {file.stem: read(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.txt"))}


@pytest.mark.parametrize("scenario", ALL.values(), ids=ALL)
async def test_in_memory(scenario: Scenario, tmp_path: Path) -> None:
    async with Playground(tmp_path) as play:
        await perform(scenario, FakeVenue(play))
