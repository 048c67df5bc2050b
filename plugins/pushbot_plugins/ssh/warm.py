"""How the next run gets to a worker that has kept its connections: over a private Unix socket, both sides of it.

The worker that waits says READY to who connects. The bot then sends the run's directory and its own environment, with
the descriptor of the run's lock (SCM_RIGHTS, unix(7)), and is told TAKEN once the run is the worker's. Whenever that
word does not come and the worker is gone, the run was not begun, and the bot starts a worker as usual.

A worker is found by what it was started with: the settings, the keys and known_hosts as they were, and this program.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
import stat
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pushbot_plugins.ssh.settings import Settings

READY, TAKEN = b"ready\n", b"taken\n"
_PATIENCE = 5.0
_LARGEST = 4 * 2**20
_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Handed:
    """A run that was handed over: its directory, its lock, and the bot's environment of now."""

    directory: Path
    lock: int
    environment: dict[str, str]


def meeting_place(settings: Settings) -> Path | None:
    """Where a worker with these settings is met; None when there is no private folder for it."""
    how = settings.connecting
    marks = [repr(settings), *(_mark(Path(each)) for each in (*how.keys, *how.certificates, *how.known_hosts))]
    marks += [_mark(path) for path in sorted(Path(__file__).parent.rglob("*.py"))]
    folder = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"pushbot-{os.getuid()}"
    name = hashlib.sha256("\0".join(marks).encode(errors="replace")).hexdigest()[:24]
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return folder / name if private else None


def offer(place: Path, directory: Path, lock: int, environment: Mapping[str, str]) -> bool:
    """Hand the run to the worker that waits there; whether it has it. The bot's side, in a thread of its own.

    Who was sent a run and does not answer in time may have it, and counts as having it: it holds the run's lock.
    """
    message = json.dumps({"directory": str(directory), "environment": dict(environment)}).encode()
    with closing(socket.socket(socket.AF_UNIX)) as link:
        link.settimeout(_PATIENCE)
        try:
            link.connect(str(place))
            if link.recv(len(READY)) != READY:
                return False
            socket.send_fds(link, [len(message).to_bytes(_LENGTH)], [lock])
        except OSError:
            return False
        try:
            link.sendall(message)
            return link.recv(len(TAKEN)) == TAKEN
        except TimeoutError:
            return True
        except OSError:
            return False


class Waiting:
    """The worker's side: it waits at `place` for the next run."""

    def __init__(self, place: Path) -> None:
        self._place = place

    async def next(self, patience: float) -> tuple[Handed, socket.socket] | None:
        """The next run that comes within `patience` seconds, and the link on which to say TAKEN; None if none does."""
        loop = asyncio.get_running_loop()
        with closing(socket.socket(socket.AF_UNIX)) as door:
            door.settimeout(0)
            try:
                self._place.unlink(missing_ok=True)
                door.bind(str(self._place))
                self._place.chmod(0o600)
                door.listen(1)
                mark = _mark(self._place)
            except OSError:
                return None
            try:
                async with asyncio.timeout(patience):
                    while True:
                        link, _ = await loop.sock_accept(door)
                        if handed := await self._received(link):
                            return handed, link
                        link.close()
            except TimeoutError:
                return None
            finally:
                if _mark(self._place) == mark:  # another worker may have taken the place since
                    with suppress(OSError):
                        self._place.unlink()

    async def _received(self, link: socket.socket) -> Handed | None:
        """What came, None when it was not all of it."""
        loop = asyncio.get_running_loop()
        link.settimeout(0)
        locks: list[int] = []
        try:
            async with asyncio.timeout(_PATIENCE):
                await loop.sock_sendall(link, READY)
                await _readable(link)
                head, locks, _, _ = socket.recv_fds(link, _LENGTH, 1)
                length = int.from_bytes(head)
                message = b""
                while len(message) < min(length, _LARGEST) and (data := await loop.sock_recv(link, 2**16)):
                    message += data
            given = json.loads(message)
            return Handed(Path(given["directory"]), locks.pop(), given["environment"])
        except (OSError, ValueError, KeyError, IndexError):
            return None
        finally:
            for lock in locks:
                os.close(lock)


async def _readable(link: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(link, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(link)


def _mark(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return f"{path} is not there"
    return f"{path} {found.st_ino} {found.st_size} {found.st_mtime_ns}"
