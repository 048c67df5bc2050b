"""Servers that want TLS (STS): what is said in the clear, where the bot comes again, and how long it remembers."""

from __future__ import annotations

import hashlib
import json
import ssl
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pushbot.chat.irc.sts import Policies, Route, Strictness
from pushbot.config import load
from pushbot.errors import PushbotError
from pushbot.testing.clock import HandClock
from tests.rig.accounts import negotiate, rest, said, turned_away
from tests.rig.bot import running
from tests.rig.scripted import NAME, scripted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.rig.bot import Bot
    from tests.rig.ngircd import Certificates
    from tests.rig.scripted import Peer, Scripted

pytestmark = pytest.mark.net

MONTH = 30 * 86400


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUSHBOT_IRC", "sesame")
    monkeypatch.setattr("pushbot.chat.irc.chat.GOODBYE", 0.02)


@pytest.fixture
async def clear() -> AsyncIterator[Scripted]:
    async with scripted() as made:
        yield made


@pytest.fixture
def context(certificates: Certificates) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificates.cert, certificates.key)
    return made


@pytest.fixture
async def secure(context: ssl.SSLContext) -> AsyncIterator[Scripted]:
    async with scripted(tls=context) as made:
        yield made


@pytest.fixture
def options(certificates: Certificates, tmp_path: Path) -> dict[str, object]:
    return {"tls_ca": certificates.ca, "state": tmp_path, "password": "env:PUSHBOT_IRC"}


async def ask_for_tls(clear: Scripted, value: str) -> None:
    """The server in the clear names its policy; the bot has to go, and to have said nothing."""
    peer = await clear.accept()
    await peer.want("CAP LS 302")
    peer.send(f":{NAME} CAP * LS :server-time sts={value}")
    assert await rest(peer) == ["CAP LS 302"]


async def sign_on(bot: Bot, peer: Peer, caps: str) -> None:
    """Let the bot in; it asks for no `sts`, whatever is offered."""
    await peer.want("CAP LS 302")
    peer.send(f":{NAME} CAP * LS :{caps}")
    assert await peer.want("PASS") == "PASS :sesame"
    await peer.want("CAP END")
    assert not [line for line in peer.lines if "sts" in line]
    peer.greet()
    await peer.want("JOIN")
    peer.let_in("#push")
    await bot.entered("#push")


def kept(folder: Path) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads((folder / "sts-irc.json").read_text("utf-8"))
    return found


# --- the way to TLS ---


async def test_a_server_in_the_clear_sends_us_to_tls(
    clear: Scripted, secure: Scripted, options: dict[str, object], tmp_path: Path
) -> None:
    async with running(clear.port, "#push", host="localhost", **options) as bot:
        await ask_for_tls(clear, f"duration={MONTH},port={secure.port}")
        peer = await secure.accept()
        assert peer.writer.get_extra_info("cipher")
        await sign_on(bot, peer, "sts=port=1,duration=3600")
        assert kept(tmp_path)["localhost"]["port"] == secure.port
        assert (tmp_path / "sts-irc.json").stat().st_mode & 0o777 == 0o600
    assert clear.peers.empty()


async def test_the_account_is_told_over_tls_alone(
    clear: Scripted, secure: Scripted, options: dict[str, object]
) -> None:
    account = {"sasl": "plain", "sasl_user": "bot", "sasl_password": "env:PUSHBOT_IRC"}
    async with running(clear.port, "#push", host="localhost", **options, **account):
        await ask_for_tls(clear, f"port={secure.port}")
        peer = await secure.accept()
        await negotiate(peer, "sasl=PLAIN")
        assert await peer.want("AUTHENTICATE") == "AUTHENTICATE PLAIN"
        peer.send("AUTHENTICATE +")
        assert await said(peer) == b"bot\0bot\0sesame"


async def test_the_policy_may_come_in_several_lines_and_later(
    clear: Scripted, secure: Scripted, options: dict[str, object]
) -> None:
    async with running(clear.port, "#push", host="localhost", **options) as bot:
        peer = await clear.accept()
        await peer.want("CAP LS 302")
        peer.send(f":{NAME} CAP * LS * :server-time batch", f":{NAME} CAP * LS :x=y sts=port={secure.port}")
        assert await rest(peer) == ["CAP LS 302"]
        await sign_on(bot, await secure.accept(), "")

    async with running(clear.port, "#push", host="localhost", **options) as bot:
        peer = await clear.accept()
        await sign_on(bot, peer, "")
        peer.send(f":{NAME} CAP pushbot NEW :sts=port={secure.port}")
        await rest(peer)
        await sign_on(bot, await secure.accept(), "")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "duration=3600",
        "port=",
        "port=0",
        "port=65536",
        "port=6697x",
        "port=-1",
        "if-host-match=*.test,port-if-match=6697",
    ],
)
async def test_a_policy_that_is_none_is_ignored(clear: Scripted, options: dict[str, object], value: str) -> None:
    async with running(clear.port, "#push", host="localhost", **options) as bot:
        await sign_on(bot, await clear.accept(), f"sts={value}")


async def test_a_policy_for_other_names_of_the_server(
    clear: Scripted, secure: Scripted, options: dict[str, object]
) -> None:
    async with running(clear.port, "#push", host="localhost", **options) as bot:
        await ask_for_tls(clear, f"if-host-match=*.test|LOCAL????,port-if-match={secure.port}")
        await sign_on(bot, await secure.accept(), "")


async def test_tls_that_is_no_good_is_no_reason_to_go_back(clear: Scripted, secure: Scripted, tmp_path: Path) -> None:
    """`tls_verify = false` does not count: the policy wants a certificate that is good."""
    options = {"tls_verify": False, "state": tmp_path, "password": "env:PUSHBOT_IRC"}
    async with turned_away(clear.port, "localhost", **options) as reason:
        await ask_for_tls(clear, f"port={secure.port}")
    assert "not to be trusted" in reason.words
    assert clear.peers.empty()


async def test_a_pinned_certificate_is_good_enough(
    clear: Scripted, secure: Scripted, certificates: Certificates, tmp_path: Path
) -> None:
    pin = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificates.cert.read_text("utf-8"))).hexdigest()
    options = {"tls_fingerprints": [pin], "state": tmp_path, "password": "env:PUSHBOT_IRC"}
    async with running(clear.port, "#push", host="127.0.0.1", **options) as bot:
        await ask_for_tls(clear, f"port={secure.port}")
        await sign_on(bot, await secure.accept(), "sts=duration=3600")
    assert kept(tmp_path)["127.0.0.1"]["port"] == secure.port


async def test_a_tls_port_that_is_shut_is_tried_again(clear: Scripted, options: dict[str, object]) -> None:
    async with scripted() as shut:
        port = shut.port
    async with running(clear.port, "#push", host="localhost", **options):
        for _ in range(2):
            await ask_for_tls(clear, f"port={port}")


# --- remembering ---


async def test_the_policy_outlives_connection_and_bot(
    clear: Scripted, secure: Scripted, options: dict[str, object]
) -> None:
    async with running(clear.port, "#push", host="localhost", **options) as bot:
        await ask_for_tls(clear, f"port={secure.port}")
        peer = await secure.accept()
        await sign_on(bot, peer, "sts=unknown,duration=3600,foo=bar")
        peer.send("ERROR :Closing link")
        peer = await secure.accept()  # the same bot, without asking in the clear again
        await peer.want("CAP LS 302")
    async with running(clear.port, "#push", host="localhost", **options) as bot:
        await sign_on(bot, await secure.accept(), "sts=duration=3600")
    assert clear.peers.empty()


async def test_without_a_policy_over_tls_the_next_connection_begins_in_the_clear(
    clear: Scripted, secure: Scripted, options: dict[str, object], tmp_path: Path
) -> None:
    async with running(clear.port, "#push", host="localhost", **options) as bot:
        await ask_for_tls(clear, f"duration=3600,port={secure.port}")
        peer = await secure.accept()
        await sign_on(bot, peer, "")
        peer.close()
        await ask_for_tls(clear, f"port={secure.port}")
    assert not (tmp_path / "sts-irc.json").exists()


async def test_a_duration_of_nothing_ends_the_policy(
    clear: Scripted, secure: Scripted, options: dict[str, object], tmp_path: Path
) -> None:
    async with running(clear.port, "#push", host="localhost", **options) as bot:
        await ask_for_tls(clear, f"port={secure.port}")
        peer = await secure.accept()
        await sign_on(bot, peer, "sts=duration=3600")
        peer.send(f":{NAME} CAP pushbot DEL :sts", "PING :fence")
        await peer.want("PONG :fence")
        assert "localhost" in kept(tmp_path)  # DEL is no way to end it
        peer.send(f":{NAME} CAP pushbot NEW :sts=duration=0", "PING :fence")
        await peer.want("PONG :fence")
        assert kept(tmp_path) == {}
        peer.close()
        await sign_on(bot, await clear.accept(), "")


async def test_a_policy_whose_time_is_over_is_none(clear: Scripted, options: dict[str, object], tmp_path: Path) -> None:
    policy = {"port": 1, "duration": 60, "until": "2026-01-01T00:00:00Z"}
    (tmp_path / "sts-irc.json").write_text(json.dumps({"localhost": policy}), encoding="utf-8")
    async with running(clear.port, "#push", host="localhost", **options) as bot:
        await sign_on(bot, await clear.accept(), "")


async def test_a_tls_server_that_moves_takes_its_policy_along(
    secure: Scripted, context: ssl.SSLContext, options: dict[str, object], tmp_path: Path
) -> None:
    async with running(secure.port, "#push", host="localhost", tls=True, **options) as bot:
        await sign_on(bot, await secure.accept(), "sts=duration=3600")
    assert kept(tmp_path)["localhost"]["port"] == secure.port
    async with (
        scripted(tls=context) as moved,
        running(moved.port, "#push", host="localhost", tls=True, **options) as bot,
    ):
        await sign_on(bot, await moved.accept(), "sts=duration=7200")
        assert kept(tmp_path)["localhost"]["port"] == moved.port
        assert kept(tmp_path)["localhost"]["duration"] == 7200


async def test_a_connection_that_nobody_vouches_for_makes_no_policy(secure: Scripted, tmp_path: Path) -> None:
    options = {"tls": True, "tls_verify": False, "state": tmp_path, "password": "env:PUSHBOT_IRC"}
    async with running(secure.port, "#push", host="localhost", **options) as bot:
        await sign_on(bot, await secure.accept(), "sts=duration=3600")
    assert not (tmp_path / "sts-irc.json").exists()


# --- the record itself ---


def test_the_time_of_a_policy_counts_from_the_end_of_the_connection(tmp_path: Path) -> None:
    clock = HandClock()
    policies = Policies(tmp_path / "folder" / "sts.json", clock)
    connection = Strictness(Route("irc.test", 6697, tls=True), policies, trusted=True)
    connection.heard("duration=3600")
    clock.advance(10 * 86400)
    connection.ended()
    again = Policies(tmp_path / "folder" / "sts.json", clock)
    again.load()
    assert again.find("IRC.test.") == policies.find("irc.test")
    assert again.find("irc.other") is None
    clock.advance(3599)
    assert again.find("irc.test")
    clock.advance(1)
    assert again.find("irc.test") is None


def test_a_long_connection_keeps_its_policy_even_if_it_ends_in_a_crash(tmp_path: Path) -> None:
    clock = HandClock()
    policies = Policies(tmp_path / "sts.json", clock)
    connection = Strictness(Route("irc.test", 6697, tls=True), policies, trusted=True)
    connection.heard("duration=3600")
    for _ in range(10):
        clock.advance(1000)
        connection.lasts()
    after_the_crash = Policies(tmp_path / "sts.json", clock)
    after_the_crash.load()
    assert after_the_crash.left("irc.test") > 1800
    connection.heard("duration=0")
    connection.lasts()
    connection.ended()
    assert policies.left("irc.test") == 0


def test_a_policy_has_an_end_however_long_it_is(tmp_path: Path) -> None:
    clock = HandClock()
    policies = Policies(tmp_path / "sts.json", clock)
    Strictness(Route("irc.test", 6697, tls=True), policies, trusted=True).heard("duration=999999999999")
    found = policies.find("irc.test")
    assert found is not None
    assert found.until - clock.now() == timedelta(days=3650)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"a": 1}',
        '{"a": {"port": 1, "duration": 1, "until": "2026-01-01"}}',
        '{"a": {"port": 65536, "duration": 1, "until": "2026-01-01T00:00:00Z"}}',
    ],
)
def test_a_damaged_record_is_not_taken_for_an_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "sts.json").write_text(text, encoding="utf-8")
    with pytest.raises(PushbotError, match="it is damaged"):
        Policies(tmp_path / "sts.json", HandClock()).load()


def test_a_folder_that_cannot_be_written_is_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    policies = Policies(tmp_path / "file" / "sts.json", HandClock())
    policies.keep("irc.test", 6697, 60)
    assert policies.find("irc.test")


def test_a_pattern_takes_no_time(tmp_path: Path) -> None:
    policies = Policies(tmp_path / "sts.json", HandClock())
    connection = Strictness(Route("a" * 250, 6667, tls=False), policies, trusted=False)
    connection.heard(f"if-host-match={'*a' * 3000}b|[a]*,port-if-match=6697")
    assert connection.upgrade is None


def test_the_record_is_beside_the_store(tmp_path: Path) -> None:
    (tmp_path / "pushbot.toml").write_text(
        '[bot]\nstore = "here/p.sqlite3"\n[chats.irc]\nhost = "h"\n[chats.two]\ntype = "irc"\nhost = "h"\n'
        'state = "there"\n[lanes.web]\nrooms = ["irc/#push", "two/#push"]\n',
        encoding="utf-8",
    )
    chats = load(tmp_path / "pushbot.toml").chats
    states = [chat.options.model_dump()["state"] for chat in chats]
    assert states == [tmp_path / "here", tmp_path / "there"]
