"""Whether tables have the shape of their models: pydantic's errors as Problems, and what is left without them.

A mistake in one place must not hide those of another kind elsewhere. So what has a wrong shape is
cut out of the data, and whatever remains is good enough to check names and references on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from reprlib import Repr
from typing import TYPE_CHECKING, Annotated, get_args, get_origin

from pydantic import BaseModel, ValidationError

from pushbot.config.problems import Key, Problem, nearest
from pushbot.config.schema import FileTable
from pushbot.config.tables.table import keys_of
from pushbot.secret import REFERENCE

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

_TYPES = {
    "bool_type": "true or false",
    "dict_type": "a table",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "a table",
    "string_type": "a text in quotes",
    "tuple_type": "a list",
}
_OF_A_KEY = "[key]"  # pydantic's mark on errors about a key itself
_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 50


@dataclass(frozen=True, slots=True)
class Salvaged:
    """A file's table without what had a wrong shape: the problems, and the keys that were cut out for them."""

    table: FileTable
    problems: tuple[Problem, ...]
    cut: frozenset[Key]

    def whole(self, *key: str | int) -> bool:
        """Whether nothing was cut out at `key`, below it or above it."""
        return not any(key[: len(cut)] == cut or cut[: len(key)] == key for cut in self.cut)


def salvage(data: dict[str, object], file: Path) -> Salvaged:
    """The table that the data of `file` makes; `data` itself loses what does not fit."""
    problems: tuple[Problem, ...] | None = None
    cut: set[Key] = set()
    while True:
        try:
            table = FileTable.model_validate(data)
        except ValidationError as error:
            if problems is None:
                problems = tuple(problems_of(error, FileTable, file))
            for detail in error.errors(include_url=False):
                cut.add(_cut_out(data, detail))
        else:
            return Salvaged(table, problems or (), frozenset(cut))


def problems_of(error: ValidationError, model: type[BaseModel], file: Path, at: Key = ()) -> list[Problem]:
    """The problems that pydantic found in the table at key `at`, which `model` describes.

    A plugin's options are never quoted: one of them may be a secret in the wrong place.
    """
    found = []
    for detail in error.errors(include_url=False):
        loc = detail["loc"]
        key = (*at, *(part for part in loc if part != _OF_A_KEY))
        known = list(_fields_at(model, loc[:-1]))
        match detail["type"]:
            case "missing":
                found.append(Problem(file, key, "missing"))
            case "extra_forbidden":
                near = nearest(str(key[-1]), known)
                others = f"one of {', '.join(known)}" if known else "no options here"
                found.append(Problem(file, key, "unknown key", None if near else others, near))
            case "value_error" | "assertion_error":
                found.append(Problem(file, key, detail["msg"].partition(", ")[2]))
            case kind:
                quiet = bool(at) or "env" in loc
                found.append(Problem(file, key, _found(detail, quiet=quiet), _expected(kind, detail), _meant(detail)))
    return found


def _found(detail: ErrorDetails, *, quiet: bool) -> str:
    match detail["input"]:
        case dict() as table:
            return f"found a table of {', '.join(map(str, table)) or 'nothing'}"
        case list() as members:
            return "found a list" if members else "found an empty list"
        case str() if quiet:
            return "found a text"
        case bool() as flag:
            return f"found {str(flag).lower()}"
        case int() | float() if quiet:
            return "found a number"
        case value:
            return f"found {_SHORT.repr(value)}"


def _expected(kind: str, detail: ErrorDetails) -> str:
    """What pydantic would have taken, in the words of people who write configurations."""
    if kind == "string_pattern_mismatch":
        pattern = detail.get("ctx", {}).get("pattern")
        return "a reference to a secret, env:NAME or file:PATH" if pattern == REFERENCE else f"a text like {pattern}"
    return _TYPES.get(kind) or re.sub(r"^(Input|String|List|Tuple) should (be|have) ", "", detail["msg"])


def _meant(detail: ErrorDetails) -> str | None:
    """The nearest of the values allowed, where there is a list of them."""
    if detail["type"] not in {"enum", "literal_error"}:
        return None
    allowed = re.findall(r"'([^']*)'", detail.get("ctx", {}).get("expected", ""))
    return nearest(str(detail["input"]), allowed)


def _fields_at(model: type[BaseModel], loc: Key) -> tuple[str, ...]:
    """The keys known in the table at `loc`, which lies somewhere in `model`."""
    here: object = model
    for part in loc:
        if isinstance(here, type) and issubclass(here, BaseModel):
            field = here.model_fields.get(keys_of(here).get(str(part), ""))
            here = field.annotation if field else None
        else:
            here = _plain(here, -1 if isinstance(part, str) else 0)
        here = _plain(here, 0) if get_origin(here) not in {dict, tuple, list} else here
    return tuple(keys_of(here)) if isinstance(here, type) and issubclass(here, BaseModel) else ()


def _plain(annotation: object, index: int) -> object:
    """What a container holds, or what `X | None` and `Annotated[X, ...]` are about."""
    args = get_args(annotation)
    inner = args[index] if args else annotation
    return get_args(inner)[0] if get_origin(inner) is Annotated else inner


def _cut_out(data: dict[str, object], detail: ErrorDetails) -> Key:
    """Take what the error is about out of the data, and say which key that was.

    Lists lose no member, for the others must keep their places: the whole list goes. What only
    lacks a good name gets one.
    """
    key = tuple(part for part in detail["loc"] if part != _OF_A_KEY)
    if detail["type"] == "missing" and key[-1] != "name":
        key = key[:-1]
    there = _there(data, key)
    named = detail["type"] == "missing" and there == key and key[-1] == "name"
    key = there
    while isinstance(key[-1], int):
        key = key[:-1]
    place: object = data
    for part in key[:-1]:
        place = _below(place, part)
    if isinstance(place, dict):
        if named:
            place["name"] = f"unnamed-{key[-2]}"
        else:
            place.pop(key[-1], None)
    return key


def _there(data: object, key: Key) -> Key:
    """As much of the key as there is in the data: a name that stands for a plugin's whole table has no keys."""
    for depth, part in enumerate(key[:-1], 1):
        data = _below(data, part)
        if not isinstance(data, dict | list):
            return key[:depth]
    return key


def _below(place: object, part: str | int) -> object:
    match place:
        case dict():
            return place.get(part)
        case list() if isinstance(part, int) and part < len(place):
            return place[part]
        case _:
            return None
