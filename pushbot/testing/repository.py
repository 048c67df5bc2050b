"""A repository in memory: one line of commits, and branches that name some of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pushbot.errors import PushbotError
from pushbot.ports import ChangeSet, CommitInfo

AT = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
"""When commits are made unless something else is said: an hour before `clock.START`."""
FULL = 40


@dataclass(frozen=True, slots=True)
class _Commit:
    info: CommitInfo
    paths: tuple[str, ...]
    insertions: int
    deletions: int


@dataclass(slots=True)
class MemoryRepository:
    """A `Repository` of commits that follow one another.

    `trouble` is raised instead of any answer. While `answering` is cleared, no answer comes.
    """

    branches: dict[str, str] = field(default_factory=dict)
    trouble: PushbotError | None = None
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    _commits: list[_Commit] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answering.set()

    def commit(
        self,
        revision: str,
        subject: str = "A small change",
        author: str = "alice",
        *,
        paths: tuple[str, ...] = ("app.py",),
        branch: str = "main",
        at: datetime = AT,
    ) -> str:
        """Add a commit on top and move `branch` there; gives its full id, which begins with `revision`."""
        full = revision.ljust(FULL, "0")
        self._commits.append(_Commit(CommitInfo(full, author, at, subject), paths, 10, 2))
        self.branches[branch] = full
        return full

    async def resolve(self, ref: str) -> str:
        """The commit that a branch, or the beginning of an id, names now."""
        await self.answering.wait()
        if self.trouble is not None:
            raise self.trouble
        known = [one.info.id for one in self._commits if one.info.id.startswith(ref)]
        if ref not in self.branches and len(known) != 1:
            raise PushbotError(f"there is no branch, tag or commit {ref} in the repository")
        return self.branches.get(ref) or known[0]

    async def changes(self, old: str | None, new: str, *, path: str | None = None, limit: int = 20) -> ChangeSet:
        """What `new` has and `old` lacks."""
        since = 0 if old is None else self._index(await self.resolve(old)) + 1
        until = self._index(await self.resolve(new)) + 1
        found = [one for one in self._commits[since:until] if path is None or path in one.paths]
        found.reverse()
        return ChangeSet(
            commits=tuple(one.info for one in found[:limit]),
            total=len(found),
            authors=tuple(dict.fromkeys(one.info.author for one in found)),
            files=len({name for one in found for name in one.paths if path in (None, name)}),
            insertions=sum(one.insertions for one in found),
            deletions=sum(one.deletions for one in found),
        )

    def _index(self, revision: str) -> int:
        return next(index for index, one in enumerate(self._commits) if one.info.id == revision)
