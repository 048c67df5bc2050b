"""The whole chat against a server played by hand: what ngircd does not do, and what no server should do."""

from __future__ import annotations

import asyncio
import base64
import time
from typing import TYPE_CHECKING

import pytest

from pushbot.chat.irc import IrcChat
from pushbot.chat.irc.chat import GOODBYE
from pushbot.errors import DeliveryUncertain, PushbotError
from pushbot.ports import Chat, Heard, Renamed, RoomEntered, TopicEdited, TopicRefused
from tests.rig.bot import Bot, running, until
from tests.rig.ngircd import free_port
from tests.rig.scripted import NAME, scripted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.rig.scripted import Scripted

PLAIN = {
    "sasl": "plain",
    "sasl_user": "bot",
    "sasl_password": "env:PUSHBOT_IRC",
    "sasl_plain_without_tls": True,
}
ALL = "message-tags account-tag account-notify extended-join server-time echo-message cap-notify"


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    async with scripted() as made:
        yield made


@pytest.fixture(autouse=True)
def short_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    """The played server does not hang up on QUIT; only one test waits for the whole of the bot's patience."""
    monkeypatch.setattr("pushbot.chat.irc.chat.GOODBYE", 0.02)


# --- accounts ---


async def test_sasl_plain_over_the_wire(server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUSHBOT_IRC", "sesame")
    options = PLAIN
    async with running(server.port, "#push", host="127.0.0.1", **options) as bot:
        peer = await server.accept()
        await peer.want("CAP LS")
        peer.send(f":{NAME} CAP * LS * :account-tag", f":{NAME} CAP * LS :sasl=PLAIN,EXTERNAL")
        assert await peer.want("CAP REQ") == "CAP REQ :account-tag sasl"
        peer.send(f":{NAME} CAP * ACK :account-tag sasl")
        await peer.want("AUTHENTICATE PLAIN")
        peer.send("AUTHENTICATE +")
        words = (await peer.want("AUTHENTICATE")).partition(" ")[2]
        assert base64.b64decode(words) == b"bot\0bot\0sesame"
        peer.send(f":{NAME} 900 pushbot a!b@c bot :You are now logged in", f":{NAME} 903 pushbot :Success")
        await peer.want("CAP END")
        peer.greet()
        await peer.want("JOIN #push")
        peer.let_in("#push")
        await bot.entered("#push")


async def test_a_refused_account_ends_the_first_start(server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUSHBOT_IRC", "sesame")
    options = PLAIN
    model = IrcChat.Options.model_validate({"host": "127.0.0.1", "port": server.port, **options})
    chat = IrcChat("irc", model, ["#push"])

    async def turn_away() -> None:
        peer = await server.accept()
        await peer.want("CAP LS")
        peer.send(f":{NAME} CAP * LS :sasl", f":{NAME} CAP * ACK :sasl", "AUTHENTICATE +")
        peer.send(f":{NAME} 904 pushbot :SASL authentication failed")

    async with asyncio.TaskGroup() as group:
        group.create_task(turn_away())
        with pytest.raises(PushbotError, match="does not log us in to the account bot") as caught:
            await chat.run(Bot(chat).tell)
    assert "sesame" not in str(caught.value)


# --- what is heard ---


async def test_what_is_heard_and_what_is_not(server: Scripted) -> None:
    async with running(server.port, "#Push") as bot:
        peer = await server.accept()
        await peer.welcome("#Push", caps=ALL)
        peer.send(
            f":{NAME} PRIVMSG #push :from a server",
            ":alice!a@b NOTICE #push :a notice",
            ":alice!a@b NOTICE pushbot :a private notice",
            ":pushbot!p@host.test PRIVMSG #push :an echo",
            ":alice!a@b PRIVMSG #elsewhere :not ours",
            ":alice!a@b PRIVMSG @#push :only for operators",
            ":alice!a@b PRIVMSG #push :\x01ACTION waves\x01",
            ":alice!a@b PRIVMSG #push :   ",
            ":alice!a@b PRIVMSG #push :\x02\x0f",
            ":alice!a@b PRIVMSG #push",
            ":alice!a@b PRIVMSG",
            "PRIVMSG #push :nobody",
            ":alice!a@b TAGMSG #push",
            ":alice!a@b PRIVMSG #PUSH :\x02.join\x0f \x0304now\x03",
            ":alice!a@b PRIVMSG #push :PushBot: join",
            ":alice!a@b PRIVMSG #push :pushbot,good",
            ":alice!a@b PRIVMSG #push :pushbots: no",
            ":alice!a@b PRIVMSG PUSHBOT :.status",
            ":alice!a@b PRIVMSG pushbot :pushbot: status",
        )
        heard = [await bot.told(Heard) for _ in range(6)]
        assert [(h.room, h.text, h.addressed) for h in heard] == [
            ("#Push", ".join now", False),
            ("#Push", "join", True),
            ("#Push", "good", True),
            ("#Push", "pushbots: no", False),
            (None, ".status", True),
            (None, "status", True),
        ]
        assert bot.notices == [RoomEntered("irc", "#Push", ""), *heard]


async def test_clients_are_answered_but_not_more_than_now_and_then(server: Scripted) -> None:
    async with running(server.port, "#push"):
        peer = await server.accept()
        await peer.welcome("#push")
        peer.send(*[":alice!a@b PRIVMSG pushbot :\x01PING 12\x0134\x01"] * 20, "PING :fence")
        await peer.want("PONG :fence")
        assert [line for line in peer.lines if line.startswith("NOTICE")] == ["NOTICE alice :\x01PING 1234\x01"]


HOSTILE: list[bytes] = [
    b"",
    b":",
    b": ",
    b"@",
    b"@a=b",
    b"@;;==;\\ :x",
    b"@" + b"x;" * 4000 + b" :a!b@c PRIVMSG #push :tags",
    b"PING",
    b"QUIT",
    b":alice!a@b QUIT",
    b":alice!a@b NICK",
    b"NICK",
    b"NICK :",
    b":alice!a@b NICK :",
    b"JOIN",
    b":pushbot!p@q JOIN",
    b":" + NAME.encode() + b" JOIN #push",
    b":" + NAME.encode() + b" TOPIC #push",
    b":alice!a@b TOPIC",
    b":alice!a@b PART",
    b":alice!a@b KICK",
    b":alice!a@b KICK #push",
    b"MODE",
    b"MODE #push",
    b"MODE #push +",
    b"MODE #push +ooo",
    b"ACCOUNT",
    b":alice!a@b ACCOUNT",
    b"ERROR",
    b"CAP",
    b"AUTHENTICATE",
    b"PONG",
    b"PRIVMSG",
    b"NOTICE",
    b"\0\0\0",
    b"PRI\rVMSG",
    b":alice!a@b PRIVMSG #push :\xc3",
    b":alice!a@b PRIVMSG #push :" + bytes(range(0x80, 0x100)),
    b"x" * 20_000,
    b":" + b"y" * 20_000 + b" PRIVMSG #push :hi",
    *[f":{NAME} {code:03}".encode() for code in range(1000)],
    *[f":{NAME} {code:03} pushbot".encode() for code in range(1000)],
    *[f":{NAME} {code:03} pushbot :".encode() for code in range(1000)],
    b":" + NAME.encode() + b" 005",
    b":" + NAME.encode() + b" 005 pushbot PREFIX= =x - TOPICLEN=a :supported",
    b":" + NAME.encode() + b" 366 pushbot #nowhere :End",
]


async def test_no_line_ends_the_connection(server: Scripted) -> None:
    async with running(server.port, "#push") as bot:
        peer = await server.accept()
        await peer.welcome("#push")
        await bot.entered("#push")
        for line in HOSTILE:
            peer.send(line)
        peer.send(f":{NAME} 005 pushbot CASEMAPPING=ascii :supported", ":bob!b@c PRIVMSG #push :.still here")
        while (heard := await bot.told(Heard)).person.name != "bob":
            pass
        assert heard.text == ".still here"
        assert bot.chat.fold("[") == "["
        assert server.peers.empty()


async def test_an_error_of_the_bot_does_not_end_the_connection(server: Scripted) -> None:
    async with running(server.port, "#push") as bot:
        peer = await server.accept()
        await peer.welcome("#push")
        await bot.entered("#push")

        async def fail(_: object) -> None:
            raise RuntimeError("a bug")

        bot.also = fail
        peer.send(":alice!a@b PRIVMSG #push :1", ":alice!a@b PRIVMSG #push :2")
        assert [(await bot.told(Heard)).text for _ in range(2)] == ["1", "2"]
        assert server.peers.empty()


# --- topics ---


async def test_a_refused_topic_is_told_once_and_set_when_operator(server: Scripted) -> None:
    async with running(server.port, "#push", topic_interval=0) as bot:
        peer = await server.accept()
        await peer.welcome("#push")
        await bot.entered("#push")
        refusal = f":{NAME} 482 pushbot #push :You're not a channel operator"
        bot.chat.draw("#push", "alice")
        await peer.want("TOPIC #push :alice")
        peer.send(refusal)
        assert await bot.told(TopicRefused) == TopicRefused("irc", "#push")
        bot.chat.draw("#push", "alice + bob")
        peer.send(f":{NAME} MODE #push +v-o+o pushbot pushbot carol", "PING :fence")
        await peer.want("PONG :fence")
        peer.send(f":{NAME} MODE #push +lo 5 PushBot")
        await peer.want("TOPIC #push :alice + bob")
        peer.send(refusal, ":carol!c@d MODE #push -t")
        await peer.want("TOPIC #push :alice + bob")
        peer.send(":pushbot!p@q TOPIC #push :alice + bob", ":carol!c@d TOPIC #push :by hand")
        assert await bot.told(TopicEdited) == TopicEdited(
            "irc", "#push", bot.chat.person("carol"), "by hand", before="alice + bob"
        )
        assert sum(isinstance(notice, TopicRefused) for notice in bot.notices) == 1


async def test_a_topic_that_the_server_does_not_want_now_is_set_later(
    server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pushbot.chat.irc.rooms.RETRY_WAIT", 0.1)
    async with running(server.port, "#push") as bot:
        peer = await server.accept()
        await peer.welcome("#push")
        await bot.entered("#push")
        bot.chat.draw("#push", "alice")
        await peer.want("TOPIC #push :alice")
        peer.send(f":{NAME} 404 pushbot #push :Cannot send to channel")  # about a line, not the topic
        peer.send(f":{NAME} 437 pushbot #push :Retry topic change later")
        await peer.want("TOPIC #push :alice")
        peer.send(f":{NAME} 437 pushbot #push :Retry topic change later")
        bot.chat.draw("#push", "alice + bob")
        await peer.want("TOPIC #push :alice + bob")
        assert sum(line.startswith("TOPIC") for line in peer.lines) == 3
        assert not any(isinstance(notice, TopicRefused) for notice in bot.notices)


async def test_a_netsplit_that_brings_an_old_topic_is_undone(server: Scripted) -> None:
    async with running(server.port, "#push") as bot:
        peer = await server.accept()
        await peer.welcome("#push")
        await bot.entered("#push")
        bot.chat.draw("#push", "alice")
        await peer.want("TOPIC #push :alice")
        peer.send(":pushbot!p@q TOPIC #push :alice", ":irc.other.test TOPIC #push :from before the split")
        await peer.want("TOPIC #push :alice")
        assert not any(isinstance(notice, TopicEdited) for notice in bot.notices)


async def test_after_a_netsplit_the_topic_is_set_for_the_other_side_too(server: Scripted) -> None:
    """Where both sides have a topic, ngircd keeps two when they meet again, and tells nobody."""
    async with running(server.port, "#push") as bot:
        peer = await server.accept()
        await peer.welcome("#push")
        await bot.entered("#push")
        bot.chat.draw("#push", "alice")
        await peer.want("TOPIC #push :alice")
        peer.send(":pushbot!p@q TOPIC #push :alice", ":bob!b@c JOIN #push", ":bob!b@c QUIT :Quit: see you.soon at.home")
        peer.send(":bob!b@c JOIN #push", ":bob!b@c QUIT :a.test b.test", ":carol!c@d QUIT :a.test b.test", "PING :now")
        await peer.want("PONG :now")
        assert sum(line.startswith("TOPIC") for line in peer.lines) == 1
        peer.send(":bob!b@c JOIN #push", ":carol!c@d JOIN #push")
        await peer.want("TOPIC #push :alice")
        peer.send(":pushbot!p@q TOPIC #push :alice", ":dave!d@e JOIN #push", "PING :then")
        await peer.want("PONG :then")
        assert sum(line.startswith("TOPIC") for line in peer.lines) == 2


async def test_the_topic_found_is_told_with_who_set_it(server: Scripted) -> None:
    async with running(server.port, "#push") as bot:
        peer = await server.accept()
        await peer.welcome()
        await peer.want("JOIN")
        peer.let_in("#PUSH", "\x02alice\x02 + bob")
        assert await bot.told(RoomEntered) == RoomEntered("irc", "#push", "alice + bob", "alice")


async def test_limits_are_those_of_the_present_server(server: Scripted) -> None:
    async with running(server.port, "#push") as bot:
        peer = await server.accept()
        await peer.welcome("#push", isupport="TOPICLEN=40 CASEMAPPING=ascii NICKLEN=9")
        await bot.entered("#push")
        assert bot.chat.topic_limit("#push") == 40
        assert bot.chat.fold("A[") == "a["
        bot.chat.draw("#push", "é" * 30)
        assert await peer.want("TOPIC") == "TOPIC #push :" + "é" * 20
        peer.close()
        peer = await server.accept()
        await peer.welcome("#push", isupport="NETWORK=other")
        await bot.entered("#push")
        assert bot.chat.topic_limit("#push") > 300
        assert bot.chat.fold("A[") == "a{"
        assert await peer.want("TOPIC") == "TOPIC #push :" + "é" * 30


# --- a room that does not let us speak ---


@pytest.mark.parametrize("change", [":alice!a@b MODE #push -m", ":alice!a@b MODE #push +v pushbot"])
async def test_a_line_that_a_room_did_not_take_is_uncertain_and_more_wait_until_it_may_work(
    server: Scripted, change: str
) -> None:
    async with running(server.port, "#push", "#warroom") as bot:
        peer = await server.accept()
        await peer.welcome("#push")
        peer.let_in("#warroom")
        await bot.entered("#push", "#warroom")
        refused, taken = bot.chat.say("#push", "one"), bot.chat.say("#warroom", "two")
        await peer.want("PRIVMSG #warroom :two")
        peer.send(f":{NAME} 404 pushbot #push :Cannot send to channel")
        await peer.confirm()
        await taken
        with pytest.raises(DeliveryUncertain, match="#push does not let us speak"):
            await refused
        waits = bot.chat.say("#push", "three")
        meanwhile = bot.chat.say("#warroom", "four")
        await peer.want("PRIVMSG #warroom :four")
        await peer.confirm()
        await meanwhile
        peer.send(change)
        await peer.want("PRIVMSG #push :three")
        await peer.confirm()
        await waits
        assert sum(line.startswith("PRIVMSG #push") for line in peer.lines) == 2


async def test_a_line_that_crosses_a_kick_is_uncertain(server: Scripted) -> None:
    async with running(server.port, "#push") as bot:
        peer = await server.accept()
        await peer.welcome("#push")
        await bot.entered("#push")
        crossed = bot.chat.say("#push", "one")
        await peer.want("PRIVMSG #push :one")
        peer.send(":alice!a@b KICK #push pushbot :out", f":{NAME} 404 pushbot #push :Cannot send to channel")
        await peer.confirm()
        with pytest.raises(DeliveryUncertain):
            await crossed
        again = bot.chat.say("#push", "one")
        await peer.want("JOIN #push")
        peer.let_in("#push")
        await peer.want("PRIVMSG #push :one")
        await peer.confirm()
        await again


async def test_a_room_that_did_not_hear_us_is_tried_again_after_a_while(
    server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pushbot.chat.irc.session.SILENCED_WAIT", 0.2)
    async with running(server.port, "#push") as bot:
        peer = await server.accept()
        await peer.welcome("#push")
        await bot.entered("#push")
        lines = [bot.chat.say("#push", "one")]
        await peer.want("PRIVMSG #push :one")
        peer.send(f":{NAME} 404 pushbot #push :Cannot send to channel", "PING :now")
        await peer.want("PONG :now")
        lines.append(bot.chat.say("#push", "two"))
        await peer.want("PRIVMSG #push :two")
        assert [line.done() for line in lines] == [True, False]


# --- names ---


async def test_the_own_nick_is_taken_back_when_its_holder_leaves(server: Scripted) -> None:
    async with running(server.port, "#push", nick_retry=0.1) as bot:
        peer = await server.accept()
        await peer.want("CAP LS")
        peer.send(f":{NAME} CAP * LS :", f":{NAME} 433 * pushbot :Nickname is already in use")
        await peer.want("NICK pushbot_")
        peer.greet("pushbot_")
        await peer.want("JOIN")
        peer.let_in("#push", nick="pushbot_")
        peer.send(":alice!a@b PRIVMSG #push :pushbot: for the other one", ":alice!a@b PRIVMSG #push :pushbot_: join")
        assert [(await bot.told(Heard)).addressed for _ in range(2)] == [False, True]
        await peer.want("NICK pushbot")  # by and by
        peer.send(f":{NAME} 433 pushbot_ pushbot :Nickname is already in use")
        peer.send(":pushbot!x@y QUIT :bye")
        await peer.want("NICK pushbot")  # at once
        peer.send(":pushbot_!p@q NICK :pushbot", ":alice!a@b PRIVMSG #push :pushbot: join")
        assert (await bot.told(Heard)).addressed
        assert not any(isinstance(notice, Renamed) for notice in bot.notices)


async def test_a_forced_move_to_a_strange_room_is_left(server: Scripted) -> None:
    async with running(server.port, "#push"):
        peer = await server.accept()
        await peer.welcome()
        await peer.want("JOIN #push")
        peer.send(":pushbot!p@q JOIN ##overflow")
        await peer.want("PART ##overflow")


# --- delivery ---


async def test_lines_are_confirmed_and_errors_count_as_such(server: Scripted) -> None:
    async with running(server.port, "#push") as bot:
        peer = await server.accept()
        await peer.welcome("#push")
        await bot.entered("#push")
        first, second = bot.chat.say("#push", "hello"), bot.chat.say("nobody", "hello")
        await peer.want("PRIVMSG nobody :hello")
        assert not first.done()
        peer.send(f":{NAME} 401 pushbot nobody :No such nick")
        await peer.confirm()
        await first
        await second


async def test_a_line_that_was_written_and_not_confirmed_is_uncertain(server: Scripted) -> None:
    async with running(server.port, "#push") as bot:
        peer = await server.accept()
        await peer.welcome("#push")
        await bot.entered("#push")
        done = bot.chat.say("#push", "hello")
        await peer.want("PING :pushbot-")
        peer.close()
        with pytest.raises(DeliveryUncertain):
            await done
        later = bot.chat.say("#push", "later")
        peer = await server.accept()
        await peer.welcome()
        await peer.want("JOIN")
        private = bot.chat.say("alice", "psst")
        await peer.want("PRIVMSG alice :psst")
        assert "PRIVMSG #push :later" not in peer.lines
        peer.let_in("#push")
        await peer.want("PRIVMSG #push :later")
        while not (later.done() and private.done()):
            await peer.confirm()
            await asyncio.sleep(0.01)
        assert "PRIVMSG #push :hello" not in peer.lines


# --- silence and goodbyes ---


async def test_a_server_that_never_says_a_word_is_given_up(server: Scripted) -> None:
    async with running(server.port, "#push", silent_after=0.3):
        await server.accept()
        peer = await server.accept()
        await peer.want("CAP LS")


async def test_a_server_that_never_signs_us_on_is_given_up(server: Scripted) -> None:
    async with running(server.port, "#push", connect_timeout=0.3):
        peer = await server.accept()
        peer.send(f":{NAME} NOTICE * :Looking up your hostname")
        await server.accept()


async def test_a_server_that_falls_silent_is_pinged_and_then_given_up(server: Scripted) -> None:
    async with running(server.port, "#push", silent_after=1.5) as bot:
        peer = await server.accept()
        await peer.welcome("#push")
        await bot.entered("#push")
        for _ in range(3):
            await peer.want("PING :alive")
            peer.send(f":{NAME} PONG {NAME} :alive")
        assert server.peers.empty()
        await peer.want("PING :alive")
        await server.accept()


async def test_a_busy_bot_is_not_a_silent_server(server: Scripted) -> None:
    async with running(server.port, "#push", silent_after=0.3) as bot:
        peer = await server.accept()
        await peer.welcome("#push")
        await bot.entered("#push")
        gate = asyncio.Event()

        async def wait(_: object) -> None:
            await gate.wait()

        bot.also = wait
        peer.send(":alice!a@b PRIVMSG #push :slow", f":{NAME} NOTICE pushbot :x")
        await bot.told(Heard)
        await asyncio.sleep(0.7)
        bot.also = None
        gate.set()
        peer.send(":alice!a@b PRIVMSG #push :quick")
        await bot.told(Heard)
        assert server.peers.empty()


async def test_a_bot_that_stood_still_is_not_a_silent_server(server: Scripted) -> None:
    async with running(server.port, "#push", silent_after=0.5) as bot:
        peer = await server.accept()
        await peer.welcome("#push")
        await bot.entered("#push")
        peer.send(":alice!a@b PRIVMSG #push :.abort")
        time.sleep(1)  # noqa: ASYNC251 - nothing else stands still for sure
        assert (await bot.told(Heard)).text == ".abort"
        said = bot.chat.say("#push", "stopped")
        await peer.want("PRIVMSG #push :stopped")
        await peer.confirm()
        await said


async def test_a_message_of_the_day_that_never_ends_is_not_waited_for(
    server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pushbot.chat.irc.session.MOTD_WAIT", 0.1)
    async with running(server.port, "#push"):
        peer = await server.accept()
        peer.send(f":{NAME} 421 * CAP :Unknown command")
        await peer.want("USER")
        peer.send(f":{NAME} 001 pushbot :Welcome")
        await peer.want("JOIN #push")


async def test_on_cancellation_the_bot_says_goodbye_and_is_gone(
    server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pushbot.chat.irc.chat.GOODBYE", GOODBYE)
    loop = asyncio.get_running_loop()
    async with running(server.port, "#push") as bot:
        peer = await server.accept()
        await peer.welcome("#push")
        await bot.entered("#push")
        done = bot.chat.say("#push", "last words")
        await peer.want("PING :pushbot-1")
        peer.send(f":{NAME} PONG {NAME} :pushbot-1")
        start = loop.time()
    assert loop.time() - start < 20
    await peer.want("QUIT")
    await done


async def test_a_missing_secret_ends_the_first_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUSHBOT_IRC", raising=False)
    chat = IrcChat("irc", IrcChat.Options(host="127.0.0.1", port=1, password="env:PUSHBOT_IRC"), ["#push"])
    with pytest.raises(PushbotError, match="env:PUSHBOT_IRC"):
        await chat.run(Bot(chat).tell)


async def test_a_name_that_is_no_host_is_said() -> None:
    chat = IrcChat("irc", IrcChat.Options(host="a..b", port=1), ["#push"])
    with pytest.raises(PushbotError, match=r"a\.\.b"):
        await chat.run(Bot(chat).tell)


@pytest.mark.parametrize("room", ["push", "", "#", "#a b", "#a,#b", "#a\r\nQUIT"])
def test_a_name_that_cannot_be_a_room_is_refused(room: str) -> None:
    with pytest.raises(PushbotError, match="cannot be a room"):
        IrcChat("irc", IrcChat.Options(host="irc.test"), ["#push", room])


def test_it_is_a_chat() -> None:
    chat: Chat = IrcChat("irc", IrcChat.Options(host="irc.test"), ["#push"])
    assert chat.name == "irc"


async def test_only_rooms_of_the_config_have_topics() -> None:
    chat = IrcChat("irc", IrcChat.Options(host="127.0.0.1"), ["#push"])
    with pytest.raises(ValueError, match="#other"):
        chat.draw("#other", "x")


async def test_a_bot_that_starts_before_its_server_waits_for_it() -> None:
    port = free_port()
    async with running(port, "#push") as bot:
        early = bot.chat.say("#push", "early")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await asyncio.shield(early)
        async with scripted(port) as late:
            peer = await late.accept()
            await peer.welcome("#push")
            await peer.want("PRIVMSG #push :early")
            await peer.confirm()
            await until(early.done)
