"""Deploy hosts that are near others: a package goes to each once, and from there to its hosts.

A relay reaches its hosts with its own `ssh`, which checks their keys (BatchMode, StrictHostKeyChecking) against what
is known there. What runs on a host is the same as without a relay; its command line goes through two shells, quoted
for both by shlex.
"""

from __future__ import annotations

import asyncio
import shlex
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pushbot.fleet.model import Host, Selection
from pushbot_plugins.ssh.worker.seams import HostTrouble

from .trouble import Ended, Said, megabytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from pushbot_plugins.ssh.settings import Relay
    from pushbot_plugins.ssh.worker.seams import Remote, Report

    from .package import Stream

_LIMIT: Final = 60.0
HAS: Final = r"""
cd && cd -- "$1" 2>/dev/null && [ -f "$2.tar" ] || exit 1
got=$(b2sum -l 256 <"$2.tar") && [ "${got%% *}" = "$2" ] && touch -- "$2.tar"
"""
"""Whether folder $1 (below HOME, where a login begins) has the package of digest $2."""

KEEP: Final = r"""
umask 077
cd && mkdir -p -- "$1" && cd -- "$1" || exit 61
find . -maxdepth 1 -name '*.tar*' -mtime +0 -exec rm -f -- {} +
cat >"$2.tar-$3" || { rm -f -- "$2.tar-$3"; exit 62; }
got=$(b2sum -l 256 <"$2.tar-$3")
[ "${got%% *}" = "$2" ] || { rm -f -- "$2.tar-$3"; exit 63; }
mv -T -- "$2.tar-$3" "$2.tar" || exit 61
"""
"""Keeps the package of digest $2 that comes in folder $1, under a name with $3 until it is whole; old ones go."""

FORWARD: Final = r"""
cd && exec <"$1" || exit 61
shift
exec ssh "$@"
"""
"""Runs ssh with the package $1 as its input, and with what else is given as its arguments."""


class Useless(Exception):  # noqa: N818 - it is what a relay is
    """A relay could not feed a host; the text says why. The host itself may be well."""


@dataclass(frozen=True, slots=True)
class Shipment:
    """What a host is to get: the stream, the script that takes it there, and its arguments."""

    stream: Stream
    script: str
    arguments: Sequence[str]


@dataclass(slots=True)
class Fed:
    """A relay in use. `load` is how many hosts it feeds now, `fed` how many in all; `sent` bytes went to it."""

    relay: Relay
    reach: Callable[[Host], Remote]
    load: int = 0
    fed: int = 0
    sent: int = 0
    trouble: str = ""
    lanes: list[Remote] = field(default_factory=list)
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    one: asyncio.Lock = field(default_factory=asyncio.Lock)
    there: set[str] = field(default_factory=set)
    made: int = 0

    @asynccontextmanager
    async def lane(self) -> AsyncIterator[Remote]:
        """A connection to it for one host: one carries one command at a time."""
        async with self.room:
            if not self.lanes:
                self.made += 1
                name = self.relay.host if self.made == 1 else f"{self.relay.host} ({self.made})"
                self.lanes.append(self.reach(Host(name, self.relay.host)))
            remote = self.lanes.pop()
            try:
                yield remote
            finally:
                self.lanes.append(remote)


class Relays:
    """All relays of a run."""

    def __init__(
        self, relays: Sequence[Relay], reach: Callable[[Host], Remote] | None, report: Report, limit: float
    ) -> None:
        self._all = [Fed(each, reach, room=asyncio.Semaphore(each.at_once)) for each in relays if reach is not None]
        self._report = report
        self._limit = limit

    @property
    def sent(self) -> int:
        """How many bytes went to relays."""
        return sum(each.sent for each in self._all)

    def near(self, host: Host) -> Fed | None:
        """The relay that is to feed `host`: of those that fit the one with the least to do."""
        fitting = [each for each in self._all if not each.trouble and Selection(each.relay.where).has(host)]
        return min(fitting, key=lambda each: (each.load, each.fed), default=None)

    async def feed(self, fed: Fed, host: Host, shipment: Shipment, said: Said) -> int:
        """Have the relay feed `host`; the status of the script there. Raises Useless."""
        fed.load += 1
        try:
            digest = await asyncio.to_thread(shipment.stream.digest)
            await self._supply(fed, shipment.stream, digest)
            async with fed.lane() as remote:
                status = await remote.run(
                    FORWARD,
                    arguments=(f"{fed.relay.folder}/{digest}.tar", *_ssh(fed.relay, host, shipment)),
                    limit=self._limit,
                    take=said.take,
                )
        except HostTrouble as error:
            raise Useless(f"the relay {fed.relay.host} {error}") from error
        finally:
            fed.load -= 1
        if status and status not in set(Ended):  # of ssh, of the host's login shell, of anything but our script
            raise Useless(f"the relay {fed.relay.host} could not feed it: {said.last or f'ssh ended with {status}'}")
        fed.fed += 1
        return status

    async def _supply(self, fed: Fed, stream: Stream, digest: str) -> None:
        """Have the package on the relay; the first to ask brings it."""
        async with fed.one:
            if fed.trouble:
                raise Useless(fed.trouble)
            if digest in fed.there:
                return
            try:
                await self._brought(fed, stream, digest)
            except HostTrouble as error:
                fed.trouble = f"the relay {fed.relay.host} is passed over: {error}"
                self._report.note(fed.trouble)
                raise Useless(fed.trouble) from error
            fed.there.add(digest)

    async def _brought(self, fed: Fed, stream: Stream, digest: str) -> None:
        folder, said = fed.relay.folder, Said()
        async with fed.lane() as remote:
            if await remote.run(HAS, arguments=(folder, digest), limit=_LIMIT, take=said.take) == 0:
                self._report.note(f"the relay {fed.relay.host} has the package already")
                return
            arguments = (folder, digest, str(id(stream)))
            status = await remote.feed(KEEP, stream.slices(), arguments=arguments, limit=self._limit, take=said.take)
        fed.sent += stream.size
        if status:
            raise HostTrouble("copy", f"it did not take the package (status {status}): {said.last}")
        self._report.note(f"{megabytes(stream.size)} went to the relay {fed.relay.host}")


def _ssh(relay: Relay, host: Host, shipment: Shipment) -> list[str]:
    """The arguments of `ssh` on the relay."""
    address, port = _split(host.reached_at)
    user, _, name = address.rpartition("@")
    words = ["-T", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=15"]
    words += ["-o", "ServerAliveInterval=15", "-o", "ClearAllForwardings=yes"]
    if relay.key:
        words += ["-i", relay.key, "-o", "IdentitiesOnly=yes"]
    if port:
        words += ["-p", port]
    if login := user or relay.user or "":
        words += ["-l", login]
    command = ("exec", "/bin/sh", "-c", shipment.script, "sh", *shipment.arguments)
    return [*words, "--", name, shlex.join(command)]


def _split(place: str) -> tuple[str, str]:
    """Address and port of `HOST`, `HOST:PORT`, `[ADDRESS]:PORT` or a bare IPv6 address."""
    if place.count(":") > 1 and not place.rpartition("@")[2].startswith("["):
        return place, ""
    head, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):
        head, port = place, ""
    return head.replace("[", "").replace("]", ""), port
