"""What may befall calls of the Web API: on order of a test, or by limits (docs.slack.dev/apis/web-api/rate-limits).

Tiers are calls a minute and method; chat.postMessage is one a second and channel, where short bursts pass.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Limited:
    """429 with `Retry-After` in seconds."""

    after: int = 1


@dataclass(frozen=True)
class Http:
    """An answer with this status and this body, which is said to be of that type; by default no JSON."""

    status: int = 500
    text: str = "<html><body>Slack is in trouble</body></html>"
    kind: str = "text/plain"


@dataclass(frozen=True)
class Stuck:
    """No answer, ever; `done` says whether what was asked is done all the same."""

    done: bool = False


@dataclass(frozen=True)
class Lost:
    """The connection drops in place of the answer; `done` says whether what was asked is done all the same."""

    done: bool = True


@dataclass(frozen=True)
class Refused:
    """An error of Slack's."""

    error: str


@dataclass(frozen=True)
class Slow:
    """Done, `under_way` seconds after it was sent, and answered after so many seconds more."""

    seconds: float
    under_way: float = 0.0


Fault = Limited | Http | Stuck | Lost | Refused | Slow

TIERS = {
    "apps.connections.open": 1,
    "chat.delete": 3,
    "chat.postEphemeral": 4,
    "chat.update": 3,
    "bots.info": 3,
    "conversations.history": 3,
    "conversations.info": 3,
    "conversations.join": 3,
    "conversations.list": 2,
    "conversations.members": 4,
    "conversations.open": 3,
    "conversations.replies": 3,
    "conversations.setTopic": 2,
    "files.completeUploadExternal": 4,
    "files.getUploadURLExternal": 4,
    "pins.add": 2,
    "pins.list": 2,
    "pins.remove": 2,
    "team.info": 3,
    "usergroups.list": 2,
    "usergroups.users.list": 2,
    "users.conversations": 3,
    "users.info": 4,
    "users.list": 2,
    "views.open": 4,
    "views.publish": 4,
    "views.update": 4,
}


@dataclass
class Rates:
    """Slack's limits, when `on`. A test may give other numbers, and another `clock` (seconds, never going back)."""

    on: bool = False
    calls: dict[int, int] = field(default_factory=lambda: {1: 10, 2: 20, 3: 50, 4: 100})
    """How many calls of one method in a window, by tier. Tier 1 is "one and more": a few pass."""
    window: float = 60.0
    second: float = 1.0
    """Seconds a message, in one channel."""
    burst: int = 3
    """So many messages pass at once in a channel that was quiet."""
    clock: Callable[[], float] = time.monotonic
    _calls: dict[str, list[float]] = field(default_factory=dict)
    _ready: dict[str, float] = field(default_factory=dict)

    def wait(self, method: str, channel: str) -> int | None:
        """None when this call may pass, which counts it; else after how many seconds to come again."""
        now = self.clock()
        if method == "chat.postMessage":
            ready = max(self._ready.get(channel, now), now)
            late = ready - now - (self.burst - 1) * self.second
            if late > 1e-6:
                return max(1, math.ceil(late))
            self._ready[channel] = ready + self.second
            return None
        if method not in TIERS:
            return None
        recent = [at for at in self._calls.get(method, ()) if at > now - self.window]
        self._calls[method] = recent
        if len(recent) >= self.calls[TIERS[method]]:
            return max(1, math.ceil(recent[0] + self.window - now))
        recent.append(now)
        return None
