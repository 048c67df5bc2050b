"""What a build prints, read on into the run's log: each line once, also where a reading was cut short."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pushbot_plugins.jenkins.server import Server
    from pushbot_plugins.remote_words import RunLog

_LONG = 65_536


@dataclass(frozen=True, slots=True)
class Mark:
    """How much of a console is in the log: what is before byte `offset` of it, and `taken` bytes of the answer to that.

    Both are needed: Jenkins counts what it has on disk, and sends it without its own notes and with other line ends.
    """

    offset: int = 0
    taken: int = 0


@dataclass(slots=True)
class Console:
    """The console of one build. `noted` is told how far the log is by now, each time that a reading ends."""

    server: Server
    number: int
    log: RunLog
    mark: Mark
    noted: Callable[[Mark], None]
    _held: bytearray = field(default_factory=bytearray)

    async def read(self) -> bool:
        """Read what is new; whether more may come. Errors as those of `Server.console`.

        What is cut short, by an error or as the bot ends, is taken up at the last whole line. While a build goes on
        Jenkins sends whole lines alone.
        """
        start, after, passed = self.mark, None, 0

        def take(piece: bytes) -> None:
            nonlocal passed
            self._held += piece[max(0, start.taken - passed) :]
            passed += len(piece)
            self._hand_over(self._held.rfind(b"\n") + 1 or (len(self._held) if len(self._held) > _LONG else 0))

        try:
            offset, more = await self.server.console(self.number, start.offset, take)
            self._hand_over(len(self._held))
            after = Mark(offset)
        finally:
            if after is None:
                new = max(0, passed - start.taken - len(self._held))
                after = Mark(start.offset, start.taken + new - self.log.take_back(new))
            self._held.clear()
            if after != start:
                self.mark = after
                self.noted(after)
        return more

    def _hand_over(self, size: int) -> None:
        self.log.take(bytes(self._held[:size]).replace(b"\r\n", b"\n"))
        del self._held[:size]
