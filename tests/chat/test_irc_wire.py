"""Bytes to messages and text to lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from irc.events import numeric

from pushbot.chat.irc.numerics import NAMES
from pushbot.chat.irc.wire import INPUT_LIMIT, LineBuffer, Source, clean, cut, parse, plain, split


def test_numerics_have_the_names_that_the_package_gives_them() -> None:
    assert {code: str(numeric[code]) for code in NAMES} == NAMES


@pytest.mark.parametrize(
    ("line", "name", "params", "nick"),
    [
        (b":alice!a@host PRIVMSG #push :hello there", "privmsg", ("#push", "hello there"), "alice"),
        (b":irc.test 001 pushbot :Welcome", "welcome", ("pushbot", "Welcome"), "irc.test"),
        (b"PING :a b", "ping", ("a b",), ""),
        (b"PING a b", "ping", ("a", "b"), ""),
        (b"PING", "ping", (), ""),
        (b":alice!a@host QUIT", "quit", (), "alice"),
        (b"QUIT", "quit", (), ""),
        (b":alice TOPIC #c :", "topic", ("#c", ""), "alice"),
        (b":s 332 me #c ::) yes", "currenttopic", ("me", "#c", ":) yes"), "s"),
        (b":s 396 me cloak :is your host", "396", ("me", "cloak", "is your host"), "s"),
        (b"  join   #a   #b  ", "join", ("#a", "#b"), ""),
        ("JOIN #a\u00a0b".encode(), "join", ("#a\u00a0b",), ""),
    ],
)
def test_a_line_is_read(line: bytes, name: str, params: tuple[str, ...], nick: str) -> None:
    message = parse(line)
    assert message is not None
    assert (message.name, message.params, message.source.nick) == (name, params, nick)


@pytest.mark.parametrize("line", [b"", b" ", b":", b": ", b":only.a.prefix", b"@", b"@tag", b"@ :x ", b"\0", b"\0\0 "])
def test_a_line_without_a_command_is_none(line: bytes) -> None:
    assert parse(line) is None


def test_tags_are_unescaped() -> None:
    message = parse(rb"@account=al\:ice\s;time=2026-01-01T00:00:00Z;empty=;flag;;=x :a!b@c PRIVMSG #p :hi")
    assert message is not None
    assert message.tags["account"] == "al;ice "
    assert message.tags["flag"] == message.tags["empty"] == ""
    assert message.params == ("#p", "hi")


def test_bad_bytes_are_replaced() -> None:
    message = parse(b":a!b@c PRIVMSG #p :" + bytes(range(0x80, 0x100)) + "é".encode()[:1])
    assert message is not None
    assert set(message.params[1]) == {"\ufffd"}


def test_nul_is_dropped() -> None:
    message = parse(b"PRI\0VMSG #p :a\0b")
    assert message is not None
    assert message.params == ("#p", "ab")


def test_a_parameter_that_is_missing_is_empty() -> None:
    message = parse(b"NICK")
    assert message is not None
    assert message.param(0) == message.param(-1) == message.param(7) == ""


@pytest.mark.parametrize(
    ("prefix", "nick", "is_user"),
    [("a!b@c", "a", True), ("a@c", "a", True), ("irc.test", "irc.test", False), ("", "", False), ("a!", "a", True)],
)
def test_a_source_is_a_user_or_a_server(prefix: str, nick: str, is_user: bool) -> None:
    source = Source.parse(prefix)
    assert (source.nick, source.is_user) == (nick, is_user)


@given(st.binary(max_size=600))
def test_no_bytes_make_the_parser_raise(line: bytes) -> None:
    message = parse(line)
    assert message is None or message.name


@given(st.lists(st.binary(max_size=40)), st.integers(1, 13))
def test_lines_come_out_however_they_come_in(lines: list[bytes], size: int) -> None:
    whole = [line.replace(b"\n", b"").replace(b"\r", b"") for line in lines]
    data = b"".join(line + b"\r\n" for line in whole)
    buffer = LineBuffer()
    got = [line for at in range(0, len(data), size) for line in buffer.feed(data[at : at + size])]
    assert got == whole
    assert buffer.dropped == 0


def test_a_line_that_is_too_long_is_dropped_and_the_next_is_read() -> None:
    buffer = LineBuffer()
    got: list[bytes] = []
    for _ in range(1000):
        got += buffer.feed(b"x" * 1000)
        assert len(buffer._rest) <= INPUT_LIMIT
    got += buffer.feed(b"tail\r\nNEXT\r\n" + b"y" * (INPUT_LIMIT + 1) + b"\nLAST\n")
    assert got == [b"NEXT", b"LAST"]
    assert buffer.dropped == 2


def test_colours_formats_and_controls_are_removed() -> None:
    assert plain("\x02bold\x0f \x0304,12red\x03 \x04ff0000hex\x1d\x07 tab\there") == "bold red hex tab here"
    assert plain("1\x03,2") == "1,2"
    assert plain("grüße\u2028\u0085") == "grüße"


def test_what_is_written_cannot_end_a_line() -> None:
    assert clean("a\rb\nc\0d\x01e\u2028f\ud800") == "abcdef"
    assert clean("naïve 🚂") == "naïve 🚂"


@given(st.text(), st.integers(0, 50))
def test_cut_keeps_whole_characters(text: str, limit: int) -> None:
    text = clean(text)
    part = cut(text, limit)
    assert text.startswith(part)
    assert len(part.encode()) <= limit
    if part != text:
        assert len((part + text[len(part)]).encode()) > limit


@given(st.text(), st.integers(4, 40))
def test_the_parts_are_the_text_again(text: str, limit: int) -> None:
    text = clean(text)
    parts = list(split(text, limit))
    assert "".join(parts).replace(" ", "") == text.replace(" ", "")
    assert all(0 < len(part.encode()) <= limit for part in parts)


def test_a_long_text_is_broken_at_a_space() -> None:
    assert list(split("one two three four", 10)) == ["one two", "three four"]
    assert list(split("one two", 3)) == ["one", "two"]
    assert list(split("x" * 10 + " y", 4)) == ["xxxx", "xxxx", "xx y"]
