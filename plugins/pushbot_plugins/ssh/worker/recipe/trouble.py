"""What went wrong on a host, in words: from the status of a script and what it said."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from pushbot_plugins.ssh.worker.seams import HostTrouble

if TYPE_CHECKING:
    from .standing import Standing


class Ended(IntEnum):
    """How a script of ours ends if not well."""

    ROOT = 61
    """ROOT cannot be used."""
    STREAM = 62
    """The stream could not be unpacked."""
    CONTENT = 63
    """What lies there is not what was sent."""
    BASE = 64
    """The release to build upon cannot be used, or was changed."""
    ROOM = 65
    """There is too little room."""
    LIVE = 66
    """It would overwrite what is live."""
    SHARED = 67
    """A shared file is missing."""
    GONE = 68
    """The release to switch to is not there."""
    BLOCKED = 69
    """`current` is there and is no link."""
    ELSEWHERE = 70
    """Something else was made live meanwhile."""
    FIRST = 71
    """Nothing was live before."""


_FULL: Final = "No space left on device"
_WORDS: Final = (
    (_FULL, "no space left on {root}"),
    ("Disk quota exceeded", "the disk quota for {root} is used up"),
    ("Read-only file system", "{root} is on a file system that is read-only"),
    ("File too large", "a file is larger than may be written below {root}"),
    ("Permission denied", "cannot write to {root}: permission denied"),
    ("Wrote only", "a file could not be written in full below {root}: a quota, or a limit on files"),
)
_MEANINGS: Final[dict[int, str]] = {
    Ended.ROOT: "{root} cannot be used: {said}",
    Ended.STREAM: "the package came cut or damaged: {said}",
    Ended.CONTENT: "what lies there is not what was sent (digests differ)",
    Ended.BASE: "that release was changed since it was shipped",
    Ended.LIVE: "the folder that was to be filled was made live meanwhile",
    Ended.SHARED: "{root}/shared/{said} is missing: put there what this host is to have",
    Ended.GONE: "the release to switch to is gone",
    Ended.BLOCKED: "{root}/current is no link: move it away, releases are switched by a link",
    Ended.ELSEWHERE: "something else is live there now: {said}",
    Ended.FIRST: "there is nothing to go back to: it is the first release there",
}
_LEFT: Final = re.compile(r"^left (\d+) (\d+) (\d+) (\d+)$", re.MULTILINE)
_NOTHING: Final = 2**20
_FAILED: Final = re.compile(r"^(.+): FAILED\b", re.MULTILINE)
"""How `b2sum --check` names a file."""
_KEPT: Final = 64 * 2**10


class Said:
    """Takes what a script says, its first 64 KiB."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def take(self, piece: bytes) -> None:
        """Take a piece of it."""
        if self._size < _KEPT:
            self._pieces.append(bytes(piece))
            self._size += len(piece)

    @property
    def data(self) -> bytes:
        """All that was taken."""
        return b"".join(self._pieces)[:_KEPT]

    @property
    def text(self) -> str:
        """The same as text, with what is no UTF-8 as surrogates."""
        return self.data.decode("utf-8", "surrogateescape")

    @property
    def last(self) -> str:
        """Its last line, printable."""
        lines = [line for line in self.data.decode("utf-8", "backslashreplace").splitlines() if _tells(line)]
        return "".join(each if each.isprintable() else " " for each in lines[-1])[:300] if lines else ""


def _tells(line: str) -> bool:
    return bool(line.strip()) and not line.startswith(("left ", "tar: Exiting with failure status"))


def megabytes(size: int) -> str:
    """A size for people: `12 MB`, below one with a digit after the point."""
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e6:.1f} MB"  # noqa: PLR2004 - a million


def _no_space(root: str, said: Said, needs: tuple[int, int]) -> HostTrouble:
    """There is too little room for these bytes and files."""
    blocks, size, files, all_files = _left(said) or (0, 0, 0, 0)
    if blocks * size >= needs[0] and all_files:
        return HostTrouble("copy", f"no inodes left on {root} (needs {needs[1]}, has {files})")
    return HostTrouble("copy", f"no space left on {root} (needs {megabytes(needs[0])}, has {megabytes(blocks * size)})")


def _left(said: Said) -> tuple[int, int, int, int] | None:
    """Blocks that are free, their size, inodes that are free, and all of them: 0 where they are not counted."""
    match = _LEFT.search(said.data.decode("utf-8", "replace"))
    return match and (int(match[1]), int(match[2]), int(match[3]), int(match[4]))


def unusable(root: str, standing: Standing) -> HostTrouble | None:
    """What stands in the way of anything being done there."""
    if standing.missing:
        return HostTrouble("preflight", f"{', '.join(standing.missing)} is missing on the host (GNU tools are needed)")
    if standing.blocked:
        return HostTrouble("preflight", f"{root}/current is no link; move it away, releases are switched by a link")
    if standing.unwritable:
        return HostTrouble("preflight", f"cannot write to {standing.unwritable}, where the releases are to be")
    return None


def of_host(said: Said) -> bool:
    """Whether the host itself has the trouble, whatever way a package comes: a full disk, say."""
    return _word(said) is not None


def _word(said: Said) -> str | None:
    """Which of the words for a host's own trouble was said."""
    text = said.data.decode("utf-8", "replace")
    word = next((word for word, _ in _WORDS if word in text), None)
    # Of the last file that still fits in part, tar does not say why the rest of it does not.
    if word == "Wrote only" and (left := _left(said)) and left[0] * left[1] < _NOTHING:
        return _FULL
    return word


def ended(phase: str, root: str, status: int, said: Said, needs: tuple[int, int] = (0, 0)) -> HostTrouble:
    """The trouble that a script's status stands for; `needs` are the bytes and files that it was to write."""
    word = _word(said) if status in {Ended.ROOT, Ended.STREAM, Ended.CONTENT, Ended.BASE} else None
    if status == Ended.ROOM or (word == _FULL and _left(said)):
        return _no_space(root, said, needs)
    if word is not None:
        return HostTrouble(phase, dict(_WORDS)[word].format(root=root))
    text = said.data.decode("utf-8", "replace")
    if status == Ended.CONTENT and (found := _FAILED.search(text)):
        return HostTrouble(phase, f"{found[1]} is not what was sent (its digest differs)")
    meaning = _MEANINGS.get(status, f"ended with {status}: {{said}}")
    return HostTrouble(phase, meaning.format(root=root, said=said.last or "nothing was said"))
