"""Hosts from DNS: one for each address of some names, looked up anew each time.

The system's resolver is asked, /etc/hosts included. It knows addresses (A, AAAA) and not services (SRV).
"""

from __future__ import annotations

import asyncio
import socket
from enum import StrEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from pushbot.errors import PushbotError
from pushbot.fleet.listing import with_labels
from pushbot.fleet.model import Host
from pushbot.fleet.names import address, host_name, quoted
from pushbot.fleet.ranges import expand
from pushbot.values import TimeLimit, Words  # noqa: TC001 - pydantic reads them at run time
from pushbot_plugins.inventory.labels import Labels  # noqa: TC001 - the same

if TYPE_CHECKING:
    from collections.abc import Sequence

Port = Annotated[int, Field(strict=True, ge=1, le=65535)]


class Family(StrEnum):
    """Which addresses count. A machine that has both kinds would be two hosts with `both`."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    BOTH = "both"


_FAMILIES = {Family.IPV4: socket.AF_INET, Family.IPV6: socket.AF_INET6, Family.BOTH: socket.AF_UNSPEC}


class DnsInventory:
    """A host for each address of each name, called by its address; those of a name in the order of their numbers."""

    class Options(BaseModel):
        """`names` may have ranges; `port` is where the hosts are reached, if not at the executor's own.

        `timeout` is how long all names together may take, in seconds.
        """

        model_config = ConfigDict(extra="forbid", frozen=True)

        names: Words
        family: Family = Family.IPV4
        port: Port | None = None
        timeout: TimeLimit = 10.0
        labels: Labels = {}

    def __init__(self, options: Options) -> None:
        """Raises PushbotError for a name that cannot be one."""
        self._options = options
        self._names = [address(name) for pattern in options.names for name in expand(pattern)]

    async def hosts(self) -> Sequence[Host]:
        """The hosts of this moment. Raises PushbotError when a name has no address, or the answer takes too long."""
        try:
            async with asyncio.timeout(self._options.timeout), asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._looked_up(name)) for name in self._names]
        except TimeoutError:
            raise PushbotError(f"DNS did not know {self._shown()} within {self._options.timeout:g} s") from None
        answers = [task.result() for task in tasks]
        troubles = [answer for answer in answers if isinstance(answer, str)]
        if troubles:
            more = f" (and {len(troubles) - 1} more)" if len(troubles) > 1 else ""
            raise PushbotError(troubles[0] + more)
        found = dict.fromkeys(each for answer in answers for each in answer if not isinstance(answer, str))
        return with_labels((self._host(each) for each in found), self._options.labels)

    async def _looked_up(self, name: str) -> list[str] | str:
        """The addresses of a name, or why there are none."""
        loop = asyncio.get_running_loop()
        try:
            infos = await loop.getaddrinfo(name, None, family=_FAMILIES[self._options.family], type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            return f"{quoted(name)} has no address: {getattr(error, 'strerror', None) or error}"
        return sorted(
            {str(info[4][0]) for info in infos}, key=lambda each: (ip_address(each).version, ip_address(each))
        )

    def _host(self, found: str) -> Host:
        port = self._options.port
        if port is None:
            return Host(host_name(found))
        return Host(host_name(found), f"[{found}]:{port}" if ":" in found else f"{found}:{port}")

    def _shown(self) -> str:
        first, *rest = self._names
        return quoted(first) + (f" and {len(rest)} more names" if rest else "")
