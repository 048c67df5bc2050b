"""What a configuration says of who is on call, of incidents and of newcomers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pushbot.config import ConfigErrors, load
from pushbot.service.house.oncall import OncallSpec, Ping

if TYPE_CHECKING:
    from pathlib import Path

BASE = '[chats.irc]\nhost = "irc.example.org"\n[lanes.web]\nrooms = ["irc/#push"]\n'
ROSTER = '[[rotations]]\nteam = "dev"\npeople = ["carol"]\nstart = 2026-01-05\nzone = "Europe/London"\n'


def written(folder: Path, text: str) -> Path:
    file = folder / "pushbot.toml"
    file.write_text(BASE + text)
    return file


def test_without_a_word_newcomers_are_guided_and_nobody_is_on_call(tmp_path: Path) -> None:
    house = load(written(tmp_path, "")).house
    assert (house.incidents, house.guide, house.oncall) == (tmp_path / "var" / "incidents", True, None)


def test_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "oncall.toml").write_text(ROSTER)
    text = '[bot]\nincidents = "wiki"\nguide = false\n[oncall]\nroster = "oncall.toml"\nping = ["incident"]\n'
    house = load(written(tmp_path, text)).house
    assert (house.incidents, house.guide) == (tmp_path / "wiki", False)
    assert house.oncall == OncallSpec(tmp_path / "oncall.toml", ping=frozenset({Ping.INCIDENT}))


def test_a_command_beside_the_file(tmp_path: Path) -> None:
    house = load(written(tmp_path, '[oncall]\ncommand = ["./who", "--now"]\ntimeout = "3s"\n')).house
    assert house.oncall == OncallSpec(command=(str(tmp_path / "who"), "--now"), timeout=3.0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[oncall]\n", "oncall: found a table of nothing; expected either `roster`, a file, or `command`"),
        ('[oncall]\nroster = "x"\ncommand = ["y"]\n', "expected either `roster`, a file, or `command`"),
        ('[oncall]\nroster = "nowhere.toml"\n', "nowhere.toml cannot be read: No such file"),
        ('[oncall]\nroster = "pushbot.toml"\n', "pushbot.toml is wrong at"),
        ('[oncall]\nroster = "x"\nping = ["incidents"]\n', "did you mean 'incident'?"),
        ("[bot]\nguide = 1\n", "bot.guide: found 1; expected true or false"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigErrors) as failure:
        load(written(tmp_path, text))
    assert told in str(failure.value)
