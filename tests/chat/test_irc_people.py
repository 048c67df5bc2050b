"""People and questions about them, without a server; and lines of any kind, which never raise and prove nobody."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushbot.chat.irc import IrcChat
from pushbot.chat.irc.features import Features
from pushbot.chat.irc.options import Identity, IrcOptions
from pushbot.chat.irc.people import MOST, NICK_PROOF, People, Standing
from pushbot.chat.irc.registration import Registration
from pushbot.chat.irc.sasl import Credentials
from pushbot.chat.irc.session import Session
from pushbot.chat.irc.sts import Policies, Route, Strictness
from pushbot.chat.irc.whois import LINES, NICKS
from pushbot.chat.irc.wire import Source, parse
from pushbot.chat.irc.writer import FULL, Writer
from pushbot.ports import Heard, Notice, Renamed, TopicEdited
from pushbot.queue.model import Person
from pushbot.service.people.directory import Directory, Human, account_of, follows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pushbot.chat.irc.wire import Message

EXAMPLES = 60
"""Lists of lines for each property; 2,000 find no more."""

TAGGED = {"account-tag", "account-notify", "extended-join"}


def people(identity: Identity = Identity.ACCOUNT, caps: set[str] | None = None) -> People:
    made = People("irc", Features().fold, identity)
    made.begin(TAGGED if caps is None else caps)
    return made


def says(nick: str, account: str | None = None) -> Message:
    tags = f"@account={account} " if account else ""
    message = parse(f"{tags}:{nick}!u@h PRIVMSG #p :hi".encode())
    assert message is not None
    return message


def came(to: People, nick: str, account: str = "*", mask: str = "u@h") -> None:
    to.came("#p", Source(nick, f"!{mask}"), account)


# --- people ---


def test_an_account_is_compared_as_services_compare_and_shown_as_they_write_it() -> None:
    known = people()
    person = known.speaker(says("Alice[", "Al[Ice"))
    assert person == Person("irc", "account:al[ice", "Alice[")
    assert person is not None
    assert person.proof == "account Al[Ice"
    nobody = known.speaker(says("Alice["))
    assert nobody == Person("irc", "nick:alice{", "Alice[")
    assert nobody is not None
    assert not nobody.trusted


def test_a_tag_is_no_proof_where_it_was_not_agreed_on() -> None:
    assert people(caps=set()).speaker(says("mallory", "alice")) is None
    assert people(Identity.HOSTMASK).speaker(says("mallory", "alice")) == Person("irc", "mask:u@h", "mallory")


def test_who_is_introduced_takes_the_seat_of_that_name_and_no_other() -> None:
    known = people()
    came(known, "bob", "robert")
    person = known.speaker(says("bob", "robert"))
    assert person is not None
    told = known.introduced(person)
    assert [(one.old.key, one.new.key) for one in told] == [
        ("nick:robert", "account:robert"),
        ("account:robert", "account:robert"),
    ]
    assert all(follows(one.old, one.new) for one in told)
    assert known.introduced(person) == ()
    assert known.introduced(known.stranger("bob")) == ()


def test_a_nick_change_is_told_of_those_who_are_known_and_moves_nobody_elses_seat() -> None:
    known = people()
    came(known, "alice", "al")
    came(known, "bob")
    assert known.renamed("bob", "rob") == ()
    told = known.renamed("alice", "bob")
    assert {one.new for one in told} == {Person("irc", "account:al", "bob")}
    assert {one.old.key for one in told} == {"nick:al", "account:al"}
    assert known.person("alice").key == "nick:alice"
    assert known.person("bob").proof == "account al"


def test_who_is_out_of_sight_is_forgotten() -> None:
    known = people()
    ways: list[Callable[[], None]] = [
        lambda: known.left("ALICE"),
        lambda: known.parted("#p", "alice"),
        lambda: known.emptied("#p"),
        lambda: came(known, "alice", "*", "other@host"),
        lambda: known.begin(TAGGED),
    ]
    for leave in ways:
        came(known, "alice", "al")
        assert known.person("alice").trusted
        leave()
        assert not known.person("alice").trusted
    came(known, "alice", "al")
    known.came("#other", Source("alice", "!u@h"), "al")
    known.parted("#p", "alice")
    assert known.person("alice").trusted


def test_another_address_behind_a_nick_is_another_one() -> None:
    known = people(caps={"account-notify", "extended-join"})
    came(known, "alice", "al")
    assert known.speaker(says("alice")) == Person("irc", "account:al", "alice")
    other = parse(b":alice!x@y PRIVMSG #p :hi")
    assert other is not None
    assert known.speaker(other) is None


def test_an_answer_about_another_address_is_not_remembered() -> None:
    known = people(caps={"account-notify"})
    came(known, "alice")
    assert known.answered("alice", "x@y", Standing("al")).trusted
    assert known.speaker(says("alice")) is None
    assert known.answered("alice", "u@h", Standing("al")).trusted
    assert known.speaker(says("alice")) == Person("irc", "account:al", "alice")


@pytest.mark.parametrize("identity", Identity)
def test_who_shows_no_address_is_nobody(identity: Identity) -> None:
    message = parse(b"@account=alice :alice TOPIC #p :hi")
    assert message is not None
    person = people(identity).speaker(message)
    assert person is not None
    assert not person.trusted


def test_not_more_people_are_remembered_than_fit() -> None:
    known = people()
    for number in range(MOST + 10):
        came(known, f"n{number}", f"a{number}")
        known.introduced(known.person(f"n{number}"))
    assert len(known._here) == len(known._called) == MOST
    assert not known.person("n0").trusted


def test_where_nicks_are_trusted_every_nick_is_somebody() -> None:
    known = people(Identity.NICK)
    assert known.person("Anybody") == Person("irc", "nick:anybody", "Anybody")
    assert known.person("Anybody").proof == NICK_PROOF
    assert known.renamed("a", "b") == (Renamed("irc", known.person("a"), known.person("b")),)
    assert not known.person("half\ufffd").trusted
    assert not known.person("a\u202eb").trusted


def test_a_certificate_is_somebody_where_the_configuration_says_so() -> None:
    known = people(caps=set())
    shown = known.answered("alice", "u@h", Standing(certificate="ab" * 32))
    assert (shown.key, shown.trusted) == (f"cert:{'ab' * 32}", True)
    listed = Directory((Human("alice", (account_of(f"irc/certfp:{'AB' * 32}"),)),))
    assert listed.linked(shown).key == "person:alice"
    assert listed.linked(shown).trusted
    assert not Directory().linked(shown).trusted
    account = known.answered("eve", "u@h", Standing("ab" * 32))
    assert listed.linked(account).key == f"account:{'ab' * 32}"
    assert known.answered("alice", "u@h", Standing("al", "ab" * 32)).key == "account:al"


# --- lines of any kind ---


@dataclass
class Pipe:
    """A network that remembers what it was given to carry."""

    sent: list[str] = field(default_factory=list)
    clogged: bool = False

    def write(self, data: bytes) -> None:
        self.sent += data.decode().split("\r\n")[:-1]

    def get_write_buffer_size(self) -> int:
        return FULL + 1 if self.clogged else 0

    def is_closing(self) -> bool:
        return False


def session(identity: Identity, caps: Sequence[str] = ()) -> tuple[Session, Pipe]:
    """A session that is in #push, with `caps` in force."""
    options = IrcOptions(host="irc.test", identity=identity, lines_per_second=0)
    chat, pipe = IrcChat("irc", options, ["#push"]), Pipe()
    known = chat._known
    writer = Writer(options, cast("asyncio.WriteTransport", pipe), known.outbox, known.rooms, known.own)
    sts = Strictness(Route("irc.test", 6667, tls=False), Policies(), trusted=False)
    made = Session(known, Registration(options, Credentials(None, None), sts), writer)
    made.start()
    for line in (
        f":s.test CAP * LS :{' '.join(caps)}",
        f":s.test CAP * ACK :{' '.join(caps)}",
        ":s.test 001 pushbot :Welcome",
        ":s.test 005 pushbot WHOX CHANTYPES=# :are supported",
        ":s.test 422 pushbot :No message of the day",
        ":pushbot!p@h JOIN #push",
        ":s.test 366 pushbot #push :End",
    ):
        made.receive(line.encode())
    assert made.ready
    return made, pipe


NICKS_OF = st.sampled_from(["alice", "mallory", "ALICE", "b\u00e9", "pushbot", "x" * 400, "a\u202eb", "a\x02"])
HOSTS = st.sampled_from(["!a@h", "!m@h2", "@h", "", "!@", "!m@" + "h" * 100])
TEXT = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [".go", "pushbot: go", ":s.test 330 pushbot mallory alice :is", "\x01ACTION .go\x01", "alice", "#push", "0", "*"]
)
WORDS = ["PRIVMSG", "NOTICE", "TOPIC", "JOIN", "PART", "QUIT", "NICK", "KICK", "MODE", "TAGMSG", "AWAY", "INVITE"]


@st.composite
def by_people(draw: st.DrawFn) -> bytes:
    """What a server passes on of people, who may write anything where it lets them."""
    tags = draw(st.lists(st.tuples(st.sampled_from(["+account", "+a/account", "+x"]), TEXT), max_size=2))
    shown = ";".join(f"{key}={value.replace(' ', '').replace(';', '')}" for key, value in tags)
    to = draw(st.sampled_from(["#push", "pushbot", "@#push", "#else", "alice", "alice!x"]))
    source, word = draw(NICKS_OF) + draw(HOSTS), draw(st.sampled_from(WORDS))
    extended = " * :real name" if word == "JOIN" else f" :{draw(TEXT)}"
    return (f"@{shown} " if shown else "").encode() + f":{source} {word} {to}{extended}".encode()


@st.composite
def by_server(draw: st.DrawFn) -> bytes:
    """What a server answers about people who are logged in to nothing; their own words are in it."""
    nick, text = draw(NICKS_OF), draw(TEXT)
    return draw(
        st.sampled_from(
            [
                f":s.test 311 pushbot {nick} m h2 * :{text}",
                f":s.test 301 pushbot {nick} :{text}",
                f":s.test 319 pushbot {nick} :#{text}",
                f":s.test 312 pushbot {nick} s.test :{text}",
                f":s.test 318 pushbot {nick} :End",
                f":s.test 353 pushbot = #push :@{nick} alice {text}",
                f":s.test 354 pushbot 152 {nick} 0",
                f":s.test 352 pushbot #push m h2 s.test {nick} H :0 {text}",
                f":{nick}!m@h2 ACCOUNT *",
                f":{nick}!m@h2 330 pushbot {nick} alice :is logged in as",
                f":{nick}!m@h2 354 pushbot 152 {nick} alice",
            ]
        )
    ).encode()


ANY = st.binary(max_size=200) | st.builds(
    lambda code, rest: b":s.test %03d pushbot " % code + rest, st.integers(0, 999), st.binary(max_size=80)
)


@pytest.mark.parametrize("caps", [(), ("account-notify", "extended-join"), ("account-tag", "message-tags")])
def test_people_who_are_logged_in_to_nothing_are_proved_by_nothing(caps: tuple[str, ...]) -> None:
    with asyncio.Runner() as runner:

        @settings(max_examples=EXAMPLES, deadline=None)
        @given(st.lists(by_people() | by_server(), max_size=40))
        def play(lines: list[bytes]) -> None:
            async def once() -> None:
                made, _ = session(Identity.ACCOUNT, caps)
                told = [notice for line in lines for notice in made.receive(line)]
                told += made.inquiries.overdue()
                assert not any(trusted(notice) for notice in told)
                assert not made.known.people.person("alice").trusted
                made.close()

            runner.run(once())

        play()


def trusted(notice: Notice) -> bool:
    if isinstance(notice, Renamed):
        return True  # nobody was anybody, and so nobody else either
    return isinstance(notice, Heard | TopicEdited) and notice.person.trusted


@pytest.mark.parametrize("identity", Identity)
def test_no_line_is_too_much(identity: Identity) -> None:
    with asyncio.Runner() as runner:

        @settings(max_examples=EXAMPLES, deadline=None)
        @given(st.lists(ANY | by_people() | by_server(), max_size=40))
        def play(lines: list[bytes]) -> None:
            async def once() -> None:
                made, pipe = session(identity)
                for line in lines:
                    for notice in made.receive(line):
                        if isinstance(notice, Heard):
                            assert "\n" not in notice.text
                            assert notice.text == notice.text.encode().decode()
                open_ = made.inquiries._open
                assert len(open_) <= NICKS
                assert all(len(one.held) <= LINES for one in open_.values())
                assert all(len(line.encode()) <= 510 for line in pipe.sent)
                made.close()

            runner.run(once())

        play()


def test_questions_are_asked_a_few_at_once_and_the_answers_of_others_are_none() -> None:
    async def once() -> None:
        made, pipe = session(Identity.ACCOUNT)
        for number in range(30):
            assert made.receive(f":n{number}!u@h PRIVMSG #push :.join".encode()) == ()
        asked = [line for line in pipe.sent if line.startswith("WHOIS")]
        assert asked == [f"WHOIS n{number}" for number in range(10)]
        made.receive(b":s.test 311 pushbot n3 u h * :x")
        made.receive(b":s.test 330 pushbot n3 alice :is logged in as")
        assert [line for line in pipe.sent if line.startswith("WHOIS")] == asked
        *_, heard = made.receive(b":s.test 318 pushbot n3 :End")
        assert isinstance(heard, Heard)
        assert heard.person == Person("irc", "account:alice", "n3")
        assert [line for line in pipe.sent if line.startswith("WHOIS")] == [*asked, "WHOIS n10"]
        assert made.receive(b":s.test 318 pushbot n3 :End") == ()

    asyncio.run(once())


def test_of_many_strangers_not_all_are_asked_about() -> None:
    async def once() -> None:
        made, _ = session(Identity.ACCOUNT)
        told = [made.receive(f":n{number}!u@h PRIVMSG #push :.join".encode()) for number in range(NICKS + 5)]
        assert [len(notices) for notices in told] == [0] * NICKS + [1] * 5
        made.close()

    asyncio.run(once())


def test_questions_and_words_take_turns() -> None:
    async def once() -> None:
        made, pipe = session(Identity.NICK)
        pipe.clogged = True
        for number in range(3):
            _ = made.known.outbox.add("#push", f"word {number}")
            made.writer.ask(f"WHOIS n{number}")
        pipe.clogged, pipe.sent = False, []
        made.writer.pump()
        await asyncio.sleep(0)
        kinds = [line.partition(" ")[0] for line in pipe.sent]
        assert kinds[:6] == ["WHOIS", "PRIVMSG"] * 3
        made.close()

    asyncio.run(once())
