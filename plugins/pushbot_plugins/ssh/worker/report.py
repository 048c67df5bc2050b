"""What is told of a run while it goes on: its log, with the host's name before each line, and its progress.

Memory does not grow with what hosts print: of each host a line that is not whole yet is kept, up to 16 KiB, and its
last few lines, which an outcome may show.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from pushbot_plugins.local.supervisor.output import Mask, masked, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from pushbot.fleet.model import Host, Tally
    from pushbot_plugins.local.supervisor.files import RunFiles
    from pushbot_plugins.local.supervisor.output import Log

HERE = "here"
"""What stands before lines of the bot's own machine."""
_LINE = 16 * 2**10
_TAIL = 5
_CUT = 2 * 2**10


class RunReport:
    """The run's log and progress. `secrets` are masked, `limit` is in bytes of output for each host."""

    def __init__(self, files: RunFiles, log: Log, secrets: set[str], limit: int) -> None:
        self._files = files
        self._log = log
        self._secrets = secrets
        self._limit = limit
        self._sources: dict[str | None, _Source] = {}
        self._told: str | None = None

    def step(self, name: str) -> None:
        """A step of the run begins."""
        if name != self._told:
            self._told = name
            self._files.put_progress(name)
            self._log.begin(name)

    def tally(self, tally: Tally) -> None:
        """It is so far now."""
        self._files.put_progress(tally)

    def note(self, text: str, host: Host | None = None) -> None:
        """One line of our own, about a host or the whole run."""
        self._log.note(masked((f"{host.name}: " if host else "") + " ".join(text.split()), self._secrets))

    def output(self, host: Host | None) -> Callable[[bytes], None]:
        """A taker for the output of commands on that host (None: the bot's machine), each line with its name."""
        return self._source(host).take

    def ended(self, host: Host | None) -> None:
        """A command has ended there: what it wrote last is a line, whether it says so or not."""
        if source := self._sources.get(host.name if host else None):
            source.end()

    def tail(self, host: Host | None) -> tuple[str, ...]:
        """The last lines that came from there and are not empty, without control characters."""
        source = self._sources.get(host.name if host else None)
        return source.last() if source else ()

    def forget(self, host: Host) -> None:
        """Nothing more is to come from that host, and nobody will ask for its last lines."""
        if source := self._sources.pop(host.name, None):
            source.end()

    def close(self) -> None:
        """Write what is left."""
        for source in self._sources.values():
            source.end()

    def _source(self, host: Host | None) -> _Source:
        name = host.name if host else None
        found = self._sources.get(name)
        if found is None:
            found = self._sources[name] = _Source(name or HERE, self._log, Mask(self._secrets), self._limit)
        return found


class _Source:
    """The output of one host: whole lines of it go to the log."""

    def __init__(self, name: str, log: Log, mask: Mask, limit: int) -> None:
        self._prefix = f"{name}: ".encode(errors="replace")
        self._log = log
        self._mask = mask
        self._room = self._limit = limit
        self._held = b""
        self._last: deque[bytes] = deque(maxlen=_TAIL)

    def take(self, data: bytes) -> None:
        self._add(self._mask.feed(data))

    def end(self) -> None:
        """What is left of a line counts as one."""
        self._add(self._mask.end())
        if self._held:
            self._add(b"\n")

    def last(self) -> tuple[str, ...]:
        self.end()
        return shown(b"\n".join(self._last))

    def _add(self, data: bytes) -> None:
        lines = (self._held + data).split(b"\n")
        self._held = lines.pop()
        if len(self._held) > _LINE:
            lines.append(self._held)
            self._held = b""
        if not lines:
            return
        self._last.extend(line[:_CUT] for line in lines[-2 * _TAIL :] if line.strip())
        if self._room <= 0:
            return
        text = b"".join(self._prefix + line + b"\n" for line in lines)
        self._log.take(text if len(text) <= self._room else text[: text.rfind(b"\n", 0, self._room) + 1])
        self._room -= len(text)
        if self._room <= 0:
            self._log.take(self._prefix + f"more than {self._limit} bytes of output: the rest is not kept\n".encode())
