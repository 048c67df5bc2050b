"""Text as Slack sends it becomes text as people meant it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushbot.chat.slack.inbound.mrkdwn import called, commands, lines, mentioned, named, plain, topic_of
from pushbot.chat.slack.people import Roster
from pushbot.queue.commands import Status
from pushbot.queue.grammar import parse_message
from pushbot.service.desk import TO_A_LANE

NAMES = {"U024BE7LH": "Ada", "W12345": "Ada Lovelace"}
ROOMS = {"C024BE91L": "#push"}


def read(text: str) -> list[str]:
    return lines(plain(text, lambda who: NAMES.get(who, who), ROOMS.get))


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (".join", ".join"),
        ("  .join  ", ".join"),
        (".message a &lt;b&gt; &amp;amp; c", ".message a <b> &amp; c"),
        (".kick <@U024BE7LH>", ".kick Ada"),
        (".kick <@U024BE7LH|ada>", ".kick Ada"),
        (".kick <@W12345>", '.kick "Ada Lovelace"'),
        ('.message "for <@W12345>"', '.message "for Ada Lovelace"'),
        (".kick <@UNKNOWN1>", ".kick UNKNOWN1"),
        ("look at <#C024BE91L>", "look at #push"),
        ("look at <#C999|other>", "look at #other"),
        ("<!here> .join", "@here .join"),
        ("<!channel|channel> hi", "@channel hi"),
        ("<!subteam^S123|@ops> hi", "@ops hi"),
        ("<!date^1392734382^{date}|18 February>", "18 February"),
        (".go <https://example.org/a?b=1&amp;c=2>", ".go https://example.org/a?b=1&c=2"),
        ("<http://example.org|example.org>", "example.org"),
        ("<http://evil.example|https://good.example>", "http://evil.example"),
        ("<mailto:a@example.org|a@example.org>", "a@example.org"),
        (".hold \u201cdb is down\u201d", '.hold "db is down"'),
        ("it\u2019s \u2018fine\u2019", "it's 'fine'"),
        (".join\u00a0with\u00a0bob", ".join with bob"),
        ("`.join`", ".join"),
        ("```.join```", ".join"),
        ("*.join*", ".join"),
        ("_.good_ thanks", ".good thanks"),
        ("*bold* talk", "*bold* talk"),
        (".jo\u200bin\u202e", ".join"),
        (".join\x00\x1b[31m", ".join[31m"),
        (".message \ud83d\ude00 \udc00 ok", ".message \U0001f600 ok"),
    ],
)
def test_text_is_read_as_meant(sent: str, meant: str) -> None:
    assert read(sent) == [meant]
    meant.encode("utf-8")


def test_lines_are_told_apart_however_they_end() -> None:
    assert read("a\nb\r\nc\u2028d\n\n e ") == ["a", "b", "c", "d", "e"]
    assert read(" \n ") == []


def test_a_block_of_code_is_what_stands_in_it() -> None:
    assert read("```.join\n.good```") == [".join", ".good"]
    assert read("```\n.join\n```") == [".join"]


@pytest.mark.parametrize("block", ["```\n.done\n```", "```.done\n.go```", "```a\n.done```", "```x\n.done"])
def test_a_block_of_code_beside_other_words_is_no_row_of_commands(block: str) -> None:
    assert read(f".log\n{block}") == [".log"]
    assert read(f"so it goes: {block}") == ["so it goes:"]
    if block.endswith("```"):
        assert read(f"{block}\n.go ```v1```\n{block}") == [".go ```v1"]


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from('<>&@#!|^.`*_~"\ud800\udc00U\n'))))
def test_whatever_comes_is_lines_of_valid_text(sent: str) -> None:
    for line in read(sent):
        line.encode("utf-8")
        assert line == " ".join(line.split())
        assert not any(unicodedata.category(char) in {"Cc", "Zl", "Zp"} for char in line)


def test_escaped_brackets_are_no_mention() -> None:
    assert read("&lt;@U024BE7LH&gt; &lt;!channel&gt;") == ["<@U024BE7LH> <!channel>"]
    assert mentioned("&lt;@U024BE7LH&gt; <@W12345> <@U777|x>") == {"W12345", "U777"}


@pytest.mark.parametrize("sent", ["<@U0BOT> join", "<@U0BOT>: join", "<@U0BOT>, join", "  <@U0BOT|pushbot>  join"])
def test_a_mention_at_the_start_addresses(sent: str) -> None:
    assert called(sent, "U0BOT") == (True, "join")


@pytest.mark.parametrize("sent", ["join <@U0BOT>", "<@U0ADA> join", "join", ""])
def test_any_other_does_not(sent: str) -> None:
    assert called(sent, "U0BOT") == (False, sent)


@pytest.mark.parametrize("sent", ["pushbot: join", "Pushbot, join", "@pushbot join", "@pushbot: join"])
def test_the_name_addresses_as_on_irc(sent: str) -> None:
    assert named(sent, "pushbot") == (True, "join")


@pytest.mark.parametrize("sent", ["pushbot join", "pushbots: join", "@pushbots join", "the pushbot: join"])
def test_a_word_about_the_bot_does_not(sent: str) -> None:
    assert named(sent, "pushbot") == (False, sent)


def test_of_pasted_text_only_commands_count() -> None:
    assert commands([".join", "talk", ".good", "web: .go"], addressed=False) == [".join", ".good", "web: .go"]
    assert commands(["look:", ".join"], addressed=False) == [".join"]
    assert commands(["talk", "more talk"], addressed=False) == ["talk"]
    assert commands(["join", "Traceback:", "good"], addressed=True) == ["join"]
    assert commands(["...", ".5 and"], addressed=False) == ["..."]
    assert len(commands([".status"] * 500, addressed=False)) == 20


def test_a_topic_keeps_its_quotes() -> None:
    sent = "&lt;princess&gt; ada | \u201cx\u201d\u0007\n <@U024BE7LH>"
    assert topic_of(sent, lambda who: NAMES.get(who, who), ROOMS.get) == '<princess> ada | \u201cx\u201d  "Ada"'


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("pushbot:go", "<@U1> can you look"),
        ("pushbot", "<@U1>: done with that"),
        ("web:.go", "<@U1> look"),
        ("web:.go", "talk\n<@U1> look"),
        ("web:.go", "talk\u2028  \u200b<@U1> look"),
        ("web:.go", "*<@U1>* look"),
        ("*.go", "<@U1> did you see the *new* one"),
        ("done", ".status; <@U1> has fixed it"),
        ("done", ".status; *<@U1> has fixed it*"),
        ("Done it", ".status;<@U1> has fixed it"),
        ("x\u201c", '.status "thanks <@U1>; done later"'),
        ("Ada L", ".status \u201cthanks <@U1>; done later\u201d"),
        ("done", ".status" + 100 * " " + ";" + 100 * " " + "<@U1> has fixed it"),
    ],
)
def test_who_mentions_somebody_gives_no_command_by_their_name(name: str, sent: str) -> None:
    known = Roster("slack")
    known.learn({"id": "U1", "name": "mallory", "profile": {"display_name": name}})
    for line in lines(plain(sent, known.name_of, ROOMS.get)):
        addressed, rest = named(line, "pushbot")
        assert not addressed
        assert not TO_A_LANE.match(rest)
        assert all(isinstance(one, Status) for one in parse_message(rest))


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("<@U024BE7LH> look", '"Ada" look'),
        ("thanks <@U024BE7LH>", "thanks Ada"),
        ('he said "5 inches\n.kick <@W12345>', '.kick "Ada Lovelace"'),
        ("&lt;princess&gt;<@U024BE7LH>", "<princess>Ada"),
    ],
)
def test_names_are_quoted_where_a_command_would_begin(sent: str, meant: str) -> None:
    assert read(sent)[-1] == meant
