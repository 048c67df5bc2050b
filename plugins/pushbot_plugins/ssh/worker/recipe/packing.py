"""From a folder to a package's body: the tar members of all that is shipped, each at a known place in one file.

The same folder makes the same bytes. Owners are left out; folders can be entered and files read by their owner,
whatever the folder says. A file that is just what the package before had keeps that one's time, so that a host
which has the file need not get it again; all else gets the time of the commit.
"""

from __future__ import annotations

import os
import stat
import tarfile
from dataclasses import replace
from fnmatch import fnmatchcase
from hashlib import blake2b
from typing import IO, TYPE_CHECKING, Final

from .manifest import Entry, Kind, Manifest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PREFIX: Final = "new/files/"
"""Where the release lies in a stream."""


class Unpackable(Exception):  # noqa: N818 - it is what the folder is
    """Something in the folder cannot be shipped; the text says what."""


def pack(
    folder: Path,
    body: IO[bytes],
    *,
    exclude: Sequence[str],
    links: dict[str, str],
    stamp: int | None,
    before: Manifest | None,
) -> Manifest:
    """Write all below `folder` to `body`, and return what it was.

    `exclude` are shell patterns: one without a slash fits names at any depth, one with a slash whole paths. `links`
    are paths that become symbolic links, whatever is there. `stamp` is the time of what is new, by default the
    file's own. Raises Unpackable, and OSError.
    """
    inherited = {} if before is None else {_looks(each): each.mtime for each in before.entries}
    instead = {path.encode(): target.encode() for path, target in links.items()}
    entries: list[Entry] = []
    with tar_of(body) as tar:
        for path, own in _found(os.fsencode(folder), b"", exclude, instead):
            start = tar.offset
            if own is None:
                entry = _link(path, instead[path], stamp or 0)
            elif stat.S_ISLNK(own.st_mode):
                entry = _link(path, _target(folder, path), stamp or int(own.st_mtime))
            else:
                entry = _plain(folder, path, own, stamp)
            entry = replace(entry, mtime=inherited.get(_looks(entry), entry.mtime))
            _add(tar, folder, entry, instead)
            entries.append(replace(entry, start=start, end=tar.offset))
    body.truncate(entries[-1].end if entries else 0)  # the end of an archive is the stream's to write
    return Manifest.of(entries)


def tar_of(file: IO[bytes]) -> tarfile.TarFile:
    """An archive to write, in the one format that takes paths of any length and any bytes."""
    return tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape")


def _found(
    folder: bytes, above: bytes, exclude: Sequence[str], instead: dict[bytes, bytes]
) -> Iterator[tuple[bytes, os.stat_result | None]]:
    """Every path to be packed, parents first, None for one that is to be a link of ours."""
    names = {entry.name: entry for entry in os.scandir(os.path.join(folder, above))}  # noqa: PTH118 - bytes
    wanted = {each[len(above) :].split(b"/")[0] for each in instead if each.startswith(above)}
    for name in sorted(names.keys() | wanted):
        path = above + name
        if path in instead:
            yield path, None
            continue
        if name not in names:
            yield from _made(path, instead)
            continue
        if path == b".git" or _fits(path, exclude):
            continue
        own = names[name].stat(follow_symlinks=False)
        yield path, own
        if stat.S_ISDIR(own.st_mode):
            yield from _found(folder, path + b"/", exclude, instead)
        elif name in wanted:
            raise Unpackable(f"{_shown(path)} is no folder, and a shared path lies below it")


def _made(path: bytes, instead: dict[bytes, bytes]) -> Iterator[tuple[bytes, None]]:
    """The shared paths below a folder that is not there; tar makes the folders on the way."""
    yield from ((each, None) for each in sorted(instead) if each.startswith(path + b"/"))


def _fits(path: bytes, exclude: Sequence[str]) -> bool:
    text = _text(path)
    return any(fnmatchcase(text if "/" in each else text.rpartition("/")[2], each.strip("/")) for each in exclude)


def _plain(folder: Path, path: bytes, own: os.stat_result, stamp: int | None) -> Entry:
    mode = stat.S_IMODE(own.st_mode)
    if stat.S_ISDIR(own.st_mode):
        return Entry(path, Kind.FOLDER, mode | 0o700, 0, 0, "")
    if not stat.S_ISREG(own.st_mode):
        raise Unpackable(f"{_shown(path)} is neither a file, a folder nor a link; leave it out with `exclude`")
    digest, size = blake2b(digest_size=32), 0
    with open(_below(folder, path), "rb") as file:  # noqa: PTH123 - bytes
        while piece := file.read(2**20):
            digest.update(piece)
            size += len(piece)
    mtime = int(own.st_mtime) if stamp is None else stamp
    return Entry(path, Kind.FILE, mode | 0o400, max(0, mtime), size, digest.hexdigest())


def _link(path: bytes, target: bytes, mtime: int) -> Entry:
    content = blake2b(target, digest_size=32).hexdigest()
    return Entry(path, Kind.LINK, 0o777, max(0, mtime), len(target), content)


def _add(tar: tarfile.TarFile, folder: Path, entry: Entry, instead: dict[bytes, bytes]) -> None:
    info = tarfile.TarInfo(PREFIX + _text(entry.path))
    info.mode, info.mtime = entry.mode, entry.mtime
    match entry.kind:
        case Kind.FOLDER:
            info.type = tarfile.DIRTYPE
            tar.addfile(info)
        case Kind.LINK:
            target = instead.get(entry.path) or _target(folder, entry.path)
            info.type, info.linkname = tarfile.SYMTYPE, _text(target)
            tar.addfile(info)
        case Kind.FILE:
            info.size = entry.size
            with open(_below(folder, entry.path), "rb") as file:  # noqa: PTH123 - bytes
                tar.addfile(info, file)


def _looks(entry: Entry) -> tuple[bytes, Kind, int, str]:
    return entry.path, entry.kind, entry.mode, entry.content


def _below(folder: Path, path: bytes) -> bytes:
    return os.path.join(os.fsencode(folder), path)  # noqa: PTH118 - bytes


def _target(folder: Path, path: bytes) -> bytes:
    return os.readlink(_below(folder, path))  # noqa: PTH115 - bytes


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


def _shown(path: bytes) -> str:
    return repr(path.decode("utf-8", "backslashreplace"))
