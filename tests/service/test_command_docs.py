"""docs/commands.md tells of every command, alias and refusal code, and of nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from pushbot.queue.grammar import USAGE, canonical, verbs
from pushbot.queue.refusals import Code
from pushbot.queue.verbs import VERBS

DOCS = Path(__file__).parents[2] / "docs" / "commands.md"


def cells(heading: str) -> list[str]:
    """The first cells of the tables below a heading."""
    section = DOCS.read_text().split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (.*?) \|(?=.*\|$)", section.replace("\\|", "¦"), re.MULTILINE)
    return [row.replace("¦", "|") for row in rows]


def test_the_docs_write_every_command_as_help_does() -> None:
    headings = ("Getting on and off", "On the way", "The lane", "Trouble", "Being called", "Questions")
    documented = {cell.strip("`") for heading in headings for cell in cells(heading) if cell.startswith("`.")}
    written = {form for usage in USAGE.values() for form in usage.line.split(", or ")}
    assert documented == written
    assert {canonical(form.split()[0].removesuffix("!")) for form in documented} == set(verbs())


def test_the_docs_name_every_alias_for_what_it_stands_for() -> None:
    section = DOCS.read_text().split("\n## Other words that work\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (`\..*?) \| `\.(\w+)` \|$", section, re.MULTILINE)
    documented = {alias: verb for words, verb in rows for alias in re.findall(r"`\.(\w+)`", words)}
    assert documented == {alias: verb for verb, entry in VERBS.items() for alias in entry.aliases}


def test_the_docs_explain_every_refusal_code_and_no_other() -> None:
    documented = [cell.strip("`") for cell in cells("Why something was not done") if cell.startswith("`")]
    assert sorted(documented) == sorted(Code)
