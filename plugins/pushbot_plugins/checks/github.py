"""Asks GitHub what CI said of a revision: commit statuses and check runs, as one list of names.

After docs.github.com/rest: "Get the combined status for a specific reference", "List check runs for a Git reference".
"""

from __future__ import annotations

import asyncio
from pathlib import Path  # noqa: TC003 - pydantic reads it
from typing import TYPE_CHECKING
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from pushbot.ports import Finding, Verdict
from pushbot.secret import REFERENCE
from pushbot.values import Label, TimeLimit  # noqa: TC001 - the same
from pushbot_plugins.checks.words import Secrets, listed, patience_of, revision_of, short
from pushbot_plugins.github.rest import Rest, home_of, open_api
from pushbot_plugins.remote_words import Address  # noqa: TC001 - the same

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pushbot.ports import Change

_GOOD = frozenset({"success", "neutral", "skipped"})
_OPEN = frozenset({"pending", "queued", "in_progress", "waiting", "requested", "expected"})
PATIENCE = 30.0
"""Seconds for which GitHub is asked again while it does not answer."""


class _Status(BaseModel):
    context: str
    state: str


class _Run(BaseModel):
    name: str
    status: str
    conclusion: str | None = None


class GitHubCheck:
    """Passes when all of `required`, or all that is reported when nothing is required, has passed.

    What is still going on, or is not reported yet, is waited for as long as the check has time.
    """

    class Options(BaseModel):
        """`required` are names of commit statuses and of check runs. The token needs to read both."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        repository: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$")
        token: str = Field(pattern=REFERENCE)
        required: tuple[Label, ...] = ()
        api: Address = "https://api.github.com"
        version: str = Field(default="2022-11-28", pattern=r"^\d{4}-\d{2}-\d{2}$")
        poll: TimeLimit = 10.0
        answer: TimeLimit = 30.0
        ca: Path | None = None

    def __init__(self, options: Options) -> None:
        self._options = options

    async def look(self, change: Change) -> Verdict:
        """What CI says. Raises PushbotError when GitHub does not answer, or does not let us in."""
        revision, loop = revision_of(change), asyncio.get_running_loop()
        until = loop.time() + patience_of(change)
        async with open_api(self._options, Secrets(), PATIENCE) as api:
            rest = Rest(api, home_of(self._options.repository))
            while True:
                said = await _said(rest, revision)
                verdict = self._verdict(said, revision)
                if verdict is not None:
                    return verdict
                if loop.time() + self._options.poll > until:
                    return Verdict(Finding.FAILED, f"{self._waits_for(said, revision)} after {change.patience:g} s")
                await asyncio.sleep(self._options.poll)

    def _verdict(self, said: dict[str, str], revision: str) -> Verdict | None:
        """What is known for certain; None as long as something may still come."""
        wanted = self._options.required or tuple(said)
        bad = [f"{name} ({said[name]})" for name in wanted if name in said and said[name] not in _GOOD | _OPEN]
        if bad:
            return Verdict(Finding.FAILED, f"of {short(revision)} GitHub says: {listed(bad)}")
        return Verdict(Finding.PASSED) if wanted and all(said.get(name) in _GOOD for name in wanted) else None

    def _waits_for(self, said: dict[str, str], revision: str) -> str:
        open_ones = [name for name in self._options.required or said if said.get(name) not in _GOOD]
        if not open_ones:
            return f"GitHub knows of no status and no check of {short(revision)}, still"
        return f"GitHub has no result of {listed(open_ones)} for {short(revision)}, still"


async def _said(rest: Rest, revision: str) -> dict[str, str]:
    """The state of each name; of several that have one name, the worst."""
    at = f"commits/{quote(revision, safe='')}"
    statuses = await rest.pages(f"{at}/status", _Status, "statuses")
    runs = await rest.pages(f"{at}/check-runs", _Run, "check_runs", filter="latest")
    found: dict[str, str] = {}
    for name, state in _states(statuses, runs):
        found[name] = max(found.get(name, state), state, key=_badness)
    return found


def _states(statuses: Iterable[_Status], runs: Iterable[_Run]) -> Iterable[tuple[str, str]]:
    yield from ((one.context, one.state) for one in statuses)
    yield from ((one.name, one.conclusion or "failed" if one.status == "completed" else one.status) for one in runs)


def _badness(state: str) -> int:
    return 0 if state in _GOOD else 1 if state in _OPEN else 2
