"""docs/releases.md has every verb of the release tool with its options, and a stage that loads."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from pushbot.config import load
from pushbot_plugins.release.cli import parser

TEXT = (Path(__file__).parents[2] / "docs" / "releases.md").read_text("utf-8")


def test_every_verb_is_told_with_its_options() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|(.*)\|$", TEXT.partition("## The verbs")[2], re.MULTILINE)
    told = {verb: set(re.findall(r"--\w+", options)) for verb, _, options in rows}
    (verbs,) = (each for each in parser()._actions if isinstance(each, argparse._SubParsersAction))
    known: dict[str, argparse.ArgumentParser] = dict(verbs.choices)
    assert told == {
        name: {word for each in made._actions for word in each.option_strings} - {"-h", "--help", "--root"}
        for name, made in known.items()
    }


def test_the_stage_has_no_mistakes(tmp_path: Path) -> None:
    section = TEXT.partition("## A stage\n")[2].partition("\n## ")[0]
    lines = [line[4:] for line in section.splitlines() if line.startswith("    ")]
    chat = '[chats.irc]\nhost = "127.0.0.1"\n[lanes.web]\nrooms = ["irc/#push"]\npipeline = "web"\n'
    file = tmp_path / "pushbot.toml"
    file.write_text(chat + "\n".join(lines), encoding="utf-8")
    (lane,) = load(file).lanes
    assert [step.name for step in lane.stages[0].steps] == ["preflight", "checkout", "build", "publish", "restart"]
