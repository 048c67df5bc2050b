"""`pushbot explain`: what a newcomer reads about a lane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from click.testing import CliRunner

from pushbot.cli import main

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
[chats.irc]
host = "127.0.0.1"
[lanes.web]
rooms = ["irc/#push"]
pipeline = "web"
[lanes.talk]
rooms = ["irc/#talk"]
[[pipelines.web.stages]]
name = "princess"
executor = "local"
timeout = "5m"
rollback = "auto"
steps = [
    { name = "publish", run = ["flip", "a b"], retries = 1 },
    { name = "clear", script = "one\\ntwo", after = "125s", timeout = "30s" },
]
health = [{ name = "up", http = "http://127.0.0.1/", expect = "{revision}", watch = "10s" }]
rollback_steps = [{ name = "flip back", run = ["flip", "back"] }]
"""


def explained(tmp_path: Path, *words: str) -> tuple[int, str]:
    file = tmp_path / "pushbot.toml"
    file.write_text(CONFIG)
    result = CliRunner().invoke(main, ["explain", str(file), *words])
    return result.exit_code, result.output


def test_a_lane_is_told_in_the_order_in_which_it_happens(tmp_path: Path) -> None:
    code, text = explained(tmp_path, "web")
    assert code == 0
    assert text.splitlines() == [
        "web: people line up in irc/#push, up to 8 on a train.",
        "  At a train's first .go the run's name is taken as the revision; it stays the same through princess.",
        f"  princess: by the executor local, at most 5m00s, in {tmp_path}; one run at a time (web/princess).",
        "    do: publish: flip 'a b' (at most 5m00s, 2 tries)",
        "    do 2m05s later: clear: a script of 2 lines (at most 30s)",
        "    then look: up: http http://127.0.0.1/ with '{revision}', well within 30s, then watched for 10s",
        "    stopped with TERM, and with KILL 5s later",
        "    rollback by itself when it fails at or after publish, then the lane is held:",
        "    back: flip back: flip back (at most 5m00s)",
    ]


MORE = """
[chats.irc]
host = "127.0.0.1"
[roles.release]
people = ["irc/carol"]
[lanes.web]
rooms = ["irc/#push"]
pipeline = "web"
[lanes.web.auto]
stage = "production"
builds = ["unit", "browser"]
poll = "1m"
[pipelines.web]
repository = { type = "git", url = "../app" }
[[pipelines.web.stages]]
name = "production"
executor = "dryrun"
second = "release"
steps = [{ name = "publish", run = ["flip"] }]
checks = [
    { name = "tests", type = "command", run = ["./tests"], timeout = "2m" },
    { name = "size", type = "git", max_lines = 500, on_fail = "ask" },
]
"""


def test_what_is_looked_at_before_a_run_is_told_and_what_goes_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "pushbot.toml"
    file.write_text(MORE)
    said = CliRunner().invoke(main, ["explain", str(file)])
    assert said.exit_code == 0, said.output
    lines = said.output.splitlines()
    assert lines[2:7] == [
        "  By itself what is new on main and has passed unit and browser goes to production, looked for every 1m00s.",
        f"  production: by the executor dryrun, at most 1h00m, in {tmp_path}; one run at a time (web/production).",
        "    and with a second word, from the role release but not the driver",
        "    first, check: tests (at most 2m00s); where it fails the run does not begin",
        "    first, check: size (at most 5m00s); where it fails somebody is asked to .confirm",
    ]


def test_all_lanes_are_told_when_none_is_named(tmp_path: Path) -> None:
    code, text = explained(tmp_path)
    assert code == 0
    assert "talk: people line up in irc/#talk" in text
    assert "It has no stages" in text


def test_an_unknown_lane_is_told_with_those_there_are(tmp_path: Path) -> None:
    code, text = explained(tmp_path, "wob")
    assert code == 2
    assert "has no lane 'wob'; it has web, talk" in text
