"""Signing on, line by line."""

from __future__ import annotations

import base64
from itertools import islice

import pytest

from pushbot.chat.irc.options import IrcOptions
from pushbot.chat.irc.registration import GIVEN_UP, NICK_TRIES, WANTED, Registration, spare_nicks
from pushbot.chat.irc.sasl import Credentials
from pushbot.chat.irc.sts import Policies, Route, Strictness
from pushbot.chat.irc.wire import parse

HELLO = ["NICK pushbot", "USER pushbot 0 * :pushbot"]


class SignOn:
    """A registration that is spoken to in lines."""

    def __init__(self, nick_length: int | None = None, password: str | None = None, **options: object) -> None:
        model = IrcOptions.model_validate({"host": "irc.test", **options})
        credentials = Credentials(password, "sesame" if options.get("sasl") == "plain" else None)
        sts = Strictness(Route("irc.test", 6697, tls=model.tls), Policies(), trusted=model.tls)
        self.state = Registration(model, credentials, sts, nick_length)
        self.first = self.state.start()

    def hears(self, line: str) -> list[str]:
        message = parse(f":irc.test {line}".encode())
        assert message is not None
        return self.state.feed(message)


def plain() -> SignOn:
    return SignOn(tls=True, sasl="plain", sasl_user="bot", sasl_password="env:X")


def test_capabilities_come_first_then_password_nick_and_user() -> None:
    sign_on = SignOn(password="pass word")
    assert sign_on.first == ["CAP LS 302"]
    assert sign_on.hears("CAP * LS :") == ["PASS :pass word", *HELLO, "CAP END"]


def test_only_what_is_offered_is_asked_for_over_several_lines() -> None:
    sign_on = SignOn()
    assert sign_on.hears("CAP * LS * :multi-prefix sasl=PLAIN account-tag") == []
    assert sign_on.hears("CAP * LS :server-time draft/x=y message-tags") == [
        *HELLO,
        "CAP REQ :message-tags account-tag server-time",
    ]
    assert sign_on.hears("CAP pushbot ACK :message-tags account-tag server-time ") == ["CAP END"]
    assert sign_on.state.caps == {"message-tags", "account-tag", "server-time"}
    assert sign_on.hears("001 pushbot :Welcome") == []
    assert sign_on.state.done


def test_with_nothing_wanted_the_negotiation_ends() -> None:
    assert SignOn().hears("CAP * LS :multi-prefix") == [*HELLO, "CAP END"]
    assert SignOn().hears("CAP * LS :") == [*HELLO, "CAP END"]


def test_refused_together_each_is_asked_for_alone() -> None:
    sign_on = SignOn()
    assert sign_on.hears("CAP * LS :account-tag server-time") == [*HELLO, "CAP REQ :account-tag server-time"]
    assert sign_on.hears("CAP * NAK :account-tag server-time") == ["CAP REQ :account-tag", "CAP REQ :server-time"]
    assert sign_on.hears("CAP * NAK :account-tag") == []
    assert sign_on.hears("CAP * ACK :server-time") == ["CAP END"]
    assert sign_on.state.caps == {"server-time"}


def test_a_server_that_knows_no_capabilities_signs_us_on() -> None:
    sign_on = SignOn()
    assert sign_on.hears("421 * CAP :Unknown command") == HELLO
    assert sign_on.hears("451 * CAP :You have not registered") == []
    sign_on.hears("001 pushbot :Welcome")
    assert sign_on.state.done
    assert sign_on.state.failure is None


def test_capabilities_come_and_go_later() -> None:
    sign_on = SignOn()
    sign_on.hears("CAP * LS :server-time")
    sign_on.hears("CAP * ACK :server-time")
    sign_on.hears("001 pushbot :Welcome")
    assert sign_on.hears("CAP pushbot NEW :account-tag sasl batch") == ["CAP REQ :account-tag"]
    assert sign_on.hears("CAP pushbot ACK :account-tag") == []
    assert sign_on.state.caps == {"server-time", "account-tag"}
    assert sign_on.hears("CAP pushbot DEL :account-tag server-time") == []
    assert sign_on.state.caps == set()
    assert sign_on.hears("CAP pushbot NEW :echo-message extended-join") == ["CAP REQ :extended-join echo-message"]
    assert sign_on.hears("CAP pushbot NAK :extended-join echo-message") == []


def to_account(sign_on: SignOn, mechanism: str) -> None:
    assert sign_on.hears(f"CAP * LS :sasl={mechanism},SCRAM-SHA-256 server-time") == [
        *HELLO,
        "CAP REQ :server-time sasl",
    ]
    assert sign_on.hears("CAP * ACK :server-time sasl") == [f"AUTHENTICATE {mechanism}"]


def test_sasl_plain() -> None:
    sign_on = plain()
    to_account(sign_on, "PLAIN")
    assert sign_on.hears("AUTHENTICATE +") == ["AUTHENTICATE " + base64.b64encode(b"bot\0bot\0sesame").decode()]
    assert sign_on.hears("900 pushbot x!y@z bot :You are now logged in as bot") == []
    assert sign_on.hears("903 pushbot :SASL authentication successful") == ["CAP END"]


@pytest.mark.parametrize(("length", "sizes"), [(297, [396]), (300, [400, 1]), (301, [400, 4]), (600, [400, 400, 1])])
def test_sasl_goes_out_in_chunks_of_400(length: int, sizes: list[int]) -> None:
    secret = "x" * (length - len("bot\0bot\0"))
    sign_on = plain()
    sign_on.state._login.credentials = Credentials(None, secret)
    to_account(sign_on, "PLAIN")
    chunks = [line.removeprefix("AUTHENTICATE ") for line in sign_on.hears("AUTHENTICATE +")]
    assert [len(chunk) for chunk in chunks] == sizes
    data = "".join(chunk for chunk in chunks if chunk != "+")
    assert base64.b64decode(data) == f"bot\0bot\0{secret}".encode()


def test_sasl_external() -> None:
    sign_on = SignOn(sasl="external", tls=True, tls_cert="/x.pem")
    to_account(sign_on, "EXTERNAL")
    assert sign_on.hears("AUTHENTICATE +") == ["AUTHENTICATE +"]
    assert sign_on.hears("903 * :ok") == ["CAP END"]


@pytest.mark.parametrize("numeric", ["902", "904", "905", "906"])
def test_a_wrong_account_is_hopeless(numeric: str) -> None:
    sign_on = plain()
    to_account(sign_on, "PLAIN")
    sign_on.hears("AUTHENTICATE +")
    assert sign_on.hears(f"{numeric} * :SASL authentication failed") == [GIVEN_UP]
    assert "account bot" in str(sign_on.state.failure)
    assert "sesame" not in str(sign_on.state.failure)
    assert sign_on.state.hopeless


def test_without_its_account_the_bot_does_not_come_in() -> None:
    gone = plain()
    gone.hears("CAP * LS :server-time")
    assert gone.state.failure
    assert not gone.state.hopeless  # services may come back

    other = plain()
    other.hears("CAP * LS :sasl=EXTERNAL")
    assert other.hears("CAP * ACK :sasl") == [GIVEN_UP]
    assert "EXTERNAL" in str(other.state.failure)
    assert other.state.hopeless

    refused = plain()
    refused.hears("CAP * LS :sasl")
    assert refused.hears("CAP * NAK :sasl") == [GIVEN_UP]
    assert refused.state.failure

    ignorant = plain()
    ignorant.hears("001 pushbot :Welcome")
    assert ignorant.state.failure


def test_a_wrong_password_is_hopeless() -> None:
    sign_on = SignOn(password="x")
    sign_on.hears("464 * :Password incorrect")
    assert sign_on.state.hopeless


def test_a_nick_in_use_is_varied_within_the_limit() -> None:
    assert list(islice(spare_nicks("pushbot", 9), 5)) == ["pushbot_", "pushbot__", "pushbot1", "pushbot2", "pushbot3"]
    assert list(islice(spare_nicks("pushbot", 7), 3)) == ["pushbo_", "pushb__", "pushbo1"]
    sign_on = SignOn(nick_length=7)
    assert sign_on.hears("433 * pushbot :Nickname is already in use") == ["NICK pushbo_"]
    assert sign_on.hears("437 * pushbo_ :Temporarily unavailable") == ["NICK pushb__"]
    sign_on.hears("001 pushb__ :Welcome")
    assert sign_on.state.nick == "pushb__"
    assert sign_on.hears("433 pushb__ pushbot :Nickname is already in use") == []


def test_a_nick_that_is_too_long_is_shortened() -> None:
    sign_on = SignOn(nick="pushbot-of-the-web")
    assert sign_on.hears("432 * pushbot-of-the-web :Erroneous nickname") == ["NICK pushbot-_"]


def test_a_nick_that_the_server_will_not_have_is_given_up() -> None:
    sign_on = SignOn()
    for _ in range(NICK_TRIES):
        assert sign_on.hears("432 * 1 :Erroneous nickname")
    assert sign_on.hears("432 * 1 :Erroneous nickname") == [GIVEN_UP]
    assert "nick" in str(sign_on.state.failure)


def test_odd_answers_do_no_harm() -> None:
    sign_on = SignOn()
    for line in [
        "CAP",
        "CAP *",
        "CAP * LS",
        "CAP * ACK",
        "CAP * NAK",
        "CAP * WAT :x",
        "AUTHENTICATE",
        "001",
        "433",
        "903",
    ]:
        sign_on.hears(line)
    assert sign_on.state.nick


def test_credentials_are_not_shown() -> None:
    assert "hunter2" not in repr(Credentials("hunter2", "hunter2"))


def test_sasl_is_asked_for_only_when_used() -> None:
    assert "sasl" not in WANTED
