"""A shell on a host, seen from here: one channel, one command at a time, its output passed on as it comes."""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import TYPE_CHECKING

import asyncssh

from pushbot_plugins.ssh.worker.net.scripts import FEED, GUARD, LATEST, READY, request
from pushbot_plugins.ssh.worker.seams import HostTrouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pushbot_plugins.ssh.worker.net.wire import Wire

SLICE = 256 * 2**10
"""Bytes of a command's input that are handed to the connection at a time, ..."""
_PILE = 64 * 2**10
"""... but not while more than that are still there."""
_READY = re.compile(rb"\n%s ?(\d*)\n" % READY.encode())
_WORD = re.compile(rb" ?(=1?|[0-9]{1,3})")
"""What may stand after a mark: the word of a guard, or an exit status, ..."""
_LONGEST = 8
"""... which have fewer bytes than this."""
_WINDOW = 256 * 2**10
_NOISE = 4 * 2**10
"""Bytes kept of what a host says before our shell is there (`.bashrc` that prints, ForceCommand)."""
_LAST_WORDS = 0.5
"""Seconds in which what a shell said can still come after the word that it ended."""
_PATIENCE = 8.0
"""Seconds that a host gets beyond what ending a command takes there."""


class ShellGone(Exception):  # noqa: N818 - it is what became of the shell
    """The shell or its connection ended, be it before the command or during it."""


class Shell(asyncssh.SSHClientSession[bytes]):
    """A GUARD or a FEED on a host. Made by `open_shell`."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._listens: asyncio.Future[bytes] = loop.create_future()
        self._ended: asyncio.Future[bool] = loop.create_future()
        self._status: asyncio.Future[int] | None = None
        self._resumed: asyncio.Future[None] | None = None
        self._take: Callable[[bytes], None] | None = None
        self._mark = b""
        self._held = b""
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._preface = b""
        self._over = False
        self.number = ""

    @property
    def open(self) -> bool:
        """Whether it can be given a command."""
        return self._listens.done() and not self._over

    async def listening(self) -> None:
        """Wait until it does. Raises HostTrouble when the host runs something else in its place."""
        try:
            self.number = (await self._listens).decode()
        except ShellGone:
            said = self._held.decode("utf-8", "replace").strip().splitlines()
            last = "".join(letter for letter in said[-1][:200] if letter.isprintable()) if said else ""
            heard = f' and said "{last}"' if last else ""
            raise HostTrouble(
                "log in",
                f"the login shell ended instead of running our commands{heard}:"
                " is a shell allowed for this user (ForceCommand, nologin)?",
            ) from None

    def begin(
        self,
        script: str,
        arguments: Sequence[str],
        env: Mapping[str, str],
        take: Callable[[bytes], None],
    ) -> asyncio.Future[int]:
        """Have a command carried out; what comes is its exit status, or ShellGone when that comes first."""
        mark = _new_mark()
        lines = request(mark, script, arguments, env)
        self._mark, self._take, self._held = mark.encode(), take, b""
        self._status = asyncio.get_running_loop().create_future()
        self._write(lines)
        return self._status

    async def pour(self, source: Iterable[bytes | memoryview], wire: Wire) -> None:
        """Send `source` as the input of the command under way, as fast as it is read, and no more once that ended."""
        for piece in source:
            view = memoryview(piece)
            for start in range(0, len(view), SLICE):
                while (resumed := self._resumed or wire.resumed) is not None:
                    await asyncio.shield(resumed)
                if self._take is None or self._over:
                    return
                self._write(bytes(view[start : start + SLICE]))
                await asyncio.sleep(0)
        if self._channel is not None and not self._over:
            self._channel.write_eof()

    def introduce(self) -> None:
        """Have the guard told who carries commands out, before the first one."""
        self._preface = f":{self.number}\n".encode()

    def guard(self, group: str) -> None:
        """Have that process group ended too when this shell's connection goes; an empty one for none."""
        mark = _new_mark()
        self._mark = mark.encode()
        self._write(f"={mark} {group}\n".encode())

    async def end(self) -> bool:
        """End what is under way and the shell; whether all has ended. The channel is closed in any case."""
        self._over = True
        try:
            if self._channel is None or self._ended.done():
                return False
            self._channel.write_eof()
            async with asyncio.timeout(LATEST + _PATIENCE):
                return await asyncio.shield(self._ended)
        except (TimeoutError, OSError):
            return False
        finally:
            self.close()

    def close(self) -> None:
        """Let go of it: with nothing under way it ends by itself."""
        self._over = True
        if self._channel is not None:
            self._channel.abort()

    def _write(self, data: bytes) -> None:
        if self._channel is None or self._over:
            raise ShellGone("the shell ended")
        self._channel.write(self._preface + data)
        self._preface = b""

    # What asyncssh calls.

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """The channel is there."""
        self._channel = chan
        chan.set_write_buffer_limits(high=_PILE)

    def data_received(self, data: bytes, _datatype: int | None) -> None:
        """Output: noise, then the ready line, then that of commands, each followed by its mark and status."""
        data, self._held = self._held + data, b""
        if not self._listens.done():
            data = self._awaited(data)
        while self._mark and data:
            at = data.find(self._mark)
            if at < 0:
                kept = _overlap(data, self._mark)
                self._give(data[: len(data) - kept])
                self._held = data[len(data) - kept :]
                return
            self._give(data[:at])
            word, line_ended, data = data[at + len(self._mark) :].partition(b"\n")
            if not line_ended and len(word) < _LONGEST:
                self._held = self._mark + word
            elif line_ended and (heard := _WORD.fullmatch(word)):
                self._heard(heard[1])
            else:
                data = b""
                self.close()
                self.connection_lost(ShellGone("what it says is not what our shell would say"))

    def _awaited(self, data: bytes) -> bytes:
        """Look for the ready line; what comes after it."""
        found = _READY.search(data)
        if found is None:
            self._held = data[-_NOISE:]
            return b""
        self._listens.set_result(found[1])
        return data[found.end() :]

    def _heard(self, word: bytes) -> None:
        """What stood after the mark: the status of the command, or from the guard that all has ended."""
        if word.startswith(b"="):
            if not self._ended.done():
                self._ended.set_result(word == b"=")
            return
        self._take = None
        if self._status is not None and not self._status.done():
            self._status.set_result(int(word))

    def _give(self, data: bytes) -> None:
        if self._take is None or not data:
            return
        try:
            self._take(data)
        except Exception as error:  # noqa: BLE001 - it is the caller's, who gets it
            self._take = None
            if self._status is not None and not self._status.done():
                self._status.set_exception(error)

    def eof_received(self) -> bool:
        """No more output; what we send may still matter."""
        return True

    def exit_status_received(self, _status: int) -> None:
        """The shell has ended. Its last words may come after this; processes it left may hold the channel open."""
        self._over = True
        asyncio.get_running_loop().call_later(_LAST_WORDS, self.connection_lost, None)

    def exit_signal_received(self, _signal: str, _core_dumped: bool, _message: str, _lang: str) -> None:  # noqa: FBT001
        """The shell was killed."""
        self.exit_status_received(1)

    def connection_lost(self, error: Exception | None) -> None:
        """The channel is closed."""
        self._over = True
        gone = ShellGone(str(error or "the shell ended"))
        self.resume_writing()
        if not self._ended.done():
            self._ended.set_result(False)
        for awaited in (self._listens, self._status):
            if awaited is not None and not awaited.done():
                awaited.set_exception(gone)
                awaited.exception()  # there may be nobody left who wants to know

    def pause_writing(self) -> None:
        """The host is slower than we are."""
        self._resumed = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """It has caught up."""
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_result(None)
        self._resumed = None


def _new_mark() -> str:
    """What nobody else knows. It begins as no line of text does: output that ends as it begins waits for more."""
    return "\x1e" + secrets.token_urlsafe(9)


def _overlap(data: bytes, mark: bytes) -> int:
    """How many bytes at the end of `data` may be the beginning of `mark`."""
    return next((length for length in range(min(len(mark) - 1, len(data)), 0, -1) if data.endswith(mark[:length])), 0)


async def open_shell(wire: Wire, *, feed: bool = False) -> Shell:
    """A shell on that connection, which listens. Raises HostTrouble, or ShellGone when the connection is gone."""
    shell = Shell()
    try:
        await wire.create_session(
            lambda: shell,
            FEED if feed else GUARD,
            encoding=None,
            window=_WINDOW,
            env={},
            send_env=[],
            request_pty=False,
        )
    except (asyncssh.Error, OSError) as error:
        if wire.is_closed():
            raise ShellGone("the connection is gone") from None
        raise HostTrouble("log in", f"it opens no channel for us ({error}): see its MaxSessions") from None
    try:
        await shell.listening()
        if not feed:
            shell.introduce()
    except BaseException:
        shell.close()
        raise
    return shell
