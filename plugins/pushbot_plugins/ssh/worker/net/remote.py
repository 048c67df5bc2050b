"""A host that commands run on: its connection is made when first needed, and used again by all that follows."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from pushbot_plugins.ssh.worker.net.shell import Shell, ShellGone, open_shell
from pushbot_plugins.ssh.worker.seams import HostTrouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence

    from pushbot.fleet.model import Host
    from pushbot_plugins.ssh.worker.net.places import Places
    from pushbot_plugins.ssh.worker.net.wire import Wire

    Dial = Callable[[Host], Awaitable[Wire]]
    """Makes the connection to a host, or raises HostTrouble."""


class Reached:
    """A Remote (seams.py). One command at a time: who comes meanwhile waits, which no limit counts."""

    def __init__(
        self, host: Host, dial: Dial, places: Places, at_once: asyncio.Semaphore, login_timeout: float
    ) -> None:
        self._host = host
        self._dial = dial
        self._places = places
        self._at_once = at_once
        self._login_timeout = login_timeout
        self._turn = asyncio.Lock()
        self._wire: Wire | None = None
        self._shell: Shell | None = None

    @property
    def host(self) -> Host:
        """Which host it is."""
        return self._host

    async def run(
        self,
        script: str,
        *,
        arguments: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        limit: float,
        take: Callable[[bytes], None],
    ) -> int:
        """Run a script on the host, as `seams.Remote.run` says."""
        async with self._in_use():
            _, shell = await self._kept()
            async with _bounded("run", limit, shell):
                return await shell.begin(script, arguments, env or {}, take)

    async def feed(
        self,
        script: str,
        source: Iterable[bytes | memoryview],
        *,
        arguments: Sequence[str] = (),
        limit: float,
        take: Callable[[bytes], None],
    ) -> int:
        """As Remote says. The command has a channel of its own, and the shell that is kept watches over it."""
        async with self._in_use():
            wire, guard = await self._kept()
            async with _bounded("copy", limit, guard):
                feed = await self._opened(wire, feed=True)
                try:
                    guard.guard(feed.number)
                    status = feed.begin(script, arguments, {}, take)
                    await feed.pour(source, wire)
                    code = await status
                    guard.guard("")
                    return code
                finally:
                    feed.close()

    def leave(self) -> None:
        """Close the connection: another host needs the place."""
        if self._wire is not None:
            self._wire.close()
        self._wire = self._shell = None

    def close(self) -> Wire | None:
        """Close the connection, if there is one; it is closing."""
        wire = self._wire
        self.leave()
        return wire

    @asynccontextmanager
    async def _in_use(self) -> AsyncIterator[None]:
        async with self._turn:
            self._places.used(self)
            try:
                yield
            finally:
                if self._wire is not None:
                    self._places.idle(self)

    async def _kept(self) -> tuple[Wire, Shell]:
        """The connection and its shell, made anew where they are not there or broke while nobody used them."""
        if self._wire is not None and not self._wire.is_closed():
            if self._shell is not None and self._shell.open:
                return self._wire, self._shell
            with suppress(ShellGone):
                self._shell = await self._opened(self._wire)
                return self._wire, self._shell
        if self._wire is not None:
            self.leave()
            self._places.free()
        return await self._connected()

    async def _connected(self) -> tuple[Wire, Shell]:
        await self._places.take()
        wire: Wire | None = None
        try:
            async with self._at_once:
                wire = await self._dial(self._host)
                shell = await self._opened(wire, until=wire.usable_until)
        except BaseException as error:
            if wire is not None:
                wire.close()
            self._places.free()
            if isinstance(error, ShellGone):
                raise HostTrouble("log in", f"closed the connection as soon as we were logged in ({error})") from None
            raise
        self._wire, self._shell = wire, shell
        return wire, shell

    async def _opened(self, wire: Wire, *, feed: bool = False, until: float | None = None) -> Shell:
        limit = self._login_timeout
        try:
            async with asyncio.timeout_at(until or asyncio.get_running_loop().time() + limit):
                return await open_shell(wire, feed=feed)
        except TimeoutError:
            raise HostTrouble("log in", f"let us in, but gave us no shell within {limit:g} s") from None


@asynccontextmanager
async def _bounded(phase: str, limit: float, guard: Shell) -> AsyncIterator[None]:
    """Bound a command in time, and have `guard` see to it that nothing of it runs on when it is left early."""
    try:
        async with asyncio.timeout(limit):
            yield
    except HostTrouble:
        raise  # it was never begun
    except TimeoutError:
        ended = "it was ended" if await guard.end() else "it could not be ended, so it may still run"
        raise HostTrouble(phase, f"took longer than {limit:g} s; {ended}", sure=False) from None
    except ShellGone as gone:
        raise HostTrouble(phase, f"the connection broke while the command ran ({gone})", sure=False) from None
    except BaseException:
        await guard.end()
        raise
