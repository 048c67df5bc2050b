from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushbot.chat.slack.blocks.text import MOST, MOST_OF_BLOCK, NOTHING, Line, clean, clip, escaped, rich, size
from tests.rig.slack.limits import judge
from tests.rig.slack.shown import mentions
from tests.rig.slack.state import Message

if TYPE_CHECKING:
    from pushbot.chat.slack.shape import Object

HOSTILE = (
    *("<!channel> <@U024BE7LH> <#C024BE7LH|x>", "@channel @here", "a & b < c > d", "*b* _i_ `c` ```d```", "&lt;", ""),
    *("\u202eevil\u202c", "a\u200bb", "\x00\x07\x1b[31mred", "\ud83d", "line\nline\u2028line", "\u2066x", "x" * 5000),
    *("👩\u200d💻" * 3000, "e" + "\u0301" * 80, "אליס", "\u200b", "https://x.org/<!here>", "http://a.b/" + "c" * 4000),
)
texts = st.sampled_from(HOSTILE) | st.text(max_size=80)
names = st.sampled_from(["alice", "bob", "Bob Smith", "a", "", "alice, bob", "<!channel>"]) | st.text(max_size=12)
users = st.sampled_from(["U024BE7LH", "W012A3CDE", "alice", "", "<!here>", "U"])
calls = st.lists(st.tuples(names, users), max_size=4).map(tuple)


def parts(block: Object) -> list[Object]:
    elements = block["elements"]
    assert isinstance(elements, list)
    return [one for one in elements if isinstance(one, dict)]


def flat(block: Object) -> list[Object]:
    return [element for part in parts(block) for element in parts(part)]


def mentioned(*, text: str = "", block: Object | None = None) -> list[str]:
    return mentions(Message("C0", "1.1", "U0", text, [block] if block else []))


def test_text_says_itself_and_calls_only_those_who_are_called() -> None:
    called = (("alice", "U024BE7LH"), ("Bob Smith", "W012A3CDE"))
    text = "alice, Bob Smith: You're up; tell alice & <!channel>"
    assert escaped(text, called) == "<@U024BE7LH>, <@W012A3CDE>: You're up; tell alice &amp; &lt;!channel&gt;"
    assert flat(rich([Line(text, called)])) == [
        {"type": "user", "user_id": "U024BE7LH"},
        {"type": "text", "text": ", "},
        {"type": "user", "user_id": "W012A3CDE"},
        {"type": "text", "text": ": You're up; tell alice & <!channel>"},
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("carol, bob: You're up", "carol, <@U0BOB>: You're up"),
        ("bobby, bob: You're up", "bobby, <@U0BOB>: You're up"),
        ("bobby: bob is away", "bobby: bob is away"),
        ("(maybe again) bob: hello", "(maybe again) <@U0BOB>: hello"),
        ("carol and bob: hello", "carol and <@U0BOB>: hello"),
    ],
)
def test_a_name_is_called_only_where_it_stands_as_one(text: str, said: str) -> None:
    assert escaped(text, [("bob", "U0BOB")]) == said


def test_longer_names_are_found_first() -> None:
    assert escaped("bob, smith: hi", [("bob", "U0B"), ("bob, smith", "U0S")]) == "<@U0S>: hi"


def test_an_address_of_another_chat_calls_nobody() -> None:
    assert escaped("erin: hi", [("erin", "erin")]) == "erin: hi"


def test_addresses_on_the_web_are_links_and_end_before_the_full_stop() -> None:
    assert flat(rich([Line("log: http://ci/7?a=b&c, or (https://x.org/a).")])) == [
        {"type": "text", "text": "log: "},
        {"type": "link", "url": "http://ci/7?a=b&c"},
        {"type": "text", "text": ", or ("},
        {"type": "link", "url": "https://x.org/a"},
        {"type": "text", "text": ")."},
    ]


def test_quoted_lines_stand_together() -> None:
    lines = [
        Line("failed at migrate:"),
        Line("  disk full http://x.org", quote=True),
        Line("E1", quote=True),
        Line("b"),
    ]
    assert parts(rich(lines)) == [
        {"type": "rich_text_section", "elements": [{"type": "text", "text": "failed at migrate:"}]},
        {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "  disk full http://x.org\nE1"}]},
        {"type": "rich_text_section", "elements": [{"type": "text", "text": "b"}]},
    ]


def test_what_nobody_sees_is_left_out() -> None:
    assert clean("a\u202eb\u200bc\x07d\ud83d") == "abc d\ufffd"
    assert clean("👩\u200d💻 א") == "👩\u200d💻 א"
    assert clean("e" + "\u0301" * 9) == "e" + "\u0301" * 4
    assert clip("👩" * 10, 7) == "👩👩👩…"


@pytest.mark.parametrize("text", ["", " ", "\u200b", "\n\n"])
def test_no_text_is_something(text: str) -> None:
    assert escaped(text) == NOTHING
    assert flat(rich([Line(text)])) == flat(rich([])) == [{"type": "text", "text": NOTHING}]


def test_a_cut_goes_through_no_entity_and_no_call() -> None:
    assert escaped("&" * 9, most=21) == "&amp;" * 4 + "…"
    assert escaped("bob: hi", [("bob", "U024BE7LH")], most=9) == "…"


@settings(deadline=None)
@given(texts, calls)
def test_any_text_keeps_the_limits_and_calls_nobody_else(text: str, called: tuple[tuple[str, str], ...]) -> None:
    made = escaped(text, called)
    assert 0 < size(made) <= MOST
    made.encode()
    may = {user for _, user in called if user in {"U024BE7LH", "W012A3CDE"}}
    assert set(mentioned(text=made)) <= may
    assert not set("\n\r\u202e\u200b\x00") & set(made)


@settings(deadline=None)
@given(st.lists(st.builds(Line, texts, calls, st.booleans()), max_size=70))
def test_any_lines_are_a_block_that_slack_takes(lines: list[Line]) -> None:
    block = rich(lines)
    assert judge([block]) == []
    may = {user for line in lines for _, user in line.calls if user in {"U024BE7LH", "W012A3CDE"}}
    assert set(mentioned(block=block)) <= may
    assert sum(size(str(one.get("text", ""))) for one in flat(block)) <= MOST_OF_BLOCK + len(lines)
