"""The chat on a real server: what others see of it, and what it survives."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest

from pushbot.chat.irc import IrcChat
from pushbot.errors import DeliveryUncertain, PushbotError
from pushbot.ports import Heard, Renamed, RoomEntered, TopicEdited, TopicRefused
from pushbot.service.speaker import AT_ONCE, Speaker
from pushbot.testing.clock import HandClock
from pushbot.testing.memory_store import MemoryStore
from tests.rig.bot import Bot, running, until
from tests.rig.proxy import proxy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.rig.client import Person
    from tests.rig.ngircd import Ngircd

    Connect = Callable[..., Awaitable[Person]]
    Start = Callable[..., Awaitable[Ngircd]]

pytestmark = pytest.mark.net


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Knock at shut doors more often than in real life."""
    monkeypatch.setattr("pushbot.chat.irc.rooms.REJOIN_MIN", 0.2)


def said(line: str) -> str:
    """The text of a PRIVMSG, TOPIC or 332 as a client sees it."""
    return line.split(" :", 1)[1]


# --- seen by others ---


async def test_it_enters_hears_answers_and_leaves(irc_server: Ngircd, connect: Connect) -> None:
    alice = await connect(irc_server, "alice", "#push")
    loop = asyncio.get_running_loop()
    async with running(irc_server.port, "#push", "#warroom") as bot:
        await bot.entered("#push", "#warroom")
        alice.say("#push", ".join")
        heard = await bot.told(Heard)
        assert heard == Heard("irc", "#push", bot.chat.person("alice"), ".join")
        assert heard.person.key == "nick:alice"
        answer = bot.chat.say("#push", "alice: you're in")
        assert said(await alice.expect("PRIVMSG #push")) == "alice: you're in"
        await answer
        alice.say("pushbot", ".status")
        assert (await bot.told(Heard)).room is None
        await bot.chat.say("alice", "all quiet")
        assert said(await alice.expect("PRIVMSG alice")) == "all quiet"
        alice.send("NICK Ally")
        renamed = await bot.told(Renamed)
        assert (renamed.old.key, renamed.new.key, renamed.new.name) == ("nick:alice", "nick:ally", "Ally")
        start = loop.time()
    assert loop.time() - start < 20
    await alice.expect(":pushbot!~pushbot@127.0.0.1 QUIT")


async def test_topics_are_set_cleared_and_told(irc_server: Ngircd, connect: Connect) -> None:
    alice = await connect(irc_server, "alice", "#push")
    alice.send("TOPIC #push :from before")
    await alice.expect("TOPIC")
    async with running(irc_server.port, "#push", topic_interval=0) as bot:
        assert await bot.told(RoomEntered) == RoomEntered("irc", "#push", "from before", "alice")
        for topic in ("alice + bob", "", "grüße"):
            bot.chat.draw("#push", topic)
            assert said(await alice.expect("TOPIC #push")) == topic
        bot.chat.draw("#push", "grüße")
        alice.send("TOPIC #push :by hand")
        edited = await bot.told(TopicEdited)
        assert (edited.person.name, edited.text) == ("alice", "by hand")
        assert len([line for line in await alice.drain() if "TOPIC" in line]) == 1


async def test_forty_changes_at_once_make_two_topics(irc_server: Ngircd, connect: Connect) -> None:
    alice = await connect(irc_server, "alice", "#push")
    async with running(irc_server.port, "#push", topic_interval=0.1) as bot:
        await bot.entered("#push")
        for number in range(40):
            bot.chat.draw("#push", str(number))
        assert said(await alice.expect("TOPIC")) == "0"
        assert said(await alice.expect("TOPIC")) == "39"
        await asyncio.sleep(0.15)
        assert not [line for line in await alice.drain() if "TOPIC" in line]


async def test_long_lines_arrive_whole(irc_server: Ngircd, connect: Connect) -> None:
    alice = await connect(irc_server, "alice", "#push")
    text = "grüße 🚂 an alle " * 80 + "!"
    async with running(irc_server.port, "#push", nick="a-bot-with-a-name-of-thirty-xx") as bot:
        await bot.entered("#push")
        await bot.chat.say("#push", text)
        await bot.chat.say("#push", "é" * 500)
        texts = [said(line) for line in await alice.drain() if "PRIVMSG" in line]
        assert " ".join(part for part in texts if "éé" not in part) == text
        assert "".join(part for part in texts if "éé" in part) == "é" * 500
        assert len(texts) == 7
        assert max(len(raw) for raw in alice.raw) <= 512
        assert max(len(raw) for raw in alice.raw if b"PRIVMSG" in raw) > 505


async def test_the_longest_topic_is_seen_whole_by_everybody(irc_server: Ngircd, connect: Connect) -> None:
    alice = await connect(irc_server, "alice", "#push")
    async with running(irc_server.port, "#push") as bot:
        await bot.entered("#push")
        limit = bot.chat.topic_limit("#push")
        assert limit > 400
        bot.chat.draw("#push", "x" * limit)
        assert said(await alice.expect("TOPIC")) == "x" * limit
        late = await connect(irc_server, "late-with-a-nick-of-thirty-xxx", "#push")
        (topic,) = (line for line in late.lines if " 332 " in line)
        assert said(topic) == "x" * limit


async def test_no_text_can_smuggle_a_command(irc_server: Ngircd, connect: Connect) -> None:
    alice = await connect(irc_server, "alice", "#push")
    async with running(irc_server.port, "#push") as bot:
        await bot.entered("#push")
        await bot.chat.say("#push", "a\rTOPIC #push :b\nQUIT\0c")
        bot.chat.draw("#push", "d\r\nQUIT :e\0")
        assert said(await alice.expect("PRIVMSG")) == "aTOPIC #push :bQUITc"
        assert said(await alice.expect("TOPIC")) == "dQUIT :e"
        assert not [line for line in await alice.drain() if "QUIT" in line]


# --- what people throw at it ---


async def test_no_line_of_a_person_ends_the_connection(irc_server: Ngircd, connect: Connect) -> None:
    mallory = await connect(irc_server, "mallory", "#push")
    async with running(irc_server.port, "#push") as bot:
        await bot.entered("#push")
        mallory.send(b"PRIVMSG #push :" + "é".encode() * 245)  # the server cuts inside a character
        assert (await bot.told(Heard)).text.startswith("ééé")
        mallory.send(b"PRIVMSG #push :" + bytes(range(0x80, 0x100)))
        mallory.send(b"PRIVMSG #push :\x01\x02\x03\x04\x1f\x7f")
        mallory.send(b"PRIVMSG #push :\x01VERSION\x01", b"PRIVMSG pushbot :\x01PING")
        mallory.send(b"PRIVMSG #push ::", b"PRIVMSG pushbot ::", b"TOPIC #push ::", b"TOPIC #push :")
        mallory.send(b"MODE #push +ntlk 5 key", b"MODE #push -lk key", b"INVITE pushbot #push", b"PART #push :\xff")
        mallory.send(b"JOIN #push key", b"PRIVMSG #push :.still here")
        while (await bot.told(Heard)).text != ".still here":
            pass
        assert sum(isinstance(notice, RoomEntered) for notice in bot.notices) == 1


async def test_forty_people_at_once_are_all_heard(irc_server: Ngircd, connect: Connect) -> None:
    people = [await connect(irc_server, f"p{number}", "#push") for number in range(40)]
    async with running(irc_server.port, "#push") as bot:
        await bot.entered("#push")
        for person in people:
            person.say("#push", ".join")
        names = {(await bot.told(Heard)).person.name for _ in people}
        assert names == {person.nick for person in people}


# --- limits ---


async def test_within_the_servers_limits_no_line_is_lost(start_irc: Start, connect: Connect) -> None:
    server = await start_irc(limits=True)
    alice = await connect(server, "alice", "#push")
    async with running(server.port, "#push", burst=5, lines_per_second=4) as bot:
        await bot.entered("#push")
        waiting = [bot.chat.say("#push", str(number)) for number in range(8)]
        bot.chat.draw("#push", "topic")
        for done in waiting:
            await done
        lines = await alice.drain()
        assert [said(line) for line in lines if "PRIVMSG" in line] == [str(number) for number in range(8)]
        assert [said(line) for line in lines if "TOPIC" in line] == ["topic"]


# --- links that break ---


async def test_a_restart_of_the_server_loses_and_repeats_nothing(irc_server: Ngircd, connect: Connect) -> None:
    async with running(irc_server.port, "#push", "#warroom") as bot:
        await bot.entered("#push", "#warroom")
        bot.chat.draw("#push", "alice + bob")
        await bot.chat.say("#push", "before")
        irc_server.kill()
        await until(lambda: bot.chat._session is None)
        waiting = [bot.chat.say("#push", f"meanwhile {number}") for number in range(20)]
        bot.chat.draw("#push", "alice + bob + carol")
        irc_server.channels["#push"] = "+k sesame"  # so that alice is there first
        await irc_server.start()
        alice = await connect(irc_server, "alice")
        alice.send("JOIN #push sesame", "OPER rig rig", "MODE #push -k sesame")
        await bot.entered("#push", "#warroom")
        for done in waiting:
            await done
        bot.chat.draw("#push", "alice + bob + carol")
        await alice.drain()
        heard = [said(line) for line in alice.lines if "PRIVMSG #push" in line]
        topics = [said(line) for line in alice.lines if "TOPIC #push" in line or " 332 " in line]
        assert heard == [f"meanwhile {number}" for number in range(20)]
        assert topics == ["alice + bob + carol"]


async def test_a_line_on_its_way_when_the_server_dies_is_uncertain(irc_server: Ngircd) -> None:
    async with running(irc_server.port, "#push") as bot:
        await bot.entered("#push")
        irc_server.freeze()
        done = bot.chat.say("#push", "into the void")
        await asyncio.sleep(0.01)
        irc_server.kill()
        with pytest.raises(DeliveryUncertain):
            await done


async def test_a_server_that_stops_answering_is_noticed_in_time(irc_server: Ngircd, connect: Connect) -> None:
    loop = asyncio.get_running_loop()
    async with running(irc_server.port, "#push", silent_after=0.5, nick_retry=0.2) as bot:
        await bot.entered("#push")
        start = loop.time()
        irc_server.freeze()
        await until(lambda: bot.chat._session is None)
        assert 0.2 < loop.time() - start < 10
        done = bot.chat.say("#push", "are you well?")
        irc_server.thaw()
        alice = await connect(irc_server, "alice", "#push")
        await bot.entered("#push")
        await done
        await alice.drain()
        await until(lambda: not bot.chat._known.own.misnamed())


async def test_what_is_confirmed_was_said_once_and_what_is_uncertain_at_most_once(
    irc_server: Ngircd, connect: Connect
) -> None:
    alice = await connect(irc_server, "alice", "#push")
    fates: dict[str, str] = {}

    def note(text: str, done: asyncio.Future[None]) -> None:
        fates[text] = "uncertain" if done.exception() else "confirmed"

    async with proxy(irc_server.port) as network, running(network.port, "#push", nick_retry=60) as bot:
        for number in range(400):
            text = f"line {number}"
            bot.chat.say("#push", text).add_done_callback(partial(note, text))
            if number % 40 == 20:
                await bot.entered("#push")
            if number % 40 == 39:
                network.cut()
            await asyncio.sleep(0.0005)
        await until(lambda: len(fates) == 400)
    texts = [said(line) for line in await alice.drain() if "PRIVMSG" in line]
    assert len(texts) == len(set(texts))
    assert {text for text, fate in fates.items() if fate == "confirmed"} <= set(texts)
    assert set(texts) <= set(fates)
    assert texts == sorted(texts, key=lambda text: int(text.split()[1]))
    assert list(fates.values()).count("confirmed") > 300


# --- rooms that resist ---


async def test_after_a_kick_it_comes_back_and_puts_the_topic_back(irc_server: Ngircd, connect: Connect) -> None:
    alice = await connect(irc_server, "alice", "#push")
    async with running(irc_server.port, "#push") as bot:
        await bot.entered("#push")
        bot.chat.draw("#push", "alice + bob")
        await alice.expect("TOPIC")
        alice.send("KICK #push pushbot :out", "TOPIC #push :anarchy")
        await alice.expect("TOPIC #push :anarchy")
        parked = bot.chat.say("#push", "I am back")
        assert await bot.told(RoomEntered) == RoomEntered("irc", "#push", "anarchy", "alice")
        await parked
        lines = [said(line) for line in await alice.drain() if "pushbot!" in line and " :" in line]
        assert set(lines) >= {"I am back", "alice + bob"}


async def test_without_operator_rights_it_says_so_once_and_waits_for_them(start_irc: Start, connect: Connect) -> None:
    server = await start_irc(channels={"#push": "+t"})
    alice = await connect(server, "alice", "#push")
    async with running(server.port, "#push") as bot:
        await bot.entered("#push")
        bot.chat.draw("#push", "one")
        assert await bot.told(TopicRefused) == TopicRefused("irc", "#push")
        bot.chat.draw("#push", "two")
        alice.send("OPER rig rig", "MODE #push +o pushbot")
        assert said(await alice.expect("TOPIC")) == "two"
        alice.send("MODE #push -o pushbot")
        await alice.expect("MODE")
        bot.chat.draw("#push", "three")
        await alice.drain()
        alice.send("MODE #push -t")
        assert said(await alice.expect("TOPIC")) == "three"
        assert sum(isinstance(notice, TopicRefused) for notice in bot.notices) == 1


@pytest.mark.parametrize(("shut", "open_again"), [("+i", "-i"), ("+k sesame", "-k sesame"), ("+l 1", "-l")])
async def test_a_room_that_is_shut_is_entered_once_it_opens(
    irc_server: Ngircd, connect: Connect, shut: str, open_again: str
) -> None:
    alice = await connect(irc_server, "alice", "#push")
    alice.send(f"MODE #push {shut}")
    async with running(irc_server.port, "#push", "#warroom") as bot:
        await bot.entered("#warroom")
        parked, other = bot.chat.say("#push", "let me in"), bot.chat.say("#warroom", "hello")
        await other
        assert not parked.done()
        alice.send(f"MODE #push {open_again}")
        await bot.entered("#push")
        await parked
        await alice.expect("let me in")


# --- names ---


async def test_what_waits_for_a_shut_room_keeps_no_other_room_waiting(start_irc: Start, connect: Connect) -> None:
    server = await start_irc(channels={"#warroom": "+i"})
    alice = await connect(server, "alice", "#push")
    async with running(server.port, "#push", "#warroom") as bot:
        await bot.entered("#push")
        mouth = Speaker({"irc": bot.chat}, MemoryStore(), HandClock())
        mouth.hand(mouth.line("irc", "#warroom", "deploys", f"deploy {number}") for number in range(3 * AT_ONCE))
        mouth.hand([mouth.line("irc", "#push", "reply", "alice: You're up")])
        assert said(await alice.expect("PRIVMSG #push")) == "alice: You're up"


async def test_a_nick_in_use_is_regained(start_irc: Start, connect: Connect) -> None:
    server = await start_irc(nick_length=9)
    holder = await connect(server, "pushbot", "#push")
    alice = await connect(server, "alice", "#push")
    async with running(server.port, "#push") as bot:
        await bot.entered("#push")
        alice.say("pushbot_", "who are you?")
        assert (await bot.told(Heard)).addressed
        holder.send("NICK other")
        await alice.expect(":pushbot_!~pushbot@127.0.0.1 NICK :pushbot")
        alice.say("#push", "PUSHBOT: join")
        assert (await bot.told(Heard)).text == "join"


async def test_a_nick_that_is_too_long_is_shortened(start_irc: Start, connect: Connect) -> None:
    server = await start_irc(nick_length=9)
    alice = await connect(server, "alice", "#push")
    async with running(server.port, "#push", nick="pushbot-of-the-web", nick_retry=0.1) as bot:
        await bot.entered("#push")
        await alice.expect(":pushbot-_!")
        await alice.expect("NICK :pushbot-o")


async def test_the_servers_password(start_irc: Start, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await start_irc(password="sesame")
    await connect(server, "alice", "#push", password="sesame")
    monkeypatch.setenv("PUSHBOT_IRC", "sesame")
    async with running(server.port, "#push", password="env:PUSHBOT_IRC") as bot:
        await bot.entered("#push")
    monkeypatch.setenv("PUSHBOT_IRC", "wrong")
    options = IrcChat.Options(host=server.host, port=server.port, password="env:PUSHBOT_IRC")
    chat = IrcChat("irc", options, ["#push"])
    with pytest.raises(PushbotError, match="password"):
        async with asyncio.timeout(60):
            await chat.run(Bot(chat).tell)
