"""Revisions: what goes out, as version control has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """One commit: full id, author's name, time, first line of its message."""

    id: str
    author: str
    at: datetime
    subject: str


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What lies between two revisions: the newest commits, how many in all, and the size of the change."""

    commits: tuple[CommitInfo, ...]
    total: int
    authors: tuple[str, ...]
    files: int
    insertions: int
    deletions: int


class Repository(Protocol):
    """Where revisions come from. Constructed as `Type(options)`."""

    async def resolve(self, ref: str) -> str:
        """The full id of the commit that `ref` (branch, tag or id) names now.

        Raises PushbotError when there is none or the repository cannot be reached.
        """
        ...

    async def changes(self, old: str | None, new: str, *, path: str | None = None, limit: int = 20) -> ChangeSet:
        """What `new` has and `old` lacks (all of `new`'s history when `old` is None), only under `path` if given.

        When `old` is ahead (a rollback) that is nothing. Raises PushbotError when a revision is unknown.
        """
        ...


@dataclass(frozen=True, slots=True)
class Touched:
    """One file that differs between two revisions; lines of a binary file are not counted."""

    path: str
    insertions: int = 0
    deletions: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a revision stands to a branch: how many commits of it are missing, and the files that do not merge."""

    behind: int
    conflicts: tuple[str, ...] = ()


@runtime_checkable
class Inspectable(Protocol):
    """What a repository may have beside: it can be looked into, for checks."""

    async def touched(self, old: str | None, new: str) -> tuple[Touched, ...]:
        """The files that differ when `new` takes the place of `old`; all of `new`'s when `old` is None.

        A file that was moved is in it under both names. Raises PushbotError when a revision is unknown.
        """
        ...

    async def standing(self, revision: str, branch: str) -> Standing:
        """How `revision` stands to what `branch` is now. Raises PushbotError when one of them is unknown."""
        ...

    async def export(self, revision: str, folder: Path) -> None:
        """Write the files of `revision` into `folder`. Raises PushbotError when that cannot be done."""
        ...
