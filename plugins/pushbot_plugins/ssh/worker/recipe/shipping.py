"""Gets a package to hosts: all of it or what their last release lacks, through a relay or directly.

A host that cannot build upon its last release gets all; one whose relay fails it, or damages what it passes on, is
fed by the bot itself.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from . import scripts
from .relays import Shipment, Useless
from .standing import Release
from .trouble import Ended, Said, ended, megabytes, of_host

if TYPE_CHECKING:
    from pushbot_plugins.ssh.settings import Releasing
    from pushbot_plugins.ssh.worker.seams import Report

    from .manifest import Manifest
    from .package import Package, Stream
    from .relays import Relays
    from .site import Site
    from .standing import Standing
    from .workshop import Workshop

_SMALL: Final = 4 * 2**20
"""Bytes for which a host is not asked whether it has room."""


class Shipping:
    """The shipping of one run. `sent` counts the bytes of packages that went to hosts directly."""

    def __init__(self, releasing: Releasing, workshop: Workshop, relays: Relays, report: Report, run: str) -> None:
        self._releasing = releasing
        self._workshop = workshop
        self._relays = relays
        self._report = report
        self._run = run
        self._room = asyncio.Semaphore(releasing.streams)
        self._one = asyncio.Lock()
        self._streams: dict[str, Stream] = {}
        self._manifests: dict[str, Manifest | None] = {}
        self.sent = 0

    async def ship(self, site: Site, standing: Standing, package: Package) -> str:
        """Have the package on the host as a release; its name. Raises HostTrouble."""
        host, attempt = site.remote.host, _Attempt(site, standing, package, self._run)
        base = await self._base(standing)
        while True:
            stream = await self._stream(package, base)
            status, said = await self._sent(attempt, stream, base)
            if not status:
                how = f"upon {base.name}" if base else "whole"
                self._report.note(f"release {attempt.name} is there, {megabytes(stream.size)} ({how})", host)
                return attempt.name
            needs = stream.needs + self._releasing.free, stream.files
            trouble = ended("copy", site.root, status, said, needs)
            if base is None or status not in {Ended.BASE, Ended.CONTENT} or of_host(said):
                raise trouble
            self._report.note(f"it cannot be built upon release {base.name}, and comes whole: {trouble}", host)
            base = None

    def forget(self) -> None:
        """Let go of what was made to be sent."""
        self._streams.clear()

    async def _base(self, standing: Standing) -> Release | None:
        """The release to build upon: the live one, or else the newest, of those whose content is known here."""
        by_age = sorted(standing.releases, key=lambda each: (each == standing.live, each.name), reverse=True)
        async with self._one:
            for each in by_age:
                if each.digest not in self._manifests:
                    self._manifests[each.digest] = await self._workshop.manifest(each.digest)
                if self._manifests[each.digest] is not None:
                    return each
        return None

    async def _stream(self, package: Package, base: Release | None) -> Stream:
        """What goes to a host that has `base`; made once for all of them."""
        digest = "" if base is None else base.digest
        async with self._one:
            if digest not in self._streams:
                manifest = self._manifests[digest] if base else None
                releasing = self._releasing
                self._streams[digest] = await asyncio.to_thread(
                    package.stream, manifest, verify_all=releasing.verify_all, compression=releasing.compression
                )
            return self._streams[digest]

    async def _sent(self, attempt: _Attempt, stream: Stream, base: Release | None) -> tuple[int, Said]:
        """Get the stream to the host, from the relay near it or else directly; how the script there ended."""
        host = attempt.site.remote.host
        if fed := self._relays.near(host):
            said = Said()
            shipment = Shipment(stream, scripts.SHIP, attempt.arguments(stream, base, self._releasing))
            try:
                status = await self._relays.feed(fed, host, shipment, said)
            except Useless as error:
                self._report.note(f"{error}; it comes directly", host)
            else:
                if status not in {Ended.STREAM, Ended.CONTENT} or of_host(said):
                    return status, said
                self._report.note(f"what came through {fed.relay.host} was damaged; it comes directly", host)
        said = Said()
        async with self._room:
            self.sent += stream.size
            status = await attempt.site.remote.feed(
                scripts.SHIP,
                stream.slices(),
                arguments=attempt.arguments(stream, base, self._releasing),
                limit=self._releasing.ship_timeout,
                take=said.take,
            )
        return status, said


@dataclass(slots=True)
class _Attempt:
    """Attempts to ship to one host. Each has a name of its own: what came before may still be under way there."""

    site: Site
    standing: Standing
    package: Package
    run: str
    tried: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What the release of the last attempt is called."""
        return self.tried[-1]

    def arguments(self, stream: Stream, base: Release | None, releasing: Releasing) -> list[str]:
        """What `scripts.SHIP` is told in the next attempt."""
        site, package, manifest = self.site, self.package, self.package.manifest
        self.tried.append(self._next_name())
        release = Release(
            *(self.name, package.revision, package.made, manifest.digest, manifest.tree, manifest.content, self.run)
        )
        kinds = {each: "file" if each in package.shared_files else "folder" for each in releasing.shared}
        # What is small is not worth a look first: if it does not fit, tar says so.
        looks = stream.needs > _SMALL or releasing.free
        room = (stream.needs + releasing.free, stream.files) if looks else (0, 0)
        return [
            *(site.root, site.prefix, release.name, secrets.token_hex(8), base.name if base else ""),
            *("z" if stream.packed else "", site.settle, release.record()),
            *map(str, room),
            *(word for path, kind in kinds.items() for word in (kind, path)),
        ]

    def _next_name(self) -> str:
        """With yin-yang, whichever is not live; else the time."""
        live = self.standing.live
        if not self.site.prefix:
            return "yang" if live is not None and live.name == "yin" else "yin"
        return self.standing.next_name(datetime(*time.gmtime()[:6], tzinfo=UTC), self.tried)
