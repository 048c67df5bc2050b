"""From a git repository to a folder: a mirror that is kept, and one revision's files out of it.

A fetch happens only when the mirror lacks the revision, so that a rollback works while the remote is away. The files
come without any of git's own, as a checkout has them. Submodules are not fetched; their folders stay empty.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pushbot_plugins.ssh.worker.seams import StepFailed

from .cache import remove

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pushbot_plugins.ssh.worker.seams import Here, Report

    from .cache import Cache

FULL_ID: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REF: Final = re.compile(r"(?!.*\.\.)\w[\w./+@#=-]{0,199}")
_SECRET: Final = re.compile(r"(?<=://)[^/@\s]*@")
_CLEAN: Final = ("env", "-u", "GIT_DIR", "-u", "GIT_INDEX_FILE", "-u", "GIT_WORK_TREE", "-u", "GIT_OBJECT_DIRECTORY")
"""The worker's environment may speak of another repository."""


class Mirror:
    """The mirror of one repository. `limit` bounds each call of git, in seconds."""

    def __init__(self, cache: Cache, url: str, here: Here, report: Report, limit: float) -> None:
        self._folder = cache.mirror
        self._cache = cache
        self._url = str(Path(url).absolute()) if Path(url).exists() else url
        self._here = here
        self._report = report
        self._limit = limit

    async def update(self, revision: str) -> str:
        """The full id of `revision`, fetched if the mirror lacks it. Raises StepFailed."""
        if not _REF.fullmatch(revision):
            raise StepFailed("identify", f"{revision[:80]!r} is no name of a branch, a tag or a commit")
        if FULL_ID.fullmatch(revision) and (found := await self._commit(revision)):
            self._report.note("the mirror has the revision already")
            return found
        try:
            await self._fetch()
        except StepFailed as error:
            # A git that was killed left its lock there, or a power cut half an object: we are alone here (the cache is
            # locked), and all of it can be had again.
            if not self._folder.exists():
                raise
            self._report.note(f"the mirror is made anew: {error}")
            await asyncio.to_thread(remove, self._folder)
            await self._fetch()
        if found := await self._commit(revision):
            return found
        raise StepFailed("update", f"{self._shown} has no revision {revision!r}")

    async def export(self, commit: str, folder: Path) -> int:
        """Write the files of `commit` into the empty `folder`; the time of the commit. Raises StepFailed."""
        index = {"GIT_INDEX_FILE": f"{folder}.index", "GIT_WORK_TREE": str(folder)}
        await self._git("check out", "read-tree", commit, env=index)
        await self._git("check out", "checkout-index", "--all", "--force", "--quiet", env=index)
        out = await self._git("check out", "show", "--no-show-signature", "-s", "--format=%ct", commit)
        return int(out.split()[-1])

    async def _fetch(self) -> None:
        if not self._folder.exists():
            await self._git("update", "init", "--bare", "--quiet", str(self._folder), inside=False)
        refs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        await self._git("update", "fetch", "--prune", "--no-tags", "--quiet", "--", self._url, *refs)

    async def _commit(self, revision: str) -> str | None:
        if not self._folder.exists():
            return None
        for name in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            status, out = await self._run(("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"), {})
            if status == 0:
                return out.strip()
        return None

    async def _git(self, step: str, *arguments: str, env: Mapping[str, str] | None = None, inside: bool = True) -> str:
        try:
            status, out = await self._run(arguments, env or {}, inside=inside)
        except StepFailed as error:
            raise StepFailed(step, f"git {arguments[0]} of {self._shown}: {error}") from error
        if status:
            said = [line for line in out.splitlines() if line.strip()]
            told = next((line for line in said if line.startswith(("fatal:", "error:"))), said[-1] if said else "")
            text = _SECRET.sub("***@", told.removeprefix("fatal:").strip())
            raise StepFailed(step, f"git {arguments[0]} of {self._shown} failed ({status}): {text}")
        return out

    async def _run(self, arguments: tuple[str, ...], env: Mapping[str, str], *, inside: bool = True) -> tuple[int, str]:
        out: list[bytes] = []
        where = {"GIT_DIR": str(self._folder)} if inside else {}
        status = await self._here.run(
            (*_CLEAN, *(f"{name}={value}" for name, value in (where | dict(env)).items()), "git", *arguments),
            folder=env.get("GIT_WORK_TREE", str(self._cache.folder)),
            env={"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
            limit=self._limit,
            take=out.append,
        )
        return status, b"".join(out).decode("utf-8", "replace")

    @property
    def _shown(self) -> str:
        return _SECRET.sub("***@", self._url)
