"""Who the chat says that people are, on a server with accounts: what it is told, what it asks, how it is lied to."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from pushbot.chat.irc import whois
from pushbot.ports import Heard, Renamed, TopicEdited
from tests.rig.accounts_server import NAME, TAGS, AccountServer, account_server
from tests.rig.bot import running, until
from tests.rig.client import Person

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.rig.bot import Bot

    Join = Callable[..., Awaitable[Person]]

pytestmark = pytest.mark.net

UNTAGGED = ("account-notify", "extended-join")
"""A server that tells of logins, but not who says a line."""


@asynccontextmanager
async def network(
    *caps: str, whox: bool = False, identity: str = "account", lines_per_second: float = 0
) -> AsyncIterator[tuple[AccountServer, Bot]]:
    """A server with these capabilities, and the bot in #push."""
    async with (
        account_server(caps=caps, whox=whox) as server,
        running(server.port, "#push", identity=identity, lines_per_second=lines_per_second) as bot,
    ):
        await bot.entered("#push")
        yield server, bot


@pytest_asyncio.fixture
async def join() -> AsyncIterator[Join]:
    """Connects people: `alice = await join(server, "alice", account="al")`."""
    people: list[Person] = []

    async def connect(server: AccountServer, nick: str, *rooms: str, account: str = "") -> Person:
        person = await Person.connect("127.0.0.1", server.port, nick)
        if account:
            server.login(nick, account)
        for room in rooms or ("#push",):
            await person.join(room)
        people.append(person)
        return person

    yield connect
    for person in people:
        await person.close()


async def heard(bot: Bot) -> tuple[str, str, str]:
    """The key, the proof and the words of what is heard next."""
    said = await bot.told(Heard)
    return said.person.key, said.person.proof, said.text


def seen(bot: Bot) -> list[str]:
    """What was heard so far."""
    return [notice.text for notice in bot.notices if isinstance(notice, Heard)]


ALICE, NOBODY = ("account:alice", "account alice"), ("nick:alice", "")

# --- accounts that the server tells ---


@pytest.mark.parametrize("caps", [TAGS, UNTAGGED, ("account-notify",), ()])
@pytest.mark.parametrize("whox", [True, False])
async def test_an_account_is_known_whatever_the_server_can_do(caps: tuple[str, ...], join: Join, *, whox: bool) -> None:
    async with network(*caps, whox=whox) as (server, bot):
        alice = await join(server, "alice", account="Alice")
        mallory = await join(server, "mallory")
        alice.say("#push", ".join")
        assert await heard(bot) == ("account:alice", "account Alice", ".join")
        mallory.say("#push", ".join")
        assert await heard(bot) == ("nick:mallory", "", ".join")
        mallory.say("pushbot", "status")
        assert await heard(bot) == ("nick:mallory", "", "status")
        alice.say("pushbot", "go")
        assert await heard(bot) == ("account:alice", "account Alice", "go")


@pytest.mark.parametrize("caps", [TAGS, UNTAGGED, ()])
async def test_who_logs_out_is_nobody_from_then_on(
    caps: tuple[str, ...], join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not caps:  # then nobody tells of it, and the answer is asked for anew after a while
        monkeypatch.setattr("pushbot.chat.irc.people.FRESH", 0.0)
    async with network(*caps) as (server, bot):
        alice = await join(server, "alice", account="alice")
        alice.say("#push", ".join")
        assert await heard(bot) == (*ALICE, ".join")
        server.login("alice", "")
        alice.say("#push", ".go")
        assert await heard(bot) == (*NOBODY, ".go")
        server.login("alice", "alice")
        alice.say("#push", ".go")
        assert await heard(bot) == (*ALICE, ".go")
        assert bot.chat.person("ALICE").key == "account:alice"


async def test_those_who_were_there_before_the_bot_are_known_by_one_question(join: Join) -> None:
    async with account_server(caps=UNTAGGED) as server:
        await join(server, "alice", account="al")
        await join(server, "bob")
        async with running(server.port, "#push", identity="account") as bot:
            await bot.entered("#push")
            await until(lambda: bot.chat.person("alice").trusted)
            assert bot.chat.person("Alice").key == "account:al"
            assert not bot.chat.person("bob").trusted
            assert server.asked == []


async def test_an_answer_is_remembered_until_something_changes(join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pushbot.chat.irc.people.FRESH", 0.0)  # what changes is told here
    async with network("account-notify") as (server, bot):
        alice = await join(server, "alice", account="alice")
        for _ in range(3):
            alice.say("#push", ".status")
            assert await heard(bot) == (*ALICE, ".status")
        assert server.asked == ["alice"]
        alice.send("PART #push")
        await alice.expect("PART")
        for text in ("status", "go"):
            alice.say("pushbot", text)
            assert await heard(bot) == (*ALICE, text)
        assert server.asked == ["alice"] * 3  # nothing is seen of those who are in no room of ours
        await alice.join("#push")
        alice.say("#push", ".go")
        assert await heard(bot) == (*ALICE, ".go")
        server.split("alice")
        server.heal("alice")
        alice.say("#push", ".go")
        assert await heard(bot) == (*ALICE, ".go")
        assert server.asked == ["alice"] * 5


async def test_talk_is_heard_without_a_question(join: Join) -> None:
    async with network() as (server, bot):
        alice = await join(server, "alice", account="alice")
        for text in ("good morning", "... and so on", "see web: it works"):
            alice.say("#push", text)
            assert (await heard(bot))[2] == text
            assert text.startswith("...") == bool(server.asked)
            server.asked.clear()
        for text in ("pushbot: status", "web: .status", "  .status"):
            alice.say("#push", text)
        assert [(await heard(bot))[1] for _ in range(3)] == ["account alice"] * 3


# --- nicks that change hands ---


@pytest.mark.parametrize("caps", [TAGS, UNTAGGED, ()])
async def test_who_takes_a_nick_is_not_who_had_it(caps: tuple[str, ...], join: Join) -> None:
    async with network(*caps) as (server, bot):
        alice = await join(server, "alice", account="alice")
        mallory = await join(server, "mallory", account="mallory")
        alice.say("#push", ".join")
        assert await heard(bot) == (*ALICE, ".join")
        alice.send("NICK al")
        mallory.send("NICK alice")
        await mallory.expect("NICK :alice")
        mallory.say("#push", ".go")
        assert (await heard(bot))[:2] == ("account:mallory", "account mallory")
        alice.say("#push", ".go")
        assert await heard(bot) == (*ALICE, ".go")
        server.login("alice", "")
        mallory.say("pushbot", ".go")
        assert await heard(bot) == (*NOBODY, ".go") if caps else True
        assert all(notice.old.key == notice.new.key for notice in told_seats(bot, "account:mallory"))


def told_seats(bot: Bot, key: str) -> list[Renamed]:
    """Which seats were told to be those of `key`, but for the one that others may have kept for that very name."""
    name = key.partition(":")[2]
    found = [notice for notice in bot.notices if isinstance(notice, Renamed) and notice.new.key == key]
    return [notice for notice in found if notice.old.key != f"nick:{name}"]


async def test_two_who_swap_nicks_stay_who_they_are(join: Join) -> None:
    async with network(*UNTAGGED) as (server, bot):
        a, b = await join(server, "a", account="anna"), await join(server, "b", account="ben")
        a.say("#push", ".join")
        b.say("#push", ".join")
        assert [(await heard(bot))[0] for _ in range(2)] == ["account:anna", "account:ben"]
        for old, new in (("a", "x"), ("b", "a"), ("x", "b")):
            server.rename(old, new)
        a.say("#push", ".go")
        b.say("#push", ".go")
        assert [(await heard(bot))[0] for _ in range(2)] == ["account:anna", "account:ben"]
        assert (bot.chat.person("a").key, bot.chat.person("b").key) == ("account:ben", "account:anna")


async def test_who_comes_back_under_another_nick_is_called_by_it(join: Join) -> None:
    async with network(*TAGS) as (server, bot):
        alice = await join(server, "alice", account="alice")
        alice.say("#push", ".join")
        await heard(bot)
        await alice.close()
        again = await join(server, "alice_", account="alice")
        again.say("#push", ".go")
        assert (await heard(bot))[0] == "account:alice"
        last = [notice for notice in bot.notices if isinstance(notice, Renamed)][-1]
        assert (last.old.key, last.new.key, last.new.name) == ("account:alice", "account:alice", "alice_")
        server.rename("alice_", "Guest17")
        renamed = await told_of(bot, "Guest17")
        assert (renamed.old.name, renamed.new.key) == ("alice_", "account:alice")


async def told_of(bot: Bot, name: str) -> Renamed:
    """The next word that somebody is now called `name`."""
    while (renamed := await bot.told(Renamed)).new.name != name:
        pass
    return renamed


async def test_somebody_here_twice_keeps_one_name(join: Join) -> None:
    async with network(*TAGS) as (server, bot):
        desk, phone = await join(server, "alice", account="alice"), await join(server, "alice|m", account="alice")
        for _ in range(3):
            desk.say("#push", ".status")
            phone.say("#push", ".status")
            assert [(await heard(bot))[0] for _ in range(2)] == ["account:alice"] * 2
        assert {notice.new.name for notice in bot.notices if isinstance(notice, Renamed)} == {"alice"}


async def test_a_seat_kept_for_a_nick_is_for_the_account_of_that_name(join: Join) -> None:
    async with network(*TAGS) as (server, bot):
        thief = await join(server, "bob", account="mallory")
        thief.say("#push", ".join")
        await heard(bot)
        assert not told_seats(bot, "account:mallory")[1:]
        bob = await join(server, "bobby", account="Bob")
        bob.say("#push", ".join")
        await heard(bot)
        handed = [(n.old.key, n.new.key) for n in bot.notices if isinstance(n, Renamed) and n.old.key == "nick:bob"]
        assert handed == [("nick:bob", "account:bob")]


async def test_a_login_while_aboard_is_told_at_once(join: Join) -> None:
    async with network(*UNTAGGED) as (server, bot):
        await join(server, "bob")
        server.login("bob", "bob")
        renamed = await bot.told(Renamed)
        assert (renamed.old.key, renamed.old.trusted, renamed.new.key) == ("nick:bob", False, "account:bob")
        server.login("bob", "")
        await until(lambda: not bot.chat.person("bob").trusted)


async def test_nobody_vouches_after_a_nick_change_where_logins_are_not_told(join: Join) -> None:
    async with network() as (server, bot):
        alice = await join(server, "alice", account="alice")
        alice.say("#push", ".join")
        await heard(bot)
        server.rename("alice", "ally")
        server.client("ally").account = ""
        alice.say("#push", ".go")
        assert (await heard(bot))[:2] == ("nick:ally", "")
        assert server.asked == ["alice", "ally"]


# --- what is held back ---


async def test_what_one_says_waits_in_order_and_others_are_heard(join: Join) -> None:
    async with network("account-notify") as (server, bot):
        alice, bob = await join(server, "alice", account="alice"), await join(server, "bob", account="bob")
        bob.say("#push", ".join")
        await heard(bot)
        server.deaf_to.add("WHOIS")
        alice.say("#push", ".join")
        alice.say("#push", "and some talk")
        alice.say("#push", ".good; .go")
        alice.send("TOPIC #push :alice")
        await alice.drain()
        bob.say("#push", ".status")
        assert (await heard(bot))[::2] == ("account:bob", ".status")
        assert not any(isinstance(notice, TopicEdited) for notice in bot.notices)
        for numeric, words in (("311", "alice ~alice h2.test * :x"), ("330", "alice alice :is"), ("318", "alice :End")):
            server.client("pushbot").reply(numeric, words)
        assert [await heard(bot) for _ in range(3)] == [
            (*ALICE, text) for text in (".join", "and some talk", ".good; .go")
        ]
        assert (await bot.told(TopicEdited)).person.proof == "account alice"


async def test_an_answer_that_never_comes_proves_nothing(join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whois, "WAIT", 0.1)
    async with network() as (server, bot):
        alice = await join(server, "alice", account="alice")
        server.deaf_to.add("WHOIS")
        alice.say("#push", ".join")
        alice.say("#push", ".go")
        assert [await heard(bot) for _ in range(2)] == [(*NOBODY, ".join"), (*NOBODY, ".go")]
        server.deaf_to.clear()
        monkeypatch.setattr(whois, "WAIT", 60.0)  # one that comes is waited for
        alice.say("#push", ".join")
        assert await heard(bot) == (*ALICE, ".join")


async def test_who_is_gone_before_the_answer_is_nobody(join: Join) -> None:
    async with network() as (server, bot):
        alice = await join(server, "alice", account="alice")
        server.deaf_to.add("WHOIS")
        alice.say("#push", ".go")
        await alice.drain()
        server.split("alice")
        assert await heard(bot) == (*NOBODY, ".go")


async def test_what_is_held_follows_its_speaker_to_another_nick(join: Join) -> None:
    async with network() as (server, bot):
        mallory = await join(server, "alice")
        alice = await join(server, "al", account="alice")
        server.deaf_to.add("WHOIS")
        mallory.say("#push", ".go")
        await mallory.drain()
        server.rename("alice", "mallory")
        server.rename("al", "alice")
        alice.say("#push", ".status")
        await alice.drain()
        server.deaf_to.clear()
        bot_there = server.client("pushbot")
        for nick, host, account in (("alice", "h3.test", "alice"), ("mallory", "h2.test", "")):
            bot_there.reply("311", f"{nick} ~{'al' if account else 'alice'} {host} * :x")
            if account:
                bot_there.reply("330", f"{nick} {account} :is logged in as")
            bot_there.reply("318", f"{nick} :End of /WHOIS list")
        assert {await heard(bot) for _ in range(2)} == {(*ALICE, ".status"), ("nick:mallory", "", ".go")}


async def test_an_answer_counts_for_the_address_that_spoke_and_no_other(join: Join) -> None:
    """In private the bot sees no nick change: who had the nick a moment ago is not who answers to it now."""
    async with network() as (server, bot):
        mallory = await join(server, "alice", "#elsewhere")
        await join(server, "al", "#elsewhere", account="alice")
        server.deaf_to.add("WHOIS")
        mallory.say("pushbot", "go")
        await mallory.drain()
        server.rename("alice", "mallory")
        server.rename("al", "alice")
        server._do_whois(server.client("pushbot"), ["alice"])
        assert await heard(bot) == (*NOBODY, "go")


# --- lies ---


@pytest.mark.parametrize("caps", [(*TAGS,), UNTAGGED, ()])
async def test_what_people_write_anywhere_proves_nothing(caps: tuple[str, ...]) -> None:
    forged = f":{NAME} 330 pushbot mallory alice :is logged in as"
    async with network(*caps) as (server, bot):
        mallory = Person("mallory")
        async with connected(mallory, server, realname=f"x * :{forged}"):
            mallory.send(f"AWAY :{forged}", "JOIN #x_330_mallory_alice,#push", f"NOTICE pushbot :{forged}")
            mallory.send(f"PRIVMSG pushbot :{forged}", "@account=alice PRIVMSG #push :.go")
            mallory.send("@+account=alice;+draft/account=alice PRIVMSG #push :.go", "@account=alice TAGMSG #push")
            mallory.send("@account=alice TOPIC #push :mallory", "ACCOUNT alice", "330 pushbot mallory alice :is")
            mallory.send(
                ":alice!a@h PRIVMSG #push :.go", "PRIVMSG #push :@account=alice .go", "PRIVMSG pushbot :\x01go\x01"
            )
            mallory.send("PRIVMSG pushbot :\x01ACTION .go\x01", "PRIVMSG #push :\x01PING .go\x01", "NOTICE #push :.go")
            assert (await bot.told(TopicEdited)).person.proof == ""
            mallory.say("pushbot", "the end")
            while (await bot.told(Heard)).text != "the end":
                pass
        said_by = [notice.person for notice in bot.notices if isinstance(notice, Heard | TopicEdited)]
        assert all(not person.trusted and person.key == "nick:mallory" for person in said_by)
        assert sum(text.startswith(".go") for text in seen(bot)) == 3
        assert not any(isinstance(notice, Renamed) for notice in bot.notices)


@asynccontextmanager
async def connected(person: Person, server: AccountServer, realname: str) -> AsyncIterator[None]:
    """Connects somebody by hand."""
    made = await Person.connect("127.0.0.1", server.port, person.nick)
    server.client(person.nick).realname = realname
    vars(person).update(vars(made))
    try:
        yield
    finally:
        await person.close()


@pytest.mark.parametrize(
    "lie",
    [
        ":eve!e@h 330 pushbot mallory alice :is logged in as",
        f":{NAME} 330 pushbot other alice :is logged in as",
        f":{NAME} 330 pushbot :mallory alice is logged in as",
        f":{NAME} 330 pushbot mallory :alice",
        f":{NAME} 330 pushbot mallory * :is logged in as",
        f":{NAME} 319 pushbot mallory :#330 #mallory #alice",
        f":{NAME} 301 pushbot mallory alice :is logged in as",
        f":{NAME} 307 pushbot mallory :is identified for this nick",
        f":{NAME} 276 pushbot mallory :has client certificate fingerprint of alice",
        f":{NAME} 276 pushbot mallory :has client certificate fingerprint {'ab' * 16}",
        f":{NAME} 330 pushbot mallory alice :is logged in as\r\n:{NAME} 311 pushbot mallory ~mallory h2.test * :x",
        ":mallory!~mallory@h2.test 354 pushbot 152 mallory alice",
        f":{NAME} 354 pushbot 151 mallory alice",
        ":mallory!~mallory@h2.test 311 pushbot alice ~mallory h2.test * :x",
    ],
)
async def test_numerics_count_from_the_server_alone_and_at_their_places(lie: str, join: Join) -> None:
    async with network("account-notify") as (server, bot):
        mallory = await join(server, "mallory")
        server.deaf_to.add("WHOIS")
        mallory.say("#push", ".go")
        await mallory.drain()
        there = server.client("pushbot")
        there.reply("311", "mallory ~mallory h2.test * :x")
        there.send(lie)
        assert not bot.chat.person("mallory").trusted
        there.reply("318", "mallory :End of /WHOIS list")
        assert await heard(bot) == ("nick:mallory", "", ".go")
        there.send(lie)
        mallory.say("#push", ".go")
        assert await heard(bot) == ("nick:mallory", "", ".go")


async def test_an_answer_without_an_address_is_none(join: Join) -> None:
    async with network("account-notify") as (server, bot):
        mallory = await join(server, "mallory")
        server.deaf_to.add("WHOIS")
        mallory.say("#push", ".go")
        await mallory.drain()
        server.client("pushbot").reply("330", "mallory alice :is logged in as")
        server.client("pushbot").reply("318", "mallory :End of /WHOIS list")
        assert (await heard(bot))[1] == ""
        assert not bot.chat.person("mallory").trusted


async def test_a_topic_by_hand_is_asked_about(join: Join) -> None:
    async with network() as (server, bot):
        alice = await join(server, "alice", account="alice")
        alice.send("TOPIC #push :alice")
        assert (await bot.told(TopicEdited)).person.proof == "account alice"
        assert server.asked == ["alice"]


@pytest.mark.parametrize(
    "account", ["", "*", "0", "al\x02ice", "al\u202eice", "al\ufffdice", "al\x00\x7fice", "\u00a0"]
)
async def test_an_account_that_cannot_be_one_is_none(account: str, join: Join) -> None:
    async with network(*TAGS) as (server, bot):
        await join(server, "mallory")
        server.to_room("#push", f"@account={account} :mallory!m@h PRIVMSG #push :.go")
        said = await bot.told(Heard)
        assert (said.person.key, said.person.proof) == ("nick:mallory", "")


async def test_half_characters_make_no_two_nicks_one(join: Join) -> None:
    async with network(*UNTAGGED) as (server, bot):
        await join(server, "x")
        server.to_room("#push", b":a\xe9!a@h JOIN #push alice :Alice")
        for source in (b":a\xe8!m@h", b":a\xe9!a@h", b":a\xe9!m@h"):
            server.to_room("#push", source + b" PRIVMSG #push :.go")
            assert (await heard(bot))[1] == ""


@pytest.mark.parametrize("nick", ["n" * 400, "a\x02b", "a\x0304b", "a\rb", "a\u202eb", "a,b", "a*", "0"])
async def test_strange_nicks_are_nobody_and_do_no_harm(nick: str, join: Join) -> None:
    async with network() as (server, bot):
        alice = await join(server, "alice", account="alice")
        for text in (".go", ".join"):
            server.to_room("#push", f":{nick}!m@h PRIVMSG #push :{text}")
        server.to_room("#push", f":{nick}!m@h TOPIC #push :{nick}")
        server.to_room("#push", f":{nick}!m@h NICK alice")
        alice.say("#push", ".status")
        while (said := await bot.told(Heard)).text != ".status":
            assert not said.person.trusted
        assert said.person.key == "account:alice"


async def test_only_people_with_an_address_say_commands(join: Join) -> None:
    for identity in ("account", "hostmask", "nick"):
        async with network(*TAGS, identity=identity) as (server, bot):
            alice = await join(server, "alice", account="alice")
            for source in ("services.test", "NickServ", "alice", "alice@h", "alice!a", "alice!@", "pushbot!p@h", ""):
                prefix = f":{source} " if source else ""
                server.to_room("#push", f"@account=alice {prefix}PRIVMSG #push :.go")
            alice.say("#push", ".status")
            await heard(bot)
            assert seen(bot) == [".status"]


# --- other identities ---


async def test_a_certificate_is_told_where_there_is_no_account(join: Join) -> None:
    async with network() as (server, bot):
        alice = await join(server, "alice")
        server.client("alice").certificate = "AB" * 32
        alice.say("#push", ".go")
        assert await heard(bot) == (f"cert:{'ab' * 32}", f"certificate {'ab' * 32}", ".go")
        server.login("alice", "al")
        await alice.drain()
        alice.say("pushbot", "go")
        assert (await heard(bot))[0] in {"account:al", f"cert:{'ab' * 32}"}  # by an answer that is fresh


async def test_a_host_mask_stays_over_nick_changes_and_goes_with_no_nick(join: Join) -> None:
    async with account_server() as server:
        early = await join(server, "early", account="whoever")
        async with running(server.port, "#push", identity="hostmask") as bot:
            await bot.entered("#push")
            await until(lambda: bot.chat.person("early").trusted)
            alice = await join(server, "Alice", account="alice")
            alice.say("#push", ".join")
            mask = ("mask:~alice@h3.test", "user@host ~Alice@h3.test")
            assert await heard(bot) == (*mask, ".join")
            server.rename("Alice", "ally")
            assert (await told_of(bot, "ally")).new.key == mask[0]
            alice.say("#push", ".go")
            assert await heard(bot) == (*mask, ".go")
            await alice.close()
            thief = await join(server, "Alice")
            thief.say("#push", ".go")
            assert (await heard(bot))[0] == "mask:~alice@h4.test"
            early.say("pushbot", "go")
            assert (await heard(bot))[:2] == ("mask:~early@h1.test", "user@host ~early@h1.test")
            assert server.asked == []


async def test_where_nicks_are_trusted_a_nick_is_all(join: Join) -> None:
    async with network(*TAGS, identity="nick") as (server, bot):
        alice = await join(server, "Alice", account="somebody")
        alice.say("#push", ".join")
        said = await bot.told(Heard)
        assert (said.person.key, said.person.proof) == ("nick:alice", "nick, which is trusted on this network")
        server.rename("Alice", "ally")
        renamed = await bot.told(Renamed)
        assert (renamed.old.key, renamed.new.key, renamed.new.trusted) == ("nick:alice", "nick:ally", True)
        assert bot.chat.person("whoever").trusted
        assert server.asked == []


@pytest.mark.parametrize(("host", "warned"), [("127.0.0.2", True), ("127.0.0.1", False)])
async def test_a_network_that_believes_nicks_is_warned_of(host: str, *, warned: bool) -> None:
    with capture_logs() as logs:
        async with running(1, "#push", host=host, identity="nick"):
            await until(lambda: any(entry["event"] == "irc_disconnected" for entry in logs))
    assert any(entry["event"] == "irc_nicks_are_believed" for entry in logs) == warned


# --- floods ---


async def test_a_flood_of_one_is_bounded_and_others_are_heard(join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whois, "WAIT", 600.0)  # else a slow machine gives the question up, and asks another one
    async with network("account-notify", lines_per_second=20.0) as (server, bot):
        mallory, alice = await join(server, "mallory"), await join(server, "alice", account="alice")
        server.deaf_to.add("WHOIS")
        for number in range(1000):
            mallory.say("#push", f".go {number}")
        await until(lambda: len(seen(bot)) == 1000)
        assert seen(bot) == [f".go {number}" for number in range(1000)]
        session = bot.chat._session
        assert session is not None
        assert sum(len(inquiry.held) for inquiry in session.inquiries._open.values()) == 0
        await until(lambda: server.unheard == ["WHOIS mallory"])  # the flood's own question, which is not answered
        server.deaf_to.clear()
        alice.say("#push", ".status")
        while (said := await bot.told(Heard)).person.name != "alice":
            assert not said.person.trusted
        assert said.person.trusted
        assert server.asked == ["alice"]


async def test_a_flood_of_strangers_is_bounded(join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whois, "WAIT", 1.0)
    async with network() as (server, bot):
        server.deaf_to.add("WHOIS")
        await join(server, "x")
        for number in range(1000):
            server.to_room("#push", f":n{number}!m@h PRIVMSG #push :.go")
        await until(lambda: len(seen(bot)) >= 1000 - whois.NICKS)
        session = bot.chat._session
        assert session is not None
        assert len(session.inquiries._open) <= whois.NICKS
        await until(lambda: len(seen(bot)) == 1000)
        assert not any(isinstance(notice, Heard) and notice.person.trusted for notice in bot.notices)
        assert not session.inquiries._open
