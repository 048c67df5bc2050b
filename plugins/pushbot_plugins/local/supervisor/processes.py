"""One process in a group of its own: how it is begun, followed, and ended with all that is in its group.

The supervisor has one thread. It sleeps in `Attention.wait` only, and every signal wakes it there:
TERM (stop the run) and CHLD (some process ended).
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
import signal
import sys
import time
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import FrameType
    from typing import NoReturn

_CHUNK = 256 * 2**10
_PIPE = 2**20
_F_SETPIPE_SZ = 1031
_PR_SET_CHILD_SUBREAPER = 36
_DRAIN = 0.2
_LOOK = 0.02
_AFTER_KILL = 2.0
_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class NotStarted(Exception):  # noqa: N818 - it says what became of the command
    """A command could not even be started; the text says which and why."""


class Cause(Enum):
    """Why a process is over."""

    ENDED = "ended"
    TOO_LONG = "too long"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class End:
    """How a process ended: by itself with `code` (negative: the signal), or ended by us.

    `output_held` tells of a process left running that holds on to the output, `survived` of one that
    could not be ended (a user other than ours, as with sudo).
    """

    cause: Cause
    code: int = 0
    output_held: bool = False
    survived: bool = False

    @property
    def well(self) -> bool:
        """Whether it ended by itself, with exit code 0."""
        return self.cause is Cause.ENDED and self.code == 0

    def words(self) -> str:
        """What there is to say about its exit code or signal."""
        if self.code >= 0:
            return f"ended with exit code {self.code}"
        try:
            return f"was ended by signal {signal.Signals(-self.code).name}"
        except ValueError:
            return f"was ended by signal {-self.code}"


class Attention:
    """What the supervisor listens to while it sleeps. `stopping` is True once it was asked to stop."""

    def __init__(self) -> None:
        self.stopping = False
        self._ended: dict[int, int] = {}
        self._woken, wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in _STOPS:
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, _only_wake)

    def wait(self, seconds: float, readable: int | None = None) -> bool:
        """Sleep until `readable` has something (then True), a signal comes, or the time is up."""
        fds = [self._woken] if readable is None else [self._woken, readable]
        ready, _, _ = select.select(fds, [], [], max(0.0, seconds))
        if self._woken in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._woken, 4096)
        return readable in ready

    def code(self, pid: int) -> int | None:
        """The exit code of `pid` (negative: the signal), None while it runs. Buries all other dead as well."""
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                self._ended[found[0]] = os.waitstatus_to_exitcode(found[1])
        return self._ended.get(pid)

    def forget(self) -> None:
        """Drop the exit codes of processes that are over."""
        self._ended.clear()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True


def _only_wake(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the signal is only to be noticed."""


@dataclass(frozen=True, slots=True)
class Command:
    """An argument list, its whole environment, and where it starts."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    workdir: Path


@dataclass(frozen=True, slots=True)
class Child:
    """A process that leads a group of its own, and the pipe by which its output comes."""

    pid: int
    output: int


def adopt_orphans() -> None:
    """Make this process the parent of its descendants' orphans, so that it can tell when a group is gone.

    Linux only (PR_SET_CHILD_SUBREAPER, prctl(2)); elsewhere orphans go to init, which does as well.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def spawn(work: Command | Callable[[], int], record: Path) -> Child:
    """Begin a command, or a function of ours whose result is the exit code, as leader of a new group.

    Returns when the command is under way; the group's number is in `record` by then. Raises
    NotStarted when there is no such command.
    """
    output, theirs = os.pipe()
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(output, _F_SETPIPE_SZ, _PIPE)
    started, starting = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(work, record, theirs, starting)
    os.close(theirs)
    os.close(starting)
    with os.fdopen(started, "rb") as pipe:
        trouble = pipe.read()
    if trouble:
        os.close(output)
        raise NotStarted(trouble.decode(errors="replace"))
    os.set_blocking(output, False)
    return Child(pid, output)


def _become(work: Command | Callable[[], int], record: Path, output: int, starting: int) -> NoReturn:
    """The child's side of `spawn`: `starting` is closed by exec, or tells why there was none.

    The child writes the record itself, while it still has its copy of the run's lock: so whoever
    finds the lock free, since the supervisor was killed just now, finds the group's number too.
    """
    code = 127
    try:
        signal.set_wakeup_fd(-1)
        for number in (*_STOPS, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        trouble = _recorded(record)
        if trouble:
            os.write(starting, trouble.encode(errors="replace"))
        elif isinstance(work, Command):
            _execute(work, starting)
        else:
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # the lock, above all
            code = work()
    except BaseException:  # noqa: BLE001 - a forked child must not go on as a second supervisor
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _recorded(record: Path) -> str | None:
    try:
        record.write_text(str(os.getpid()), "ascii")
    except OSError as error:
        return f"{record} cannot be written ({error.strerror})"
    return None


def _execute(command: Command, starting: int) -> None:
    try:
        os.chdir(command.workdir)
    except OSError as error:
        os.write(starting, f"its directory {command.workdir} cannot be entered ({error.strerror})".encode())
        return
    try:
        os.execvpe(command.arguments[0], command.arguments, command.environment)  # noqa: S606 - that is the point
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        os.write(starting, f"{command.arguments[0]}: {why}".encode(errors="replace"))


def follow(child: Child, attention: Attention, take: Callable[[bytes], None], *, until: float, grace: float) -> End:
    """Give the child's output to `take` until it ends, or end its group at `until` or when asked to stop.

    `until` is on the monotonic clock. A group is ended by TERM, and by KILL `grace` seconds later.
    What a child that ended by itself leaves running is left alone.
    """
    stream = _Stream(child.output, attention, take)
    try:
        while (code := attention.code(child.pid)) is None:
            if attention.stopping:
                return _ended(child.pid, stream, Cause.STOPPED, grace)
            left = until - time.monotonic()
            if left <= 0:
                return _ended(child.pid, stream, Cause.TOO_LONG, grace)
            stream.read(left)
        stream.drain(_DRAIN)
        return End(Cause.ENDED, code, output_held=stream.open)
    except BaseException:
        _signal(child.pid, signal.SIGKILL)
        raise
    finally:
        os.close(child.output)
        attention.forget()


@dataclass(slots=True)
class _Stream:
    fd: int
    attention: Attention
    take: Callable[[bytes], None]
    open: bool = True

    def read(self, seconds: float) -> None:
        """Sleep until there is output or a signal, and take what there is."""
        if self.attention.wait(seconds, self.fd if self.open else None):
            self._take()

    def drain(self, seconds: float) -> None:
        """Take what the dead left in the pipe, however slow we are; who lives on has so many seconds to write."""
        room, until = _PIPE, time.monotonic() + seconds
        while self.open and ((left := until - time.monotonic()) > 0 or room > 0):
            if self.attention.wait(left, self.fd):
                room -= self._take()
            elif left <= 0:
                return

    def _take(self) -> int:
        data = os.read(self.fd, _CHUNK)
        self.open = bool(data)
        self.take(data)
        return len(data)


def _ended(group: int, stream: _Stream, cause: Cause, grace: float) -> End:
    """End the group and say that it was for `cause`; its last words are still taken."""
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, _AFTER_KILL)):
        _signal(group, number)
        until = time.monotonic() + patience
        while _alive(group, stream.attention) and time.monotonic() < until:
            stream.read(_LOOK)
        if not _alive(group, stream.attention):
            break
    stream.drain(0)
    return End(cause, survived=_alive(group, stream.attention))


def _alive(group: int, attention: Attention) -> bool:
    attention.code(group)
    return _signal(group, 0)


def _signal(group: int, number: int) -> bool:
    """Whether there is anybody in the group, be it somebody whom we may not signal."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
