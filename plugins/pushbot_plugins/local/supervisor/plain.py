"""Plain values as JSON and back: frozen dataclasses made of texts, numbers, paths, enumerations, tuples and each other.

Writing is `text`, reading is `revived`, which goes by the types that the fields are declared with.
"""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from pushbot.fleet.model import Host, Rollout
from pushbot.queue.commands import RunState
from pushbot.queue.model import RunKind

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_NAMES = {"Host": Host, "Path": Path, "Rollout": Rollout, "RunKind": RunKind, "RunState": RunState}
"""What fields are declared with where it is imported for type checkers only."""

T = TypeVar("T")


def text(value: DataclassInstance) -> str:
    """The value as JSON."""
    return json.dumps(asdict(value), default=str)


def revived(kind: type[T], data: object) -> T:
    """The value of type `kind` that `data`, read from JSON, stands for.

    Fields that are missing get their defaults. Raises ValueError, KeyError or TypeError for what is no such value.
    """
    return cast("T", _of(kind, data))


def _of(kind: object, data: object) -> object:
    origin = get_origin(kind)
    if origin in {Union, UnionType}:
        return None if data is None else _of(next(each for each in get_args(kind) if each is not NoneType), data)
    if origin is tuple:
        members = get_args(kind)
        if members[1:] == (...,):
            return tuple(_of(members[0], each) for each in cast("list[object]", data))
        return tuple(_of(member, each) for member, each in zip(members, cast("list[object]", data), strict=True))
    if isinstance(kind, type) and is_dataclass(kind):
        fields = _fields(kind)
        return kind(**{name: _of(fields[name], each) for name, each in cast("dict[str, object]", data).items()})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(data)
    if kind is Path:
        return Path(cast("str", data))
    return data


@cache
def _fields(kind: type) -> dict[str, object]:
    return get_type_hints(kind, localns=_NAMES)
