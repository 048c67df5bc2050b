"""Chat text as requests: every verb and alias, what is talk, and what is a mistake with which hint."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushbot.queue import commands as c
from pushbot.queue.grammar import MOST_REQUESTS, USAGE, Mistake, Request, canonical, parse_message, verbs
from pushbot.queue.model import Ticket
from pushbot.queue.topic import clean_text
from pushbot.queue.verbs import spellings
from tests.queue.strategies import thorough

CASES = [json.loads(line) for line in (Path(__file__).parent / "pushbot-cases.jsonl").read_text().splitlines()]


def one(text: str, *, addressed: bool = False) -> Request:
    (request,) = parse_message(text, addressed=addressed)
    return request


@pytest.mark.parametrize("message", sorted({case["message"] for case in CASES}))
def test_every_recorded_message_is_understood(message: str) -> None:
    requests = parse_message(message)
    assert requests
    assert not [request for request in requests if isinstance(request, Mistake)]


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        (".join", c.Join()),
        (".unir", c.Join()),
        (".JOIN", c.Join()),
        ("  .join  ", c.Join()),
        (".join config", c.Join(Ticket.CONFIG)),
        (".join ASKME", c.Join(Ticket.ASKME)),
        ('.join HOLD "wait for db"', c.Join(Ticket.HOLD, message="wait for db")),
        (".join with bob", c.Join(companion="bob")),
        (".join con @bob:", c.Join(companion="bob")),
        (".join With bob, last", c.Join(companion="bob", last=True)),
        ('.join with "Bob Smith"', c.Join(companion="Bob Smith")),
        ('.join with "@bob:"', c.Join(companion="@bob:")),
        (".join with with", c.Join(companion="with")),
        (".join with [a|b]`", c.Join(companion="[a|b]`")),
        (".join before bob", c.Join(before="bob")),
        (".join antes bob con carol", c.Join(before="bob", companion="carol")),
        (".join ultimo", c.Join(last=True)),
        ('.join "x" last config', c.Join(Ticket.CONFIG, last=True, message="x")),
        ('.join"x"', c.Join(message="x")),
        ('.join ""', c.Join()),
        ('.join hotfix "checkout is down"', c.Join(hotfix=True, message="checkout is down")),
        ('.join "checkout is down" HOTFIX', c.Join(hotfix=True, message="checkout is down")),
        ('.join "never closed', c.Join(message="never closed")),
        ('.join "two\u202e\t words"', c.Join(message="two words")),
        (".join “from a phone”", c.Join(message="from a phone")),
        (".good", c.Good()),
        (".good to go, everyone", c.Good()),
        (".Great!", c.Good()),
        (".uhoh", c.Uhoh()),
        (".uhoh the graphs look odd", c.Uhoh()),
        (".not_good", c.Uhoh()),
        (".go", c.Go()),
        (".go release/1.2", c.Go("release/1.2")),
        (".go HEAD~2", c.Go("HEAD~2")),
        (".drive", c.Drive()),
        (".at princess", c.At("princess")),
        (".at <prod>", c.At("prod")),
        (".done, thanks all", c.Done()),
        (".nm", c.Nevermind()),
        (".pop", c.Pop()),
        (".kick @bob,", c.Kick("bob")),
        (".kick " + "x" * 99, c.Kick("x" * 64)),
        (".hold", c.PutHold()),
        ('.hold "site is down"', c.PutHold("site is down")),
        (".hold site is down", c.PutHold("site is down")),
        ('.hold 2h "db"', c.PutHold("db", 7200.0)),
        (".hold 2 hours db", c.PutHold("db", 7200.0)),
        (".hold 2 much", c.PutHold("2 much")),
        (".lock production 30 min db", c.LockStage("production", 1800.0, "db")),
        ('.hold 30min "db"', c.PutHold("db", 1800.0)),
        (".hold 1hour30mins", c.PutHold(None, 5400.0)),
        (".hold 2houses burn", c.PutHold("2houses burn")),
        ('.hold ""', c.PutHold()),
        (".hold, db is down", c.PutHold("db is down")),
        (".unhold", c.Unhold()),
        ('.message "code freeze; friday"', c.SetMessage("code freeze; friday")),
        (".message code freeze friday", c.SetMessage("code freeze friday")),
        (".message -", c.SetMessage(None)),
        ('.message ""', c.SetMessage(None)),
        (".abort now!!!", c.Abort()),
        (".rollback", c.Rollback()),
        (".rollback princess", c.Rollback("princess")),
        (".retry", c.Retry()),
        (".retry FAILED", c.Retry(failed=True)),
        (".status", c.Status()),
        (".status web", c.Status("web")),
        (".eta", c.Eta()),
        (".blame", c.Blame()),
        (".blame prod lib/cart.py", c.Blame(("prod", "lib/cart.py"))),
        ('.blame "10 minutes ago"', c.Blame(("10 minutes ago",))),
        (".changes", c.Changes()),
        (".versions", c.Versions()),
        (".versions production", c.Versions("production")),
        (".log", c.Log()),
        (".log web-12", c.Log("web-12")),
        (".history", c.History()),
        (".history 50", c.History(50)),
        (".help", c.Help()),
        (".help .nm", c.Help("nevermind")),
        (".help Join with", c.Help("join")),
        (".help frobnicate", c.Help("frobnicate")),
        (".whoami", c.Whoami()),
    ],
)
def test_one_request(text: str, request_: Request) -> None:
    assert one(text) == request_
    assert one(text, addressed=True) == request_
    assert one(text.strip().removeprefix("."), addressed=True) == request_


@pytest.mark.parametrize(
    ("word", "verb"),
    [(word, "good") for word in ("great", "in", "si", "bueno", "listo")]
    + [(word, "uhoh") for word in ("notgood", "not_good", "bad", "fml", "fuck", "fucked")]
    + [("finito", "done"), ("nm", "nevermind"), ("olvidate", "nevermind"), ("unir", "join"), (".NM", "nevermind")],
)
def test_every_alias_of_old_works(word: str, verb: str) -> None:
    assert canonical(word) == verb
    assert one(f".{word.lstrip('.')}") == one(f".{verb}")


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "hello", "join", "...", ". hello", "..", ".", ".5", "./run", "..join", ".join/x", ".it's", ".a.b"),
        *("x .join", ".;join", ";.join", "hi; .join", ".env!", ".é1", "!join", "... ; .join"),
    ],
)
def test_ordinary_talk_is_nothing(text: str) -> None:
    assert parse_message(text) == ()


@pytest.mark.parametrize(
    ("text", "word", "hint"),
    [
        (".jion", "jion", ".join"),
        (".goood to go", "goood", ".good"),
        (".fuk", "fuk", ".uhoh"),
        (".nevermnd", "nevermnd", ".nevermind"),
        (".gitignore is missing", "gitignore", ".help"),
        (".único", "único", ".help"),
        ("." + "x" * 500, "x" * 64, ".help"),
    ],
)
def test_an_unknown_word_gets_the_nearest_known_one(text: str, word: str, hint: str) -> None:
    assert one(text) == Mistake(word, f"there is no command `.{word}`", hint)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (".join please", "do not understand `please`"),
        (".join with", "`with` needs a name"),
        (".join with bob con carol", "only once"),
        (".join before ,", "`before` needs a name"),
        (".join config askme", "only once"),
        ('.join "a" "b"', "only once"),
        (".join last ultimo", "only once"),
        (".join hotfix", "needs a reason"),
        ('.join hotfix ""', "needs a reason"),
        ('.join hotfix last "x"', "only a reason"),
        ('.join hotfix with bob "x"', "only a reason"),
        ('.join hotfix config "x"', "only a reason"),
        (".go -x", "cannot be a branch"),
        (".go a$(b)", "cannot be a branch"),
        (".go ahead everyone", "only one branch"),
        (".at", "name of a stage"),
        (".at a/b", "name of a stage"),
        (".at prod...", "name of a stage"),
        (".at prod now", "only one stage"),
        (".kick", "needs a name"),
        (".kick @", "needs a name"),
        (".kick bob carol", "only one name"),
        (".pop bob", "for yourself"),
        (".nevermind bob", "for yourself"),
        (".message", "needs a text"),
        (".hold 99999999d", "between a second and 90 days"),
        ('.lock production 99999h "x"', "between a second and 90 days"),
        (".rollback a b", "only one stage"),
        (".retry all", "only `failed`"),
        (".status a b", "only one lane"),
        (".blame a b c", "a stage and a path"),
        (".log a b", "only one run"),
        (".history 0", "from 1 to 50"),
        (".history 51", "from 1 to 50"),
        (".history ten", "from 1 to 50"),
        (".history -1", "from 1 to 50"),
        (".history ٣", "from 1 to 50"),
        (".history " + "9" * 5000, "from 1 to 50"),
    ],
)
def test_wrong_arguments_are_answered_with_the_usage(text: str, why: str) -> None:
    mistake = one(text)
    verb = text.split(maxsplit=1)[0]
    assert isinstance(mistake, Mistake)
    assert mistake.word == verb
    assert why in mistake.why
    assert mistake.hint == USAGE[verb[1:]].line


@pytest.mark.parametrize(
    ("text", "requests"),
    [
        (".join; .good", (c.Join(), c.Good())),
        (".join;good;", (c.Join(), c.Good())),
        ('.join "a; b";.message "two; at once"', (c.Join(message="a; b"), c.SetMessage("two; at once"))),
        (".hold db is down; .status", (c.PutHold("db is down"), c.Status())),
        (".good; thanks bob, that was quick", (c.Good(),)),
        (".good; 5 minutes; ... ; ./x", (c.Good(),)),
        (".join;;  ;", (c.Join(),)),
    ],
)
def test_several_requests_in_one_message(text: str, requests: tuple[Request, ...]) -> None:
    assert parse_message(text) == requests


def test_a_slip_after_the_first_request_is_told() -> None:
    assert [type(request) for request in parse_message(".join; .frobnicate")] == [c.Join, Mistake]
    assert [type(request) for request in parse_message(".join; goood")] == [c.Join, Mistake]
    assert [type(request) for request in parse_message(".jion; .good")] == [Mistake, c.Good]


def test_too_many_requests_are_one_mistake() -> None:
    assert len(parse_message(".eta;" * MOST_REQUESTS)) == MOST_REQUESTS
    assert isinstance(one(".eta;" * (MOST_REQUESTS + 1)), Mistake)
    assert parse_message("... " + "; .eta" * 50) == ()


@pytest.mark.parametrize("text", ["", "hello there", "...", "?", "5", "thanks", ". ", "./run", "hello; join"])
def test_talk_to_the_bot_that_is_no_command_is_answered(text: str) -> None:
    mistake = parse_message(text, addressed=True)[0]
    assert isinstance(mistake, Mistake)
    assert mistake.hint == ".help"


NEEDED = {"at": "x", "kick": "x", "message": "x", "lock": "x", "unlock": "x", "override": "x", "note": "x"}
NEEDED |= {"try": "main", "say": "#push hello", "deploy": "main to staging-ann"}
"""What a command cannot do without."""


def test_the_table_of_usage_is_whole() -> None:
    assert tuple(USAGE) == verbs()
    for verb, usage in USAGE.items():
        assert usage.line.startswith(f".{verb}")
        assert usage.about.endswith(".")
    made = {type(one(f".{verb} {NEEDED.get(verb, '')}")) for verb in verbs()}
    assert made == {*get_args(c.Command), *get_args(c.Question), *get_args(c.BotCommand)} - {c.EditTopic}
    assert len(spellings()) == len(set(spellings()))


messages = st.one_of(
    st.text(st.characters()),
    st.text(st.characters()).map(lambda text: f".{text}"),
    st.lists(
        st.sampled_from(
            [
                *(f".{word}" for word in spellings()),
                *spellings(),
                *(";", '"', "“", "with", "before", "last", "config", "hotfix", "bob", "@", "-", "..."),
                *("\x03", "\ud800", "\u202e", " ", "<prod>", "3", "failed", "x" * 300),
            ]
        ),
        max_size=12,
    ).map(" ".join),
)


@thorough
@given(messages, st.booleans())
def test_no_text_raises_and_what_comes_out_is_clean(text: str, addressed: bool) -> None:
    requests = parse_message(text, addressed=addressed)
    assert len(requests) <= MOST_REQUESTS
    assert requests or not addressed
    for request in requests:
        values = (getattr(request, field.name) for field in fields(request))
        for value in values:
            for part in value if isinstance(value, tuple) else [value]:
                if isinstance(part, str) and not isinstance(request, Mistake):
                    assert clean_text(part) == part


def test_reading_takes_time_in_proportion_to_the_text() -> None:
    for awkward in ('"', ";", ".", " ", "a", '";', "a b ", '" ', ".x;", "@", "“"):
        assert len(parse_message("." + awkward * 50_000)) <= MOST_REQUESTS
        assert len(parse_message(".join " + awkward * 50_000)) <= MOST_REQUESTS
        assert len(parse_message(".hold " + awkward * 50_000, addressed=True)) <= MOST_REQUESTS
