"""Our own faults: what no host and no operator can help. One host's is that host's failure, never the whole run's."""

from __future__ import annotations

import sys

from pushbot_plugins.remote_line import one_line


def told(error: Exception) -> str:
    """In words, for people; where it happened goes to standard error, which is the run's log."""
    sys.excepthook(type(error), error, error.__traceback__)
    return one_line(f"something broke in the worker: {type(error).__name__}: {error}")
