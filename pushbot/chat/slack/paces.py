"""How often Slack lets an app call each method: https://docs.slack.dev/apis/web-api/rate-limits.

Limits are calls a minute, for a method and workspace, in four tiers; short bursts pass. chat.postMessage has one of its
own: a message a second in each channel, and some hundreds a minute in all.
"""

from __future__ import annotations

from dataclasses import dataclass

MINUTE = 60.0
DEFAULT_TIER = 3
PER_MINUTE = {1: 1, 2: 20, 3: 50, 4: 100}
TIERS = {
    "chat.postEphemeral": 4,
    "conversations.list": 2,
    "conversations.members": 4,
    "conversations.setTopic": 2,
    "files.completeUploadExternal": 4,
    "files.getUploadURLExternal": 4,
    "pins.add": 2,
    "pins.list": 2,
    "pins.remove": 2,
    "usergroups.list": 2,
    "usergroups.users.list": 2,
    "users.info": 4,
    "users.list": 2,
    "views.publish": 4,
}
"""The tier of each method that is used and is not in the third, as its page says."""

POST = "chat.postMessage"
POSTS_PER_MINUTE, POSTS_AT_ONCE = 300, 100
STEADY = frozenset({"chat.update", "conversations.setTopic"})
"""Written again and again for a long time: better spread than all at once and then none."""


@dataclass(slots=True)
class Pace:
    """`burst` calls at once, then one every so many seconds; none at all until `closed`, when Slack said so.

    Nor is there one until it is `rested` from the one before: a turn that was taken earlier begins no sooner then.
    """

    every: float
    burst: int = 1
    closed: float = 0.0
    rested: float = 0.0
    _full: float = 0.0

    def wait(self, now: float) -> float:
        """How many seconds the next turn is away."""
        return max(self._full - (self.burst - 1) * self.every - now, self.closed - now, 0.0)

    def take(self, now: float) -> float:
        """Take the next turn, and give how many seconds it is away."""
        wait = self.wait(now)
        self._full = max(self._full, now) + self.every
        return wait

    def spare(self, now: float) -> bool:
        """Take a turn if there is one right now; whether there was."""
        before = self._full
        there = self.take(now) <= 0
        self._full = self._full if there else before
        return there

    def close(self, until: float) -> None:
        """Take no turn before that, and then no burst."""
        self.closed = max(self.closed, until)
        self._full = max(self._full, self.closed + (self.burst - 1) * self.every)

    def over(self, now: float) -> None:
        """A turn is over, whenever it began: the next one is that far from now."""
        self.rested = now + self.every
        self._full = max(self._full, self.rested + (self.burst - 1) * self.every)

    def idle(self, now: float) -> bool:
        """Whether it has nothing to remember."""
        return max(self._full, self.closed) <= now


def pace_of(method: str, message_interval: float = 1.0) -> Pace:
    """The pace of a method: a burst and what follows it are, in any minute, no more than Slack lets pass.

    Where messages may follow each other faster than once a second it is no real Slack, and all passes so much faster.
    """
    minute = MINUTE * min(message_interval, 1.0)
    if method == POST:
        return Pace(minute / (POSTS_PER_MINUTE - POSTS_AT_ONCE), POSTS_AT_ONCE)
    most = PER_MINUTE[TIERS.get(method, DEFAULT_TIER)]
    burst = max(1, most * 2 // 5 if method in STEADY else most // 2)
    return Pace(minute / max(1, most - burst), burst)
