"""The health checks of one host: HTTP and TCP from the bot's machine, commands on the host."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from pushbot.ports import Probe, ProbeKind

from .seams import HostTrouble
from .steps import AT_HOME
from .web import BODY, NoAnswer, Web

if TYPE_CHECKING:
    from .target import Target


@dataclass(frozen=True, slots=True)
class Health:
    """Looks at services. `web` sends the requests."""

    web: Web

    async def check(self, probe: Probe, target: Target) -> None:
        """Return when the service is well within the window, and then for as long as it is to be watched.

        Raises HostTrouble with what was seen last.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + probe.window
        good, seen = 0, ""
        while good < probe.passes:
            began = loop.time()
            if began >= until:
                seen = seen or f"{_subject(probe, target)} did not pass {probe.passes} times in a row"
                raise HostTrouble("health", f"{seen}, still after {probe.window:g} s")
            trouble = await self._trouble(probe, target, min(probe.timeout, until - began))
            good = 0 if trouble else good + 1
            if trouble and (not seen or loop.time() < until):  # the window's end cuts the last try short
                seen = trouble
            if good < probe.passes:
                await asyncio.sleep(min(began + probe.interval, until) - loop.time())
        await self._watch(probe, target)

    async def _watch(self, probe: Probe, target: Target) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while (left := began + probe.watch - loop.time()) > 0:
            await asyncio.sleep(min(probe.interval, left))
            if trouble := await self._trouble(probe, target, probe.timeout):
                into = loop.time() - began
                raise HostTrouble("health", f"{trouble}, {into:.1f} s into the watch of {probe.watch:g} s")

    async def _trouble(self, probe: Probe, target: Target, limit: float) -> str | None:
        """What was wrong, in words that begin with what was looked at, or None."""
        expect = None if probe.expect is None else target.filled(probe.expect)
        match probe.kind:
            case ProbeKind.HTTP:
                wrong = await self._http(target.url(probe.target), probe.status, expect, limit)
            case ProbeKind.TCP:
                wrong = await _tcp(target.filled(probe.target), limit)
            case ProbeKind.COMMAND:
                wrong = await _command(probe, target, expect, limit)
            case _:
                assert_never(probe.kind)
        return f"{_subject(probe, target)} {wrong}" if wrong else None

    async def _http(self, url: str, status: int, expect: str | None, limit: float) -> str | None:
        try:
            answer = await self.web.ask(url, limit=limit)
        except NoAnswer as trouble:
            return str(trouble)
        if answer.status != status:
            return f"answered {answer.status}, wanted {status}"
        if expect is not None and expect not in answer.body:
            return f"answered {status}, but without {expect!r}"
        return None


def _subject(probe: Probe, target: Target) -> str:
    match probe.kind:
        case ProbeKind.HTTP:
            return f"GET {target.url(probe.target)}"
        case ProbeKind.TCP:
            return f"TCP {target.filled(probe.target)}"
        case ProbeKind.COMMAND:
            return probe.run[0] if probe.run else probe.name
        case _:
            assert_never(probe.kind)


async def _tcp(place: str, limit: float) -> str | None:
    host, _, port = place.rpartition(":")
    try:
        async with asyncio.timeout(limit):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except TimeoutError:
        return f"gave no answer within {limit:.3g} s"
    except (OSError, ValueError) as error:
        return f"took no connection: {(isinstance(error, OSError) and error.strerror) or error}"
    writer.close()
    return None


async def _command(probe: Probe, target: Target, expect: str | None, limit: float) -> str | None:
    if not probe.run:
        raise HostTrouble("health", f"health check {probe.name} has nothing to run: give it `run`")
    said = bytearray()

    def take(data: bytes) -> None:
        said.extend(data[: BODY - len(said)])
        target.take(data)

    try:
        code = await target.remote.run(AT_HOME + '"$@"', arguments=probe.run, env=target.env, limit=limit, take=take)
    except HostTrouble as trouble:
        return f"failed: {trouble}"
    if code:
        return f"exited with {code}"
    if expect is not None and expect not in said.decode(errors="replace"):
        return f"ended well, but without {expect!r} in its output"
    return None
