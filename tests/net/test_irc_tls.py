"""TLS: whom the chat trusts, and how it shows who it is."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import pytest

from pushbot.chat.irc import IrcChat
from pushbot.errors import PushbotError
from tests.rig.bot import Bot, running, until
from tests.rig.ngircd import make_certificates
from tests.rig.scripted import NAME, scripted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.rig.ngircd import Certificates, Ngircd

    Start = Callable[..., Awaitable[Ngircd]]

pytestmark = pytest.mark.net


async def refused(port: int, host: str = "localhost", **options: object) -> str:
    """What the chat says when it gives up at its first start."""
    model = IrcChat.Options.model_validate({"host": host, "port": port, "tls": True, **options})
    chat = IrcChat("irc", model, ["#push"])
    with pytest.raises(PushbotError) as caught:
        async with asyncio.timeout(60):
            await chat.run(Bot(chat).tell)
    return str(caught.value)


async def test_a_server_vouched_for_by_our_own_authority_is_trusted(
    start_irc: Start, certificates: Certificates
) -> None:
    server = await start_irc(tls=certificates)
    loop = asyncio.get_running_loop()
    async with running(server.tls_port, "#push", host="localhost", tls=True, tls_ca=certificates.ca) as bot:
        await bot.entered("#push")
        await bot.chat.say("#push", "hello")
        server.kill()
        await until(lambda: bot.chat._session is None)
        await server.start()
        await bot.entered("#push")
        start = loop.time()
    assert loop.time() - start < 20


async def test_a_server_that_is_not_to_be_trusted_is_refused(
    start_irc: Start, certificates: Certificates, tmp_path: Path
) -> None:
    server = await start_irc(tls=certificates)
    other = make_certificates(tmp_path, "irc.test")
    assert "not to be trusted" in await refused(server.tls_port)
    assert "not to be trusted" in await refused(server.tls_port, tls_ca=other.ca)
    assert "not to be trusted" in await refused(server.tls_port, host="127.0.0.1", tls_ca=certificates.ca)
    async with running(server.tls_port, "#push", tls=True, tls_verify=False) as bot:
        await bot.entered("#push")


async def test_files_that_are_no_good_are_named(tmp_path: Path, certificates: Certificates) -> None:
    (tmp_path / "rubbish.pem").write_text("rubbish", encoding="utf-8")
    rubbish, missing = tmp_path / "rubbish.pem", tmp_path / "missing.pem"
    for wrong in (rubbish, missing):
        assert f"tls_ca: {wrong}" in await refused(1, tls_ca=wrong)
        assert f"tls_cert: {wrong}" in await refused(1, tls_cert=wrong)
        assert str(wrong) in await refused(1, tls_cert=certificates.cert, tls_key=wrong)


async def test_a_server_without_tls_is_retried(certificates: Certificates) -> None:
    tries = 0

    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1
        writer.write(b":irc.test NOTICE * :no TLS here\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with running(port, "#push", host="127.0.0.1", tls=True, tls_ca=certificates.ca):
            await until(lambda: tries > 1)


async def test_sasl_external_shows_our_certificate(certificates: Certificates, tmp_path: Path) -> None:
    ours = make_certificates(tmp_path, "pushbot")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.cert, certificates.key)
    context.load_verify_locations(ours.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    options = {"tls": True, "tls_ca": certificates.ca, "tls_cert": ours.cert, "tls_key": ours.key, "sasl": "external"}
    async with (
        scripted(tls=context) as server,
        running(server.port, "#push", host="localhost", **options) as bot,
    ):
        peer = await server.accept()
        await peer.want("CAP LS")
        shown = peer.writer.get_extra_info("peercert")
        assert shown["subject"] == ((("commonName", "pushbot"),),)
        peer.send(f":{NAME} CAP * LS :sasl=EXTERNAL")
        await peer.want("CAP REQ :sasl")
        peer.send(f":{NAME} CAP * ACK :sasl")
        await peer.want("AUTHENTICATE EXTERNAL")
        peer.send("AUTHENTICATE +")
        assert await peer.want("AUTHENTICATE") == "AUTHENTICATE +"
        peer.send(f":{NAME} 903 pushbot :Success")
        await peer.want("CAP END")
        peer.greet()
        await peer.want("JOIN #push")
        peer.let_in("#push")
        await bot.entered("#push")
        peer.close()
