"""Who people are, over chats and names, and that nothing that is asked goes round the gate."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pushbot.children import printed
from pushbot.errors import PushbotError
from pushbot.queue.model import Person
from pushbot.service.people.access import Access
from pushbot.service.people.directory import Account, Directory, Human, RoleSpec, account_of, follows
from pushbot.service.people.membership import Membership, names_in
from pushbot.testing.clock import HandClock
from pushbot.testing.quiet import quiet
from tests.service.door import Door

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pushbot.testing.playground import Playground


def on_irc(key: str, name: str = "al", proof: str = "as the test says") -> Person:
    return Person("irc", key, name, proof)


LIDDELL = Human(
    "alice",
    (
        account_of("irc/Liddell"),
        account_of("irc/~al@*.example.org"),
        account_of("slack/U024"),
        account_of("control/al"),
    ),
    git=("Alice Liddell", "alice@example.org"),
    pager="+44",
    roles=frozenset({"release"}),
)
BOB = Human("bob", (account_of("irc/bob"),), git=("Bob",))


@pytest.mark.parametrize("mask", ["*@*", "*@*.*", "**@*", "*"])
def test_a_command_makes_nobody_of_everybody(mask: str) -> None:
    """Whoever may write a line of what a command prints gives the role to themselves at most."""
    role = RoleSpec("operator", command=("list",))
    directory = Directory(roles_kept=(role,), listed={("list",): names_in(f"irc/{mask}\n*\nirc/~al@*.example.org")})
    assert directory.roles(on_irc("mask:~eve@pc.evil.net")) == frozenset()
    assert directory.roles(on_irc("mask:~al@pc.example.org")) == {"operator"}


def test_an_account_that_is_called_like_a_fingerprint_is_no_certificate() -> None:
    listed = Directory((Human("alice", (account_of("irc/CertFP:0A1B"),)),))
    assert listed.linked(on_irc("cert:0a1b")).linked
    for key in ("account:certfp:0a1b", "nick:certfp:0a1b", "mask:certfp:0a1b"):
        assert not listed.linked(on_irc(key)).linked


@pytest.mark.parametrize(
    ("person", "linked"),
    [
        (on_irc("account:liddell"), True),
        (on_irc("account:LIDDELL"), True),
        (on_irc("nick:liddell"), True),
        (on_irc("mask:~al@pc1.example.org"), True),
        (on_irc("mask:~AL@pc1.EXAMPLE.org"), True),
        (Person("slack", "user:U024", "Alice", "Slack"), True),
        (Person("control", "uid:1000", "al", "uid 1000"), True),
        (on_irc("account:liddell", proof=""), False),
        (on_irc("account:al"), False),
        (on_irc("account:~al@pc1.example.org"), False),  # an account of that name is no mask
        (on_irc("mask:~al@pc1.example.org.evil.net"), False),
        (on_irc("mask:x~al@pc1.example.org"), False),
        (on_irc("mask:liddell"), False),
        (on_irc("account:\u017fliddell"), False),
        (on_irc("account:l\u0131ddell"), False),
        (Person("other", "account:liddell", "al", "account"), False),
        (Person("irc", "uid:1000", "liddell", "x"), True),  # chats make no such keys
        (Person("control", "uid:1001", "Liddell", "uid 1001"), False),
    ],
)
def test_a_human_is_known_by_what_a_chat_proves(person: Person, linked: bool) -> None:
    directory = Directory((LIDDELL, BOB))
    assert directory.linked(person).key == ("person:alice" if linked else person.key)
    assert directory.linked(person).name == person.name
    assert directory.linked(person).proof == person.proof


def test_only_the_star_of_a_mask_is_special() -> None:
    assert account_of("irc/a[b]?@*").means(on_irc("mask:a[b]?@x"))
    assert not account_of("irc/a[b]?@*").means(on_irc("mask:abc@x"))
    assert str(Account("irc", "al")) == "irc/al"


def test_a_linked_person_is_one_in_all_chats() -> None:
    directory = Directory((LIDDELL, BOB))
    here, there = (
        directory.linked(on_irc("account:liddell")),
        directory.linked(Person("slack", "user:U024", "A", "Slack")),
    )
    assert here.same(there)
    assert directory.linked(here) == here
    assert directory.pager(LIDDELL.name) == "+44"
    assert directory.pager("zoe") is None


def test_somebody_who_was_named_gets_the_seat_of_the_human_who_has_that_account() -> None:
    directory = Directory((LIDDELL, BOB))
    assert directory.named(on_irc("nick:bob", "Bob", proof="")).key == "person:bob"
    assert directory.named(on_irc("nick:zoe", "zoe", proof="")).key == "nick:zoe"
    assert directory.named(on_irc("account:mallory", "bob")).key == "account:mallory"


def test_roles_are_held_by_name_by_account_by_everybody_or_by_what_a_command_lists() -> None:
    roles = (
        RoleSpec("operator", ("irc/bob", "irc/carol")),
        RoleSpec("release", ("nobody",)),
        RoleSpec("all", ("*",)),
        RoleSpec("listed", command=("x",)),
    )
    directory = Directory((LIDDELL, BOB), roles)

    def held(person: Person) -> set[str]:
        return set(directory.roles(directory.linked(person)))

    assert held(on_irc("account:liddell")) == {"release", "all"}
    assert held(on_irc("account:bob")) == {"operator", "all"}
    assert held(on_irc("account:carol")) == {"operator", "all"}
    assert held(on_irc("account:carol", proof="")) == set()
    assert held(Person("control", "uid:0", "root", "uid 0")) == {"operator", "all"}
    assert held(Person("control", "uid:1000", "al", "uid 1000")) == {"operator", "release", "all"}
    directory.listed["x",] = frozenset({"alice", "irc/dave", "*"})
    assert "listed" in held(on_irc("account:liddell"))
    assert "listed" in held(on_irc("account:dave"))
    assert "listed" not in held(on_irc("account:bob"))  # a command cannot give it to everybody


def test_authors_of_commits_are_matched_with_riders() -> None:
    directory = Directory((LIDDELL, BOB))
    assert directory.person_of_author("alice liddell") is LIDDELL
    assert directory.person_of_author("A. L.", "ALICE@example.org") is LIDDELL
    assert directory.person_of_author("Zoe") is None
    assert directory.person_of_author("", "") is None


@pytest.mark.parametrize(
    ("old", "new", "follows_"),
    [
        (on_irc("account:al", "a"), on_irc("account:al", "b"), True),
        (on_irc("nick:al"), on_irc("nick:ali"), True),  # on a network where nicks are trusted
        (on_irc("nick:al", proof=""), on_irc("account:al"), True),
        (on_irc("nick:al", proof=""), on_irc("account:AL"), True),
        (on_irc("nick:al", proof=""), on_irc("account:mallory"), False),
        (on_irc("account:al"), on_irc("nick:al", proof=""), False),
        (on_irc("nick:al", proof=""), on_irc("nick:mallory", proof=""), False),
    ],
)
def test_whose_seats_follow_a_new_name(old: Person, new: Person, follows_: bool) -> None:
    assert follows(old, new) is follows_


# --- roles that commands list ------------------------------------------------------------------


async def test_a_command_lists_who_holds_a_role(tmp_path: Path) -> None:
    members = tmp_path / "members"
    members.write_text("alice\n# a remark\nirc/dave  # and one more\n\n")
    role = RoleSpec("release", command=(sys.executable, "-c", f"print(open({str(members)!r}).read())"))
    assert names_in(await printed(role.command, role.timeout)) == {"alice", "irc/dave"}


async def test_a_list_is_kept_while_its_command_fails_and_nobody_has_the_role_before_it_answers() -> None:
    clock, answers = HandClock(), [PushbotError("it is away"), "alice", PushbotError("it is away"), "bob"]

    async def ask(run: Sequence[str], timeout: float) -> str:  # noqa: ASYNC109 - as who gives it says
        answer = answers.pop(0)
        if isinstance(answer, PushbotError):
            raise answer
        return f"{answer} # of {run[0]}, within {timeout:g} s"

    directory = Directory(roles_kept=(RoleSpec("release", command=("x",)), RoleSpec("operator", ("*",))))
    seen = []
    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(Membership(directory, clock, ask).run())
        while answers:
            await quiet()
            seen.append(directory.listed.get(("x",)))
            clock.advance(300 if answers else 0)
        keeping.cancel()
    assert seen == [None, {"alice"}, {"alice"}, {"bob"}]


# --- the gate ----------------------------------------------------------------------------------


async def say(play: Playground, who: str, text: str, to: str | None = "#push") -> list[str]:
    since = len(play.server.spoken)
    play.server.say(who, text, to)
    await play.settle()
    return [line.text for line in play.server.spoken[since:]]


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    return Door(monkeypatch)


@pytest.mark.parametrize(
    ("text", "to"),
    [
        (".done", "#push"),
        (".finito", "#push"),
        (".FINITO", "#push"),
        ("pushbot: done", "#push"),
        ("pushbot, finito", "#push"),
        ("web: .done", "#push"),
        ("WEB: .finito", "#push"),
        ("pushbot: web: done", "#push"),
        ("done", None),
        (".finito", None),
        ("web: done", None),
        (".help; .done", "#push"),
        (".nm; .finito", "#push"),
        (".good; .drive; .done; .done", "#push"),
        (".kick alice", "#push"),
        (".abort; .rollback; .kick ALICE", None),
        (".unhold", "#push"),
        (".hold mine; .unhold", "#push"),
        (".override because", "#push"),
        (".at production", "#push"),
    ],
)
async def test_an_outsider_gets_nothing_done_in_whatever_way_it_is_said(
    play: Playground, text: str, to: str | None
) -> None:
    await play.start()
    await say(play, "alice", ".join; .go")
    play.executor.fail("migrate")
    await play.settle()
    await say(play, "alice", ".hold db")
    before = play.server.topic("#push")
    assert "[not_permitted]" in "".join(await say(play, "mallory", text, to))
    assert play.server.topic("#push") == before


@pytest.mark.parametrize("text", [".join", ".hold x", ".join; .go", ".good", ".unhold", ".log", ".nm", ".message hi"])
async def test_a_guest_is_told_once_how_to_log_in_and_nothing_happens(play: Playground, text: str) -> None:
    await play.start()
    await say(play, "alice", ".join; .hold db")
    play.server.log_in("mallory", None)
    before = play.server.topic("#push")
    for line in await say(play, "mallory", text):
        assert line == (
            "mallory: nothing vouches for who you are here, so I did nothing: log in with"
            " /msg NickServ IDENTIFY ACCOUNT PASSWORD, and say it again. [not_identified]"
        )
    assert play.server.topic("#push") == before
    assert (await say(play, "mallory", ".status"))[0].startswith("web: ")
    assert play.server.topic("#push") == before


@pytest.mark.parametrize(
    "topic",
    [
        "clear",
        "alice* + mallory",
        "<production> alice",
        "mallory",
        "mallory | alice (c)",
        "alice* | mallory",
        "HOLD | clear",
    ],
)
async def test_nor_by_writing_the_topic(play: Playground, topic: str) -> None:
    await play.start()
    await say(play, "alice", ".join")
    for account, code in ((None, "not_identified"), ("mallory", "not_permitted")):
        play.server.log_in("mallory", account)
        await play.settle()
        since = len(play.server.spoken)
        play.server.write_topic("mallory", "#push", topic)
        await play.settle()
        said = [line.text for line in play.server.spoken[since:]]
        assert code in said[0]
        assert said[1] == f"I put mine back. Yours was: {topic}"
        assert play.server.topic("#push") == "alice"


async def test_marks_by_an_outsider_let_no_train_go(play: Playground) -> None:
    await play.start()
    await say(play, "alice", ".join")
    await say(play, "bob", ".join with alice")
    play.server.write_topic("mallory", "#push", "alice + bob*")
    await play.settle()
    assert (await say(play, "alice", ".go"))[-1] == "alice: waiting for bob to say good. [not_everyone_good]"
    assert play.executor.under_way == ()


async def test_who_takes_a_riders_nick_is_not_that_rider(play: Playground) -> None:
    play.server.log_in("alice", "liddell")
    play.server.log_in("mallory", "mallory")
    await play.start()
    await say(play, "alice", ".join; .go")
    play.executor.succeed()
    await play.settle()
    play.server.rename("alice", "alice_away")
    play.server.rename("mallory", "alice")
    await play.settle()
    assert "[not_permitted]" in (await say(play, "alice", ".done"))[0]
    assert "[not_aboard]" in (await say(play, "alice", ".good"))[0]
    assert "[not_permitted]" in (await say(play, "alice", ".kick alice_away"))[0]
    play.server.log_in("alice_away", None)  # who logs out keeps the seat, and may not use it
    await play.settle()
    assert "[not_identified]" in (await say(play, "alice_away", ".done"))[0]
    play.server.log_in("alice_away", "liddell")
    assert (await say(play, "alice_away", ".done"))[-1].startswith("Done.")


async def test_a_seat_that_others_named_is_for_who_proves_to_be_of_that_name(play: Playground) -> None:
    play.access = Access(directory=Directory((BOB,)))
    play.server.log_in("zoe", None)
    play.server.log_in("bob", None)
    await play.start()
    await say(play, "alice", ".join")
    play.server.write_topic("alice", "#push", "alice + zoe + bob")
    await play.settle()
    play.server.log_in("zoe", "mallory")
    play.server.log_in("bob", "mallory2")
    await play.settle()
    assert "[not_aboard]" in (await say(play, "zoe", ".good"))[0]
    assert "[not_aboard]" in (await say(play, "bob", ".good"))[0]
    play.server.log_in("zoe", None)
    play.server.log_in("zoe", "zoe")
    play.server.log_in("bob", "bob")
    await play.settle()
    await say(play, "zoe", ".good")
    await say(play, "bob", ".good")
    assert play.server.topic("#push") == "alice + zoe* + bob*"


async def test_what_the_bot_finds_when_it_first_comes_is_taken_from_whomever(play: Playground) -> None:
    play.server.log_in("zoe", None)
    play.server.write_topic("zoe", "#push", "<princess> alice + bob*")
    await play.start()
    assert play.server.topic("#push") == "<princess> alice + bob*"
    assert "[not_permitted]" in (await say(play, "mallory", ".done"))[0]


async def test_roles_by_lane_and_stage(play: Playground) -> None:
    play.add_lane("search", stages=("live",))
    play.lanes[1] = replace(play.lanes[1], access={"join": frozenset({"release"})})
    play.change_stage("production", lambda of: replace(of, access={"go": frozenset({"release"})}))
    play.access = Access(directory=Directory(roles_kept=(RoleSpec("release", ("irc/rose",)),)))
    await play.start()
    await say(play, "alice", ".join; .go")
    play.executor.succeed()
    await play.settle()
    assert await say(play, "alice", ".go") == ["alice: .go is for the role release. [not_permitted]"]
    assert await say(play, "alice", "search: .join") == ["alice: .join is for the role release. [not_permitted]"]
    await say(play, "rose", "search: .join")
    await say(play, "rose", "web: .join")
    assert play.server.topic("#push").endswith("|| search: rose")


async def test_one_human_on_two_chats_is_one_rider(play: Playground, door: Door) -> None:
    alice = Human("liz", (account_of("irc/alice"), account_of("control/root")))
    play.access = Access(directory=Directory((alice,)))
    await play.start()
    await say(play, "alice", ".join")
    root = play.access.directory.linked(Person("control", "uid:0", "root", "uid 0"))
    (train,) = door.bot.conductors["web"].queue.trains
    assert train.driver.same(root)
    assert (await say(play, "alice", ".whoami"))[0] == (
        "alice: you are alice on irc, known in the configuration as liz; proof: nick, which is trusted on this network;"
        " driving the first train of web"
    )


async def test_who_is_linked_while_aboard_keeps_the_seat(play: Playground) -> None:
    play.server.log_in("alice", "liddell")
    await play.start()
    await say(play, "bob", ".join")
    await say(play, "alice", ".join with bob; .hold db")
    await play.stop()
    play.access = Access(directory=Directory((LIDDELL, BOB)))
    await play.start()
    await say(play, "alice", ".unhold; .good; .drive")
    await say(play, "bob", ".good")
    assert play.server.topic("#push") == "alice* + bob*"
