"""What differs between two configurations is told by key, without secrets."""

from __future__ import annotations

import pytest

from pushbot.config.changes import differences

BEFORE = """
[bot]
on_stop = "leave"
[chats.irc]
host = "irc.example.org"
password = "env:IRC"
[lanes.web]
rooms = ["irc/#push"]
max_riders = 8
[pipelines.web]
repository = { type = "git", url = "https://alice:hunter2@git.example.org/web" }
[[pipelines.web.stages]]
name = "princess"
steps = [{ name = "publish", script = "curl -H 'Authorization: hunter2'" }]
[[pipelines.web.stages]]
name = "prod"
env = { API = "hunter2" }
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("max_riders = 8", "max_riders = 10", ["changed lanes.web.max_riders: 8 -> 10"]),
        ("max_riders = 8", "", ["removed lanes.web.max_riders"]),
        ("max_riders = 8", 'max_riders = 8\nbranch = "x"', ['added lanes.web.branch = "x"']),
        ('"irc/#push"]', '"irc/#p"]', ['changed lanes.web.rooms: ["irc/#push"] -> ["irc/#p"]']),
        ('"env:IRC"', '"env:OTHER"', ['changed chats.irc.password: "env:IRC" -> "env:OTHER"']),
        ('"env:IRC"', '"hunter2"', ["changed chats.irc.password"]),
        ("'Authorization", "'X-Authorization", ["changed pipelines.web.stages.princess.steps.publish.script"]),
        ("API =", "KEY =", ["removed pipelines.web.stages.prod.env.API", "added pipelines.web.stages.prod.env.KEY"]),
        (
            "git.example.org/web",
            "git.example.org/w",
            [
                "changed pipelines.web.repository.url:"  # noqa: ISC004 - one line
                ' "https://(not shown)@git.example.org/web" -> "https://(not shown)@git.example.org/w"',
            ],
        ),
        ('name = "prod"', 'name = "live"', ["removed pipelines.web.stages.prod", "added pipelines.web.stages.live"]),
        ("[lanes.web]", '[lanes.api]\nrooms = ["irc/#api"]\n[lanes.web]', ["added lanes.api"]),
        ("[bot]\n", "# nothing\n[bot]\n", []),
    ],
)
def test_a_line_for_each_key(old: str, new: str, told: list[str]) -> None:
    assert BEFORE.count(old) == 1
    found = differences(BEFORE, BEFORE.replace(old, new))
    assert list(found) == told
    assert "hunter2" not in "".join(found)


def test_a_long_value_is_cut_short() -> None:
    (line,) = differences('x = "a"', f'x = "{"b" * 1000}"')
    assert len(line) < 100
