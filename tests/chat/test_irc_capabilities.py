"""What is asked of a server and what is not: versions, values, several lines, refusals, news, and no answer at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushbot.chat.irc.options import IrcOptions
from pushbot.chat.irc.registration import Registration
from pushbot.chat.irc.sasl import Credentials
from pushbot.chat.irc.sts import Policies, Route, Strictness
from pushbot.chat.irc.wire import parse
from tests.rig.accounts import negotiate
from tests.rig.bot import running
from tests.rig.scripted import NAME, scripted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.rig.scripted import Scripted

HERE = "127.0.0.1"


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    async with scripted() as made:
        yield made


@pytest.fixture(autouse=True)
def short_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pushbot.chat.irc.chat.GOODBYE", 0.02)


async def test_nothing_is_said_before_the_server_has_answered(
    server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUSHBOT_IRC", "sesame")
    async with running(server.port, "#push", host=HERE, password="env:PUSHBOT_IRC"):
        peer = await server.accept()
        await peer.want("CAP LS 302")
        peer.send("PING :fence", f":{NAME} NOTICE * :*** Looking up your hostname")
        await peer.want("PONG :fence")
        assert peer.lines == ["CAP LS 302", "PONG :fence"]
        peer.send(f":{NAME} CAP * LS :")
        await peer.want("CAP END")
        assert peer.lines[2:4] == ["PASS :sesame", "NICK pushbot"]


async def test_values_and_several_lines(server: Scripted) -> None:
    async with running(server.port, "#push", host=HERE) as bot:
        peer = await server.accept()
        long = " ".join(f"vendor.test/cap-{number}=a,b=c" for number in range(15))
        asked = await negotiate(peer, "echo-message", f"server-time {long}", "account-tag=value draft/x", long)
        assert asked == ["account-tag", "server-time", "echo-message"]
        await peer.want("CAP END")
        peer.greet()
        await peer.want("JOIN")
        peer.let_in("#push")
        await bot.entered("#push")


async def test_what_is_refused_is_done_without(server: Scripted) -> None:
    async with running(server.port, "#push", host=HERE) as bot:
        peer = await server.accept()
        await peer.want("CAP LS")
        peer.send(f":{NAME} CAP * LS :account-tag server-time")
        await peer.want("CAP REQ :account-tag server-time")
        peer.send(f":{NAME} CAP * NAK :account-tag server-time")
        await peer.want("CAP REQ :server-time")
        peer.send(f":{NAME} CAP * NAK :account-tag", f":{NAME} CAP * NAK :server-time")
        await peer.want("CAP END")
        peer.greet()
        await peer.want("JOIN")
        peer.let_in("#push")
        await bot.entered("#push")


@pytest.mark.parametrize("answer", ["421 * CAP :Unknown command", "451 * :You have not registered"])
async def test_a_server_that_has_never_heard_of_it(server: Scripted, answer: str) -> None:
    async with running(server.port, "#push", host=HERE) as bot:
        peer = await server.accept()
        await peer.want("CAP LS")
        peer.send(f":{NAME} {answer}")
        await peer.want("USER")
        peer.greet()
        await peer.want("JOIN")
        peer.let_in("#push")
        await bot.entered("#push")


async def test_a_server_that_does_not_answer_at_all(server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pushbot.chat.irc.session.CAP_WAIT", 0.3)
    async with running(server.port, "#push", host=HERE) as bot:
        peer = await server.accept()
        await peer.want("USER")
        assert [line.split()[0] for line in peer.lines] == ["CAP", "NICK", "USER"]
        peer.greet()
        await peer.want("JOIN")
        peer.let_in("#push")
        await bot.entered("#push")


async def test_what_comes_and_goes(server: Scripted) -> None:
    async with running(server.port, "#push", host=HERE) as bot:
        peer = await server.accept()
        await peer.welcome("#push", caps="cap-notify server-time")
        await bot.entered("#push")
        peer.send(f":{NAME} CAP pushbot NEW :account-tag=x batch sasl=PLAIN")
        assert await peer.want("CAP REQ") == "CAP REQ :account-tag"  # and no login, for there is no account
        peer.send(f":{NAME} CAP pushbot NAK :account-tag", f":{NAME} CAP pushbot DEL :server-time cap-notify")
        peer.send(f":{NAME} CAP pushbot LIST :", "PING :fence")
        await peer.want("PONG :fence")
        assert server.peers.empty()


async def test_grants_that_nobody_asked_for_are_nothing(server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server has not been told of TLS yet when it grants `sasl` by itself: no password for it."""
    monkeypatch.setenv("PUSHBOT_IRC", "sesame")
    account = {"sasl": "plain", "sasl_user": "bot", "sasl_password": "env:PUSHBOT_IRC"}
    async with running(server.port, "#push", host=HERE, sasl_plain_without_tls=True, **account):
        peer = await server.accept()
        await peer.want("CAP LS")
        peer.send(f":{NAME} CAP * ACK :sasl", "AUTHENTICATE +", "PING :fence")
        await peer.want("PONG :fence")
        assert peer.lines == ["CAP LS 302", "PONG :fence"]


WORDS = st.sampled_from(
    ["CAP * LS", "CAP * LS *", "CAP * ACK", "CAP * NAK", "CAP * NEW", "CAP * DEL", "AUTHENTICATE", "900 * a b", "901 *"]
    + [f"{code} *" for code in (1, 421, 432, 433, 437, 451, 464, 902, 903, 904, 905, 906, 907, 908)]
)
REST = st.one_of(
    st.sampled_from(["+", "*", ":sasl", ":sasl=PLAIN,SCRAM-SHA-256", ":sts=port=1,duration=2", "A" * 400, "bixhLGI="]),
    st.text(max_size=80),
)


@settings(max_examples=300)
@given(st.lists(st.tuples(WORDS, REST), max_size=12), st.booleans())
def test_nothing_that_a_server_says_breaks_signing_on(lines: list[tuple[str, str]], tls: bool) -> None:
    account = {"sasl": "auto", "sasl_user": "bot", "sasl_password": "env:X"}
    options = IrcOptions.model_validate({"host": "irc.test", "tls": tls, **account})
    sts = Strictness(Route("irc.test", 6667, tls=tls), Policies(), trusted=tls)
    state = Registration(options, Credentials("pass", "sesame-in-the-clear"), sts)
    sent = state.start()
    for words, more in lines:
        message = parse(f":irc.test {words} {more}".encode("utf-8", "replace"))
        if message is None or state.failure is not None:
            continue
        sent += state.feed(message)
        if state.slow is not None:
            sent += state.slow()
    assert all(len(line) <= 510 and not {"\r", "\n"} & set(line) for line in sent)
    if not tls:
        assert "AUTHENTICATE PLAIN" not in sent
        assert state.failure is None or "sesame" not in state.failure
    if sts.upgrade is not None and len(lines) == 1:
        assert sent == ["CAP LS 302"]
