"""The recipe's public face: each step of it, for one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pushbot.fleet.model import Host

    from ...settings import Relay, Releasing
    from ..seams import Here, Remote, Report
    from .standing import Standing


class Recipe:
    """One revision on its way to hosts.

    `reach` gives the Remote of a relay (a Host whose address is `Relay.host`); without it relays are passed over.
    `facts` are the PUSHBOT_* variables, for `build`. `reverting`: go back to a revision that was live earlier; a
    good release of it that a host still has will do, even if made with other options than those of today.
    """

    def __init__(
        self,
        releasing: Releasing,
        relays: tuple[Relay, ...] = (),
        *,
        run: str,
        revision: str,
        here: Here,
        report: Report,
        reach: Callable[[Host], Remote] | None = None,
        facts: Mapping[str, str] | None = None,
        reverting: bool = False,
    ) -> None: ...

    async def prepare(self) -> None:
        """Identify, update the mirror, check out, build, pack; at most once. Raises StepFailed."""
        raise NotImplementedError

    async def look(self, remote: Remote) -> Standing:
        """How the host stands. Raises HostTrouble."""
        raise NotImplementedError

    async def ship(self, remote: Remote) -> None:
        """Have the release on the host, whole, and the preflight passed. Raises HostTrouble, StepFailed."""
        raise NotImplementedError

    async def switch(self, remote: Remote) -> bool:
        """Make the release live; whether that changed anything. Raises HostTrouble."""
        raise NotImplementedError

    async def back(self, remote: Remote) -> bool:
        """Make live what was before this run's switch; whether that changed anything.

        False when this run has switched nothing there. Raises HostTrouble, also when nothing was live before.
        """
        raise NotImplementedError

    async def good(self, remote: Remote) -> None:
        """Record on the host that what is live there is good. Raises HostTrouble if that is another revision."""
        raise NotImplementedError

    async def clean(self, remote: Remote) -> None:
        """Delete what is neither live, nor to go back to, nor of the newest good ones. Raises HostTrouble."""
        raise NotImplementedError

    async def close(self) -> None:
        """Let go of the package."""
        raise NotImplementedError
