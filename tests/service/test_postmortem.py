"""The page that an incident leaves: what people said is text there, in Markdown as it is read by a real reader."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pushbot.ports import IncidentRecord, Moment
from pushbot.queue.topic import clean_text
from pushbot.service.house.postmortem import BEFORE, IN_FLIGHT, escaped, file_name, kept, postmortem

if TYPE_CHECKING:
    from pathlib import Path

    from markdown_it.token import Token

AT = datetime(2026, 11, 21, 23, 58, tzinfo=UTC)
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
HOSTILE = [
    "<script>alert(1)</script>",
    "<!-- hidden",
    "&lt;b&gt; &amp; &#60;i&#62;",
    "![x](http://evil.example/beacon.png)",
    "[click me](javascript:alert(1))",
    "[click me][1] [1]: http://evil.example",
    "<http://evil.example> <a@b.example>",
    "http://evil.example/path www.evil.example mail@evil.example",
    "# heading ## Actions",
    "`code` ```fence``` ~~~",
    "*bold* **strong** _em_ __st__ ~~gone~~",
    "| a | b | |---|---|",
    "> quote",
    "- list",
    "1. list",
    "2) list",
    "+ list",
    "---",
    "===",
    "***",
    "$$x$$ ^up^ ==mark== {{template}} {% raw %}",
    "a backslash at the end \\",
    "\\[x\\](y)",
    "line one\n# line two\r\n<b>",
    "\u202eright to left\u202c",
    "@everyone #123",
    "|",
    "",
]
CHAT = st.text(st.characters(codec="utf-8"), max_size=60) | st.text(r"[](){}<>!#*_`|\~-+=.:&;@/$^1a ", max_size=30)


def shown(text: str) -> str:
    """What `text` shows once it is in a page, without the invisible mark that keeps links from being found."""
    (paragraph,) = [token for token in READER.parse(f"- {escaped(text)}") if token.type == "inline"]
    return "".join(child.content for child in paragraph.children or ()).replace("\u2060", "")


def kinds(tokens: list[Token]) -> set[str]:
    return {kind for token in tokens for kind in (token.type, *(child.type for child in token.children or ()))}


def incident(text: str, who: str = "alice", title: str = "checkout errors") -> IncidentRecord:
    lines = (Moment(AT, who, f"opens it: {title}"), Moment(AT, who, text), Moment(AT, "", f"{IN_FLIGHT}{text}"))
    more = (
        Moment(AT, "", text),
        Moment(AT, "", f"{BEFORE}{text}"),
        Moment(AT + timedelta(minutes=5), who, "resolves it"),
    )
    over = AT + timedelta(minutes=5)
    return IncidentRecord(3, title, "irc/nick:a", AT, over, "irc/nick:a", text, (text,), (*lines, *more))


ALLOWED = kinds(READER.parse(postmortem(incident("plain words", "alice", "plain"))))


@pytest.mark.parametrize("text", HOSTILE)
def test_what_people_said_is_shown_as_they_said_it(text: str) -> None:
    assert shown(text) == (clean_text(text, 400) or "\u2013")


@given(CHAT)
def test_any_text_is_shown_as_it_is(text: str) -> None:
    assert shown(text) == (clean_text(text, 400) or "\u2013").replace("\u2060", "")


@settings(max_examples=50)
@given(CHAT, CHAT, CHAT)
def test_no_text_makes_anything_but_text_of_the_page(text: str, who: str, title: str) -> None:
    page = postmortem(incident(text, who, title))
    tokens = READER.parse(page)
    assert kinds(tokens) <= ALLOWED
    headings = [token for token in tokens if token.type == "heading_open"]
    assert len(headings) == len([line for line in page.splitlines() if line.startswith(("# ", "## "))]) == 12


@pytest.mark.parametrize("text", HOSTILE)
def test_no_hostile_word_makes_anything_but_text_either(text: str) -> None:
    assert kinds(READER.parse(postmortem(incident(text, text, text)))) <= ALLOWED


def test_readers_that_look_for_links_find_none() -> None:
    page = postmortem(incident("http://evil.example HTTPS://evil.example www.evil.example a@evil.example see #12"))
    assert not re.search(r"https?://|www\.|@\w|#\d", page, re.IGNORECASE)


def test_the_page() -> None:
    page = postmortem(incident("rolled back", "al_ice"))
    assert page.startswith(
        "# Incident 3: checkout errors\n\n"
        "Opened 2026-11-21 23:58 UTC by al\\_ice, resolved 2026-11-22 00:03 UTC by al\\_ice, after 5m00s.\n"
    )
    assert "- 23:58:00 **al\\_ice** opens it: checkout errors\n" in page
    assert "- 2026-11-22 00:03:00 **al\\_ice** resolves it\n" in page
    assert "## What was in flight when it began\n\n- rolled back\n\n" in page
    assert IN_FLIGHT not in page


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("checkout errors", "2026-11-21-incident-3-checkout-errors.md"),
        ("../../etc/passwd\0", "2026-11-21-incident-3-etc-passwd.md"),
        ("Größe: 100 %", "2026-11-21-incident-3-groe-100.md"),
        ("\u4e2d\u6587", "2026-11-21-incident-3.md"),
        ("-" * 300, "2026-11-21-incident-3.md"),
        ("con.txt|$(reboot)`x`", "2026-11-21-incident-3-con-txt-reboot-x.md"),
    ],
)
def test_the_name_of_the_file_is_safe(title: str, name: str) -> None:
    assert file_name(incident("x", title=title)) == name


@given(CHAT)
def test_any_title_gives_a_name_that_is_safe(title: str) -> None:
    assert re.fullmatch(r"2026-11-21-incident-3(-[a-z0-9]+)*\.md", file_name(incident("x", title=title)))
    assert len(file_name(incident("x", title=title * 50))) < 100


def test_nothing_is_written_over(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "incidents"
    first, second = kept(folder, incident("one")), kept(folder, replace(incident("two"), number=3))
    assert [path.name for path in (first, second)] == [
        "2026-11-21-incident-3-checkout-errors.md",
        "2026-11-21-incident-3-checkout-errors-2.md",
    ]
    assert "one" in first.read_text("utf-8")


def test_a_link_that_stands_in_the_way_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / file_name(incident("x"))).symlink_to(elsewhere)
    assert kept(tmp_path, incident("x")).name.endswith("-2.md")
    assert not elsewhere.exists()
