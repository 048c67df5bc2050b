"""People with raw sockets against the whole bot: nothing that they say or are called makes them somebody else."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from pushbot.chat.irc import IrcChat, IrcOptions
from pushbot.testing.playground import Playground
from tests.rig.accounts_server import TAGS, AccountServer, account_server
from tests.rig.client import Person

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.rig.ngircd import Ngircd

pytestmark = pytest.mark.net

EVERY_KIND = [TAGS, ("account-notify", "extended-join"), ()]
"""Servers that say who says each line, that tell of logins alone, and that have to be asked."""


@dataclass
class Scene:
    """The bot in #push, people by name, and one who sees all."""

    port: int
    play: Playground
    server: AccountServer | None = None
    people: list[Person] = field(default_factory=list)
    watcher: Person = field(init=False)

    async def person(self, nick: str, account: str = "", user: str | None = None) -> Person:
        """Somebody in #push, logged in if that is possible here."""
        person = await Person.connect("127.0.0.1", self.port, nick, user=user)
        if account and self.server is not None:
            self.server.login(nick, account)
        await person.join("#push")
        self.people.append(person)
        return person

    async def answer(self, who: Person, text: str, with_words: str = "") -> str:
        """What the bot says to a line that somebody says in #push; it begins with their name and has those words."""
        who.say("#push", text)
        start = f"PRIVMSG #push :{who.nick}: "
        return await self.watcher.expect(lambda line: "!~pushbot@" in line and start in line and with_words in line)

    async def refused(self, who: Person, *texts: str) -> set[str]:
        """Say these lines, each of which has to be refused; with the codes that are returned."""
        answers = [await self.answer(who, text) for text in texts]
        assert all(answer.endswith("]") for answer in answers), answers
        return {answer.rpartition("[")[2].rstrip("]") for answer in answers}

    async def topic(self, text: str) -> None:
        """Wait until the bot shows that."""
        await self.watcher.expect(lambda line: "pushbot!" in line and line.endswith(f"TOPIC #push :{text}"))


@asynccontextmanager
async def scene(port: int, path: Path, server: AccountServer | None = None, **options: object) -> AsyncIterator[Scene]:
    model = IrcOptions.model_validate(
        {"host": "127.0.0.1", "port": port, "lines_per_second": 0, "topic_interval": 0.01, **options}
    )
    async with Playground(path) as play:
        play.add_lane("web", stages=("princess", "production"))
        play.chats = lambda: {"irc": IrcChat("irc", model, play.rooms)}
        made = Scene(port, play, server)
        made.watcher = await Person.connect("127.0.0.1", port, "watcher", "#push")
        made.people.append(made.watcher)
        try:
            await play.start(settle=False)
            await made.topic("clear")
            yield made
        finally:
            for person in made.people:
                await person.close()


@asynccontextmanager
async def accounts(path: Path, caps: tuple[str, ...] = TAGS) -> AsyncIterator[tuple[Scene, AccountServer]]:
    async with account_server(caps=caps, whox=False) as server, scene(server.port, path, server) as made:
        yield made, server


@pytest.mark.parametrize("caps", EVERY_KIND)
async def test_a_taken_nick_gives_no_seat_and_a_lost_one_takes_none(caps: tuple[str, ...], tmp_path: Path) -> None:
    async with accounts(tmp_path, caps) as (here, server):
        alice, mallory = await here.person("alice", "alice"), await here.person("mallory", "mallory")
        alice.say("#push", ".join")
        await here.topic("alice")
        server.rename("alice", "al")
        server.rename("mallory", "alice")
        alice.nick, mallory.nick = "al", "alice"
        assert await here.refused(mallory, ".good", ".go", ".drive", ".nevermind", ".pop", ".done", ".uhoh") == {
            "not_aboard",
            "not_permitted",
        }
        server.login("alice", "")
        if caps:
            assert await here.refused(mallory, ".join", ".good", ".go", ".kick al") == {"not_identified"}
        alice.say("#push", ".good")
        await here.topic("al*")


@pytest.mark.parametrize("caps", EVERY_KIND)
async def test_who_comes_back_from_a_split_under_another_nick_has_their_seat(
    caps: tuple[str, ...], tmp_path: Path
) -> None:
    async with accounts(tmp_path, caps) as (here, server):
        alice = await here.person("alice", "alice")
        alice.say("#push", ".join")
        await here.topic("alice")
        server.split("alice")
        server.client("alice").nick = "alice_"  # while the network is in two, a nick may be there twice
        thief = await here.person("alice")
        assert await here.refused(thief, ".good", ".go", ".nevermind") == {"not_identified"}
        server.heal("alice_")
        alice.say("#push", ".good")
        await here.topic("alice_*")


async def test_a_seat_written_by_hand_is_for_the_account_of_that_name(tmp_path: Path) -> None:
    async with accounts(tmp_path) as (here, server):
        alice, mallory = await here.person("alice", "alice"), await here.person("bob")
        alice.send("TOPIC #push :alice + rob")
        await here.watcher.expect("PRIVMSG #push :alice, rob: You're up")
        server.rename("bob", "rob")
        mallory.nick = "rob"
        assert await here.refused(mallory, ".good", ".nevermind") == {"not_identified"}
        server.login("rob", "mallory")
        assert await here.refused(mallory, ".good", ".nevermind") == {"not_aboard"}
        bobby = await here.person("bobby", "Rob")
        bobby.say("#push", ".good")
        await here.topic("alice + bobby*")


async def test_a_topic_by_hand_is_as_good_as_its_writer(tmp_path: Path) -> None:
    async with accounts(tmp_path, ()) as (here, _):
        alice, mallory = await here.person("alice", "alice"), await here.person("mallory")
        alice.say("#push", ".join")
        await here.topic("alice")
        mallory.send("TOPIC #push :mallory | alice")
        assert "[not_identified]" in await here.watcher.expect("PRIVMSG #push :mallory: ")
        await here.topic("alice")
        alice.send("TOPIC #push :alice + bob")
        await here.watcher.expect("PRIVMSG #push :alice, bob: You're up")


async def test_the_bots_own_words_are_no_commands(tmp_path: Path) -> None:
    async with accounts(tmp_path, (*TAGS, "echo-message")) as (here, server):
        server.login("pushbot", "pushbot")
        alice = await here.person("alice", "alice")
        alice.say("#push", '.join "; .go"')
        alice.say("#push", ".frobnicate;.join")
        await here.watcher.expect("PRIVMSG #push :alice: ")
        server.to_room("#push", "@account=pushbot :pushbot!~pushbot@h2.test PRIVMSG #push :.join")
        await here.answer(alice, ".whoami")
        assert not any("pushbot: " in line for line in here.watcher.lines)


async def test_a_thousand_lines_of_a_stranger_keep_nobody_waiting(tmp_path: Path) -> None:
    async with accounts(tmp_path, ()) as (here, server):
        alice, mallory = await here.person("alice", "alice"), await here.person("mallory")
        mallory.send(*("PRIVMSG #push :.go\x02\x0304\u202e; .join " + "é" * 100 for _ in range(1000)))
        await mallory.drain()
        alice.say("#push", ".join")
        await here.topic("alice")
        assert server.asked.count("mallory") < 100


# --- a real server without accounts ---


async def test_on_a_server_without_accounts_nobody_does_anything_unless_told_what_to_trust(
    irc_server: Ngircd, tmp_path: Path
) -> None:
    async with scene(irc_server.port, tmp_path) as here:
        alice = await here.person("alice")
        assert await here.refused(alice, ".join", ".hold", ".go; .done", ".message hello") == {"not_identified"}
        alice.send("@account=alice PRIVMSG #push :.join", "@account=alice :alice!a@h PRIVMSG #push :.join")
        alice.send("330 pushbot alice alice :is logged in as", ":irc.test 318 pushbot alice :End")
        alice.send(
            "PRIVMSG pushbot :join",
            "PRIVMSG #push :.join\r.join",
            "PRIVMSG #push :\x01.join\x01",
            "NOTICE #push :.join",
        )
        assert await here.refused(alice, ".join") == {"not_identified"}
        await here.answer(alice, ".whoami", "proof: none")
        topics = [line for line in here.watcher.lines if "TOPIC" in line and "pushbot!" in line]
        assert all(line.endswith(":clear") for line in topics)


async def test_a_host_mask_is_who_somebody_is_on_a_real_server(irc_server: Ngircd, tmp_path: Path) -> None:
    async with scene(irc_server.port, tmp_path, identity="hostmask") as here:
        alice = await here.person("alice")
        alice.say("#push", ".join")
        await here.topic("alice")
        alice.nick = "ally"
        alice.send("NICK ally")
        await here.topic("ally")
        thief = await here.person("alice", user="mallory")
        assert await here.refused(thief, ".good", ".nevermind") == {"not_aboard"}
        alice.say("#push", ".good")
        await here.topic("ally*")
        await here.answer(alice, ".whoami", "proof: user@host ~alice@127.0.0.1")
        await alice.close()
        again = await here.person("alice_", user="alice")
        again.say("#push", ".uhoh")
        await here.topic("alice_!")
