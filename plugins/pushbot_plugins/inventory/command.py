"""Hosts that a command prints, run anew each time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from pushbot.children import printed, trouble
from pushbot.errors import PushbotError
from pushbot.fleet.listing import listed, with_labels
from pushbot.values import TimeLimit, Words  # noqa: TC001 - pydantic reads them at run time
from pushbot_plugins.inventory.labels import Labels  # noqa: TC001 - the same

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.fleet.model import Host


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

    async def hosts(self) -> Sequence[Host]:
        """The hosts that it prints now.

        Raises PushbotError when it cannot be run, fails, takes too long, or prints no list of hosts. In every
        case all that it started in its process group has ended when this returns, as far as this user may end it.
        """
        text = await printed(self._options.run, self._options.timeout)
        try:
            return with_labels(await asyncio.to_thread(listed, text), self._options.labels)
        except PushbotError as error:
            raise trouble(self._options.run, f"printed no list of hosts: {error}") from error
