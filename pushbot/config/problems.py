"""How mistakes in a configuration are told: one `Problem` each, all of them at once in a `ConfigErrors`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pushbot.errors import PushbotError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Key = tuple[str | int, ...]
"""The way to a value in the file: names of tables and keys, and places in lists counted from 0."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: in which file, at which key, what is wrong, what was expected, and the nearest known name."""

    file: Path
    key: Key
    what: str
    expected: str | None = None
    nearest: str | None = None
    line: int | None = None

    @property
    def path(self) -> str:
        """The key as people write it: `pipelines.web.stages[0].steps[1].run`."""
        parts = (f"[{part}]" if isinstance(part, int) else f".{written(part)}" for part in self.key)
        return "".join(parts).removeprefix(".")

    def __str__(self) -> str:
        """One line: `FILE:LINE: KEY: what is wrong; expected ...; did you mean ...?`."""
        where = [f"{self.file}:{self.line}" if self.line else f"{self.file}", *([self.path] if self.key else [])]
        says = [self.what, *([f"expected {self.expected}"] if self.expected else [])]
        if self.nearest:
            says.append(f"did you mean '{self.nearest}'?")
        return f"{': '.join(where)}: {'; '.join(says)}"


class ConfigErrors(PushbotError):  # noqa: N818 - it is all the errors of a file, not one
    """A configuration that cannot be used, with every problem that was found in it, by line."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        super().__init__("\n".join(map(str, self.problems)))


def written(name: str) -> str:
    """`name` as a key is written in TOML."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` most likely meant, if any is close."""
    return next(iter(get_close_matches(name, list(known), n=1, cutoff=0.6)), None)
