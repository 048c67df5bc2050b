"""What differs between two configurations, in words for operators: by key, and never a secret.

Secrets are references (`env:NAME`, `file:PATH`), which may be shown. What somebody may have written out all the same
is not: values of keys that sound like a secret, commands, variables for steps, and passwords in addresses.
"""

from __future__ import annotations

import json
import re
import tomllib

from pushbot.config.problems import written

_SECRET = re.compile(r"pass|secret|token|key|credential|cookie|auth|body", re.IGNORECASE)
_HIDDEN_BELOW = frozenset({"env", "headers", "run", "script", "command"})
_IN_ADDRESS = re.compile(r"(\w+://)[^/\s@]+@")
_LONGEST = 60
Flat = dict[tuple[str, ...], object]


def differences(before: str, after: str) -> tuple[str, ...]:
    """What the TOML text `after` has otherwise than `before`, a line for each key; of what is new or gone, the top."""
    old, new = _flat(tomllib.loads(before)), _flat(tomllib.loads(after))
    gone = _tops(old, new)
    come = _tops(new, old)
    lines = [f"removed {_path(top)}" for top in gone]
    for top in come:
        shown = _value(top, new[top]) if top in new else None
        lines.append(f"added {_path(top)}" + (f" = {shown}" if shown is not None else ""))
    for key, value in new.items():
        if key in old and old[key] != value:
            was, is_now = _value(key, old[key]), _value(key, value)
            lines.append(f"changed {_path(key)}" + (f": {was} -> {is_now}" if was and is_now else ""))
    return tuple(lines)


def _flat(value: object, key: tuple[str, ...] = ()) -> Flat:
    """Every value by the way to it; members of a list of tables go by their names, if they have any."""
    match value:
        case dict():
            return {way: each for name, inner in value.items() for way, each in _flat(inner, (*key, str(name))).items()}
        case [dict(), *_]:
            found: Flat = {}
            for number, inner in enumerate(value):
                name = inner.get("name", number) if isinstance(inner, dict) else number
                found |= _flat(inner, (*key, str(name)))
            return found
        case _:
            return {key: value}


def _tops(of: Flat, other: Flat) -> list[tuple[str, ...]]:
    """The shortest ways that lead to something in `of` and to nothing in `other`."""
    known = {way[:length] for way in other for length in range(len(way) + 1)}
    found = dict[tuple[str, ...], None]()
    for way in of:
        for length in range(1, len(way) + 1):
            if way[:length] not in known:
                found[way[:length]] = None
                break
    return list(found)


def _path(key: tuple[str, ...]) -> str:
    return ".".join(map(written, key))


def _value(key: tuple[str, ...], value: object) -> str | None:
    """The value as TOML nearly has it; None when it is not to be shown."""
    hidden = _SECRET.search(key[-1]) or not _HIDDEN_BELOW.isdisjoint(key)
    if hidden and not (isinstance(value, str) and value.startswith(("env:", "file:"))):
        return None
    text = _IN_ADDRESS.sub(r"\1(not shown)@", json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
