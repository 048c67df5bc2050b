"""How many commands one person may send: what a file says about it, and what it cannot say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pushbot.app.plan import planned
from pushbot.config import ConfigErrors, load

if TYPE_CHECKING:
    from pathlib import Path

LANE = '[chats.irc]\nhost = "h"\n[lanes.web]\nrooms = ["irc/#push"]\n'


def written(folder: Path, key: str = "") -> Path:
    file = folder / "pushbot.toml"
    file.write_text(f"[bot]\n{key}\n{LANE}", encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("key", "per_minute"), [("", 60), ("commands_per_minute = 0", 0), ("commands_per_minute = 7", 7)]
)
def test_it_reaches_the_bot(tmp_path: Path, key: str, per_minute: int) -> None:
    assert planned(load(written(tmp_path, key))).commands_per_minute == per_minute


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("-1", "bot.commands_per_minute: found -1; expected greater than or equal to 0"),
        ("60_001", "bot.commands_per_minute: found 60001; expected less than or equal to 60000"),
        ("1.5", "bot.commands_per_minute: found 1.5; expected a whole number"),
        ("true", "bot.commands_per_minute: found true; expected a whole number"),
        ('"60"', "bot.commands_per_minute: found '60'; expected a whole number"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, value: str, told: str) -> None:
    with pytest.raises(ConfigErrors) as failure:
        load(written(tmp_path, f"commands_per_minute = {value}"))
    assert told in str(failure.value)
