"""The end of the process, also with a plugin in it that does not let itself be ended."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from pushbot.cli.resolver import Loop

if TYPE_CHECKING:
    from collections.abc import Iterator

LEFT_BEHIND = 5.0
"""Seconds that tasks and threads may take to end when all that matters has been done and written down."""


@contextmanager
def ending_runner() -> Iterator[asyncio.Runner]:
    """What runs a coroutine as asyncio.run does. Whatever that leaves behind keeps the process no longer than that."""
    runner = asyncio.Runner(loop_factory=Loop)
    try:
        yield runner
    finally:
        code = 0 if sys.exception() is None else 1
        last = threading.Timer(LEFT_BEHIND, _end, (code, str(sys.exception() or "")))
        last.daemon = True
        last.start()
        runner.close()
        if not _others(last):
            last.cancel()


def _others(timer: threading.Thread) -> list[str]:
    known = (threading.main_thread(), threading.current_thread(), timer)
    return [each.name for each in threading.enumerate() if each not in known and not each.daemon]


def _end(code: int, error: str) -> None:
    structlog.get_logger().error("left_behind", threads=_others(threading.current_thread()), error=error or None)
    os._exit(code)
