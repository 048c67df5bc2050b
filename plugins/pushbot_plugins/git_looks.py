"""Looks into a git repository, for checks: what differs, what merges, and the files of a revision.

Nothing is written into the repository: a merge is tried with a folder of its own for new objects, and files are
written with an index of their own. All revisions given are full ids.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Protocol

from pushbot.errors import PushbotError
from pushbot.ports import Standing, Touched
from pushbot_plugins.git_calls import GitFailed

if TYPE_CHECKING:
    from pathlib import Path

_CONFLICTS = 1
"""The exit code of a merge that is not clean."""


class Git(Protocol):
    """A repository to call git in; `env` are variables for that call."""

    async def __call__(self, *arguments: str, **env: str) -> str:
        """What git prints. Raises GitFailed."""
        ...


async def touched(git: Git, old: str | None, new: str) -> tuple[Touched, ...]:
    """The files that differ between two trees, both names of a moved one; all of `new`'s when `old` is None."""
    start = old or (await git("hash-object", "-t", "tree", "--stdin")).strip()
    plain = ("--numstat", "-z", "--no-renames", "--no-color", "--no-ext-diff", "--no-textconv")
    out = await git("diff", *plain, start, new, "--")
    rows = (row.split("\t", 2) for row in out.split("\0") if row)
    return tuple(Touched(path, _lines(added), _lines(deleted)) for added, deleted, path in rows)


def _lines(count: str) -> int:
    return int(count) if count.isdecimal() else 0  # `-` for a binary file


async def standing(git: Git, revision: str, tip: str) -> Standing:
    """How many commits of `tip` are missing in `revision`, and what does not merge."""
    behind = int(await git("rev-list", "--count", f"{revision}..{tip}", "--"))
    if not behind:
        return Standing(0)
    objects = (await git("rev-parse", "--path-format=absolute", "--git-path", "objects")).strip()
    with tempfile.TemporaryDirectory(prefix="pushbot-merge-") as own:
        try:
            await git(
                *("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", tip, revision),
                GIT_OBJECT_DIRECTORY=own,
                GIT_ALTERNATE_OBJECT_DIRECTORIES=objects,
            )
        except GitFailed as failed:
            if failed.code == _CONFLICTS:
                return Standing(behind, tuple(dict.fromkeys(filter(None, failed.out.split("\0")[1:]))))
            raise PushbotError(f"git cannot try the merge (2.38 or later can): {failed.text}") from failed
    return Standing(behind)


async def export(git: Git, revision: str, folder: Path) -> None:
    """Write the files of `revision` into `folder`; no hook of the repository is run."""
    own = (await git("rev-parse", "--absolute-git-dir")).strip()
    with tempfile.TemporaryDirectory(prefix="pushbot-index-") as index:
        place = {"GIT_DIR": own, "GIT_WORK_TREE": str(folder), "GIT_INDEX_FILE": f"{index}/index"}
        await git("read-tree", revision, **place)
        await git("checkout-index", "--all", "--force", "--quiet", f"--prefix={folder}/", **place)
