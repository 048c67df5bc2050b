"""Revisions from git: a `Repository` that asks the `git` command, and nothing else.

A local path that is a repository is read where it is. Anything else (a URL, `host:path`) is
mirrored into a bare repository that is fetched before a ref is looked up. Refs and paths come
from chat: they are checked against a strict pattern, passed in argument lists behind
`--end-of-options` or `--`, and never as part of a shell line. Each call has a time limit, after
which git and all that it started are ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field

from pushbot.errors import PushbotError
from pushbot.ports import ChangeSet, CommitInfo
from pushbot_plugins import git_looks
from pushbot_plugins.git_calls import GitFailed, run_git, without_secrets

if TYPE_CHECKING:
    from pushbot.ports import Standing, Touched

_REF: Final = re.compile(r"(?!.*\.\.)\w[\w./+@#=-]{0,199}")
_FULL_ID: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REMOTE: Final = re.compile(r"[a-z][a-z0-9+.-]*://|[^/]+:(?!//)", re.IGNORECASE)
_STAT: Final = re.compile(r"(\d+) (file|insertion|deletion)")
_LOCKED: Final = re.compile(r"cannot lock ref|File exists|unable to update local ref")
_LAST_SECOND: Final = 253402300799  # of the year 9999, where datetime ends and git goes on
_TRIES: Final = 5


class GitOptions(BaseModel):
    """`repository = { type = "git", url = "…" }`.

    `url` is a path or anything that `git clone` takes; credentials belong in git's own helpers or
    an SSH key, not in it. `cache` is the folder of the bare mirror of a remote repository, by
    default one of its own in the user's cache. `timeout` bounds each call of git, in seconds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(min_length=1)
    cache: Path | None = None
    timeout: float = Field(default=120.0, gt=0)


class GitRepository:
    """Commits and what lies between them, from one git repository."""

    Options = GitOptions

    def __init__(self, options: GitOptions) -> None:
        self._url = options.url
        self._shown = without_secrets(options.url)
        self._timeout = options.timeout
        self._remote = _REMOTE.match(options.url) is not None
        local = Path(options.url).expanduser().absolute()
        self._folder = (options.cache or _default_cache(options.url)).absolute() if self._remote else local

    async def resolve(self, ref: str) -> str:
        """The full id of the commit that `ref` names now; of equal names a branch goes before a tag.

        Raises PushbotError when there is none or the repository cannot be reached. A full id that
        is here already is not fetched again, so that a rollback works while the remote is away.
        """
        if not _REF.fullmatch(ref):
            raise PushbotError(f"{ref[:80]!r} is no name of a branch, a tag or a commit")
        await self._ready()
        if not (_FULL_ID.fullmatch(ref) and await self._lookup(ref)):
            await self._fetch()
        for name in (f"refs/heads/{ref}", f"refs/tags/{ref}", ref):
            if found := await self._lookup(name):
                return found
        raise PushbotError(f"{self._shown} has no branch, tag or commit {ref!r}{await self._nearest(ref)}")

    async def changes(self, old: str | None, new: str, *, path: str | None = None, limit: int = 20) -> ChangeSet:
        """What `new` has and `old` lacks, newest first, at most `limit` commits of it; authors by number of commits.

        The size is counted from where the two parted, so that a rollback is nothing. `path` is taken
        as it is, without wildcards. Raises PushbotError when a revision is unknown.
        """
        await self._ready()
        until = await self._known(new)
        since = None if old is None else await self._known(old)
        span = until if since is None else f"{since}..{until}"
        below = ("--", path) if path else ("--",)
        count = f"--max-count={max(0, limit)}"
        form = "--format=tformat:%H%x00%aN%x00%ct%x00%s%x00"
        log = await self._git("log", "--no-show-signature", "--no-color", "--encoding=UTF-8", count, form, span, *below)
        tally = await self._git("shortlog", "--summary", "--numbered", span, *below)
        people = [line.split("\t", 1) for line in tally.split("\n") if line]
        files, insertions, deletions = await self._size(since, until, below)
        return ChangeSet(
            commits=_commits(log),
            total=sum(int(number) for number, _ in people),
            authors=tuple(name for _, name in people),
            files=files,
            insertions=insertions,
            deletions=deletions,
        )

    async def touched(self, old: str | None, new: str) -> tuple[Touched, ...]:
        """The files that differ when `new` takes the place of `old`, in which order ever; all of `new`'s without `old`.

        Raises PushbotError when a revision is unknown.
        """
        await self._ready()
        known = None if old is None else await self._known(old)
        return await git_looks.touched(self._git, known, await self._known(new))

    async def standing(self, revision: str, branch: str) -> Standing:
        """How `revision` stands to what `branch` is now; nothing is written where the repository lies.

        Raises PushbotError when one of them is unknown, or they have no history in common.
        """
        tip = await self.resolve(branch)
        return await git_looks.standing(self._git, await self._known(revision), tip)

    async def export(self, revision: str, folder: Path) -> None:
        """Write the files of `revision` into `folder`, as a checkout would. Raises PushbotError."""
        await self._ready()
        await git_looks.export(self._git, await self._known(revision), folder)

    async def _size(self, since: str | None, until: str, below: tuple[str, ...]) -> tuple[int, int, int]:
        """Files, insertions and deletions from where `since` and `until` parted, to `until`."""
        start = await self._git("hash-object", "-t", "tree", "--stdin") if since is None else None
        if since is not None:
            with contextlib.suppress(GitFailed):  # histories without a common commit have no merge base
                start = (await self._git("merge-base", since, until)).strip()
            start = start or since
        options = ("--shortstat", "--no-color", "--no-ext-diff", "--no-textconv")
        stat = await self._git("diff", *options, str(start).strip(), until, *below)
        numbers = {word: int(number) for number, word in _STAT.findall(stat)}
        return numbers.get("file", 0), numbers.get("insertion", 0), numbers.get("deletion", 0)

    async def _known(self, revision: str) -> str:
        """The full id of `revision`, fetched once if it is not here."""
        if not _REF.fullmatch(revision):
            raise PushbotError(f"{revision[:80]!r} is no name of a revision")
        if found := await self._lookup(revision):
            return found
        await self._fetch()
        if found := await self._lookup(revision):
            return found
        raise PushbotError(f"{self._shown} has no revision {revision!r}")

    async def _lookup(self, name: str) -> str | None:
        """The commit that `name` stands for in what is here, or None."""
        try:
            out = await self._git("rev-parse", "--verify", "--quiet", "--end-of-options", name + "^{commit}")
        except GitFailed as failed:
            if failed.text:  # quiet means that the name is unknown, everything else is said
                raise PushbotError(f"git cannot read {self._shown}: {failed.text}") from failed
            return None
        return out.strip()

    async def _nearest(self, ref: str) -> str:
        """A hint with the names that look like `ref`."""
        out = await self._git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads", "refs/tags")
        names = [name for name in out.split("\n") if name]
        near = get_close_matches(ref, names, n=3, cutoff=0.4) or names[:3]
        return f"; the nearest are {', '.join(near)}" if near else "; it has no commits yet"

    async def _ready(self) -> None:
        """See to it that there is a repository in the folder."""
        if self._remote:
            if not self._folder.exists():
                await self._clone()
        elif not self._folder.is_dir():
            raise PushbotError(f"there is no git repository at {self._shown}; correct the repository's `url`")

    async def _clone(self) -> None:
        """Mirror the remote; the mirror appears at once and whole, whoever else makes it at the same time."""
        parent = self._folder.parent
        try:
            parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=".mirror-", dir=parent))
        except OSError as error:
            raise PushbotError(f"cannot make a mirror of {self._shown} in {parent}: {error.strerror}") from error
        try:
            await run_git(("clone", "--mirror", "--quiet", "--", self._url, str(temporary)), parent, self._timeout)
            _move(temporary, self._folder)
        except GitFailed as failed:
            raise self._unreachable(failed) from failed
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    async def _fetch(self) -> None:
        """Bring the mirror up to date; another fetch of it at the same moment is waited out."""
        if not self._remote:
            return
        for left in reversed(range(_TRIES)):
            try:
                await self._git("fetch", "--prune", "--quiet", "--end-of-options", "origin")
                return
            except GitFailed as failed:
                if not left or not _LOCKED.search(failed.said):
                    raise self._unreachable(failed) from failed
            await asyncio.sleep(0.2)

    def _unreachable(self, failed: GitFailed) -> PushbotError:
        return PushbotError(f"git cannot fetch {self._shown}: {failed.text}")

    async def _git(self, *arguments: str, **env: str) -> str:
        return await run_git(arguments, self._folder, self._timeout, env)


def _move(temporary: Path, final: Path) -> None:
    """Give the new mirror its name, unless somebody else was quicker."""
    with contextlib.suppress(OSError):
        temporary.rename(final)


def _default_cache(url: str) -> Path:
    """A folder for the mirror of `url`: systemd's CacheDirectory, else the user's cache."""
    given = os.environ.get("CACHE_DIRECTORY", "").split(":")[0] or os.environ.get("XDG_CACHE_HOME")
    base = Path(given) if given else Path.home() / ".cache"
    name = re.sub(r"[^A-Za-z0-9]+", "-", url.rstrip("/").removesuffix(".git").rsplit("/", 1)[-1]).strip("-")
    return base / "pushbot" / f"{name}-{hashlib.sha256(url.encode()).hexdigest()[:12]}.git"


def _commits(log: str) -> tuple[CommitInfo, ...]:
    """The commits in what `git log` printed: four fields each, every one ended by NUL."""
    fields = log.split("\0")[:-1]
    rows = zip(fields[0::4], fields[1::4], fields[2::4], fields[3::4], strict=True)
    return tuple(CommitInfo(commit.strip(), author, _moment(at), subject) for commit, author, at, subject in rows)


def _moment(seconds: str) -> datetime:
    """A commit's time; one out of all bounds, which git allows, becomes the nearest that can be shown."""
    return datetime.fromtimestamp(min(max(0, int(seconds or 0)), _LAST_SECOND), UTC)
