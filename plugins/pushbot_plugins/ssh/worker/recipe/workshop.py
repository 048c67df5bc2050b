"""Makes the package of a run: identify, update the mirror, check out, build, pack; or finds it made already.

It is made once: what was made for the first stage is what the next one ships, byte for byte. So `build` does not
learn for which stage it is.
"""

from __future__ import annotations

import asyncio
import json
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from pushbot_plugins.ssh.settings import Layout
from pushbot_plugins.ssh.worker.seams import StepFailed

from .artifact import fetched
from .cache import Cache, remove
from .packing import Unpackable, pack
from .source import FULL_ID, Mirror
from .trouble import Said, megabytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pushbot_plugins.ssh.settings import Releasing
    from pushbot_plugins.ssh.worker.seams import Here, Report

    from .manifest import Manifest
    from .package import Package

_REVISION: Final = re.compile(r"[!-~]{1,200}")
_NOT_FOR_BUILDS: Final = frozenset({"PUSHBOT_STAGE", "PUSHBOT_RUN", "PUSHBOT_KIND", "PUSHBOT_PREVIOUS_REVISION"})


class Workshop:
    """Where packages are made. `facts` are the PUSHBOT_* variables of the run."""

    def __init__(self, releasing: Releasing, here: Here, report: Report, facts: Mapping[str, str]) -> None:
        self._releasing = releasing
        self._here = here
        self._report = report
        self._facts = facts
        about = releasing.artifact.urls[0] if releasing.artifact else releasing.repository
        self._cache = Cache(releasing.cache, about, releasing.keep)
        self.made = _made(releasing)

    def exact(self, revision: str) -> bool:
        """Whether `revision` names one state for ever: a commit's full id, or the version of an artifact."""
        return self._releasing.artifact is not None or FULL_ID.fullmatch(revision) is not None

    async def package(self, revision: str) -> Package:
        """The package of `revision`. Raises StepFailed."""
        self._report.step("identify")
        if not _REVISION.fullmatch(revision):
            what = f"{revision[:80]!r} cannot be one" if revision else "none was given"
            raise StepFailed("identify", f"the release recipe needs a revision, and {what}")
        limit = self._releasing.build_timeout
        async with self._cache.locked(limit, lambda: self._report.note("another run uses the cache; it is waited for")):
            try:
                return await self._found_or_made(revision)
            except OSError as error:
                where = f" ({error.filename})" if error.filename else ""
                raise StepFailed("check out", f"{(error.strerror or str(error)).lower()}{where}") from error

    async def manifest(self, digest: str) -> Manifest | None:
        """What is in the package of that digest, None when it is not remembered here."""
        return await asyncio.to_thread(self._cache.manifest, digest)

    async def _found_or_made(self, revision: str) -> Package:
        releasing, mirror = self._releasing, None
        self._report.step("update")
        if releasing.artifact is None:
            mirror = Mirror(self._cache, releasing.repository, self._here, self._report, releasing.build_timeout)
            if not self.exact(revision):
                revision = await mirror.update(revision)
        if found := await asyncio.to_thread(self._cache.find, revision, self.made):
            self._report.step("check out")
            self._report.note(f"the package of {revision} was made before: {_size(found)}")
            return found
        scratch = self._cache.scratch()
        folder = scratch / "checkout"
        folder.mkdir(mode=0o755)
        try:
            if mirror is not None:
                commit = await mirror.update(revision)
                self._report.step("check out")
                stamp: int | None = await mirror.export(commit, folder)
            else:
                self._report.step("check out")
                assert releasing.artifact is not None  # noqa: S101 - there is one of the two
                await fetched(releasing.artifact, revision, folder, self._report.note)
                stamp = None
            await self._build(revision, folder)
            package = await asyncio.to_thread(self._packed, revision, folder, stamp)
        finally:
            await asyncio.to_thread(remove, scratch)
        self._report.note(f"the package of {revision} is made: {_size(package)}")
        return package

    async def _build(self, revision: str, folder: Path) -> None:
        releasing = self._releasing
        if not releasing.build:
            return
        output, said = self._report.output(None), Said()

        def take(piece: bytes) -> None:
            output(piece)
            said.take(piece)

        facts = {name: value for name, value in self._facts.items() if name not in _NOT_FOR_BUILDS}
        self._report.note("build")
        try:
            status = await self._here.run(
                ("/bin/sh", "-e", "-c", releasing.build, "build"),
                folder=str(folder),
                env=facts | {"PUSHBOT_REVISION": revision},
                limit=releasing.build_timeout,
                take=take,
            )
        except StepFailed as error:
            raise StepFailed("check out", f"the build did not end well: {error}") from error
        if status:
            raise StepFailed("check out", f"the build failed ({status}): {said.last}")

    def _packed(self, revision: str, folder: Path, stamp: int | None) -> Package:
        releasing = self._releasing
        shipped = folder / releasing.subfolder
        if shipped.resolve() != folder.resolve() / releasing.subfolder or not shipped.is_dir():
            raise StepFailed("check out", f"there is no folder {releasing.subfolder!r} to ship from")
        body = folder.with_name("body")
        links = {each: _way_to_shared(releasing.layout, each) for each in releasing.shared}
        files = tuple(each for each in releasing.shared if (shipped / each).is_file())
        try:
            with body.open("wb") as file:
                manifest = pack(
                    shipped,
                    file,
                    exclude=releasing.exclude,
                    links=links,
                    stamp=stamp,
                    before=self._cache.newest(),
                )
            if not manifest.entries:
                raise StepFailed("check out", "there is nothing to ship: no file is left")
            return self._cache.add(revision, self.made, manifest, body, files)
        except Unpackable as error:
            raise StepFailed("check out", str(error)) from error


def _made(releasing: Releasing) -> str:
    """Stands for how a package is made: by the same options, the same package."""
    artifact = releasing.artifact
    how = (
        releasing.repository,
        (artifact.urls, artifact.sha256) if artifact else None,
        releasing.build,
        releasing.subfolder,
        releasing.exclude,
        (releasing.shared, releasing.layout) if releasing.shared else None,
    )
    return sha256(json.dumps(how).encode()).hexdigest()[:16]


def _way_to_shared(layout: Layout, path: str) -> str:
    """Where the link at `path` in a release leads: relative, so that one package serves every ROOT."""
    up = path.count("/") + (1 if layout is Layout.YIN_YANG else 2)
    return "../" * up + f"shared/{path}"


def _size(package: Package) -> str:
    files = package.manifest.files()
    return f"{len(files)} files, {megabytes(sum(each.size for each in files))}"
