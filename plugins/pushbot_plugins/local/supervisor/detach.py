"""How a process that the bot has started becomes the supervisor of a run, which is nobody's child."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .files import RunFiles


def detach(files: RunFiles, lock: int) -> None:
    """Go on as a child of the present process, which ends: the bot follows every run as one that it did not start.

    `lock` is the inherited descriptor of the run's lock, and gets the supervisor's process id. Standard output and
    error go to the run's log from then on. What goes wrong before that is told on standard error with exit code 1.
    """
    os.set_inheritable(lock, False)  # noqa: FBT003 - positional only
    files.reserve()
    log = os.open(files.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    supervisor = os.fork()
    if supervisor:
        os.pwrite(lock, str(supervisor).encode(), 0)
        os._exit(0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
