"""Hosts that a command prints, run anew each time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
from typing import TYPE_CHECKING, cast

from pydantic import BaseModel, ConfigDict

from pushbot.errors import PushbotError
from pushbot.fleet.listing import listed, with_labels
from pushbot.fleet.names import quoted
from pushbot.secret import own_variables
from pushbot.values import TimeLimit, Words  # noqa: TC001 - pydantic reads them at run time
from pushbot_plugins.inventory.labels import Labels  # noqa: TC001 - the same

if TYPE_CHECKING:
    from asyncio import BaseTransport, StreamReader
    from asyncio.subprocess import Process
    from collections.abc import Sequence

    from pushbot.fleet.model import Host

MOST_BYTES = 16 * 2**20
"""What a command may print."""
_PIECE = 64 * 2**10
_LOOK = 0.01
_KILLED_WITHIN = 2.0
"""Seconds in which a command that is killed has ended, unless it is another user's (sudo) and cannot be."""


class CommandInventory:
    """What a command prints: a host on each line, or a JSON list. Only its standard output counts."""

    class Options(BaseModel):
        """`run` is the list of arguments, for no shell; `timeout` is how long it may take, in seconds."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        run: Words
        timeout: TimeLimit = 30.0
        labels: Labels = {}

    def __init__(self, options: Options) -> None:
        self._options = options
        self._shown = quoted(shlex.join(options.run))

    async def hosts(self) -> Sequence[Host]:
        """The hosts that it prints now.

        Raises PushbotError when it cannot be run, fails, takes too long, or prints no list of hosts. In every
        case all that it started in its process group has ended when this returns, as far as this user may end it.
        """
        text = await self._printed()
        try:
            return with_labels(await asyncio.to_thread(listed, text), self._options.labels)
        except PushbotError as error:
            raise self._trouble(f"printed no list of hosts: {error}") from error

    async def _printed(self) -> str:
        environment = {name: value for name, value in os.environ.items() if name not in own_variables()}
        try:
            process = await asyncio.create_subprocess_exec(
                *self._options.run,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:  # the latter for a NUL
            raise self._trouble(f"cannot be run: {getattr(error, 'strerror', None) or error}") from error
        out, said = bytearray(), bytearray()
        try:
            async with asyncio.timeout(self._options.timeout), asyncio.TaskGroup() as group:
                group.create_task(_read(process, process.stdout, out))
                group.create_task(_read(process, process.stderr, said))
                group.create_task(_ended(process))
        except TimeoutError:
            raise self._trouble(f"took more than {self._options.timeout:g} s and was ended") from None
        finally:
            _end(process)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_KILLED_WITHIN):
                    await _ended(process)
            _let_go(process)
        if max(len(out), len(said)) > MOST_BYTES:
            raise self._trouble(f"prints more than the {MOST_BYTES // 2**20} MiB that a list of hosts may have")
        if process.returncode != 0:
            last = said.decode(errors="replace").strip().rpartition("\n")[2]
            raise self._trouble(f"failed with exit code {process.returncode}" + (f": {quoted(last)}" if last else ""))
        return out.decode(errors="replace")

    def _trouble(self, what: str) -> PushbotError:
        return PushbotError(f"the command {self._shown} {what}")


async def _read(process: Process, stream: StreamReader | None, found: bytearray) -> None:
    """Add to `found` what comes, until the end of it or until it is too much, which ends the command."""
    while stream is not None and (piece := await stream.read(_PIECE)):
        found += piece
        if len(found) > MOST_BYTES:
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
