"""What a killed supervisor leaves behind: the process groups of what was under way.

A process group's number alone proves nothing, as numbers are used again. A process is taken for a
leftover only when its group and session have the number that the supervisor wrote down, and its
environment names the run. Needs /proc; elsewhere nothing is found, and nothing ended.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator

    from pushbot_plugins.local.supervisor.files import RunFiles


def leftovers(files: RunFiles, run: str) -> list[int]:
    """The process groups that the run's dead supervisor left; not those that are gone or cannot be told for sure."""
    mark = b"\0PUSHBOT_RUN=" + os.fsencode(run) + b"\0"
    return [group for group in files.recorded_groups() if any(mark in _environment(each) for each in members(group))]


def _environment(process: Path) -> bytes:
    with contextlib.suppress(OSError):
        return b"\0" + (process / "environ").read_bytes()
    return b""


def signal_group(group: int, number: signal.Signals) -> None:
    """Signal the group, which may be gone by now."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def members(group: int) -> Iterator[Path]:
    """The living processes of the group, as directories of /proc (proc_pid_stat(5): state, ppid, pgrp, session)."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, pgrp, session = (process / "stat").read_text(errors="replace").rpartition(")")[2].split()[:4]
            if state not in "ZX" and int(pgrp) == int(session) == group:
                yield process
