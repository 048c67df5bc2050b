"""The process of a release: started in a session of its own, found again by a pid file, ended as a group.

The pid file holds the process id and the moment at which the kernel says the process was started,
so that a number that has gone to somebody else's process is never signalled.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pushbot_plugins.release.root import replace_file
from pushbot_plugins.release.trouble import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_POLL: Final = 0.02
_TAIL: Final = 4096
_ANSWER: Final = 1.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where the service listens."""

    host: str
    port: int

    def free(self) -> bool:
        """Whether nobody listens there."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return False
                raise ReleaseError(f"cannot listen on {self.host}:{self.port}: {error.strerror}") from error
        return True

    def answers(self) -> bool:
        """Whether it takes a connection. To bind would tell too, but not let a service bind just then."""
        try:
            with socket.create_connection((self.host, self.port), timeout=_ANSWER) as probe:
                return bool(probe.getsockname() != probe.getpeername())  # a free port may be met from itself
        except OSError:
            return False


def stop(pidfile: Path, grace: float) -> bool:
    """End the service that `pidfile` names: TERM to its group, `grace` seconds, KILL. Whether there was one."""
    group = _recorded(pidfile)
    if group is None:
        pidfile.unlink(missing_ok=True)
        return False
    _signal(group, signal.SIGTERM)
    if not _wait(lambda: not _members(group), grace):
        _signal(group, signal.SIGKILL)
        if not _wait(lambda: not _members(group), grace + 5.0):
            raise ReleaseError(
                f"process group {group} does not end even on KILL; look at it with `ps -o pid,stat -g {group}`"
            )
    pidfile.unlink(missing_ok=True)
    return True


def start(
    command: Sequence[str], folder: Path, pidfile: Path, log: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start the service in `folder`, its output appended to `log`; the pid file is there before it runs."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        try:
            return subprocess.Popen(
                list(command),
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: _record(pidfile),  # noqa: PLW1509 - there are no threads here, and so a crash leaves no unknown process
            )
        except (OSError, subprocess.SubprocessError) as error:
            pidfile.unlink(missing_ok=True)
            raise ReleaseError(f"cannot start {command[0]!r} in {folder}: {error}") from error


def await_free(address: Address, limit: float) -> None:
    """Wait until nobody listens at `address` any more."""
    if not _wait(address.free, limit):
        how = f"find who it is with `ss -ltnp 'sport = :{address.port}'`"
        raise ReleaseError(f"port {address.port} is held by a process that this root did not start; {how}")


def await_listening(process: subprocess.Popen[bytes], address: Address | None, limit: float, log: Path) -> None:
    """Wait until the service listens (without an address: see that it lives on for `limit` seconds)."""
    begun = log.stat().st_size
    ready = _wait(lambda: process.poll() is not None or (address is not None and address.answers()), limit)
    if process.poll() is not None:
        raise ReleaseError(f"the service ended at once with code {process.returncode}: {_last_line(log)} (log: {log})")
    if not ready and address:
        raise ReleaseError(
            f"the service does not listen on port {address.port} after {limit:g}s (log: {log}, {begun} bytes)"
        )


def _record(pidfile: Path) -> None:
    """Write our own id; called in the child before it becomes the service."""
    replace_file(pidfile, json.dumps({"pid": os.getpid(), "started": _started(os.getpid())}) + "\n")


def _recorded(pidfile: Path) -> int | None:
    """The process group that the pid file names, if any of it is still there."""
    try:
        record = json.loads(pidfile.read_text())
        pid, started = int(record["pid"]), record["started"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise ReleaseError(f"{pidfile} is damaged; end the service by hand and delete the file") from error
    leader = _started(pid)
    if leader is not None and leader != started:
        return None  # the number is somebody else's now
    return pid if _members(pid) else None


def _members(group: int) -> list[int]:
    """The processes of a group that still run; zombies, whom only their parent can bury, do not count."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = stat.read_text(errors="replace").rsplit(")", 1)[1].split()
            if int(fields[2]) == group and fields[0] not in {"Z", "X"}:
                found.append(int(stat.parent.name))
    return found


def _started(pid: int) -> str | None:
    """When the process started, in ticks since boot (proc(5), stat, field 22); None when it is not there."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rsplit(")", 1)[1].split()
    except OSError:
        return None
    return fields[19]


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def _wait(condition: Callable[[], bool], limit: float) -> bool:
    """Whether `condition` came true within `limit` seconds."""
    until = time.monotonic() + limit
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(_POLL)
    return True


def _last_line(log: Path) -> str:
    """The last line of the service's output, in words fit for one line."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL))
        lines = [line for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    return "".join(letter if letter.isprintable() else "?" for letter in lines[-1]) if lines else "it said nothing"
