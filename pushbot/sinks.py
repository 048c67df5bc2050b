"""Where log lines go. None of these may disturb whoever logs: not by raising, and not by waiting."""

from __future__ import annotations

import os
import queue
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from typing import TextIO

_SEVERITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "exception": 3, "critical": 2}
_DAEMON = 3
"""The facility of RFC 5424 that servers belong to."""
_MOST_WAITING = 10_000
_LONGEST = 8192
"""Bytes of a message; receivers have to take 2048 (RFC 5424, section 6.1), and most take this."""


class Sturdy:
    """A stream that lines can be written to, also while its disk is full: what is lost is counted, and told later."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lost = 0

    def write(self, text: str) -> None:
        """Write `text` if that is possible."""
        try:
            if self._lost:
                self._stream.write(f"({self._lost} log lines could not be written)\n")
                self._stream.flush()
                self._lost = 0
            self._stream.write(text)
        except (OSError, ValueError):  # ValueError: it is closed, as at the end of the process
            self._lost += 1

    def flush(self) -> None:
        """Have it written through, if that is possible."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._lost += 1


class Syslog:
    """Sends lines to `udp://HOST:PORT` or `unix:///PATH` as RFC 5424 has it, from a thread of its own.

    What cannot be sent is dropped, as UDP drops it too.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._lines: queue.Queue[bytes | None] = queue.Queue(_MOST_WAITING)
        self._host = socket.gethostname()[:255] or "-"
        threading.Thread(target=self._run, name="syslog", daemon=True).start()

    def send(self, level: str, at: str, line: str) -> None:
        """Queue one line; `at` is its time as ISO 8601."""
        priority = _DAEMON * 8 + _SEVERITIES.get(level, 6)
        text = line.replace("\n", "\\n")
        message = f"<{priority}>1 {at} {self._host} pushbot {os.getpid()} - - {text}".encode(errors="replace")
        with suppress(queue.Full):
            self._lines.put_nowait(message[:_LONGEST].decode(errors="ignore").encode())

    def close(self) -> None:
        """Send no more than what waits."""
        with suppress(queue.Full):
            self._lines.put_nowait(None)

    def _run(self) -> None:
        connection: socket.socket | None = None
        while (line := self._lines.get()) is not None:
            try:
                connection = connection or self._connected()
                connection.send(line)
            except OSError:
                if connection is not None:
                    connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _connected(self) -> socket.socket:
        parts = urlsplit(self.address)
        if parts.scheme == "unix":
            return _socket(socket.AF_UNIX, parts.path)
        family, *_, address = socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_DGRAM)[0]
        return _socket(family, address)


def _socket(family: int, address: str | tuple[object, ...]) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_DGRAM)
    try:
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection
