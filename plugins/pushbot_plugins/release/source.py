"""From a git repository to a folder: a mirror beside the releases, and one revision's files out of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pushbot_plugins.release.trouble import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Mapping


def mirrored(mirror: Path, url: str, revision: str) -> str:
    """The full id of `revision` in the mirror of `url`, which is made or fetched only if it lacks it."""
    if not mirror.exists():
        _clone(mirror, url)
    commit = _commit(mirror, revision)
    if commit is None:
        try:
            _git(mirror, "remote", "set-url", "--", "origin", _absolute(url))
            _git(mirror, "fetch", "--prune", "--quiet", "origin")
        except ReleaseError as error:
            if "File exists" not in str(error):
                raise
            shutil.rmtree(mirror)  # a git that was killed left its lock there: we are alone here, so it is nobody's
            _clone(mirror, url)
        commit = _commit(mirror, revision)
    if commit is None:
        raise ReleaseError(f"{url} has no revision {revision!r}")
    return commit


def export(mirror: Path, commit: str, folder: Path) -> None:
    """Write the files of `commit` into the empty `folder`, without any of git's own."""
    with tempfile.TemporaryDirectory(prefix="pushbot-") as scratch:
        index = {"GIT_INDEX_FILE": f"{scratch}/index", "GIT_WORK_TREE": str(folder)}
        _git(mirror, "read-tree", commit, environment=index)
        _git(mirror, "checkout-index", "--all", "--force", "--quiet", environment=index)


def _clone(mirror: Path, url: str) -> None:
    """Make the mirror; it appears at once and whole. What killed attempts have left is removed."""
    for left in mirror.parent.glob(".repo-*"):
        shutil.rmtree(left)
    scratch = Path(tempfile.mkdtemp(prefix=".repo-", dir=mirror.parent))
    try:
        _git(scratch, "clone", "--mirror", "--quiet", "--", _absolute(url), str(scratch), inside=False)
        scratch.rename(mirror)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _commit(mirror: Path, revision: str) -> str | None:
    out = _run(mirror, ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"), {})
    return out.stdout.strip() if out.returncode == 0 else None


def _absolute(url: str) -> str:
    """`url`, made absolute if it is a local path: git would read it from the mirror's folder."""
    return str(Path(url).absolute()) if Path(url).exists() else url


def _git(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None, inside: bool = True) -> None:
    done = _run(folder, arguments, environment or {}, inside=inside)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        told = next((line for line in said if line.startswith(("fatal:", "error:"))), said[-1] if said else "")
        raise ReleaseError(f"git {arguments[0]} failed in {folder}: {told.removeprefix('fatal:').strip()}")


def _run(
    folder: Path, arguments: tuple[str, ...], environment: Mapping[str, str], *, inside: bool = True
) -> subprocess.CompletedProcess[str]:
    """`git ARGUMENTS`, in the repository `folder` whatever our own environment says of another."""
    ours = {
        name: value for name, value in os.environ.items() if name not in {"GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"}
    }
    where = {"GIT_DIR": str(folder)} if inside else {}
    fixed = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        return subprocess.run(
            ("git", *arguments),  # noqa: S607 - whichever git the operator's PATH has
            env={**ours, **fixed, **where, **environment},
            cwd=environment.get("GIT_WORK_TREE"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as error:
        raise ReleaseError("git is not installed here; install it with `apt-get install git`") from error
