"""Hosts: the list of them that an operator keeps elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pushbot.fleet.model import Host


class Inventory(Protocol):
    """A list of hosts that is kept somewhere. Constructed as `Type(options)`."""

    async def hosts(self) -> Sequence[Host]:
        """The hosts of this moment, in the order in which they are kept, without `env`.

        Raises PushbotError when the list cannot be had or read.
        """
        ...
