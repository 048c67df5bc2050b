"""`pushbot apply`: the rules offline, for one message or many lines."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from pushbot.cli import main
from pushbot.cli.apply import applied

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


def apply(*arguments: str, text: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["apply", *arguments], input=text)


def lines(text: str | bytes, *arguments: str) -> tuple[int, list[dict[str, object]]]:
    """The exit code, and the objects written for the lines read."""
    result = apply("--jsonl", *arguments, text=text)
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


def row(topic: str, sender: str, message: str) -> str:
    return json.dumps({"topic": topic, "sender": sender, "message": message})


def test_the_topic_goes_out_and_the_words_beside_it() -> None:
    result = apply("--topic", "alice | bob", "--as", "carol", ".join with alice")
    assert result.exit_code == 0
    assert result.stdout == "alice + carol | bob\n"
    assert result.stderr == "alice, carol: You're up\n"


def test_a_refusal_keeps_the_topic_and_shows_in_the_exit_code() -> None:
    result = apply("--topic", "alice", "--as", "carol", ".done; .good")
    assert result.exit_code == 1
    assert result.stdout == "clear\n"
    assert "[empty_queue]" in result.stderr


def test_the_size_of_trains_can_be_set() -> None:
    assert apply("--topic", "a | b + c", "--as", "d", ".join", "--max-riders", "2").stdout == "a | b + c | d\n"
    assert apply("--topic", "a | b + c", "--as", "d", ".join", "--max-riders", "3").stdout == "a | b + c + d\n"
    assert apply("--topic", "a", "--as", "d", ".join", "--max-riders", "0").exit_code == 2


@pytest.mark.parametrize("topic", ["", "clear"])
def test_an_empty_queue(topic: str) -> None:
    assert apply("--topic", topic, "--as", "al", ".join").stdout == "al\n"


def test_a_topic_that_cannot_be_read_is_left_alone() -> None:
    result = apply("--topic", "alice (x)", "--as", "al", ".join")
    assert result.exit_code == 1
    assert result.stdout == "alice (x)\n"
    assert "[unreadable_topic]" in result.stderr


def test_talk_changes_nothing_and_says_nothing() -> None:
    result = apply("--topic", "alice", "--as", "bob", "good morning ...")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "alice\n", "")


@pytest.mark.parametrize(
    "arguments", [[], [".join"], ["--topic", "a", ".join"], ["--as", "a", ".join"], ["--jsonl", ".join"]]
)
def test_wrong_usage(arguments: list[str]) -> None:
    assert apply(*arguments).exit_code == 2


def test_one_object_a_line() -> None:
    code, written = lines(
        "\n".join(
            [row("a | b", "c", ".join"), "", row("a", "c", ".good"), row("", "c", ".wat; .join"), row("a", "c", "hi")]
        )
    )
    assert code == 0
    assert written == [
        {"topic": "a | b + c", "said": [], "refusal": None},
        {"topic": "a", "said": ["c: you are not aboard. Try .join. [not_aboard]"], "refusal": "not_aboard"},
        {
            "topic": "c",
            "said": ["c: there is no command `.wat`. Try .at [unknown_command]", "c: You're up"],
            "refusal": "unknown_command",
        },
        {"topic": "a", "said": [], "refusal": None},
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        "{",
        "[]",
        "7",
        '"topic"',
        '{"topic": "a"}',
        '{"topic": 1, "sender": "b", "message": ".join"}',
        "[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_a_line_that_is_no_such_object_gets_an_error_and_the_rest_go_on(wrong: str | bytes) -> None:
    good = row("a", "b", ".join").encode()
    bad = wrong.encode() if isinstance(wrong, str) else wrong
    code, written = lines(b"\n".join([good, bad, good]))
    assert code == 1
    assert [sorted(each) for each in written] == [["refusal", "said", "topic"], ["error"], ["refusal", "said", "topic"]]


def test_a_reader_that_goes_away_is_no_bug(tmp_path: Path) -> None:
    many = tmp_path / "many.jsonl"
    many.write_text(f"{row('a', 'b', '.join')}\n" * 5000)
    with many.open() as source:
        command = [sys.executable, "-m", "pushbot", "apply", "--jsonl"]
        run = subprocess.Popen(command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert run.stdout is not None
        run.stdout.readline()
        run.stdout.close()
        assert run.stderr is not None
        assert (run.stderr.read(), run.wait(timeout=20)) == ("", 1)
        run.stderr.close()


texts = st.text(st.characters(), max_size=60) | st.lists(
    st.sampled_from(
        [".", "join", " ", ".join", ";", '"', "with", "a", "|", "<princess>", "!!", "HOLD", "(c)", ".go", "*"]
    )
).map("".join)


@settings(deadline=None, max_examples=300)
@given(texts, texts, texts)
def test_any_text_has_an_answer(topic: str, sender: str, message: str) -> None:
    answer = applied(topic, sender, message, 5)
    assert "\n" not in answer.topic or answer.topic == topic
    json.dumps([answer.topic, answer.said, answer.refusal])
