"""Unpacks an archive that somebody else made, so that nothing in it can get out of the folder.

Refused are absolute paths, `..`, members below a link or a file, links that lead out, devices and the like, and
more or larger members than a release can have. Files are written first and links made last, so that nothing is
ever written through a link. Modes lose what only concerns others' rights: write for group and others, set-id.
"""

from __future__ import annotations

import calendar
import os
import posixpath
import stat
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from .manifest import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LARGEST: Final = 16 * 2**30
"""How many bytes all files may have together."""
MOST: Final = 500_000
"""How many members there may be."""


class Refused(Exception):  # noqa: N818 - it is what the archive is
    """The archive is damaged or not safe; the text says why."""


@dataclass(frozen=True, slots=True)
class _Member:
    """One member. `target` is where a link leads, for a hard link (`hard`) another member's path."""

    path: str
    kind: Kind
    mode: int
    mtime: float
    target: str = ""
    hard: bool = False
    open: Callable[[], IO[bytes]] | None = None


def unpack(archive: Path, packed: str, folder: Path) -> None:
    """Unpack `archive` ("zip", "gz" for tar.gz, "" for tar) into the empty `folder`. Raises Refused, OSError."""
    try:
        with _zip(archive) if packed == "zip" else _tar(archive, packed) as members:
            _write(members, os.fsencode(folder))
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
        raise Refused(f"it is damaged ({error})") from error


def _write(members: Iterator[_Member], folder: bytes) -> None:
    kinds: dict[str, Kind] = {}
    links: dict[str, _Member] = {}
    size = 0
    for count, member in enumerate(members):
        if count >= MOST:
            raise Refused(f"it has more than {MOST:,} members")
        path = _safe(member.path)
        if not path:
            continue
        _parents(path, kinds, folder)
        if kinds.get(path, member.kind) is not member.kind:
            raise Refused(f"it has {member.path!r} twice, as a {kinds[path]} and as a {member.kind}")
        kinds[path] = member.kind
        where = _at(folder, path)
        match member.kind:
            case Kind.FOLDER:
                os.makedirs(where, exist_ok=True)  # noqa: PTH103 - bytes
            case Kind.LINK:
                _leads_in(path, member.target)
                links[path] = member
            case Kind.FILE:
                size += _file(member, where, folder, kinds, LARGEST - size)
    for path, member in links.items():
        os.symlink(os.fsencode(member.target), _at(folder, path))  # noqa: PTH211 - bytes


def _file(member: _Member, where: bytes, folder: bytes, kinds: dict[str, Kind], room: int) -> int:
    """Write one file; how many bytes it has."""
    if member.hard:
        other = _safe(member.target)
        if kinds.get(other) is not Kind.FILE:
            raise Refused(f"{member.path!r} is a link to {member.target!r}, which is no file before it")
        source: IO[bytes] = open(_at(folder, other), "rb")  # noqa: PTH123, SIM115 - bytes; closed below
    else:
        assert member.open is not None  # noqa: S101 - what is no hard link has a content
        source = member.open()
    size = 0
    with source, open(where, "wb") as file:  # noqa: PTH123 - bytes
        while piece := source.read(2**20):
            size += len(piece)
            if size > room:
                raise Refused(f"it has more than {LARGEST >> 30} GiB in it")
            file.write(piece)
    os.chmod(where, member.mode & 0o755 | 0o600)  # noqa: PTH101 - bytes
    os.utime(where, (member.mtime, member.mtime))
    return size


def _safe(path: str) -> str:
    """`path` without `.` and doubled slashes."""
    if path.startswith("/") or ".." in path.split("/") or "\0" in path:
        raise Refused(f"{path!r} in it leads out of the release")
    return "/".join(part for part in path.split("/") if part not in {"", "."})


def _parents(path: str, kinds: dict[str, Kind], folder: bytes) -> None:
    """See that all above `path` are folders; those that are not there yet are made."""
    above = ""
    for part in path.split("/")[:-1]:
        above = f"{above}/{part}" if above else part
        if kinds.setdefault(above, Kind.FOLDER) is not Kind.FOLDER:
            raise Refused(f"{path!r} in it lies below {above!r}, which is no folder")
    if above:
        os.makedirs(_at(folder, above), exist_ok=True)  # noqa: PTH103 - bytes


def _leads_in(path: str, target: str) -> None:
    end = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if not target or target.startswith("/") or end.split("/")[0] == "..":
        raise Refused(f"{path!r} in it is a link to {target!r}, which leads out of the release")


@contextmanager
def _tar(archive: Path, packed: str) -> Iterator[Iterator[_Member]]:
    with archive.open("rb") as file:
        mode = "r|gz" if packed == "gz" else "r|"
        with tarfile.open(fileobj=file, mode=mode, encoding="utf-8", errors="surrogateescape") as tar:  # type: ignore[call-overload]
            yield (_of_tar(tar, info) for info in tar)


def _of_tar(tar: tarfile.TarFile, info: tarfile.TarInfo) -> _Member:
    def content() -> IO[bytes]:
        opened = tar.extractfile(info)
        assert opened is not None  # noqa: S101 - it is a file
        return opened

    if info.isdir():
        return _Member(info.name, Kind.FOLDER, info.mode, info.mtime)
    if info.issym():
        return _Member(info.name, Kind.LINK, info.mode, info.mtime, info.linkname)
    if info.islnk():
        return _Member(info.name, Kind.FILE, info.mode, info.mtime, info.linkname, hard=True)
    if info.isreg():
        return _Member(info.name, Kind.FILE, info.mode, info.mtime, open=content)
    raise Refused(f"{info.name!r} in it is neither a file, a folder nor a link")


@contextmanager
def _zip(archive: Path) -> Iterator[Iterator[_Member]]:
    with zipfile.ZipFile(archive) as opened:
        yield (_of_zip(opened, info) for info in opened.infolist())


def _of_zip(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Member:
    unix = info.external_attr >> 16
    mode = stat.S_IMODE(unix) or 0o644
    if info.flag_bits & 1:
        raise Refused("it is encrypted")
    if info.is_dir():
        return _Member(info.filename, Kind.FOLDER, mode, 0)
    match stat.S_IFMT(unix):
        case stat.S_IFLNK:
            if info.file_size > os.pathconf("/", "PC_PATH_MAX"):
                raise Refused(f"{info.filename!r} in it is a link to nowhere")
            return _Member(info.filename, Kind.LINK, mode, 0, os.fsdecode(opened.read(info)))
        case 0 | stat.S_IFREG:
            return _Member(info.filename, Kind.FILE, mode, _zip_time(info), open=lambda: opened.open(info))
        case _:
            raise Refused(f"{info.filename!r} in it is neither a file, a folder nor a link")


def _zip_time(info: zipfile.ZipInfo) -> float:
    """A zip says the time without its zone; UTC is as good as any, and the same everywhere."""
    return max(0, calendar.timegm((*info.date_time, 0, 0, 0)))


def _at(folder: bytes, path: str) -> bytes:
    return os.path.join(folder, path.encode("utf-8", "surrogateescape"))  # noqa: PTH118 - bytes
