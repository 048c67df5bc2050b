"""What nobody should send: control characters, text direction, colours, CTCP, half characters, nicks of 400 bytes.

None of it gets into a topic, a log, the journal, the environment of a run, a page or a file; and no line becomes two.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.e2e.bot import until
from tests.e2e.made import UNLIMITED, basics, lane, stage, step
from tests.rig.scripted import scripted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.e2e.bot import BotProcess
    from tests.e2e.conftest import Bots, People
    from tests.e2e.crowd import Member
    from tests.rig.ngircd import Ngircd
    from tests.rig.scripted import Peer

pytestmark = [pytest.mark.e2e, pytest.mark.net]

UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
STEER = "\x02\x1d\x0304,08red\x0f\x16\x1f\x1b[2J\x9b\x7f\x07\t\u202egpj\u202c\u2066\u2028\x85".encode()
"""Bold, italics, colours, an escape sequence, a bell, a text that reads backwards, line ends of Unicode."""
HALF = b"\xc3 \xf0\x9f \xff\xed\xa0\x80"
"""The beginnings of characters, a byte that is in none, and half of a pair."""
MARKUP = b"<script>alert(1)</script> [x](javascript:1) `rm -rf` $(touch hacked) %s {0} | </details>"
WORDS = (STEER, HALF, MARKUP, b"a\\r\\nb \r.done \x01ACTION waves\x01", b"x" * 300)


def config(port: int, folder: Path, form: str) -> str:
    return (
        f'{UNLIMITED}log_format = "{form}"\n'
        + basics(port)
        + '\n[roles.operator]\npeople = ["irc/alice"]\n'
        + stage("web", "live", [step("build", f'env -0 | tr "\\\\n\\\\0" "?\\\\n" >> "{folder}/env"')])
        + lane("web")
    )


def commands(number: int, word: bytes) -> Iterable[bytes]:
    """A word at every place of a command where people write what they like."""
    yield b'.message "' + word + b'"'
    yield b'.hold "' + word + b'"'
    yield b".unhold"
    yield b'.lock live 1h "' + word + b'"'
    yield b".unlock! live " + word
    yield b'.incident "' + word + b'"'
    yield b".note " + word
    yield word
    yield b'.resolved "' + word + b'"'
    yield b".join hotfix " + word
    yield b".kick " + word
    yield b".try " + word
    yield b".blame " + word
    yield b".log " + word
    yield b".go " + word
    yield b".frob" + word
    yield b".whoami; " + word
    yield f".say #push {number}".encode() + word


def harmless(bot: BotProcess, shown: Iterable[str], form: str) -> None:
    """Wherever something of all that may have got to, nothing in it does more than to be read."""
    for text in shown:
        assert not UNSAFE.search(text), repr(text)
    log = (bot.folder / "bot.log").read_bytes().decode("utf-8")
    assert not UNSAFE.search(log)
    for line in log.splitlines():
        assert json.loads(line) if form == "json" else re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z [a-z]", line), line
    for (record,) in bot.rows("SELECT record FROM journal"):
        assert all(value.isprintable() for value in json.loads(record).values()), record
    told = subprocess.run(
        [sys.executable, "-m", "pushbot", "audit", str(bot.file)], capture_output=True, check=True, timeout=60
    ).stdout.decode("utf-8")
    assert not UNSAFE.search(told)
    assert len([json.loads(line) for line in told.splitlines()]) == len(bot.rows("SELECT id FROM journal"))
    for line in bot.written("env"):
        assert not UNSAFE.search(line), line
        assert re.match("[A-Za-z_][A-Za-z0-9_]*=", line) or not line.startswith("PUSHBOT"), line
    for page in (bot.folder / "var" / "incidents").glob("*"):
        text = page.read_text(encoding="utf-8")
        assert not UNSAFE.search(text)
        assert not re.search(r"(?<!\\)(</?\w|\]\()", text)
    assert not (bot.folder / "hacked").exists()


async def caught_up(member: Member, word: str) -> None:
    """Ask something until that is answered: who asks much is turned away for a while."""
    for _ in range(30):
        with suppress(AssertionError):
            await member.asks(f".log {word}", f"called {word}", to="pushbot", within=1)
            return
    raise AssertionError("no answer")


@pytest.mark.parametrize("form", ["text", "json"])
async def test_through_a_real_server(irc_server: Ngircd, bots: Bots, people: People, tmp_path: Path, form: str) -> None:
    bot = bots(config(irc_server.port, tmp_path, form))
    bot.rooms = ()
    alice, watcher = await people(irc_server, "alice"), await people(irc_server, "watcher")
    await bot.start()
    await until(lambda: bot.log().count("irc_room_entered") == 2, "the bot in its rooms")
    alice.say(".join")
    await watcher.sees("alice")
    for number, word in enumerate(WORDS):
        for to in (b"#push", b"#warroom", b"pushbot"):
            alice.send(*(b"PRIVMSG " + to + b" :" + command for command in commands(number, word)))
        alice.send(b"TOPIC #push :alice + " + word, b"TOPIC #push :" + word, b"NOTICE #push :.done " + word)
        alice.send(*(b"PRIVMSG pushbot :\x01" + ask + b" " + word + b"\x01" for ask in (b"VERSION", b"DCC SEND", b"X")))
        alice.send(b"PRIVMSG pushbot :\x01PING 1 " + word + b"\x01", b"PRIVMSG #push :\x01ACTION .done\x01")
        await caught_up(alice, f"q{number}")
    alice.say(".resolved; .unhold; .unlock! live; .nevermind; .pop; .nevermind")
    alice.send("TOPIC #push :clear")
    await watcher.sees("clear")
    alice.say('.join "' + STEER.decode() + '"; .go')
    await until(lambda: bot.written("env"), "a run")
    said = [line for line in (*watcher.lines, *alice.lines) if line.startswith(":pushbot!") and " NOTICE " not in line]
    assert (await bot.stop())[0] == 0
    harmless(bot, said, form)


SERVER = ":irc.script.test"
LONG = "n" * 400
NICKS = (
    LONG,
    "\u202eecila",
    "al\x02ice",
    "a\x1b[2Jb",
    "a\u2028b",
    "é" * 200,
    "a`$(touch hacked)b",
    "<b>x</b>",
    "@everyone",
)


async def test_through_a_server_that_lets_everything_pass(bots: Bots, tmp_path: Path) -> None:
    async with scripted() as server:
        bot = bots(config(server.port, tmp_path, "text"))
        bot.launch()
        peer = await server.accept()
        await peer.welcome(caps="message-tags account-tag account-notify extended-join")
        await peer.want("JOIN")
        for room in bot.rooms:
            peer.let_in(room, STEER.decode())
        await bot.entered()
        for nick in NICKS:
            for word in (STEER, HALF, b"a\x00b\rc", b"x" * 9000):
                by = b":" + nick.encode() + b"!u\x02\x1b@h\xe2\x80\xae.test "
                tags = rb"@account=al\nice\r\:;+x=\\;time=\x1b "
                peer.send(
                    *(
                        tags + by + b"PRIVMSG #push :" + each
                        for each in (b".join", b".whoami", b'.message "' + word + b'"')
                    ),
                    by + b"PRIVMSG pushbot :join " + word,
                    by + b"TOPIC #push :" + nick.encode() + b" + " + word,
                    by + b"NICK :" + nick.encode() + b"\x02",
                    by + b"JOIN #push " + word + b" :" + word,
                    by + b"ACCOUNT :" + word,
                    by + b"QUIT :" + word,
                    b":" + word + b" 332 pushbot #push :" + word,
                    b":\x1b[2J 433 " + word,
                    word,
                )
        await answered(peer, "1")
        peer.send(f"{ALICE} TOPIC #push :clear", f"{ALICE} PRIVMSG #push :.unhold; .join; .go")
        await until(lambda: bot.written("env"), "a run")
        await answered(peer, "2")
        lines = [line for line in peer.lines if not line.startswith("NOTICE")]
        assert max(len(line.encode()) for line in lines) <= 510
        peer.send(f"ERROR :{STEER.decode()}")
        await until(lambda: "irc_disconnected" in bot.log(), "the end of the connection")
        await (await server.accept()).want("CAP LS")
        assert (await bot.stop())[0] == 0
        harmless(bot, lines, "text")


ALICE = ":alice!a@host.test"


async def answered(peer: Peer, word: str) -> None:
    """Return when all before this was taken: answer the bot, and have it answer."""
    peer.send(f"PING :{word}", f"{ALICE} PRIVMSG pushbot :log q{word}")
    for _ in range(2000):
        line = await peer.want("P")
        if line.startswith("PING"):
            peer.send(f"{SERVER} PONG irc.script.test :{line.partition(':')[2]}")
        if f"called q{word}" in line:
            return
    raise AssertionError("no answer")
