"""The recipe's public face: each step of it, for one run."""

from __future__ import annotations

import asyncio
import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pushbot_plugins.ssh.settings import Layout
from pushbot_plugins.ssh.worker.seams import HostTrouble, StepFailed

from . import scripts
from .preflight import preflight
from .relays import Relays, Shipment, Useless
from .standing import Release, read
from .trouble import Ended, Said, differing, ended, megabytes, no_space, of_host, unusable
from .workshop import Workshop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pushbot.fleet.model import Host
    from pushbot_plugins.ssh.settings import Relay, Releasing
    from pushbot_plugins.ssh.worker.seams import Here, Remote, Report

    from .manifest import Manifest
    from .package import Package, Stream
    from .standing import Standing

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
        self._run = run
        self._revision = revision
        self._report = report
        self._made = None if reverting else self._workshop.made
        self._prefix = "" if releasing.layout is Layout.YIN_YANG else "releases/"
        self._settle = str(round(releasing.settle * 1000))
        self._room = asyncio.Semaphore(releasing.streams)
        self._one = asyncio.Lock()
        self._package: Package | None = None
        self._failed: StepFailed | None = None
        self._streams: dict[str, Stream] = {}
        self._manifests: dict[str, Manifest | None] = {}
        self._there: dict[str, str] = {}
        self.sent = 0
        """Bytes of packages that went to hosts directly."""

    @property
    def sent_to_relays(self) -> int:
        """Bytes of packages that went to relays."""
        return self._relays.sent

    async def prepare(self) -> None:
        """Identify, update the mirror, check out, build, pack; at most once, also when it fails. Raises StepFailed."""
        await self._prepared()

    async def look(self, remote: Remote) -> Standing:
        """How the host stands. Raises HostTrouble; and StepFailed when it takes `prepare` to know the revision."""
        if not self._workshop.exact(self._revision):
            await self._prepared()
        root = self._releasing.root
        said, status = await self._ran(remote, scripts.LOOK, limit=_LIMIT)
        if status:
            raise ended("look", root, status, said)
        return read(said.text, self._prefix, root, self._revision, self._made)

    async def ship(self, remote: Remote) -> None:
        """Have the release on the host, whole, and the preflight passed; nothing live changes.

        What is there whole is not shipped again. Raises HostTrouble, and StepFailed of `prepare`.
        """
        standing = await self.look(remote)
        if trouble := unusable(self._releasing.root, standing):
            raise trouble
        name = standing.there.name if standing.there and await self._still_whole(remote, standing.there) else None
        if name is None:
            name = await self._copied(remote, standing)
        self._there[remote.host.name] = name
        await preflight(remote, self._releasing.root, self._releasing.needs, self._releasing.ports)

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
        return await self._flipped(remote, "switch", scripts.SWITCH, name, self._run, self._settle)

    async def back(self, remote: Remote) -> bool:
        """Make live what was before this run's switch; whether that changed anything.

        False when this run has switched nothing there. Raises HostTrouble, also when nothing was live before.
        """
        return await self._flipped(remote, "back", scripts.BACK, self._run, self._settle)

    async def good(self, remote: Remote) -> None:
        """Record on the host that what is live there is good. Raises HostTrouble if that is another revision."""
        said, status = await self._ran(remote, scripts.GOOD, self._revision, self._run, limit=_LONG)
        if status:
            raise ended("good", self._releasing.root, status, said)

    async def clean(self, remote: Remote) -> None:
        """Delete what is neither live, nor to go back to, nor of the newest good ones. Raises HostTrouble."""
        said, status = await self._ran(remote, scripts.CLEAN, str(self._releasing.keep), limit=_LONG)
        if status:
            raise ended("clean up", self._releasing.root, status, said)
        if gone := said.text.split():
            self._report.note(f"deleted {', '.join(sorted(gone))}", remote.host)

    async def close(self) -> None:
        """Let go of the package, which is mapped into memory."""
        async with self._one:
            self._package = None
            self._streams.clear()

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

    async def _still_whole(self, remote: Remote, release: Release) -> bool:
        """Whether a release that is there already is still what was shipped."""
        content = release.content if self._releasing.verify_all else ""
        arguments = (release.name, release.tree, content)
        said, status = await self._ran(remote, scripts.CHECK, *arguments, limit=_LONG)
        if status not in {0, Ended.BASE, Ended.CONTENT}:
            raise ended("copy", self._releasing.root, status, said)
        if status:
            self._report.note(f"release {release.name} was changed since it was shipped; it comes anew", remote.host)
        return not status

    async def _copied(self, remote: Remote, standing: Standing) -> str:
        """Ship the package; the name of the release that it has become."""
        package = await self._prepared()
        release = Release(
            self._name(standing),
            self._revision,
            package.made,
            package.manifest.digest,
            package.manifest.tree,
            package.manifest.content,
            self._run,
        )
        base = await self._base(standing)
        while True:
            stream = await self._stream(package, base)
            self._see_room(stream, standing)
            said, status = await self._sent(remote, stream, package, release, base)
            if not status:
                how = f"upon {base.name}" if base else "whole"
                self._report.note(f"release {release.name} is there, {megabytes(stream.size)} ({how})", remote.host)
                return release.name
            trouble = self._trouble(status, said, package, stream, standing)
            if base is None or status not in {Ended.BASE, Ended.CONTENT} or of_host(said):
                raise trouble
            self._report.note(f"it cannot be built upon release {base.name}, and comes whole: {trouble}", remote.host)
            base = None

    def _name(self, standing: Standing) -> str:
        """What the new release is called: with yin-yang, whichever is not live."""
        if not self._prefix:
            return "yang" if standing.live is not None and standing.live.name == "yin" else "yin"
        return standing.next_name(datetime(*time.gmtime()[:6], tzinfo=UTC))

    async def _base(self, standing: Standing) -> Release | None:
        """The release to build upon: the live one, or else the newest, of those whose content is known here."""
        by_age = sorted(standing.releases, key=lambda each: (each == standing.live, each.name), reverse=True)
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

    def _see_room(self, stream: Stream, standing: Standing) -> None:
        root, needs = self._releasing.root, stream.needs + self._releasing.free
        if needs > standing.free:
            raise no_space(root, needs, standing.free)
        if stream.files > standing.files:
            raise HostTrouble("copy", f"no room for {stream.files} files on {root} ({standing.files} inodes are free)")

    async def _sent(
        self, remote: Remote, stream: Stream, package: Package, release: Release, base: Release | None
    ) -> tuple[Said, int]:
        """Get the stream to the host, from the relay near it or else directly."""
        if fed := self._relays.near(remote.host):
            said, arguments = Said(), self._arguments(stream, package, release, base)
            try:
                status = await self._relays.feed(fed, remote.host, Shipment(stream, scripts.SHIP, arguments), said)
            except Useless as error:
                self._report.note(f"{error}; it comes directly", remote.host)
            else:
                if status not in {Ended.STREAM, Ended.CONTENT} or of_host(said):
                    return said, status
                self._report.note(f"what came through {fed.relay.host} was damaged; it comes directly", remote.host)
        said, arguments = Said(), self._arguments(stream, package, release, base)
        async with self._room:
            status = await remote.feed(
                scripts.SHIP,
                stream.slices(),
                arguments=arguments,
                limit=self._releasing.ship_timeout,
                take=said.take,
            )
        self.sent += stream.size
        return said, status

    def _arguments(self, stream: Stream, package: Package, release: Release, base: Release | None) -> list[str]:
        shared = [
            word
            for each in self._releasing.shared
            for word in ("file" if each in package.shared_files else "folder", each)
        ]
        return [
            *(self._releasing.root, self._prefix, release.name, secrets.token_hex(8), base.name if base else ""),
            *(stream.content, package.manifest.tree, "z" if stream.packed else ""),
            *("all" if self._releasing.verify_all else "", self._settle, release.record(), *shared),
        ]

    def _trouble(self, status: int, said: Said, package: Package, stream: Stream, standing: Standing) -> HostTrouble:
        wanted = {each.path: each.content for each in package.manifest.files()}
        if status == Ended.CONTENT and not of_host(said) and (path := differing(said, wanted)):
            return HostTrouble("copy", f"{path} arrived damaged (its digest is not the one that was sent)")
        needs = stream.needs + self._releasing.free
        return ended("copy", self._releasing.root, status, said, needs=needs, has=standing.free)

    async def _flipped(self, remote: Remote, phase: str, script: str, *arguments: str) -> bool:
        limit = _LIMIT + self._releasing.settle
        said, status = await self._ran(remote, script, *arguments, limit=limit)
        if status:
            raise ended(phase, self._releasing.root, status, said)
        return "switched" in said.text.splitlines()

    async def _ran(self, remote: Remote, script: str, *arguments: str, limit: float) -> tuple[Said, int]:
        """Run one of our scripts; what it said, and its status."""
        said = Said()
        words: Sequence[str] = (self._releasing.root, self._prefix, *arguments)
        return said, await remote.run(script, arguments=words, limit=limit, take=said.take)
