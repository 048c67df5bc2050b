"""The small parts: ourselves, the outbox, options, secrets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from pushbot.chat.irc.features import Features
from pushbot.chat.irc.options import IrcOptions
from pushbot.chat.irc.outbox import MOST, Outbox
from pushbot.chat.irc.own import Own
from pushbot.chat.irc.wire import Source
from pushbot.errors import PushbotError
from pushbot.secret import resolve_secret

if TYPE_CHECKING:
    from pathlib import Path


# --- ourselves ---


def own(*tokens: str, **options: object) -> Own:
    features = Features()
    features.load(tokens)
    made = Own(IrcOptions.model_validate({"host": "irc.test", **options}), features)
    made.begin("pushbot_", "irc.test")
    return made


def test_the_room_in_a_line_counts_what_the_server_puts_before_it() -> None:
    me = own()
    unknown = me.room_after("PRIVMSG #push :")
    me.seen(Source.parse("pushbot_!~pushbot@host.test"))
    whole = ":pushbot_!~pushbot@host.test PRIVMSG #push :" + "x" * me.room_after("PRIVMSG #push :") + "\r\n"
    assert len(whole) == 512
    assert unknown < me.room_after("PRIVMSG #push :")
    assert me.room_after("PRIVMSG " + "#" * 600) > 0


def test_a_topic_fits_all_three_of_its_limits() -> None:
    assert own("TOPICLEN=80").topic_limit("#push") == 80
    assert own("TOPICLEN=490", "NICKLEN=30").topic_limit("#push") < 490
    me = own("NICKLEN=30")
    me.seen(Source.parse("pushbot_!b@c"))
    reply = ":irc.test 332 " + "n" * 30 + " #push :" + "x" * me.topic_limit("#push") + "\r\n"
    assert len(reply) == 512
    assert Own(me.options, Features()).topic_limit("#push") > 300  # before any connection


def test_the_wanted_nick_is_as_long_as_allowed() -> None:
    me = own("NICKLEN=4")
    assert me.wanted == "push"
    assert me.misnamed()
    me.nick = "PUSH"
    assert not me.misnamed()
    assert not me.is_me("")


# --- outbox ---


def never(_: str) -> None:
    return None


async def test_lines_for_a_shut_room_stand_aside_until_it_opens() -> None:
    outbox = Outbox()
    for to, text in [("#a", "1"), ("#b", "2"), ("#a", "3")]:
        _ = outbox.add(to, text)
    head = outbox.head(lambda to: to if to == "#a" else None)
    assert head is not None
    assert head.text == "2"
    outbox.release("#a")
    texts = []
    while (head := outbox.head(never)) is not None:
        texts.append(head.text)
        outbox.written()
    assert texts == ["1", "2", "3"]


async def test_a_line_that_nobody_waits_for_is_dropped() -> None:
    outbox = Outbox()
    outbox.add("#a", "1").cancel()
    _ = outbox.add("#a", "2")
    head = outbox.head(never)
    assert head is not None
    assert head.text == "2"


async def test_an_empty_text_is_said_already() -> None:
    assert Outbox().add("#a", "\r\n\0").done()


@pytest.mark.parametrize("to", ["", "a b", "a,b", ":a", "a\r\nQUIT", "a\0"])
async def test_a_line_goes_to_one_name(to: str) -> None:
    with pytest.raises(PushbotError, match="no name"):
        await Outbox().add(to, "hi")


async def test_the_outbox_has_a_bound() -> None:
    outbox = Outbox()
    for _ in range(MOST):
        _ = outbox.add("#a", "x")
    with pytest.raises(PushbotError, match="wait"):
        await outbox.add("#a", "one more")
    assert len(outbox) == MOST


async def test_a_long_text_comes_in_parts() -> None:
    outbox = Outbox()
    done = outbox.add("#a", "x" * 25)
    speech = outbox.head(never)
    assert speech is not None
    assert [speech.next_part(10) for _ in range(3)] == ["x" * 10, "x" * 10, "x" * 5]
    assert not speech.parts
    assert not done.done()
    assert asyncio.isfuture(done)


# --- options and secrets ---


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": ""},
        {"nick": "two words"},
        {"nick": "a\nb"},
        {"username": ":x"},
        {"password": "hunter2"},
        {"sasl": "plain"},
        {"sasl": "external", "tls": True},
        {"sasl": "external", "tls_cert": "/x"},
        {"tls_key": "/x"},
        {"port": 0},
        {"burst": 0},
        {"reconnect_min": 10, "reconnect_max": 1},
        {"surprise": 1},
        {"realname": ""},
    ],
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        IrcOptions.model_validate({"host": "irc.test", **wrong})


def test_the_port_follows_from_tls() -> None:
    assert IrcOptions(host="x").address == ("x", 6667)
    assert IrcOptions(host="x", tls=True).address == ("x", 6697)
    assert IrcOptions(host="x", tls=True, port=7000).address == ("x", 7000)


def test_every_option_is_described() -> None:
    assert all(field.description for field in IrcOptions.model_fields.values())


def test_a_secret_is_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUSHBOT_TEST", "open sesame")
    (tmp_path / "secret").write_text("from a file \n", encoding="utf-8")
    assert resolve_secret("env:PUSHBOT_TEST") == "open sesame"
    assert resolve_secret(f"file:{tmp_path}/secret") == "from a file "


def test_a_secret_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUSHBOT_TEST", raising=False)
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for reference in ["env:PUSHBOT_TEST", f"file:{tmp_path}/none", f"file:{tmp_path}/empty", f"file:{tmp_path}/bytes"]:
        with pytest.raises(PushbotError, match=reference):
            resolve_secret(reference)
    with pytest.raises(PushbotError) as caught:
        resolve_secret("hunter2")
    assert "hunter2" not in str(caught.value)
