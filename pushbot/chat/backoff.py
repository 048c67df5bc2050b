"""Waiting longer after each failure, and never all at the same moment."""

from __future__ import annotations

import random
from dataclasses import dataclass

_MOST_DOUBLINGS = 32


@dataclass(slots=True)
class Backoff:
    """Exponential back-off with full jitter: the n-th wait is anything from 0 to `minimum` * 2**n, at most `maximum`.

    Full jitter spreads many clients that lost one server best
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """

    minimum: float
    maximum: float
    failures: int = 0

    def next(self) -> float:
        """Seconds to wait after one more failure."""
        ceiling = min(self.maximum, self.minimum * 2 ** min(self.failures, _MOST_DOUBLINGS))
        self.failures += 1
        return random.uniform(0, ceiling)  # noqa: S311 - spreads load, guards nothing

    def reset(self) -> None:
        """Start again from `minimum`: it went well for long enough."""
        self.failures = 0
