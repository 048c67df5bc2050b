"""How a process that the bot has started becomes the supervisor of a run, which is nobody's child."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .files import RunFiles


def detach(files: RunFiles, lock: int) -> None:
    """Go on as a child of the present process, which ends: the bot follows every run as one that it did not start.

    `lock` is the inherited descriptor of the run's lock. What goes wrong before that is told on standard error with
    exit code 1.
    """
    log = _ready(files, lock)
    supervisor = os.fork()
    if supervisor:
        os.pwrite(lock, str(supervisor).encode(), 0)
        os._exit(0)
    _begin(lock, log)


def adopt(files: RunFiles, lock: int) -> None:
    """Become the supervisor of another run, whose lock is this descriptor. Raises OSError when that cannot be."""
    _begin(lock, _ready(files, lock))


def _ready(files: RunFiles, lock: int) -> int:
    os.set_inheritable(lock, False)  # noqa: FBT003 - positional only
    files.reserve()
    return os.open(files.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)


def _begin(lock: int, log: int) -> None:
    """The lock gets this process's id, and standard output and error go to the run's log from here on."""
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
