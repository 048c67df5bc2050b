"""Stage directions about newcomers, and about who is on call; see `directions`.

Before the bot starts:

    * one person may send 1 command a minute         and two at once; otherwise there is no limit
    * newcomers are guided                           who gets aboard for the first time is told how it goes
    * dev is on call, 3 days each from 2026-01-05 in Europe/London: carol, dave
    * nobody can tell who is on call                 the roster cannot be read
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from pushbot.service.house.oncall import OncallSpec

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Mapping

    from pushbot.testing.playground import Playground

    Words = re.Match[str]
    Prepare = Callable[[Playground, Words], None]


def _guided(play: Playground, _: Words) -> None:
    play.guide = True


def _on_call(play: Playground, words: Words) -> None:
    """One more rotation in the roster; several of a team are its levels."""
    roster = play.runs / "oncall.toml"
    before = roster.read_text("utf-8") if roster.exists() else ""
    level = before.count(f'team = "{words["team"]}"') + 1
    people = json.dumps(words["people"].split(", "))
    table = f'[[rotations]]\nteam = "{words["team"]}"\nlevel = {level}\npeople = {people}\ndays = {words["days"]}\n'
    roster.write_text(f'{before}{table}start = {words["start"]}\nzone = "{words["zone"]}"\n', "utf-8")
    play.oncall = OncallSpec(roster)


def _nobody_knows(play: Playground, _: Words) -> None:
    play.oncall = OncallSpec(play.runs / "there-is-no-roster.toml")


def _limited(play: Playground, words: Words) -> None:
    play.commands_per_minute = int(words["count"])


BEFORE: Final[Mapping[str, Prepare]] = {
    r"one person may send (?P<count>\d+) commands? a minute": _limited,
    r"newcomers are guided": _guided,
    r"(?P<team>\S+) is on call, (?P<days>\d+) days each from (?P<start>\S+) in (?P<zone>\S+): (?P<people>.+)": _on_call,
    r"nobody can tell who is on call": _nobody_knows,
}
