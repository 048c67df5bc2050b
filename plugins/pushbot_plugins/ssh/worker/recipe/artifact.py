"""A package made elsewhere: fetched from the first place that has it whole, and unpacked with care."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import quote

from pushbot.tls import system_context
from pushbot_plugins.ssh.worker.seams import StepFailed

from .unpacking import Refused, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from pushbot_plugins.ssh.settings import Artifact

LARGEST: Final = 8 * 2**30
"""How many bytes an artifact may have."""
_PATIENCE: Final = 30.0
"""How long a server may keep silent, in seconds."""
_WEB: Final = ("http://", "https://")
_SHA256: Final = re.compile(r"\s*([0-9a-fA-F]{64})\b")


class _Useless(Exception):  # noqa: N818 - it is what a place is
    """A place does not have the artifact, or not whole; the text says why."""


async def fetched(artifact: Artifact, revision: str, folder: Path, note: Callable[[str], None]) -> None:
    """Unpack the artifact of `revision` into the empty `folder`, trying one place after another.

    Raises StepFailed when no place has it whole, or when it cannot be unpacked safely.
    """
    places = [_filled(each, revision) for each in artifact.urls]
    file = folder.with_name(f"{folder.name}.artifact")
    why: list[str] = []
    for number, place in enumerate(places):
        try:
            wanted = await asyncio.to_thread(_wanted, _filled(artifact.sha256, revision))
            await asyncio.to_thread(_copied, place, file, wanted)
        except _Useless as error:
            why.append(f"{place}: {error}")
            if number + 1 < len(places):
                note(f"{why[-1]}; the next place is tried")
            continue
        try:
            await asyncio.to_thread(unpack, file, _kind(place), folder)
        except Refused as error:
            raise StepFailed("check out", f"the artifact from {place} cannot be used: {error}") from error
        file.unlink()
        return
    raise StepFailed("check out", f"no place has the artifact of {revision}: {'; '.join(why)}")


def _filled(text: str, revision: str) -> str:
    if not text.startswith(_WEB) and "{revision}" in text and (revision in {".", ".."} or "/" in revision):
        raise StepFailed("identify", f"{revision!r} cannot be part of the path {text}")
    return text.replace("{revision}", quote(revision, safe="") if text.startswith(_WEB) else revision)


def _wanted(text: str) -> str:
    """The digest that `text` is, or that stands at the beginning of what it leads to."""
    if not _SHA256.fullmatch(text):
        try:
            with _opened(text) as file:
                text = file.read(4096).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise _Useless(f"its digest cannot be had ({_why(error)})") from error
    match = _SHA256.match(text)
    if match is None:
        raise _Useless("its digest cannot be had (what is there does not begin with a SHA-256)")
    return match[1].lower()


def _copied(place: str, target: Path, wanted: str) -> None:
    digest = hashlib.sha256()
    try:
        with _opened(place) as source, target.open("wb") as file:
            for piece in _pieces(source):
                digest.update(piece)
                file.write(piece)
    except (OSError, http.client.HTTPException) as error:
        raise _Useless(_why(error)) from error
    if digest.hexdigest() != wanted:
        raise _Useless(f"it is corrupt (SHA-256 {digest.hexdigest()[:12]}…, wanted {wanted[:12]}…)")


def _pieces(source: IO[bytes]) -> Iterator[bytes]:
    size = 0
    while piece := source.read(2**20):
        size += len(piece)
        if size > LARGEST:
            raise _Useless(f"it is larger than {LARGEST >> 30} GiB")
        yield piece


def _opened(place: str) -> AbstractContextManager[IO[bytes]]:
    if place.startswith(_WEB):
        opened: AbstractContextManager[IO[bytes]] = urllib.request.urlopen(  # noqa: S310 - http(s) only
            place, timeout=_PATIENCE, context=system_context()
        )
        return opened
    return Path(place).open("rb")


def _why(error: Exception) -> str:
    match error:
        case urllib.error.HTTPError():
            return f"it answers {error.code}"
        case urllib.error.URLError():
            return f"it cannot be reached: {error.reason}"
        case OSError() if error.strerror:
            return error.strerror.lower()
        case _:
            return str(error) or type(error).__name__


def _kind(place: str) -> str:
    """How the file is packed, by its name: "zip", "gz" or ""."""
    path = place.split("?", 1)[0].lower() if place.startswith(_WEB) else place.lower()
    if path.endswith(".zip"):
        return "zip"
    return "gz" if path.endswith((".gz", ".tgz")) else ""
