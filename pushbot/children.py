"""A command as a child process with a group of its own, of which nothing is left when it is over or given up.

What it prints is kept to a bound. Its process group is ended with it, also when it has left something running
that keeps its output open.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pushbot.errors import PushbotError
from pushbot.fleet.names import quoted
from pushbot.secret import own_variables

if TYPE_CHECKING:
    from asyncio import BaseTransport, StreamReader
    from asyncio.subprocess import Process
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

MOST_BYTES = 16 * 2**20
"""What a command may print."""
_PIECE = 64 * 2**10
_LOOK = 0.01
_READ_WITHIN = 2.0
"""Seconds after its end in which its output has been read; a daemon that it left behind may keep that open for ever."""
_KILLED_WITHIN = 2.0
"""Seconds in which a command that is killed has ended, unless it is another user's (sudo) and cannot be."""


@dataclass(frozen=True, slots=True)
class Child:
    """A command that has ended: its exit code, negative for the signal that ended it."""

    code: int


async def run_child(
    run: Sequence[str],
    *,
    env: Mapping[str, str],
    out: Callable[[bytes], bool],
    err: Callable[[bytes], bool] | None = None,
    folder: Path | None = None,
) -> Child:
    """Run the command to its end; `out` and `err` get what it prints (`out` both without `err`), False ends it.

    When this is cancelled, or however else it ends, so has all in the command's process group, as far as this user may
    end it. Raises OSError or ValueError (of a NUL) when it cannot be begun.
    """
    process = await asyncio.create_subprocess_exec(
        *run,
        env=env,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT if err is None else asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.TaskGroup() as group:
            reads = [
                group.create_task(_read(process, process.stdout, out)),
                group.create_task(_read(process, process.stderr, err or out)),
            ]
            await _ended(process)
            await asyncio.wait(reads, timeout=_READ_WITHIN)
            for read in reads:
                read.cancel()
    finally:
        await put_down(process)
    return Child(-signal.SIGKILL if process.returncode is None else process.returncode)


async def put_down(process: Process) -> None:
    """End the command with all in its process group, as far as this user may end it, and close its pipes."""
    _end(process)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_KILLED_WITHIN):
            await _ended(process)
    _let_go(process)


async def _read(process: Process, stream: StreamReader | None, take: Callable[[bytes], bool]) -> None:
    while stream is not None and (piece := await stream.read(_PIECE)):
        if not take(piece):
            _end(process)
            return


async def _ended(process: Process) -> None:
    """Wait for the command alone, and end what it left behind in its group, which may keep its output open.

    `Process.wait` would wait for the end of the output too.
    """
    while process.returncode is None:  # noqa: ASYNC110 - nobody tells us
        await asyncio.sleep(_LOOK)
    _end(process)


def _let_go(process: Process) -> None:
    """Close its pipes, which whoever left its process group may keep open; there is no public way to."""
    transport = cast("BaseTransport", vars(process)["_transport"])
    with contextlib.suppress(PermissionError):
        transport.close()


def _end(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def trouble(run: Sequence[str], what: str) -> PushbotError:
    """What went wrong with a command, which is named as it was written."""
    return PushbotError(f"the command {quoted(shlex.join(run))} {what}")


async def printed(run: Sequence[str], timeout: float) -> str:  # noqa: ASYNC109 - whoever configures it says how long
    """The standard output of the command, which may take so many seconds.

    Raises PushbotError when it cannot be run, fails, takes too long, or prints too much. In every case all that it
    started in its process group has ended when this returns, as far as this user may end it.
    """
    environment = {name: value for name, value in os.environ.items() if name not in own_variables()}
    out, said = bytearray(), bytearray()
    try:
        async with asyncio.timeout(timeout):
            ended = await run_child(run, env=environment, out=into(out), err=into(said))
    except TimeoutError:
        raise trouble(run, f"took more than {timeout:g} s and was ended") from None
    except (OSError, ValueError) as error:  # the latter for a NUL
        raise trouble(run, f"cannot be run: {getattr(error, 'strerror', None) or error}") from error
    if max(len(out), len(said)) > MOST_BYTES:
        raise trouble(run, f"prints more than the {MOST_BYTES // 2**20} MiB that a list may have")
    if ended.code != 0:
        last = said.decode(errors="replace").strip().rpartition("\n")[2]
        raise trouble(run, f"failed with exit code {ended.code}" + (f": {quoted(last)}" if last else ""))
    return out.decode(errors="replace")


def into(found: bytearray) -> Callable[[bytes], bool]:
    """What `run_child` is given to have `found` hold what comes, until that is too much."""

    def take(piece: bytes) -> bool:
        found.extend(piece)
        return len(found) <= MOST_BYTES

    return take
