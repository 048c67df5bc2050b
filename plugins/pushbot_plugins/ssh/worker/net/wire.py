"""One SSH connection: options made once for all hosts, and each phase with its own limit and its own words."""

from __future__ import annotations

import asyncio
import copy
import getpass
import logging
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import asyncssh

from pushbot.errors import PushbotError
from pushbot.secret import resolve_secret
from pushbot_plugins.ssh.worker.net.known import KnownHosts, Trust
from pushbot_plugins.ssh.worker.seams import HostTrouble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncssh.packet import SSHPacketLogger

    from pushbot_plugins.ssh.settings import Connecting

_MSG_IGNORE = 2
_SILENT = 3
"""Questions after a silence that may go unanswered."""
_KEY_EXCHANGES = (
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
    "diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,diffie-hellman-group14-sha256"
)
_MACS = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512"
"""What is offered, the cheapest first: what hosts of the last ten years have, and nothing that uses SHA-1."""
_DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")

logging.getLogger("asyncssh").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a host is reached, from `[USER@]HOST[:PORT]`; IPv6 with a port is `[ADDRESS]:PORT`."""

    address: str
    port: int
    user: str | None

    @classmethod
    def parse(cls, text: str, port: int, user: str | None) -> Place:
        """Read that; `port` and `user` are for what it does not say. Raises ValueError."""
        name, _, rest = text.rpartition("@")
        if rest.startswith("["):
            address, _, digits = rest[1:].partition("]")
            digits = digits.removeprefix(":")
        elif rest.count(":") == 1:
            address, _, digits = rest.partition(":")
        else:
            address, digits = rest, ""
        return cls(address, int(digits or port), name or user)

    def __str__(self) -> str:
        """For people: `127.0.0.1:2222`."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class Wire(asyncssh.SSHClientConnection):
    """A connection, `through` another one if it is not direct. By `usable_until` the host has to give a shell."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, options: asyncssh.SSHClientConnectionOptions, through: Wire | None
    ) -> None:
        super().__init__(loop, options, wait="auth")
        self.usable_until = 0.0
        self._through = through
        self._resumed: asyncio.Future[None] | None = None

    def send_packet(self, pkttype: int, *args: bytes, handler: SSHPacketLogger | None = None) -> None:
        """Send a packet, without the empty one that is put before each for ciphers that we do not offer (CBC)."""
        if pkttype != _MSG_IGNORE:
            super().send_packet(pkttype, *args, handler=handler)

    @property
    def resumed(self) -> asyncio.Future[None] | None:
        """What to wait for before more is written; None when nothing has piled up."""
        return self._resumed or (self._through.resumed if self._through is not None else None)

    def pause_writing(self) -> None:
        """The network is slower than we are."""
        self._resumed = self._loop.create_future()

    def resume_writing(self) -> None:
        """It has caught up."""
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_result(None)
        self._resumed = None

    def connection_lost(self, exc: Exception | None = None) -> None:
        """The connection is gone; who waits to write is told when it does."""
        self.resume_writing()
        super().connection_lost(exc)


class _Acquaintance(asyncssh.SSHClient):
    """Asks `trust` about the key that the host shows."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust

    def validate_host_public_key(self, _host: str, _addr: str, _port: int, key: asyncssh.SSHKey) -> bool:
        return self._trust.accepts(key)

    def validate_host_ca_key(self, _host: str, _addr: str, _port: int, key: asyncssh.SSHKey) -> bool:
        return self._trust.accepts_authority(key)


@dataclass(slots=True)
class Dialer:
    """Makes connections. `load` reads keys and known_hosts, once."""

    connecting: Connecting
    known: KnownHosts
    _options: asyncssh.SSHClientConnectionOptions
    _keys: Sequence[asyncssh.SSHKeyPair]
    _agent: asyncssh.SSHAgentClient | None

    @classmethod
    async def load(cls, connecting: Connecting) -> Dialer:
        """Raises PushbotError when keys, the agent or known_hosts cannot be used."""
        try:
            known = KnownHosts(connecting.known_hosts)
        except OSError as error:
            raise PushbotError(f"The known_hosts file {error.filename} cannot be read: {error.strerror}.") from None
        keys = _load_keys(connecting)
        agent = await _agent() if connecting.agent else None
        if agent is not None:
            keys = [*await agent.get_keys(), *keys]
        options = asyncssh.SSHClientConnectionOptions(
            config=None,
            client_keys=keys or None,
            preferred_auth=["publickey"],
            gss_host=None,
            gss_kex=False,
            gss_auth=False,
            password_auth=False,
            kbdint_auth=False,
            x509_trusted_certs=None,
            kex_algs=_KEY_EXCHANGES,
            encryption_algs="^aes128-gcm@openssh.com",
            mac_algs=_MACS,
            compression_algs=["zlib@openssh.com", "none"] if connecting.compression else ["none"],
            connect_timeout=None,
            login_timeout=0,
            keepalive_interval=connecting.keepalive,
            keepalive_count_max=_SILENT,
            encoding=None,
        )
        options.agent_path = None  # it was asked once, above, and not for each host
        return cls(connecting, known, options, keys, agent)

    async def dial(self, place: Place, alias: str = "", through: Wire | None = None) -> Wire:
        """A connection to that place, logged in. Raises HostTrouble that says in which phase what went wrong."""
        loop = asyncio.get_running_loop()
        trust = Trust(self.known, place.address, place.port, alias)
        options = self._for(place, trust)
        options.waiter = usable = loop.create_future()
        wire = Wire(loop, options, through)
        await self._reach(place, wire, through)
        wire.set_extra_info(host=place.address, port=place.port)
        wire.usable_until = loop.time() + self.connecting.login_timeout
        try:
            async with asyncio.timeout_at(wire.usable_until):
                await usable
        except BaseException as error:
            heard = wire.get_extra_info("server_version")
            wire.abort()
            if isinstance(error, (OSError, asyncssh.Error)):
                raise HostTrouble("log in", self._login_words(error, place, trust, heard)) from None
            raise
        return wire

    def close(self) -> None:
        """Let go of the agent."""
        if self._agent is not None:
            self._agent.close()

    def _for(self, place: Place, trust: Trust) -> asyncssh.SSHClientConnectionOptions:
        options = copy.copy(self._options)
        options.orig_host = options.host = place.address
        options.port = place.port
        options.username = place.user or getpass.getuser()
        options.protocol_factory = lambda: _Acquaintance(trust)
        options.known_hosts = ([], [], list(trust.revoked()), [], [], [], [])
        options.server_host_key_algs = trust.algorithms
        options.host_key_alias = trust.alias or None
        options.client_keys = [copy.copy(key) for key in self._keys] or None  # each remembers its algorithm
        return options

    async def _reach(self, place: Place, wire: Wire, through: Wire | None) -> None:
        limit = self.connecting.connect_timeout
        session = cast("asyncssh.SSHTCPSession[bytes]", wire)  # which is what it is to a tunnel
        try:
            async with asyncio.timeout(limit):
                if through is None:
                    await asyncio.get_running_loop().create_connection(lambda: wire, place.address, place.port)
                else:
                    await through.create_connection(lambda: session, place.address, place.port)
        except TimeoutError:
            raise HostTrouble("connect", f"did not answer on {place} within {limit:g} s") from None
        except socket.gaierror as error:
            raise HostTrouble("connect", f"its address {place.address} cannot be found: {error.strerror}") from None
        except ConnectionRefusedError:
            raise HostTrouble("connect", f"refused the connection on {place}: is sshd running there?") from None
        except OSError as error:
            raise HostTrouble("connect", f"cannot be reached on {place}: {error.strerror or error}") from None
        except asyncssh.ChannelOpenError as error:
            raise HostTrouble(
                "connect",
                f"cannot be reached on {place} through the jump host: {error.reason or 'it does not say why'}",
            ) from None

    def _login_words(self, error: Exception, place: Place, trust: Trust, heard: object) -> str:
        if trust.trouble:
            return trust.trouble
        match error:
            case TimeoutError():
                said = "then said nothing more" if heard else "then did not say that it speaks SSH"
                return f"took the connection on {place} and {said} for {self.connecting.login_timeout:g} s"
            case asyncssh.HostKeyNotVerifiable() if "revoked" in error.reason:
                return f"its key, or that of its authority, is revoked in {next(iter(trust.revoked().values()))}"
            case asyncssh.HostKeyNotVerifiable():
                return f"its key cannot be verified: {error.reason}"
            case asyncssh.PermissionDenied():
                names = ", ".join(self.connecting.keys) or ("the agent's" if self._agent else "")
                tried = f" (tried: {names})" if self._keys else ": there are none"
                return f"none of the keys was accepted for user {place.user or getpass.getuser()}{tried}"
            case asyncssh.KeyExchangeFailed():
                return f"has no algorithm in common with us: {error.reason.partition(',')[0]}"
            case asyncssh.ConnectionLost() | ConnectionError() if heard:
                return f"closed the connection on {place} before we were logged in: see its log, and MaxStartups"
            case asyncssh.ConnectionLost() | ConnectionError():
                return f"closed the connection on {place} at once: is it sshd that listens there?"
            case asyncssh.Error():
                return f"does not let us in: {error.reason}"
            case _:
                return f"broke the connection on {place}: {error}"


def _load_keys(connecting: Connecting) -> list[asyncssh.SSHKeyPair]:
    files: list[str] = list(connecting.keys)
    if not files and not connecting.agent:
        files = [str(path) for name in _DEFAULT_KEYS if (path := Path("~/.ssh").expanduser() / name).is_file()]
    passphrase = resolve_secret(connecting.passphrase) if connecting.passphrase else None
    keys: list[asyncssh.SSHKeyPair] = []
    for file in files:
        try:
            keys += asyncssh.load_keypairs([file], passphrase, list(connecting.certificates))
        except OSError as error:
            raise PushbotError(f"The key {error.filename or file} cannot be read: {error.strerror}.") from None
        except ValueError as error:  # what asyncssh raises of keys is one
            raise PushbotError(f"The key {file} cannot be used: {_why_not(error, passphrase)}.") from None
    return keys


def _why_not(error: ValueError, passphrase: str | None) -> str:
    if passphrase is None and "passphrase" in str(error).lower():
        return "it has a passphrase, and none is configured"
    wrong = isinstance(error, asyncssh.KeyEncryptionError) or "decrypt" in str(error)
    return "its passphrase is wrong" if wrong else str(error)


async def _agent() -> asyncssh.SSHAgentClient:
    path = os.environ.get("SSH_AUTH_SOCK", "")
    try:
        agent = await asyncssh.connect_agent(path)
    except (OSError, asyncssh.ChannelOpenError):
        agent = None
    if agent is None:
        raise PushbotError(f"The agent at SSH_AUTH_SOCK ({path or 'not set'}) cannot be reached: is it running?")
    return agent
