"""Logging in over real connections, with TLS and without: what is sent, to whom, and to whom it is not."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from pushbot.chat.irc.ecdsa import read_key
from pushbot.chat.irc.mechanisms import MOST
from tests.rig.accounts import ScramServer, challenge, let_in, mechanism, negotiate, rest, said, turned_away
from tests.rig.bot import running
from tests.rig.ngircd import make_certificates
from tests.rig.scripted import NAME, scripted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.rig.ngircd import Certificates
    from tests.rig.scripted import Scripted

pytestmark = pytest.mark.net

HERE = "127.0.0.1"
SECRETS = {"sasl": "auto", "sasl_user": "jilles", "sasl_password": "env:PUSHBOT_IRC"}
IN_CLEAR = {"sasl_plain_without_tls": True}
FAIL = f":{NAME} 904 * :SASL authentication failed"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUSHBOT_IRC", "sesame")
    monkeypatch.setattr("pushbot.chat.irc.chat.GOODBYE", 0.02)


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    async with scripted() as made:
        yield made


@pytest.fixture
def context(certificates: Certificates) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificates.cert, certificates.key)
    return made


# --- PLAIN ---


async def test_plain_names_the_account_twice(server: Scripted) -> None:
    async with running(server.port, "#push", host=HERE, **SECRETS, **IN_CLEAR) as bot:
        peer = await server.accept()
        assert "sasl" in await negotiate(peer, "sasl=PLAIN")
        assert await mechanism(peer) == "PLAIN"
        peer.send("AUTHENTICATE +")
        assert await mechanism(peer) == "amlsbGVzAGppbGxlcwBzZXNhbWU="
        await let_in(peer)
        await bot.entered("#push")


@pytest.mark.parametrize(("length", "pieces"), [(283, 1), (284, 2), (287, 2), (586, 3), (587, 3)])
async def test_long_passwords_go_in_pieces_of_400(
    server: Scripted, monkeypatch: pytest.MonkeyPatch, length: int, pieces: int
) -> None:
    monkeypatch.setenv("PUSHBOT_IRC", "é" + "x" * (length - 2))
    async with running(server.port, "#push", host=HERE, **SECRETS, **IN_CLEAR) as bot:
        peer = await server.accept()
        await negotiate(peer, "sasl=PLAIN")
        await mechanism(peer)
        peer.send("AUTHENTICATE +")
        assert await said(peer) == b"jilles\0jilles\0" + "é".encode() + b"x" * (length - 2)
        assert len([line for line in peer.lines if line.startswith("AUTHENTICATE")]) == pieces + 1
        await let_in(peer)
        await bot.entered("#push")


async def test_a_wrong_password_is_said_and_not_shown(server: Scripted) -> None:
    async with turned_away(server.port, HERE, **SECRETS, **IN_CLEAR) as reason:
        peer = await server.accept()
        await negotiate(peer, "sasl=PLAIN")
        await mechanism(peer)
        peer.send("AUTHENTICATE +")
        await said(peer)
        peer.send(FAIL)
        await peer.want("QUIT")
    assert "does not log us in to the account jilles" in reason.words
    assert "sesame" not in reason.words


async def test_plain_is_not_sent_in_the_clear(server: Scripted) -> None:
    async with turned_away(server.port, HERE, **SECRETS) as reason:
        peer = await server.accept()
        await negotiate(peer, "sasl=PLAIN")
        lines = await rest(peer)
    assert "PLAIN is not sent without TLS" in reason.words
    assert not [line for line in lines if line.startswith("AUTHENTICATE")]


async def test_plain_is_not_sent_in_the_clear_when_the_rest_is_refused(server: Scripted) -> None:
    async with turned_away(server.port, HERE, **SECRETS) as reason:
        peer = await server.accept()
        await negotiate(peer, "sasl")
        assert await mechanism(peer) == "SCRAM-SHA-256"
        peer.send(f":{NAME} 908 * PLAIN :are available SASL mechanisms", FAIL)
        lines = await rest(peer)
    assert "account jilles" in reason.words
    assert "AUTHENTICATE PLAIN" not in lines


# --- SCRAM ---


async def test_scram_over_the_wire(server: Scripted) -> None:
    async with running(server.port, "#push", host=HERE, **SECRETS) as bot:
        peer, account = await server.accept(), ScramServer("jilles", "sesame", iterations=10_000)
        await negotiate(peer, "sasl=PLAIN,SCRAM-SHA-256,SCRAM-SHA-1")
        assert await mechanism(peer) == "SCRAM-SHA-256"
        await account.first(peer, extra=",x=an-extension")
        assert await account.proved(peer)
        account.sign(peer)
        assert await mechanism(peer) == "+"
        await let_in(peer)
        await bot.entered("#push")


async def test_scram_with_challenges_in_pieces(server: Scripted) -> None:
    async with running(server.port, "#push", host=HERE, **SECRETS) as bot:
        peer, account = await server.accept(), ScramServer("jilles", "sesame", salt=b"s" * 700)
        await negotiate(peer, "sasl=SCRAM-SHA-256")
        await mechanism(peer)
        await account.first(peer)
        assert await account.proved(peer)
        account.sign(peer)
        await mechanism(peer)
        await let_in(peer)
        await bot.entered("#push")


async def test_scram_with_a_wrong_password_is_not_followed_by_the_password(server: Scripted) -> None:
    async with turned_away(server.port, HERE, **SECRETS, **IN_CLEAR) as reason:
        peer, account = await server.accept(), ScramServer("jilles", "another")
        await negotiate(peer, "sasl=SCRAM-SHA-256,PLAIN")
        await mechanism(peer)
        await account.first(peer)
        assert not await account.proved(peer)
        peer.send(FAIL)
        lines = await rest(peer)
    assert "does not log us in" in reason.words
    assert "AUTHENTICATE PLAIN" not in lines


async def test_scram_that_ends_with_an_error(server: Scripted) -> None:
    async with turned_away(server.port, HERE, **SECRETS) as reason:
        peer, account = await server.accept(), ScramServer("jilles", "another")
        await negotiate(peer, "sasl=SCRAM-SHA-256")
        await mechanism(peer)
        await account.first(peer)
        await account.proved(peer)
        challenge(peer, b"e=invalid-proof")
        assert await mechanism(peer) == "*"
    assert "invalid-proof" in reason.words


async def test_a_server_that_does_not_know_the_account_is_not_joined(server: Scripted) -> None:
    async with turned_away(server.port, HERE, **SECRETS, sasl_required=False) as reason:
        peer, account = await server.accept(), ScramServer("jilles", "sesame")
        await negotiate(peer, "sasl=SCRAM-SHA-256,PLAIN")
        await mechanism(peer)
        await account.first(peer)
        await account.proved(peer)
        account.sign(peer, b"x" * 32)
        assert await mechanism(peer) == "*"
        lines = await rest(peer)
    assert "signature is wrong" in reason.words
    assert "CAP END" not in lines


@pytest.mark.parametrize("end", [[f":{NAME} 903 * :Success"], [f":{NAME} 907 * :Already"]])
async def test_a_server_that_ends_without_its_signature_is_not_joined(server: Scripted, end: list[str]) -> None:
    async with turned_away(server.port, HERE, **SECRETS) as reason:
        peer, account = await server.accept(), ScramServer("jilles", "sesame")
        await negotiate(peer, "sasl=SCRAM-SHA-256")
        await mechanism(peer)
        await account.first(peer)
        await account.proved(peer)
        peer.send(f":{NAME} 900 * * jilles :You are now logged in", *end)
        lines = await rest(peer)
    assert "without a proof" in reason.words
    assert "CAP END" not in lines


async def test_a_server_that_lets_us_in_before_its_signature_is_left(server: Scripted) -> None:
    async with running(server.port, "#push", host=HERE, **SECRETS):
        for _ in range(2):
            peer, account = await server.accept(), ScramServer("jilles", "sesame")
            await negotiate(peer, "sasl=SCRAM-SHA-256")
            await mechanism(peer)
            await account.first(peer)
            await account.proved(peer)
            peer.send(f":{NAME} 900 * * jilles :You are now logged in")
            peer.greet()
            assert not [line for line in await rest(peer) if line.startswith("JOIN")]


@pytest.mark.parametrize(("iterations", "nonce"), [(4095, None), (MOST + 1, None), (4096, "my-own-nonce"), (4096, "")])
async def test_scram_that_gives_the_password_away_is_not_gone_on_with(
    server: Scripted, iterations: int, nonce: str | None
) -> None:
    async with turned_away(server.port, HERE, **SECRETS, **IN_CLEAR) as reason:
        peer, account = await server.accept(), ScramServer("jilles", "sesame", iterations)
        await negotiate(peer, "sasl=SCRAM-SHA-256,PLAIN")
        await mechanism(peer)
        await account.first(peer, nonce=nonce)
        assert await mechanism(peer) == "*"
        lines = await rest(peer)
    assert "not to be trusted" in reason.words
    assert "AUTHENTICATE PLAIN" not in lines


async def test_the_loop_goes_on_while_scram_is_worked_out(server: Scripted) -> None:
    async with running(server.port, "#push", host=HERE, **SECRETS):
        peer, account = await server.accept(), ScramServer("jilles", "sesame", MOST)
        await negotiate(peer, "sasl=SCRAM-SHA-256")
        await mechanism(peer)
        await account.first(peer)
        longest, began, done = 0.0, time.monotonic(), asyncio.Event()
        last = began

        async def watch() -> None:
            nonlocal longest, last
            while not done.is_set():
                await asyncio.sleep(0.001)
                longest, last = max(longest, time.monotonic() - last), time.monotonic()

        async with asyncio.TaskGroup() as group:
            group.create_task(watch())
            await peer.want("AUTHENTICATE ")
            took = time.monotonic() - began
            done.set()
        assert longest < took / 2


# --- ECDSA and EXTERNAL ---


def make_key(folder: Path) -> Path:
    made = folder / "ecdsa.pem"
    command = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return made


async def test_ecdsa_over_the_wire(server: Scripted, tmp_path: Path) -> None:
    pem = make_key(tmp_path)
    options = {"sasl": "ecdsa-nist256p-challenge", "sasl_user": "jilles", "sasl_key": f"file:{pem}"}
    async with running(server.port, "#push", host=HERE, **options) as bot:
        peer = await server.accept()
        await negotiate(peer, "sasl")
        assert await mechanism(peer) == "ECDSA-NIST256P-CHALLENGE"
        peer.send("AUTHENTICATE +")
        assert await mechanism(peer) == "amlsbGVz"
        words = bytes(range(32))
        challenge(peer, words)
        signature = await said(peer)
        key = read_key(pem.read_text("utf-8"), "the key").public_key()
        key.verify(signature, words, ECDSA(Prehashed(SHA256())))
        with pytest.raises(InvalidSignature):
            key.verify(signature, bytes(32), ECDSA(Prehashed(SHA256())))
        await let_in(peer)
        await bot.entered("#push")


async def test_a_key_that_is_refused_gives_way_to_scram(server: Scripted, tmp_path: Path) -> None:
    async with running(server.port, "#push", host=HERE, **SECRETS, sasl_key=f"file:{make_key(tmp_path)}") as bot:
        peer, account = await server.accept(), ScramServer("jilles", "sesame")
        await negotiate(peer, "sasl=PLAIN,SCRAM-SHA-256,ECDSA-NIST256P-CHALLENGE")
        assert await mechanism(peer) == "ECDSA-NIST256P-CHALLENGE"
        peer.send("AUTHENTICATE +")
        await said(peer)
        challenge(peer, bytes(32))
        await said(peer)
        peer.send(FAIL)
        assert await mechanism(peer) == "SCRAM-SHA-256"
        await account.first(peer)
        assert await account.proved(peer)
        account.sign(peer)
        await mechanism(peer)
        await let_in(peer)
        await bot.entered("#push")


async def test_a_key_that_is_none_ends_the_first_start(server: Scripted, certificates: Certificates) -> None:
    options = {"sasl": "ecdsa-nist256p-challenge", "sasl_user": "jilles", "sasl_key": f"file:{certificates.cert}"}
    async with turned_away(server.port, HERE, **options) as reason:
        pass
    assert "no unlocked NIST P-256 key" in reason.words
    assert server.peers.empty()


async def test_all_four_in_order_over_tls(certificates: Certificates, context: ssl.SSLContext, tmp_path: Path) -> None:
    ours = make_certificates(tmp_path, "pushbot")
    context.load_verify_locations(ours.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    options = {
        **SECRETS,
        "tls": True,
        "tls_ca": certificates.ca,
        "tls_cert": ours.cert,
        "tls_key": ours.key,
        "sasl_key": f"file:{make_key(tmp_path)}",
    }
    async with scripted(tls=context) as server, running(server.port, "#push", host="localhost", **options) as bot:
        peer = await server.accept()
        await negotiate(peer, "sasl")
        assert await mechanism(peer) == "EXTERNAL"
        shown = peer.writer.get_extra_info("peercert")
        assert shown["subject"] == ((("commonName", "pushbot"),),)
        peer.send("AUTHENTICATE +")
        assert await said(peer) == b""
        peer.send(FAIL)
        assert await mechanism(peer) == "ECDSA-NIST256P-CHALLENGE"
        peer.send(f":{NAME} 908 * EXTERNAL,SCRAM-SHA-256,PLAIN :are available", FAIL)
        assert await mechanism(peer) == "SCRAM-SHA-256"
        peer.send(f":{NAME} 908 * EXTERNAL,PLAIN :are available", FAIL)
        assert await mechanism(peer) == "PLAIN"
        peer.send("AUTHENTICATE +")
        assert await said(peer) == b"jilles\0jilles\0sesame"
        await let_in(peer)
        await bot.entered("#push")


# --- whether at all ---


@pytest.mark.parametrize("offer", ["sasl=EXTERNAL", "sasl=EXTERNAL server-time"])
async def test_a_mechanism_that_is_not_offered_is_not_tried(server: Scripted, offer: str) -> None:
    async with turned_away(server.port, HERE, **{**SECRETS, "sasl": "plain"}, **IN_CLEAR) as reason:
        peer = await server.accept()
        assert "sasl" in await negotiate(peer, offer)
        await peer.want("QUIT")
        lines = await rest(peer)
    assert "it offers SASL EXTERNAL, but what we can is PLAIN" in reason.words
    assert not [line for line in lines if line.startswith("AUTHENTICATE")]


async def test_without_an_account_when_that_will_do(server: Scripted) -> None:
    options = {**SECRETS, "sasl": "plain", "sasl_required": False, **IN_CLEAR}
    async with running(server.port, "#push", host=HERE, **options) as bot:
        peer = await server.accept()
        await negotiate(peer, "sasl=EXTERNAL cap-notify")
        await peer.want("CAP END")
        peer.greet()
        await peer.want("JOIN")
        peer.let_in("#push")
        await bot.entered("#push")
        peer.send(f":{NAME} CAP pushbot DEL :sasl", f":{NAME} CAP pushbot NEW :sasl=PLAIN")
        assert await peer.want("CAP REQ") == "CAP REQ :sasl"
        peer.send(f":{NAME} CAP pushbot ACK :sasl")
        assert await mechanism(peer) == "PLAIN"
        peer.send("AUTHENTICATE +")
        assert await said(peer) == b"jilles\0jilles\0sesame"
        peer.send(f":{NAME} 900 pushbot a!b@c jilles :You are now logged in", f":{NAME} 903 pushbot :Success")
        peer.send(f":{NAME} CAP pushbot DEL :sasl", f":{NAME} CAP pushbot NEW :sasl=PLAIN", "PING :fence")
        await peer.want("PONG :fence")
        assert len([line for line in peer.lines if line == "CAP REQ :sasl"]) == 1  # logged in once is enough


async def test_a_login_that_fails_later_on_does_not_end_the_connection(server: Scripted) -> None:
    options = {**SECRETS, "sasl": "plain", "sasl_required": False, **IN_CLEAR}
    async with running(server.port, "#push", host=HERE, **options) as bot:
        peer = await server.accept()
        await peer.welcome("#push")
        await bot.entered("#push")
        peer.send(f":{NAME} CAP pushbot NEW :sasl", f":{NAME} CAP pushbot ACK :sasl")
        await mechanism(peer)
        peer.send("AUTHENTICATE +")
        await said(peer)
        peer.send(FAIL, "PING :fence")
        await peer.want("PONG :fence")
        assert server.peers.empty()


async def test_challenges_that_are_no_base64_are_not_answered(server: Scripted) -> None:
    async with turned_away(server.port, HERE, **SECRETS) as reason:
        peer = await server.accept()
        await negotiate(peer, "sasl")
        await mechanism(peer)
        peer.send("AUTHENTICATE +")
        await said(peer)
        peer.send("AUTHENTICATE ***")
        assert await mechanism(peer) == "*"
    assert "base64" in reason.words
