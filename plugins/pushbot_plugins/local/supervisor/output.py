"""output.log: what all steps of a run wrote, as bytes, with every secret replaced by `***`."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LIMIT = 64 * 2**20
"""Bytes that a log may have; what comes after is dropped, and a line says so."""
_LINE = 64 * 2**10
_TAIL_BYTES, _TAIL_LINES, _TAIL_WIDTH = 16 * 2**10, 5, 300
_SHORTEST = 4
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)|[\x00-\x08\x0e-\x1f\x7f-\x9f]")


class Mask:
    """Replaces secrets in a stream of bytes, however the stream is cut into pieces.

    Of a secret of several lines each line counts, if it has four bytes or more: a lone brace is none.
    Memory is bounded by 64 KiB and twice the longest secret.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        parts: set[bytes] = set()
        for secret in secrets:
            lines = [line.strip() for line in os.fsencode(secret).splitlines()]
            whole = len(lines) == 1
            parts |= {line for line in lines if line and (whole or len(line) >= _SHORTEST)}
        self._parts = sorted(parts, key=lambda part: (-len(part), part))
        self._pattern = re.compile(b"|".join(map(re.escape, self._parts)))
        self._longest = len(self._parts[0]) if self._parts else 0
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What may be shown now: all whole lines, and of a very long line all but what may begin a secret."""
        if not self._parts:
            return data
        held = self._held + data
        cut = held.rfind(b"\n") + 1
        if not cut and len(held) > max(_LINE, 2 * self._longest):
            cut = self._safe_cut(held)
        self._held = held[cut:]
        return self._masked(held[:cut])

    def flush(self) -> bytes:
        """What is left, as the stream has ended."""
        held, self._held = self._held, b""
        return self._masked(held)

    def end(self) -> bytes:
        """The same of a stream that may have been cut off in mid-word: what is left of a secret then is masked too."""
        return self.without_half(self.flush())

    def without_half(self, text: bytes) -> bytes:
        """A text without the first part of a secret, of four bytes or more, at its end."""
        for length in range(min(self._longest - 1, len(text)), _SHORTEST - 1, -1):
            if any(len(part) > length and text.endswith(part[:length]) for part in self._parts):
                return text[:-length] + b"***"
        return text

    def take_back(self, most: int) -> int:
        """Forget what is held back, to be fed again; how many bytes that was, none when it is more than `most`."""
        held = len(self._held)
        if held > most:
            return 0
        self._held = b""
        return held

    def _safe_cut(self, held: bytes) -> int:
        """The last place that may be cut: a secret that begins before it also ends before it."""
        cut = len(held) - self._longest + 1
        for match in self._pattern.finditer(held):
            if match.start() < cut < match.end():
                return match.end()
        return cut

    def _masked(self, data: bytes) -> bytes:
        if any(part in data for part in self._parts):
            return self._pattern.sub(b"***", data)
        return data


def masked(text: str, secrets: Iterable[str], *, cut: bool = False) -> str:
    """A text with each secret replaced by `***`; where it is `cut` off, or ends in `...`, also what is left of one."""
    mask = Mask(secrets)
    whole = mask.feed(text.encode(errors="replace")) + mask.flush()
    rest = whole.removesuffix(b"...")
    if cut or rest != whole:
        whole = mask.without_half(rest) + whole[len(rest) :]
    return whole.decode(errors="replace")


def shown(output: bytes) -> tuple[str, ...]:
    """The last lines of some output that are not empty, without control characters, cut to 300 characters each."""
    lines = (_ESCAPES.sub("", line).strip() for line in output.decode(errors="replace").splitlines())
    return tuple(line[:_TAIL_WIDTH] for line in lines if line)[-_TAIL_LINES:]


class Log:
    """The run's log, open for as long as the run lasts. A disk that is full costs output, never the run."""

    def __init__(self, path: Path, secrets: Iterable[str], *, limit: int = LIMIT) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        self._mask = Mask(secrets)
        self._room = limit
        self._limit = limit
        self._last = b""

    def begin(self, title: str) -> None:
        """Begin a part of the log: a line with the time (UTC) and its title."""
        self._last = b""
        self._write(f"== {time.strftime('%H:%M:%S', time.gmtime())} {title}\n".encode())

    def note(self, text: str) -> None:
        """A line of the supervisor's own."""
        self._write(f"== {text}\n".encode())

    def take(self, data: bytes) -> None:
        """Output of the present step."""
        self._add(self._mask.feed(data))

    @property
    def size(self) -> int:
        """Bytes that the file has by now."""
        return os.fstat(self._fd).st_size

    def take_back(self, most: int) -> int:
        """Forget what is held back, which may begin a secret; how many bytes that was, none when more than `most`."""
        return self._mask.take_back(most)

    def end(self) -> None:
        """The present step writes no more."""
        self._add(self._mask.end())
        if self._last and not self._last.endswith(b"\n"):
            self._add(b"\n")

    def tail(self) -> tuple[str, ...]:
        """The last lines of the present part that are not empty, without control characters, cut to 300 each."""
        return shown(self._last)

    def close(self) -> None:
        """Let go of the file; for a process that outlives the run."""
        os.close(self._fd)

    def _add(self, data: bytes) -> None:
        if not data:
            return
        self._last = (self._last + data[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        if self._room <= 0:
            return
        kept = data[: self._room]
        self._write(kept)
        self._room -= len(data)
        if self._room <= 0:
            self._write(b"" if kept.endswith(b"\n") else b"\n")
            self.note(f"more than {self._limit} bytes of output: the rest is not kept")

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError:  # what is missing shows by itself; the next line tries again
            return
