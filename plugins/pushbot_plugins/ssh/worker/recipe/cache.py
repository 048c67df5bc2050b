"""What the bot keeps between runs, below `cache`: the mirror, and the packages made from it.

    KEY/lock                  held by who changes anything here (flock: it goes with the process, however it ends)
    KEY/mirror.git            the repository's mirror
    KEY/packages/NAME.body    a package's tar members; NAME stands for a revision and how it was made
    KEY/packages/NAME.json    revision, digests; written last, so that a package with it is whole
    KEY/manifests/DIGEST      what is in a package, kept longer than the package: hosts may still have it
    KEY/new-…                 work under way; what a crash left is removed by the next one

KEY stands for the repository, so that several may share one cache.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict

from pushbot_plugins.ssh.worker.seams import StepFailed

from .manifest import Entry, Kind, Manifest, digest_of
from .package import Package, mapped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

MANIFESTS: Final = 100
"""How many manifests are kept."""


class _Record(TypedDict):
    """What is kept of a package beside its body and its manifest; `body` is the body's digest."""

    revision: str
    made: str
    digest: str
    body: str
    shared_files: list[str]


class Cache:
    """The part of the cache that belongs to one repository. All is to happen inside `locked`."""

    def __init__(self, folder: str, about: str, keep: int) -> None:
        self.folder = Path(folder) / digest_of([about.encode()])[:16]
        self.mirror = self.folder / "mirror.git"
        self._packages = self.folder / "packages"
        self._manifests = self.folder / "manifests"
        self._keep = max(2, keep)

    @asynccontextmanager
    async def locked(self, limit: float, waits: Callable[[], None]) -> AsyncIterator[None]:
        """Keep other runs out. `waits` is called once if it has to be waited for them, `limit` seconds at most."""
        try:
            for folder in (self._packages, self._manifests):
                folder.mkdir(parents=True, exist_ok=True)
            file = (self.folder / "lock").open("w")
        except OSError as error:
            raise StepFailed("update", f"cannot use {self.folder} as a cache: {error.strerror}") from error
        with file:
            until, told = time.monotonic() + limit, False
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > until:
                        text = f"another run has used {self.folder} for {limit:g}s; see which with `fuser {file.name}`"
                        raise StepFailed("update", text) from error
                if not told:
                    waits()
                told = True
                await asyncio.sleep(0.1)
            for left in self.folder.glob("new-*"):
                await asyncio.to_thread(remove, left)
            yield

    def scratch(self) -> Path:
        """A new, empty folder; the caller removes it, or the next run does."""
        folder = Path(tempfile.mkdtemp(prefix="new-", dir=self.folder))
        folder.chmod(0o755)
        return folder

    def find(self, revision: str, made: str) -> Package | None:
        """The package of that revision, made that way; None when there is none, or when it is damaged."""
        try:
            with self._file(revision, made, "json").open(encoding="utf-8") as file:
                record: _Record = json.load(file)
            manifest = self.manifest(record["digest"])
            with self._file(revision, made, "body").open("rb") as file:
                body = mapped(file)
        except (OSError, ValueError, KeyError):
            return None
        if manifest is None or digest_of([body]) != record["body"]:
            return None
        os.utime(self._file(revision, made, "json"))
        return Package(revision, made, manifest, body, tuple(record["shared_files"]))

    def add(self, revision: str, made: str, manifest: Manifest, body: Path, shared_files: tuple[str, ...]) -> Package:
        """Keep a package whose body is that file, which is moved; the oldest ones go."""
        with body.open("rb") as file:
            content = mapped(file)
        body.replace(self._file(revision, made, "body"))
        rows = [
            (_text(each.path), each.kind, each.mode, each.mtime, each.size, each.content, each.start, each.end)
            for each in manifest.entries
        ]
        _write(self._manifests / manifest.digest, json.dumps(rows))
        record = _Record(
            revision=revision,
            made=made,
            digest=manifest.digest,
            body=digest_of([content]),
            shared_files=list(shared_files),
        )
        _write(self._file(revision, made, "json"), json.dumps(record))
        self._prune()
        return Package(revision, made, manifest, content, shared_files)

    def manifest(self, digest: str) -> Manifest | None:
        """What is in the package of that digest, as far as it is remembered."""
        try:
            rows: list[tuple[str, str, int, int, int, str, int, int]] = json.loads(
                (self._manifests / digest).read_text(encoding="utf-8")
            )
            found = Manifest.of(Entry(_bytes(row[0]), Kind(row[1]), *row[2:]) for row in rows)
        except (OSError, ValueError, TypeError):
            return None
        return found if found.digest == digest else None

    def newest(self) -> Manifest | None:
        """What is in the package used last."""
        for path in _newest_first(self._packages.glob("*.json")):
            try:
                return self.manifest(json.loads(path.read_text(encoding="utf-8"))["digest"])
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return None

    def _prune(self) -> None:
        for record in _newest_first(self._packages.glob("*.json"))[self._keep :]:
            record.unlink(missing_ok=True)
            record.with_suffix(".body").unlink(missing_ok=True)
        for manifest in _newest_first(self._manifests.iterdir())[MANIFESTS:]:
            manifest.unlink(missing_ok=True)

    def _file(self, revision: str, made: str, suffix: str) -> Path:
        return self._packages / f"{digest_of([f'{revision} {made}'.encode()])[:32]}.{suffix}"


def remove(folder: Path) -> None:
    """Delete a folder with all in it, also what a build made so that it cannot be written."""
    for each, _, _ in os.walk(folder):
        Path(each).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def _newest_first(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def _write(path: Path, text: str) -> None:
    """Put a file there at once and whole."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
