"""One process at a time: the exclusive claim on a database, which ends with the process that holds it."""

from __future__ import annotations

import fcntl
import os
import socket
from typing import TYPE_CHECKING

from pushbot.clock import SystemClock
from pushbot.errors import InUse, PushbotError
from pushbot.log import one_line

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST = 200


def claim(path: Path) -> int:
    """The descriptor whose `flock` on `PATH.lock` is the claim; closing it gives the claim up.

    The kernel lets go of it however the process ends, and child processes do not inherit it. Missing
    directories are made. The file stays behind: removing it would let two processes lock two files
    of one name. Raises InUse when another holds the claim, and PushbotError when the place cannot be written.
    """
    lock = path.with_name(f"{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, _who().encode(), 0)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o644))  # the system tells better than SQLite what is wrong
    except BlockingIOError as error:
        holder = os.pread(descriptor, _LONGEST, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise InUse(
            f"{path}: the database is in use by another pushbot, process {one_line(holder)};"
            " stop that one first, or give this one a database of its own"
        ) from error
    except OSError as error:
        os.close(descriptor)
        raise _unwritable(path, error) from error
    return descriptor


def _who() -> str:
    """This process, for people."""
    since = SystemClock().now().isoformat(timespec="seconds").replace("+00:00", "Z")
    return f"{os.getpid()} on {socket.gethostname()} since {since}\n"


def _unwritable(path: Path, error: OSError) -> PushbotError:
    return PushbotError(
        f"{path}: cannot keep the database there ({error.strerror});"
        f" choose a place on a local disk that user {os.getuid()} may write to"
    )
