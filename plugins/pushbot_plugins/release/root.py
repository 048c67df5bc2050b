"""The folders of a root and what is known of each release: the only place that changes them."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pushbot_plugins.release.trouble import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORD: Final = ".release.json"
_STAMP: Final = "%Y%m%d%H%M%S"
_BUSY: Final = "another deploy holds {} and has not finished in {:g}s; wait for it, or look who runs it with `fuser {}`"


class State(StrEnum):
    """What is known of a release: made, seen to be good when live, or given up by a rollback."""

    NEW = "new"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Release:
    """One release: `run` made it, `restored_by` last rolled back to it, `replaced` is what it took over from."""

    name: str
    revision: str
    run: str
    made_at: str
    state: State = State.NEW
    restored_by: str | None = None
    replaced: str | None = None


class Root:
    """A root folder. All that changes it happens inside `locked`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.releases = self.folder / "releases"
        self.current = self.folder / "current"
        self.shared = self.folder / "shared"
        self.mirror = self.folder / "repo"

    @contextlib.contextmanager
    def locked(self, wait: float = 60.0) -> Iterator[None]:
        """Keep others out, waiting at most `wait` seconds for them; the lock goes with the process, however it ends."""
        try:
            self.releases.mkdir(parents=True, exist_ok=True)
            self.shared.mkdir(exist_ok=True)
            file = (self.folder / ".lock").open("w")
        except OSError as error:
            raise ReleaseError(f"cannot use {self.folder} as a root: {error.strerror}") from error
        with file:
            until = time.monotonic() + wait
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > until:
                        raise ReleaseError(_BUSY.format(self.folder, wait, file.name)) from error
                    time.sleep(0.05)
            yield

    def all(self) -> list[Release]:
        """The releases with a readable record, oldest first."""
        found = (self.read(name) for name in self._names())
        return [release for release in found if release]

    def live(self) -> Release | None:
        """The release that `current` leads to, or None before the first one."""
        if not self.current.is_symlink():
            if self.current.exists():
                raise ReleaseError(f"{self.current} is not a link; move it away, releases are flipped by a link there")
            return None
        return self.read(self.current.readlink().name)

    def of_run(self, run: str) -> Release:
        """The newest release that `run` made (any run's if it is empty)."""
        found = [release for release in self.all() if run in {"", release.run}]
        if not found:
            whose = f"run {run} has" if run else "there is"
            raise ReleaseError(f"{whose} no release in {self.releases}; the step that checks out comes first")
        return found[-1]

    def last_good(self, before: Release | None = None, revision: str | None = None) -> Release | None:
        """The newest good release, if asked only of those older than `before` or of `revision`."""
        good = [release for release in self.all() if release.state is State.GOOD]
        if before:
            good = [release for release in good if release.name < before.name]
        if revision:
            good = [release for release in good if release.revision == revision]
        return good[-1] if good else None

    def path(self, release: Release) -> Path:
        """The release's folder."""
        return self.releases / release.name

    def read(self, name: str) -> Release | None:
        """The record of the release of that name, or None when there is none that can be read."""
        try:
            record = json.loads((self.releases / name / RECORD).read_text())
            record["state"] = State(record["state"])
            return Release(**(record | {"name": name}))
        except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, KeyError):
            return None

    def write(self, release: Release) -> Release:
        """Put `release` on record, at once and whole."""
        replace_file(self.path(release) / RECORD, json.dumps(asdict(release), indent=1) + "\n")
        return release

    def scratch(self) -> Path:
        """A new folder beside the releases, with what earlier crashes left there removed."""
        for left in self.releases.glob(".new-*"):
            shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=".new-", dir=self.releases))
        folder.chmod(0o755)
        return folder

    def add(self, scratch: Path, revision: str, run: str) -> Release:
        """Make the finished folder `scratch` a release, by one rename, named later than all others."""
        now = datetime.strptime(time.strftime(_STAMP, time.gmtime()), _STAMP).replace(tzinfo=UTC)
        names = self._names()
        if names and (last := datetime.strptime(names[-1], _STAMP).replace(tzinfo=UTC)) >= now:
            now = last + timedelta(seconds=1)  # the name is an order first and a time second
        release = Release(name=now.strftime(_STAMP), revision=revision, run=run, made_at=now.isoformat())
        replace_file(scratch / RECORD, json.dumps(asdict(release), indent=1) + "\n")
        scratch.rename(self.path(release))
        return release

    def flip(self, release: Release) -> None:
        """Make `release` live: a fresh link takes the place of `current` by one rename."""
        fresh = self.folder / ".current-new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(Path("releases") / release.name)
        fresh.rename(self.current)
        _sync(self.folder)

    def mark(self, release: Release, state: State) -> Release:
        """Record what is known of `release` now."""
        return self.write(replace(release, state=state))

    def remove(self, release: Release) -> None:
        """Delete a release; it is renamed first, so that half of it is never taken for a release."""
        gone = self.releases / f".old-{release.name}"
        self.path(release).rename(gone)
        shutil.rmtree(gone)

    def sweep(self) -> None:
        """Delete what deletions left half done."""
        for left in self.releases.glob(".old-*"):
            shutil.rmtree(left)

    def _names(self) -> list[str]:
        """Folders named like releases, oldest first, records or not."""
        if not self.releases.is_dir():
            return []
        return sorted(each.name for each in self.releases.iterdir() if _is_stamp(each.name))


def replace_file(path: Path, text: str) -> None:
    """Give the file at `path` the content `text`, on disk, with no moment at which it is half written."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)


def _sync(folder: Path) -> None:
    """Put a rename in `folder` on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_stamp(name: str) -> bool:
    return len(name) == len("YYYYmmddHHMMSS") and name.isascii() and name.isdigit()
