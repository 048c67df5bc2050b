"""The recipe's public face: each step of it, for one run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from pushbot_plugins.ssh.worker.seams import HostTrouble, StepFailed

from . import scripts
from .preflight import preflight
from .relays import Relays
from .shipping import Shipping
from .site import Site, root_of
from .standing import read
from .trouble import Ended, ended, unusable
from .workshop import Workshop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pushbot.fleet.model import Host
    from pushbot_plugins.ssh.settings import Relay, Releasing
    from pushbot_plugins.ssh.worker.seams import Here, Remote, Report

    from .package import Package
    from .standing import Release, Standing

_LIMIT: Final = 60.0
"""Seconds for what takes milliseconds on a host that is well."""
_LONG: Final = 600.0
"""Seconds for what reads or deletes whole releases, or waits for a disk."""


class Recipe:
    """One revision on its way to hosts.

    `reach` gives the Remote of a relay (a Host whose address is `Relay.host`); without it relays are passed over.
    `facts` are the PUSHBOT_* variables, for `build`. `reverting`: go back to a revision that was live earlier; a
    release of it that a host still has will do, even if made with other options than those of today.
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
    ) -> None:
        self._releasing = releasing
        self._workshop = Workshop(releasing, here, report, facts or {})
        self._relays = Relays(relays, reach, report, releasing.ship_timeout)
        self._shipping = Shipping(releasing, self._workshop, self._relays, report, run)
        self._run = run
        self._revision = revision
        self._report = report
        self._made = None if reverting else self._workshop.made
        self._one = asyncio.Lock()
        self._package: Package | None = None
        self._failed: StepFailed | None = None
        self._there: dict[str, str] = {}

    @property
    def sent(self) -> int:
        """Bytes of packages that went to hosts directly."""
        return self._shipping.sent

    @property
    def sent_to_relays(self) -> int:
        """Bytes of packages that went to relays."""
        return self._relays.sent

    def root_of(self, host: Host) -> str:
        """ROOT on that host: `{host}`, `{address}` and labels are filled in."""
        return root_of(self._releasing, host)

    async def prepare(self) -> None:
        """Identify, update the mirror, check out, build, pack; at most once, also when it fails. Raises StepFailed."""
        await self._prepared()

    async def look(self, remote: Remote) -> Standing:
        """How the host stands. Raises HostTrouble; and StepFailed when it takes `prepare` to know the revision."""
        if not self._workshop.exact(self._revision):
            await self._prepared()
        site = Site.of(remote, self._releasing)
        status, said = await site.run(scripts.LOOK, limit=_LIMIT)
        if status:
            raise ended("look", site.root, status, said)
        return read(said.text, site.prefix, site.root, self._revision, self._made)

    async def ship(self, remote: Remote) -> None:
        """Have the release on the host, whole, and the preflight passed; nothing live changes.

        What is there whole is not shipped again. Raises HostTrouble, and StepFailed of `prepare`.
        """
        standing, site = await self.look(remote), Site.of(remote, self._releasing)
        if trouble := unusable(site.root, standing):
            raise trouble
        if standing.there is not None and await self._still_whole(site, standing.there):
            name = standing.there.name
        else:
            name = await self._shipping.ship(site, standing, await self._prepared())
        self._there[remote.host.name] = name
        await preflight(remote, site.root, self._releasing.needs, self._releasing.ports)

    async def switch(self, remote: Remote) -> bool:
        """Make the release live, by one rename; whether that changed anything. Raises HostTrouble.

        What was live is remembered there first. A good release that is live already is left as it is; one that an
        earlier run left live without a word of success becomes this run's, with what that one would go back to.
        """
        name = self._there.get(remote.host.name)
        if name is None:
            there = (await self.look(remote)).there
            if there is None:
                raise HostTrouble("switch", f"revision {self._revision} was not shipped to it")
            name = there.name
        return await self._flipped(remote, "switch", scripts.SWITCH, name)

    async def back(self, remote: Remote) -> bool:
        """Make live what was before this run's switch; whether that changed anything.

        False when this run has switched nothing there. Raises HostTrouble, also when nothing was live before.
        """
        return await self._flipped(remote, "back", scripts.BACK)

    async def good(self, remote: Remote) -> None:
        """Record on the host that what is live there is good. Raises HostTrouble if that is another revision."""
        site = Site.of(remote, self._releasing)
        status, said = await site.run(scripts.GOOD, self._revision, self._run, limit=_LONG)
        if status:
            raise ended("good", site.root, status, said)

    async def clean(self, remote: Remote) -> None:
        """Delete what is neither live, nor to go back to, nor of the newest good ones. Raises HostTrouble."""
        site = Site.of(remote, self._releasing)
        status, said = await site.run(scripts.CLEAN, str(self._releasing.keep), limit=_LONG)
        if status:
            raise ended("clean up", site.root, status, said)
        if gone := said.text.split():
            self._report.note(f"deleted {', '.join(sorted(gone))}", remote.host)

    async def close(self) -> None:
        """Let go of the package, which is mapped into memory."""
        async with self._one:
            self._package = None
            self._shipping.forget()

    async def _prepared(self) -> Package:
        async with self._one:
            if self._failed is not None:
                raise StepFailed(self._failed.step, str(self._failed))
            if self._package is None:
                try:
                    self._package = await self._workshop.package(self._revision)
                except StepFailed as error:
                    self._failed = error
                    raise
                self._revision = self._package.revision
            return self._package

    async def _still_whole(self, site: Site, release: Release) -> bool:
        """Whether a release that is there already is still what was shipped."""
        content = release.content if self._releasing.verify_all else ""
        status, said = await site.run(scripts.CHECK, release.name, release.tree, content, limit=_LONG)
        if status not in {0, Ended.BASE, Ended.CONTENT}:
            raise ended("copy", site.root, status, said)
        if status:
            text = f"release {release.name} was changed since it was shipped; it comes anew"
            self._report.note(text, site.remote.host)
        return not status

    async def _flipped(self, remote: Remote, phase: str, script: str, *arguments: str) -> bool:
        site = Site.of(remote, self._releasing)
        limit = _LIMIT + self._releasing.settle
        status, said = await site.run(script, *arguments, self._run, site.settle, limit=limit)
        if status:
            raise ended(phase, site.root, status, said)
        return "switched" in said.text.splitlines()
