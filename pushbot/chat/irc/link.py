"""A TCP connection to a server, with or without TLS."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushbot.errors import PushbotError
from pushbot.tls import client_context

if TYPE_CHECKING:
    from pushbot.chat.irc.options import IrcOptions
    from pushbot.chat.irc.sts import Route

READ = 64 * 1024
"""Bytes read at once at most; asyncio stops reading when twice as many wait."""

_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)


def asks_authority(options: IrcOptions, route: Route) -> bool:
    """Whether an authority has to vouch for the certificate, which a strict route demands where no fingerprint does."""
    return options.asks_authority or (route.strict and not options.tls_fingerprints)


def tls_context(options: IrcOptions, route: Route) -> ssl.SSLContext | None:
    """How to speak TLS to the server, or None for not at all; raises PushbotError when a file is no good."""
    if not route.tls:
        return None
    try:
        context = client_context(cafile=options.tls_ca)
    except (OSError, ssl.SSLError) as error:
        raise PushbotError(f"tls_ca: {options.tls_ca} is no PEM file of certificates ({_reason(error)}).") from None
    if not asks_authority(options, route):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if options.tls_cert:
        try:
            context.load_cert_chain(options.tls_cert, options.tls_key, password=_no_password)
        except (OSError, ssl.SSLError) as error:
            pair = f"{options.tls_cert}" + (f" with the key {options.tls_key}" if options.tls_key else "")
            raise PushbotError(
                f"tls_cert: {pair} cannot be used ({_reason(error)}); it takes a PEM certificate and its unlocked key."
            ) from None
    return context


def _no_password() -> str:
    """Keep OpenSSL from asking at the terminal for a key's password."""
    return ""


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


@dataclass(slots=True)
class Link:
    """An open connection. `trusted`: it has TLS, and the server's certificate was checked."""

    reader: asyncio.StreamReader
    transport: asyncio.WriteTransport
    trusted: bool
    _socket: socket.socket | None
    _writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, options: IrcOptions, route: Route) -> Link:
        """Connect within `connect_timeout`; nothing has been said then.

        Raises OSError or TimeoutError when the server cannot be reached, and PushbotError when it shows
        a certificate that is not to be trusted or a file of ours is no good.
        """
        host, port = route.host, route.port
        context = tls_context(options, route)
        try:
            async with asyncio.timeout(options.connect_timeout):
                reader, writer = await _connect(options, route, context)
        except ssl.SSLCertVerificationError as error:
            raise PushbotError(
                f"The certificate of {host}:{port} is not to be trusted: {error.verify_message}. "
                "Name its authority in tls_ca, its fingerprint in tls_fingerprints, or the host that it is for in host."
            ) from None
        except ValueError as error:  # what the resolver and TLS say to names that cannot be
            raise PushbotError(f"{host!r} is not the name of a host ({error}): correct `host`.") from None
        trusted = context is not None and (asks_authority(options, route) or bool(options.tls_fingerprints))
        link = cls(reader, writer.transport, trusted, writer.get_extra_info("socket"), writer)
        if (shown := _unpinned(options, writer)) is not None:
            await link.abort()
            raise PushbotError(
                f"{host}:{port} shows a certificate with the SHA-256 fingerprint {shown}, which is none of "
                "tls_fingerprints. If the server has a new certificate, put that one in; nothing was sent."
            )
        return link

    async def read(self) -> bytes:
        """What the server sent; b"" when the connection was closed. Raises OSError when it broke."""
        return await self.reader.read(READ)

    def acknowledge(self) -> None:
        """Tell the server at once that its data came in.

        A server that does not turn Nagle's algorithm off (ngircd, inspircd) sends nothing more before
        that, and the kernel would wait up to 40 ms when we have nothing to send back, as after the
        echo of a topic. Has to be said after each read, as the kernel goes back by itself.
        """
        if _QUICKACK is not None and self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    async def abort(self) -> None:
        """Close at once. A polite TLS goodbye could take 30 s when the server does not answer."""
        self.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


def _unpinned(options: IrcOptions, writer: asyncio.StreamWriter) -> str | None:
    """The fingerprint that the server shows when it is not one that it must have; None when all is well."""
    tls = writer.get_extra_info("ssl_object")
    if tls is None or not options.tls_fingerprints:
        return None
    digest = hashlib.sha256(tls.getpeercert(binary_form=True) or b"").digest()
    return None if digest.hex() in options.tls_fingerprints else digest.hex(":").upper()


async def _connect(
    options: IrcOptions, route: Route, context: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Try the host's addresses one after the other, none for longer than its share of the time.

    asyncio's own `happy_eyeballs_delay` leaks sockets when cancelled while connecting (Python 3.11).
    """
    host, port = route.host, route.port
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    trouble: OSError = OSError(f"{host} has no address")
    for address in addresses:
        try:
            async with asyncio.timeout(options.connect_timeout / len(addresses)):
                return await asyncio.open_connection(
                    address, port, ssl=context, server_hostname=host if context else None, limit=READ
                )
        except ssl.SSLCertVerificationError:
            raise
        except TimeoutError:
            trouble = TimeoutError(f"{address} does not answer")
        except OSError as error:
            trouble = error
    raise trouble
