"""Commands on the bot's own machine: each in a process group of its own, with a limit, ended as a whole.

The group's number is in the run's directory before the command begins, and until it has ended: should this process
be killed, the bot finds what it left (`local/leftovers.py`). What a command that ends by itself leaves running is
left alone, as with the local executor.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pushbot.secret import own_variables
from pushbot_plugins.local.leftovers import members
from pushbot_plugins.ssh.worker.seams import StepFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_RECORDED = 'echo $$ > "$0" && exec "$@"'
_CHUNK = 256 * 2**10
_DRAIN = 0.2
_LOOK = 0.02
_AFTER_KILL = 2.0
_PROC = Path("/proc/self/stat")


@dataclass(frozen=True, slots=True)
class Machine:
    """The bot's machine, for one run, by whose name leftovers are known: commands get it as PUSHBOT_RUN.

    `groups` is the folder for the numbers of groups under way. `grace` is how long a group may take to end after
    TERM before it gets KILL. `own` are variables that all commands get, without those that hold the bot's secrets.
    """

    name: str
    groups: Path
    grace: float = 5.0
    own: Mapping[str, str] = field(default_factory=lambda: os.environ)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    async def run(
        self,
        command: Sequence[str],
        *,
        folder: str,
        env: Mapping[str, str] | None = None,
        limit: float,
        take: Callable[[bytes], None],
    ) -> int:
        """Run an argument list; see `Here.run`."""
        environment = {name: value for name, value in self.own.items() if name not in own_variables()}
        environment |= {**(env or {}), "PUSHBOT_RUN": self.name}
        if shutil.which(command[0], path=environment.get("PATH")) is None:
            raise StepFailed(command[0], f"{command[0]}: there is no such command that may be run")
        record = self.groups / str(next(self._numbers))
        output, theirs = os.pipe()
        os.set_blocking(output, False)
        try:
            try:
                self.groups.mkdir(mode=0o700, exist_ok=True)
                process = await asyncio.create_subprocess_exec(
                    *("/bin/sh", "-c", _RECORDED, str(record), *command),
                    cwd=folder,
                    env=environment,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=theirs,
                    stderr=theirs,
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                raise StepFailed(command[0], f"{command[0]} could not be started in {folder}: {error}") from None
            finally:
                os.close(theirs)
            return await self._follow(process, _Stream(output, take), limit, command[0])
        finally:
            os.close(output)
            record.unlink(missing_ok=True)

    async def _follow(self, process: asyncio.subprocess.Process, stream: _Stream, limit: float, name: str) -> int:
        with stream:
            try:
                async with asyncio.timeout(limit):
                    code = await process.wait()
                    await stream.end(_DRAIN)
                    return code
            except TimeoutError:
                await self._end(process.pid)
                raise StepFailed(name, f"{name} ran longer than its {limit:g} s") from None
            except BaseException:
                await self._end(process.pid)
                raise

    async def _end(self, group: int) -> None:
        for number, patience in ((signal.SIGTERM, self.grace), (signal.SIGKILL, _AFTER_KILL)):
            _signal(group, number)
            until = time.monotonic() + patience
            while _alive(group) and time.monotonic() < until:  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(_LOOK)
            if not _alive(group):
                return


class _Stream:
    """The read end of a command's output, emptied as the loop gets to it."""

    def __init__(self, fd: int, take: Callable[[bytes], None]) -> None:
        self._fd = fd
        self._take = take
        self._ended = asyncio.Event()

    def __enter__(self) -> None:
        asyncio.get_running_loop().add_reader(self._fd, self._read)

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)

    async def end(self, patience: float) -> None:
        """Return when all has been read, or after a while: a daemon may hold on to it."""
        try:
            async with asyncio.timeout(patience):
                await self._ended.wait()
        except TimeoutError:
            return

    def _read(self) -> None:
        data = os.read(self._fd, _CHUNK)
        if data:
            self._take(data)
        else:
            self._ended.set()
            asyncio.get_running_loop().remove_reader(self._fd)


def _alive(group: int) -> bool:
    """Whether anybody in the group still runs; the dead whom nobody has buried do not count, where that can be told."""
    return _signal(group, 0) and (not _PROC.exists() or any(members(group)))


def _signal(group: int, number: int) -> bool:
    """Whether there is anybody in the group, be it somebody whom we may not signal."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
