"""Which line of a TOML file a key is on, found by looking for it; the standard parser does not tell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pushbot.config.problems import Key

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_PATH = rf"{_PART}(?:\s*\.\s*{_PART})*"
_LINE = re.compile(rf"\s*(?:(\[\[?)\s*({_PATH})\s*\]|({_PATH})\s*=)")


def line_of(text: str, key: Key) -> int | None:
    """The line, counted from 1, where `key` or the nearest table round it is written; None when nowhere."""
    best: tuple[int, int] | None = None
    table: Key = ()
    counts: dict[Key, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = _LINE.match(line)
        if match is None:
            continue
        brackets, header, assigned = match.groups()
        if header:
            table = _table(header, counts, new=brackets == "[[")
        here = table if header else (*table, *_parts(assigned))
        if key[: len(here)] == here and (best is None or len(here) > best[0]):
            best = len(here), number
    return best[1] if best else None


def _parts(path: str) -> Key:
    return tuple(part.strip("\"'") for part in re.findall(_PART, path))


def _table(header: str, counts: dict[Key, int], *, new: bool) -> Key:
    """The key of a table's header, with the place in its list after each name of a list."""
    names = _parts(header)
    key: Key = ()
    for i, name in enumerate(names):
        key = (*key, name)
        if new and i == len(names) - 1:
            counts[key] = counts.get(key, -1) + 1
        if key in counts:
            key = (*key, counts[key])
    return key
