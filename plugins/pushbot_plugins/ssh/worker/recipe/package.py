"""A package, and what of it goes to a host: all, or what the host's previous release lacks.

A stream is one tar archive, put together from slices of the package's body, which is one file mapped into memory:
nothing is copied or packed again, however many hosts get it and whatever they have already. In it lie, below `new/`,

    list     every file and symbolic link of the release, each path ended by NUL (`links`: only those)
    sums     digests of the files that are to be looked at, as `b2sum --check` takes them
    files/   the folders, links and files; those that the host has already as hard links to `base/`
    end      empty, and last: a stream that was cut between two members lacks it

The host lets `new/` and `base/` stand for what they are there. That tar makes the hard links too, in the one process
that unpacks, costs half a kilobyte for each; where they are many, the stream is compressed.
"""

from __future__ import annotations

import gzip
import mmap
import tarfile
import tempfile
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO, TYPE_CHECKING, Final

from .manifest import Kind, checks, digest_of, named
from .packing import PREFIX, tar_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .manifest import Entry, Manifest

SLICE: Final = 256 * 2**10
MANY: Final = 2**20
"""Bytes of hard links from which on they are compressed."""
_END: Final = bytes(2 * tarfile.BLOCKSIZE)
_BLOCK: Final = 4096
"""What a file system gives out at once."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One tar archive for a host, in `size` bytes. `base` is the digest of what the host must have, "" for nothing.

    `needs` the bytes that the files take there and
    `files` how many they are.
    """

    pieces: tuple[bytes | memoryview, ...]
    size: int
    base: str
    needs: int
    files: int
    packed: bool = False
    _digest: list[str] = field(default_factory=list, compare=False)

    def slices(self) -> Iterator[bytes | memoryview]:
        """The archive, in slices of at most 256 KiB."""
        for piece in self.pieces:
            for start in range(0, len(piece), SLICE):
                yield piece[start : start + SLICE]

    def digest(self) -> str:
        """The digest of the whole archive; computed once."""
        if not self._digest:
            self._digest.append(digest_of(self.pieces))
        return self._digest[0]


@dataclass(frozen=True, slots=True)
class Package:
    """A revision, made ready to ship: what is in it, its body, and which of the shared paths are files in it."""

    revision: str
    made: str
    manifest: Manifest
    body: memoryview
    shared_files: tuple[str, ...] = ()

    def stream(self, base: Manifest | None, *, verify_all: bool, compression: bool) -> Stream:
        """What a host gets that has `base`. With `verify_all` the host looks at the content of all its files."""
        files = self.manifest.files()
        added = files if base is None else self.manifest.added_since(base)
        new = set(added)
        others = [each for each in self.manifest.entries if each.kind is not Kind.FILE]
        head = _members(
            {
                "list": _paths(each for each in self.manifest.entries if each.kind is not Kind.FOLDER),
                "links": _paths(each for each in self.manifest.entries if each.kind is Kind.LINK),
                "sums": checks(files if verify_all else added, "" if base is None else self.manifest.tree),
            }
        )
        linked = _hard_links(each for each in files if each not in new)
        pieces: list[bytes | memoryview] = [head, *self._slices([*others, *added])]
        pieces += [linked, _members({"end": b""}), _END]
        whole = Stream(
            tuple(pieces),
            sum(map(len, pieces)),
            "" if base is None else base.digest,
            sum(_rounded(each.size) for each in added) + _BLOCK * len(others),
            len(others) + len(added),
        )
        return _compressed(whole) if compression or len(linked) > MANY else whole

    def _slices(self, entries: Iterable[Entry]) -> Iterator[memoryview]:
        """Where these entries lie in the body, neighbours together."""
        start = end = 0
        for each in sorted(entries, key=lambda each: each.start):
            if each.start != end:
                yield self.body[start:end]
                start = each.start
            end = each.end
        yield self.body[start:end]


def mapped(file: IO[bytes]) -> memoryview:
    """The content of an open file, read when it is needed; lives on when the file is closed or deleted."""
    file.seek(0, 2)
    if not file.tell():
        return memoryview(b"")
    return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _members(contents: dict[str, bytes]) -> bytes:
    """Small files of ours, as members."""
    with BytesIO() as file, tar_of(file) as tar:
        for name, content in contents.items():
            info = tarfile.TarInfo(f"new/{name}")
            info.mode, info.size = 0o644, len(content)
            tar.addfile(info, BytesIO(content))
        return file.getvalue()


def _hard_links(entries: Iterable[Entry]) -> bytes:
    """Members that are links to the same path below `base/`."""
    with BytesIO() as file, tar_of(file) as tar:
        for entry in entries:
            path = entry.path.decode("utf-8", "surrogateescape")
            info = tarfile.TarInfo(PREFIX + path)
            info.type, info.linkname, info.mode, info.mtime = tarfile.LNKTYPE, f"base/{path}", entry.mode, entry.mtime
            tar.addfile(info)
        return file.getvalue()


def _paths(entries: Iterable[Entry]) -> bytes:
    return b"".join(named(each) + b"\0" for each in entries)


def _rounded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _compressed(stream: Stream) -> Stream:
    with tempfile.TemporaryFile() as file:
        with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6, mtime=0) as packed:
            for piece in stream.slices():
                packed.write(piece)
        body = mapped(file)
    return Stream((body,), len(body), stream.base, stream.needs, stream.files, packed=True)
