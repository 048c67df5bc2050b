"""TLS by the fingerprint of the server's certificate: right, wrong, one of several, and with an authority as well."""

from __future__ import annotations

import hashlib
import ssl
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from pushbot.chat.irc.options import IrcOptions
from tests.rig.accounts import rest, turned_away
from tests.rig.bot import running
from tests.rig.ngircd import make_certificates
from tests.rig.scripted import scripted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.rig.ngircd import Certificates

pytestmark = pytest.mark.net

OTHER = "ab" * 32


@pytest.fixture(autouse=True)
def short_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pushbot.chat.irc.chat.GOODBYE", 0.02)


def context(made: Certificates) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.cert, made.key)
    return context


def fingerprint(path: Path) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(path.read_text("utf-8"))).hexdigest()


def colons(text: str) -> str:
    return ":".join(text[at : at + 2] for at in range(0, len(text), 2)).upper()


@pytest.mark.parametrize("written", [str, str.upper, colons])
async def test_a_pinned_certificate_needs_no_authority(
    certificates: Certificates, written: Callable[[str], str]
) -> None:
    pin = written(fingerprint(certificates.cert))
    async with (
        scripted(tls=context(certificates)) as server,
        running(server.port, "#push", tls=True, tls_fingerprints=[OTHER, pin]) as bot,
    ):
        peer = await server.accept()
        await peer.welcome("#push")
        await bot.entered("#push")


async def test_another_certificate_is_shown_and_nothing_is_sent(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUSHBOT_IRC", "sesame")
    options = {"tls": True, "tls_ca": certificates.ca, "tls_fingerprints": [OTHER], "password": "env:PUSHBOT_IRC"}
    async with (
        scripted(tls=context(certificates)) as server,
        turned_away(server.port, "localhost", **options) as reason,
    ):
        peer = await server.accept()
        assert await rest(peer) == []
    assert colons(fingerprint(certificates.cert)) in reason.words
    assert "tls_fingerprints" in reason.words


async def test_later_on_another_certificate_is_waited_out(certificates: Certificates, tmp_path: Path) -> None:
    other = make_certificates(tmp_path, "irc.test")
    pins = [fingerprint(certificates.cert)]
    first = AsyncExitStack()
    server = await first.enter_async_context(scripted(tls=context(certificates)))
    async with running(server.port, "#push", tls=True, tls_fingerprints=pins) as bot:
        await (await server.accept()).welcome("#push")
        await bot.entered("#push")
        await first.aclose()
        async with scripted(server.port, tls=context(other)) as second:
            assert await rest(await second.accept()) == []
        async with scripted(server.port, tls=context(certificates)) as third:
            await (await third.accept()).welcome("#push")
            await bot.entered("#push")


async def test_both_are_asked_for_when_both_are_written_out(certificates: Certificates) -> None:
    pins = [fingerprint(certificates.cert)]
    options = {"tls": True, "tls_verify": True, "tls_fingerprints": pins}
    async with scripted(tls=context(certificates)) as server:
        async with turned_away(server.port, "localhost", **options) as reason:
            pass
        assert "not to be trusted" in reason.words
        async with running(server.port, "#push", host="localhost", tls_ca=certificates.ca, **options) as bot:
            while not (peer := await server.accept()).writer.get_extra_info("cipher"):
                pass
            await peer.welcome("#push")
            await bot.entered("#push")


@pytest.mark.parametrize("wrong", ["", "ab", "zz" * 32, "ab" * 20, "ab" * 33])
def test_what_is_no_fingerprint_is_a_mistake(wrong: str) -> None:
    with pytest.raises(ValidationError, match="64 hexadecimal digits"):
        IrcOptions.model_validate({"host": "irc.test", "tls_fingerprints": [wrong]})
