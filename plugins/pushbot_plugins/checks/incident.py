"""Lets nothing go while an incident is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from pushbot.ports import Finding, Verdict

if TYPE_CHECKING:
    from pushbot.ports import Change


class IncidentCheck:
    """Fails while an incident is open, whatever lanes it holds; `.incident` opens one and `.resolved` ends it."""

    class Options(BaseModel):
        """It has none."""

        model_config = ConfigDict(extra="forbid", frozen=True)

    def __init__(self, options: Options) -> None:
        self.options = options

    async def look(self, change: Change) -> Verdict:
        """Whether one is open."""
        if change.incident is None:
            return Verdict(Finding.PASSED)
        return Verdict(Finding.FAILED, f"an incident is open ({change.incident}), .resolved ends it")
