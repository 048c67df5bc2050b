"""Gets a package to hosts: all of it or what their last release lacks, through a relay or directly.

A host that cannot build upon its last release gets all; one whose relay fails it, or damages what it passes on, is
fed by the bot itself.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pushbot_plugins.ssh.worker.seams import HostTrouble

from . import scripts
from .relays import Shipment, Useless
from .standing import Release
from .trouble import Ended, Said, differing, ended, megabytes, no_space, of_host

if TYPE_CHECKING:
    from pushbot_plugins.ssh.settings import Releasing
    from pushbot_plugins.ssh.worker.seams import Report

    from .manifest import Manifest
    from .package import Package, Stream
    from .relays import Relays
    from .site import Site
    from .standing import Standing
    from .workshop import Workshop


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
        host, manifest = site.remote.host, package.manifest
        name = _name(site, standing)
        release = Release(
            *(name, package.revision, package.made, manifest.digest, manifest.tree, manifest.content, self._run)
        )
        base = await self._base(standing)
        while True:
            stream = await self._stream(package, base)
            self._see_room(site, stream, standing)
            status, said = await self._sent(site, stream, self._arguments(site, stream, package, release, base))
            if not status:
                how = f"upon {base.name}" if base else "whole"
                self._report.note(f"release {name} is there, {megabytes(stream.size)} ({how})", host)
                return name
            needs = stream.needs + self._releasing.free
            trouble = _damaged(status, said, manifest) or ended(
                "copy", site.root, status, said, needs=needs, has=standing.free
            )
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

    def _see_room(self, site: Site, stream: Stream, standing: Standing) -> None:
        needs = stream.needs + self._releasing.free
        if needs > standing.free:
            raise no_space(site.root, needs, standing.free)
        if stream.files > standing.files:
            text = f"no room for {stream.files} files on {site.root} ({standing.files} inodes are free)"
            raise HostTrouble("copy", text)

    async def _sent(self, site: Site, stream: Stream, arguments: list[str]) -> tuple[int, Said]:
        """Get the stream to the host, from the relay near it or else directly; how the script there ended."""
        host = site.remote.host
        if fed := self._relays.near(host):
            said = Said()
            try:
                status = await self._relays.feed(fed, host, Shipment(stream, scripts.SHIP, arguments), said)
            except Useless as error:
                self._report.note(f"{error}; it comes directly", host)
            else:
                if status not in {Ended.STREAM, Ended.CONTENT} or of_host(said):
                    return status, said
                self._report.note(f"what came through {fed.relay.host} was damaged; it comes directly", host)
        said = Said()
        async with self._room:
            self.sent += stream.size
            status = await site.remote.feed(
                scripts.SHIP,
                stream.slices(),
                arguments=_with_token(arguments),
                limit=self._releasing.ship_timeout,
                take=said.take,
            )
        return status, said

    def _arguments(
        self, site: Site, stream: Stream, package: Package, release: Release, base: Release | None
    ) -> list[str]:
        """What `scripts.SHIP` is told."""
        kinds = {each: "file" if each in package.shared_files else "folder" for each in self._releasing.shared}
        return [
            *(site.root, site.prefix, release.name, secrets.token_hex(8), base.name if base else ""),
            *(stream.content, package.manifest.tree, "z" if stream.packed else ""),
            *("all" if self._releasing.verify_all else "", site.settle, release.record()),
            *(word for path, kind in kinds.items() for word in (kind, path)),
        ]


def _damaged(status: int, said: Said, manifest: Manifest) -> HostTrouble | None:
    """The trouble when a file is not what was sent."""
    if status != Ended.CONTENT or of_host(said):
        return None
    path = differing(said, {each.path: each.content for each in manifest.files()})
    if path is None:
        return None
    return HostTrouble("copy", f"{path} arrived damaged (its digest is not the one that was sent)")


def _name(site: Site, standing: Standing) -> str:
    """What the new release is called: with yin-yang, whichever is not live."""
    if not site.prefix:
        return "yang" if standing.live is not None and standing.live.name == "yin" else "yin"
    return standing.next_name(datetime(*time.gmtime()[:6], tzinfo=UTC))


def _with_token(arguments: list[str]) -> list[str]:
    """The same with another word of its own: what a relay began may still be under way on the host."""
    return [*arguments[:3], secrets.token_hex(8), *arguments[4:]]
