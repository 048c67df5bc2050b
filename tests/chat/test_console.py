"""The chat screen: lines of IRC that mean harm, voices on a real server, and the screen as it is drawn."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from pushbot.chat.console import Extra, Screen
from pushbot.chat.console.voice import Remark, Said, Sound, TopicIs, Voice
from pushbot.chat.console.wire import Message, clean, parse, pieces
from pushbot.errors import PushbotError
from tests.rig.bot import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from prompt_toolkit.input import PipeInput

    from tests.rig.client import Person
    from tests.rig.ngircd import Ngircd

    Connect = Callable[..., Awaitable[Person]]

ROOMS = ("#push", "#warroom")


# --- lines of IRC ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b":a!b@c PRIVMSG #push :hi  there :)\r\n", Message("a", True, "PRIVMSG", ("#push", "hi  there :)"))),
        (b"@time=x;y=z :s.example 332 me #push :a: b\r\n", Message("s.example", False, "332", ("me", "#push", "a: b"))),
        (b"ping :x", Message("", False, "PING", ("x",))),
        (b":a!b TOPIC #push :", Message("a", True, "TOPIC", ("#push", ""))),
        (b":a\x1b[2J!b QUIT", Message("a[2J", True, "QUIT", ())),
        (b":x!y PRIVMSG #push :\xc3", Message("x", True, "PRIVMSG", ("#push", "\ufffd"))),
        (b"", None),
        (b":only", None),
        (b"@tags", None),
        (b"\r\n", None),
    ],
)
def test_a_line_is_read_as_it_was_meant(line: bytes, said: Message | None) -> None:
    assert parse(line) == said


def test_nothing_that_steers_a_terminal_is_left() -> None:
    every = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0), 0x202E, 0x2066, 0x200B, 0xFEFF, 0xD800]))
    assert clean(f"a{every}b") == "ab"
    assert clean("\x0304,12red\x03 \x04ff0000hex\x02bold") == "red hexbold"
    assert clean("Zoë 🚂 ¡hola!") == "Zoë 🚂 ¡hola!"


def test_long_text_is_cut_between_characters() -> None:
    text = "é🚂" * 300
    cut = pieces(text)
    assert "".join(cut) == text
    assert all(len(piece.encode()) <= 400 for piece in cut)
    assert pieces(" \r\n\0 ") == []
    assert pieces("a\r\nQUIT") == ["aQUIT"]


# --- voices on a real server -------------------------------------------------------------------


@asynccontextmanager
async def speaking(server: Ngircd, nick: str, *, ears: bool = True) -> AsyncIterator[tuple[Voice, list[Sound]]]:
    """A voice that runs until the block ends, and all that it tells."""
    heard: list[Sound] = []
    voice = Voice(server.host, server.port, nick, ROOMS, heard.append, ears=ears)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(voice.run())
        yield voice, heard
        task.cancel()


@pytest.mark.net
async def test_a_voice_hears_topics_talk_and_comings(irc_server: Ngircd, connect: Connect) -> None:
    alice = await connect(irc_server, "alice", "#push")
    alice.send("TOPIC #push :alice | bob")
    async with speaking(irc_server, "you") as (voice, heard):
        await until(lambda: TopicIs("#push", "alice | bob") in heard)
        alice.send("TOPIC #push :bob", "PRIVMSG #PUSH :hi \x1b[31m\x02there", "PRIVMSG you :psst")
        alice.send("PRIVMSG #push :\x01ACTION waves\x01", b"PRIVMSG #push :\xff\xfe", "PRIVMSG #push :\x01VERSION\x01")
        await until(lambda: Said("#push", "alice", "\ufffd\ufffd") in heard)
        assert TopicIs("#push", "bob") in heard
        assert Said("#push", "alice", "hi [31mthere") in heard
        assert Said("you", "alice", "psst") in heard
        assert Said("#push", "alice", "* alice waves") in heard
        assert not any("VERSION" in str(sound) for sound in heard)
        voice.say("#push", "hello\r\nQUIT")
        await alice.expect(":helloQUIT")
        alice.send("NICK al", "KICK #push you :out")
        await until(lambda: any(isinstance(sound, Remark) and "was kicked by al" in sound.text for sound in heard))
        assert Remark("alice is now al", "#push") in heard
        await alice.expect(" JOIN :#push")


@pytest.mark.net
async def test_a_voice_comes_back_and_says_what_was_typed_meanwhile(irc_server: Ngircd, connect: Connect) -> None:
    async with speaking(irc_server, "you") as (voice, heard):
        await until(lambda: Remark("connected as you") in heard)
        irc_server.kill()
        await until(lambda: any(isinstance(sound, Remark) and "no connection" in sound.text for sound in heard))
        voice.say("#push", "said while away")
        await irc_server.start()
        carol = await connect(irc_server, "carol", "#push")
        await carol.expect("said while away", within=60)


@pytest.mark.net
async def test_a_nick_in_use_is_said(irc_server: Ngircd, connect: Connect) -> None:
    await connect(irc_server, "bob")
    async with speaking(irc_server, "bob") as (voice, heard):
        await until(lambda: Remark("connected as bob_") in heard)
        assert voice.nick == "bob_"
    for nick, why in (("bob", "is in use by somebody else"), ("9#", "is not allowed by the server")):
        async with speaking(irc_server, nick, ears=False) as (_, heard):
            await until(partial(heard.__contains__, Remark(f"the nick {nick} {why}; choose another")))


# --- the screen as it is drawn -----------------------------------------------------------------


class Terminal(DummyOutput):
    """A terminal of a given size that shows nothing to anybody."""

    def __init__(self, columns: int) -> None:
        self._size = Size(rows=30, columns=columns)

    def get_size(self) -> Size:
        return self._size


@dataclass
class Sitting:
    """Somebody before the screen: types, and reads what is drawn."""

    screen: Screen
    keys: PipeInput
    task: asyncio.Task[None]

    def type(self, *lines: str) -> None:
        for line in lines:
            self.keys.send_text(f"{line}\r")

    def rows(self) -> list[str]:
        drawn = self.screen._app.renderer.last_rendered_screen
        if drawn is None:
            return []
        cells = drawn.data_buffer
        width = self.screen._app.output.get_size().columns
        return ["".join(cells[y][x].char for x in range(width)).rstrip() for y in range(drawn.height)]

    async def sees(self, text: str) -> None:
        try:
            await until(lambda: any(text in row for row in self.rows()))
        except AssertionError:
            raise AssertionError(f"{text!r} is not on the screen:\n" + "\n".join(self.rows())) from None


@asynccontextmanager
async def sitting(
    server: Ngircd, *, columns: int = 80, hints: Sequence[str] = (), extras: Sequence[Extra] = ()
) -> AsyncIterator[Sitting]:
    """The screen on `server`, left with Ctrl-C when the block ends."""
    with create_pipe_input() as keys, create_app_session(input=keys, output=Terminal(columns)):
        screen = Screen(server.host, server.port, "you", ROOMS, hints=hints, extras=extras)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(screen.run())
            found = Sitting(screen, keys, task)
            await found.sees("connected as you")
            yield found
            if not task.done():
                keys.send_text("\x03")


@pytest.mark.net
async def test_the_topic_is_on_top_and_follows(irc_server: Ngircd, connect: Connect) -> None:
    alice = await connect(irc_server, "alice", "#push")
    async with sitting(irc_server, hints=("say .join",)) as you:
        assert you.rows()[0].startswith(" #push  (no topic)")
        await you.sees("say .join")
        alice.send("TOPIC #push :" + "alice + " * 20)
        await until(lambda: "alice + alice" in "".join(you.rows()[1:2]))  # it is wrapped
        assert you.rows()[0].startswith(" #push  alice + alice")


@pytest.mark.net
async def test_rooms_stand_one_below_the_other_or_side_by_side(irc_server: Ngircd, connect: Connect) -> None:
    bot = await connect(irc_server, "pushbot", "#push", "#warroom")
    for columns, together in ((80, False), (160, True)):
        async with sitting(irc_server, columns=columns) as you:
            await bot.expect(lambda line: line.startswith(":you!") and line.endswith("JOIN :#warroom"))
            bot.send("PRIVMSG #push :up you are", "PRIVMSG #warroom :deploying")
            await you.sees("pushbot: up you are")
            await you.sees("pushbot: deploying")
            assert any("#push" in row and "#warroom" in row for row in you.rows()[1:-1]) is together


@pytest.mark.net
async def test_people_speak_as_several_in_both_rooms(irc_server: Ngircd, connect: Connect) -> None:
    bot = await connect(irc_server, "pushbot", "#push", "#warroom")
    async with sitting(irc_server) as you:
        you.type(".join")
        await bot.expect(":you!~you@127.0.0.1 PRIVMSG #push :.join")
        await you.sees("you: .join")
        you.type("/as bob", ".join with you", "/as", "/as carol hello")
        await bot.expect("PRIVMSG #push :.join with you")
        await bot.expect(":carol!")
        await you.sees("bob: .join with you")
        await you.sees("carol: hello")
        await you.sees("[#push] you>")
        you.keys.send_text("\t")
        you.type("in the other room", "/msg pushbot status")
        await bot.expect("PRIVMSG #warroom :in the other room")
        await bot.expect("PRIVMSG pushbot :status")
        await you.sees("you to pushbot: status")
        bot.send("PRIVMSG bob :only for you")
        await you.sees("pushbot to bob: only for you")
        you.type("/as pushbot")
        await you.sees("the nick pushbot is in use by somebody else")
        await until(lambda: "you>" in "".join(you.rows()[-1:]))


@pytest.mark.net
async def test_words_of_the_screen_are_answered(irc_server: Ngircd) -> None:
    async def commit(nick: str, text: str) -> Sequence[str]:
        if not text:
            raise PushbotError("say what to commit")
        return (f"{nick} committed {text}\x1b[2J",)

    async with sitting(irc_server, extras=(Extra("commit", "/commit TEXT  a new version", commit),)) as you:
        you.type("/help")
        await you.sees("/commit TEXT  a new version")
        you.type("/commit hello", "/commit", "/fly", "/msg x")
        await you.sees("you committed hello[2J")
        await you.sees("say what to commit")
        await you.sees("there is no /fly like that; there are /as, /msg, /commit, /help, /quit")
        await you.sees("there is no /msg like that")
        you.screen.note("the bot\r\nhas ended")
        await you.sees("the bothas ended")
        you.type("/quit")
        await until(you.task.done)


@pytest.mark.net
async def test_looking_back_and_what_was_typed_before(irc_server: Ngircd, connect: Connect) -> None:
    bot = await connect(irc_server, "pushbot", "#push")
    async with sitting(irc_server) as you:
        await bot.expect(lambda line: line.startswith(":you!") and line.endswith("JOIN :#push"))
        bot.send(*(f"PRIVMSG #push :line {number}." for number in range(60)))
        await you.sees("line 59.")
        you.keys.send_text("\x1b[5~\x1b[5~")
        await you.sees("20 more below")
        bot.send("PRIVMSG #push :news")
        await you.sees("21 more below")
        assert not any("news" in row for row in you.rows())
        you.keys.send_text("\x1b[6~\x1b[6~\x1b[6~")
        await you.sees("pushbot: news")
        you.type("first words")
        await you.sees("you: first words")
        you.keys.send_text("\x1b[A")
        await until(lambda: "".join(you.rows()[-1:]).endswith("you> first words"))
