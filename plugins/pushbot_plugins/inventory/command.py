"""Hosts that a command prints, run anew each time."""

from __future__ import annotations

import asyncio
import os
import shlex
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from pushbot.errors import PushbotError
from pushbot.fleet.listing import listed, with_labels
from pushbot.fleet.names import quoted
from pushbot.secret import own_variables
from pushbot.values import TimeLimit, Words  # noqa: TC001 - pydantic reads them at run time
from pushbot_plugins.children import run_child
from pushbot_plugins.inventory.labels import Labels  # noqa: TC001 - the same

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pushbot.fleet.model import Host

MOST_BYTES = 16 * 2**20
"""What a command may print."""


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
        out, said = bytearray(), bytearray()
        try:
            async with asyncio.timeout(self._options.timeout):
                ended = await run_child(self._options.run, env=environment, out=_into(out), err=_into(said))
        except TimeoutError:
            raise self._trouble(f"took more than {self._options.timeout:g} s and was ended") from None
        except (OSError, ValueError) as error:  # the latter for a NUL
            raise self._trouble(f"cannot be run: {getattr(error, 'strerror', None) or error}") from error
        if max(len(out), len(said)) > MOST_BYTES:
            raise self._trouble(f"prints more than the {MOST_BYTES // 2**20} MiB that a list of hosts may have")
        if ended.code != 0:
            last = said.decode(errors="replace").strip().rpartition("\n")[2]
            raise self._trouble(f"failed with exit code {ended.code}" + (f": {quoted(last)}" if last else ""))
        return out.decode(errors="replace")

    def _trouble(self, what: str) -> PushbotError:
        return PushbotError(f"the command {self._shown} {what}")


def _into(found: bytearray) -> Callable[[bytes], bool]:
    """Adds to `found` what comes, until it is too much."""

    def take(piece: bytes) -> bool:
        found.extend(piece)
        return len(found) <= MOST_BYTES

    return take
