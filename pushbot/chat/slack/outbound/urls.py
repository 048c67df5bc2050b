"""Addresses at which a slash command is answered where the bot is not: in memory only, as they do not last.

https://docs.slack.dev/interactivity/handling-user-interaction ("Message responses"): five times within half an hour.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

LASTS, USES = 29 * 60.0, 5
"""Seconds, a little less than Slack says, and times that an address may be used."""

MOST = 1000
"""Addresses that are kept; then the oldest goes, and who gave that command is told in private."""


@dataclass(slots=True)
class _Kept:
    url: str
    until: float
    left: int = USES


@dataclass(slots=True)
class Urls:
    """Each `response_url` by the spot that asks for it, which people do not see."""

    _all: dict[str, _Kept] = field(default_factory=dict)

    def keep(self, spot: str, url: str) -> None:
        """What is said at `spot` may be said at `url`."""
        now = time.monotonic()
        if len(self._all) >= MOST:
            self._all = {name: one for name, one in self._all.items() if one.until > now and one.left > 0}
        if len(self._all) >= MOST:
            del self._all[next(iter(self._all))]
        self._all[spot] = _Kept(url, now + LASTS)

    def take(self, spot: str) -> str | None:
        """The address of `spot` for one use; None when there is none, or it has served."""
        kept = self._all.get(spot)
        if kept is None or kept.left <= 0 or kept.until <= time.monotonic():
            self._all.pop(spot, None)
            return None
        kept.left -= 1
        return kept.url
