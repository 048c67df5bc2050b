"""How a host is taken out of the load balancer and put back: one module for each way.

    balancer = made(settings.draining, web=web, here=here, folder=folder, references=references)
    await balancer.out(target)     told, and its open requests over, or `drain` seconds waited
    await balancer.back(target)    told, and seen healthy there if that can be told

Both may be repeated. Trouble is HostTrouble, phase "balancer".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, assert_never

from pushbot_plugins.ssh.settings import Way

from .called import Called
from .commanded import Commanded
from .filed import Filed
from .haproxy import HaProxy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pushbot_plugins.ssh.settings import Draining
    from pushbot_plugins.ssh.worker.seams import Here
    from pushbot_plugins.ssh.worker.target import Target
    from pushbot_plugins.ssh.worker.web import Web


class Balancer(Protocol):
    """A load balancer, as far as a rollout needs it."""

    async def out(self, target: Target) -> None:
        """Let the host get no new requests, and wait for those it has. Raises HostTrouble."""
        ...

    async def back(self, target: Target) -> None:
        """Let it get requests again, and wait until the balancer sees it healthy. Raises HostTrouble."""
        ...


def made(draining: Draining, *, web: Web, here: Here, folder: str, headers: Mapping[str, str]) -> Balancer:
    """The balancer that the operator described; `headers` are those of `draining` with references resolved."""
    match draining.way:
        case Way.HAPROXY:
            return HaProxy(draining)
        case Way.HTTP:
            return Called(draining, web, headers)
        case Way.FILE:
            return Filed(draining)
        case Way.COMMAND:
            return Commanded(draining, here, folder)
        case _:
            assert_never(draining.way)
