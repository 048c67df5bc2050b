"""Processes that must not outlive the quickstart: started with a mark in their environment, and found by it.

The mark is inherited, so it finds what the bot started too: runs in flight and the demo app on its
stages. A quickstart that was killed leaves marked processes behind; the next one, once it has the
lock, knows that they are nobody's and ends them. Linux only, as it looks into /proc.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_MARK: Final = "PUSHBOT_QUICKSTART"
_GRACE: Final = 3.0
_AFTER_KILL: Final = 5.0
_POLL: Final = 0.02
_TAIL: Final = 4096


@contextlib.contextmanager
def alone(var: Path) -> Iterator[None]:
    """Be the only quickstart in `var`; the lock goes with this process, however it ends."""
    with (var / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PushbotError(f"a quickstart is running in {var} already; end it with Ctrl-C where it runs") from error
        yield


class Child:
    """A process of ours, in a session of its own so that only we pass Ctrl-C on; its output goes to `log`."""

    def __init__(self, name: str, log: Path, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.log = log
        self._process = process

    @classmethod
    async def started(
        cls,
        name: str,
        command: Sequence[str],
        *,
        var: Path,
        log: Path,
        environment: Mapping[str, str],
        folder: Path | None = None,
    ) -> Child:
        """Start `command` in `folder` (by default `var`). Raises PushbotError when that cannot be."""
        try:
            with log.open("ab") as output:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    cwd=folder or var,
                    env={**environment, _MARK: str(var)},
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=asyncio.subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            raise PushbotError(f"cannot start {name} ({command[0]}): {error.strerror or error}") from error
        return cls(name, log, process)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    async def wait(self) -> int:
        """Its exit code, once it has ended; negative for the signal that ended it."""
        return await self._process.wait()

    async def end(self, grace: float) -> None:
        """Ask it to end, and after `grace` seconds make it."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(grace):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    def last_words(self) -> str:
        """The last line of its output."""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - _TAIL))
            lines = [line for line in file.read().decode(errors="replace").splitlines() if line.strip()]
        return lines[-1] if lines else "it said nothing"


async def sweep(var: Path) -> int:
    """End every process with the mark of `var`, and say how many there were. Raises PushbotError if one stays."""
    found = await asyncio.to_thread(_marked, var)
    count = len(found)
    for number, patience in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, _AFTER_KILL)):
        until = time.monotonic() + patience
        told = set[int]()
        while found and time.monotonic() < until:
            for pid in found - told:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            told |= found
            await asyncio.sleep(_POLL)
            found = await asyncio.to_thread(_marked, var)
    if found:
        raise PushbotError(
            f"processes {', '.join(map(str, sorted(found)))} do not end even on KILL; look at them with ps"
        )
    return count


def _marked(var: Path) -> set[int]:
    """The living processes with our mark in their environment. Those of other users cannot be read, nor be ours."""
    mark = b"\0" + f"{_MARK}={var}".encode() + b"\0"
    found = set[int]()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            alive = (process / "stat").read_text(errors="replace").rpartition(")")[2].split()[0] not in "ZX"
            if alive and int(process.name) != os.getpid() and mark in b"\0" + (process / "environ").read_bytes():
                found.add(int(process.name))
    return found
