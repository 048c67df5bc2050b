"""What the parts of the worker ask of each other: a host that commands run on, the bot's own machine, a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from pushbot_plugins.remote_line import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pushbot.fleet.model import Host


_WIDTH: Final = 1000
"""Letters that are told of a trouble at most."""


class HostTrouble(Exception):  # noqa: N818 - it is what befalls a host
    """What went wrong with one host, in words for people: "its key is not the one in known_hosts (…)".

    The host's name is not in the text. `phase` is a word or two for where: "connect", "log in", "run", "copy".
    `sure` is False when it cannot be told whether the command took effect (the connection broke, no answer came).
    A text is made one printable line, as hosts may have had a say in it.
    """

    def __init__(self, phase: str, text: str, *, sure: bool = True) -> None:
        super().__init__(one_line(text, _WIDTH))
        self.phase = phase
        self.sure = sure


class Remote(Protocol):
    """One host. Its connection is opened when it is first needed, and used again by all that follows."""

    @property
    def host(self) -> Host:
        """Which host it is."""
        ...

    async def run(
        self,
        script: str,
        *,
        arguments: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        limit: float,
        take: Callable[[bytes], None],
    ) -> int:
        """Run `script` with the host's /bin/sh, `arguments` being $1 and on, and return its exit status.

        `take` gets its output and its errors as they come, in pieces of any size. The command's whole process
        group has ended when this returns or raises, also when it is cancelled. Raises HostTrouble when the host
        cannot be reached, the connection breaks, or `limit` seconds are over.
        """
        ...

    async def feed(
        self,
        script: str,
        source: Iterable[bytes | memoryview],
        *,
        arguments: Sequence[str] = (),
        limit: float,
        take: Callable[[bytes], None],
    ) -> int:
        """The same with `source` as its standard input, taken only as fast as the host reads (no `env`)."""
        ...


class Here(Protocol):
    """The bot's own machine."""

    async def run(
        self,
        command: Sequence[str],
        *,
        folder: str,
        env: Mapping[str, str] | None = None,
        limit: float,
        take: Callable[[bytes], None],
    ) -> int:
        """Run an argument list in `folder` with `env` beside the worker's own environment; the exit status.

        Its process group has ended when this returns or raises. Raises StepFailed when it cannot be started or
        `limit` seconds are over.
        """
        ...


class StepFailed(Exception):  # noqa: N818 - it is how a step ends
    """Something that is done once for all hosts failed; the run has failed. The text says what and why, in one line."""

    def __init__(self, step: str, text: str) -> None:
        super().__init__(one_line(text, _WIDTH))
        self.step = step


class Report(Protocol):
    """Where the parts say what happens, for the run's log (secrets are masked there) and its progress."""

    def step(self, name: str) -> None:
        """A step of the run begins."""
        ...

    def note(self, text: str, host: Host | None = None) -> None:
        """One line of our own, about a host or the whole run."""
        ...

    def output(self, host: Host | None) -> Callable[[bytes], None]:
        """A taker for the output of commands on that host (None: the bot's machine), each line with its name."""
        ...
