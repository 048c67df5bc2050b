"""The kinds of value a configuration is written in: durations, names, rooms, addresses.

Each refuses what it cannot take with a `PydanticCustomError` whose message is what was expected;
`shape.py` turns that into a Problem.
"""

from __future__ import annotations

import re
from math import isfinite
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictInt
from pydantic_core import PydanticCustomError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HOST_PORT = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):([0-9]{1,5})")
_NAMED = re.compile(r"\{[A-Za-z_][A-Za-z0-9_.-]*\}")
_LABEL_LIMIT = 60
_PORT_LIMIT = 65535


def expected(words: str) -> PydanticCustomError:
    """A refusal that says what was expected, literally (braces and all)."""
    return PydanticCustomError("expected", "{words}", {"words": words})


def seconds(value: object) -> float:
    """A duration in seconds from a number or a text such as "500ms", "125s", "1h30m"."""
    found: float | None = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        found = float(value)
    elif isinstance(value, str) and value and not _DURATION.sub("", value):
        found = sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(value))
    if found is None or not isfinite(found) or found < 0:
        raise expected('a duration: seconds as a number, or a text such as "500ms", "125s", "2m", "1h30m"')
    return found


def _positive(value: float) -> float:
    if value <= 0:
        raise expected("a duration longer than nothing")
    return value


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise expected("a name of at most 40 letters, digits, '_', '.' and '-'")
    return value


def stage_name(value: str) -> str:
    """`value`, if it can be the name of a stage."""
    if value.endswith("...") or not _NAME.fullmatch(value):
        raise expected("a name of at most 40 letters, digits, '_', '.' and '-', not ending in '...'")
    return value


def _label(value: str) -> str:
    if not (value.strip() == value and 0 < len(value) <= _LABEL_LIMIT and value.isprintable()):
        raise expected(f"a name of one line, at most {_LABEL_LIMIT} characters")
    return value


def _variable(value: str) -> str:
    if not _VARIABLE.fullmatch(value) or value.startswith("PUSHBOT_"):
        raise expected("the name of an environment variable; those that begin with PUSHBOT_ are set by the bot")
    return value


def _no_nul(value: str) -> str:
    if "\0" in value:
        raise expected("a text without NUL characters")
    return value


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = parts.scheme in {"http", "https"} and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or not value.isprintable() or " " in value:
        raise expected("a URL that begins with http:// or https://")
    return value


def _url_form(value: str) -> str:
    _url(_NAMED.sub("1", value))
    return value


def _host_port(value: str) -> str:
    match = _HOST_PORT.fullmatch(value)
    if not match or not 0 < int(match[1]) <= _PORT_LIMIT:
        raise expected('HOST:PORT, such as "127.0.0.1:80"')
    return value


def _host_port_form(value: str) -> str:
    _host_port(_NAMED.sub("1", value))
    return value


def _some(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise expected("a list with something in it")
    return value


def _room(value: str) -> str:
    chat, slash, room = value.partition("/")
    if not (chat and slash and room) or not value.isprintable() or any(letter.isspace() for letter in value):
        raise expected('CHAT/ROOM, such as "irc/#push"')
    return value


Duration = Annotated[float, BeforeValidator(seconds)]
TimeLimit = Annotated[float, BeforeValidator(seconds), AfterValidator(_positive)]
Count = Annotated[StrictInt, Field(ge=0)]
Positive = Annotated[StrictInt, Field(ge=1)]
Flag = StrictBool
Name = Annotated[str, AfterValidator(_name)]
StageName = Annotated[str, AfterValidator(stage_name)]
Label = Annotated[str, AfterValidator(_label)]
Text = Annotated[str, AfterValidator(_no_nul)]
Words = Annotated[tuple[Text, ...], AfterValidator(_some)]
Variable = Annotated[str, AfterValidator(_variable)]
Url = Annotated[str, AfterValidator(_url)]
UrlForm = Annotated[str, AfterValidator(_url_form)]
"""A URL with names in braces, which are filled in later: also its host and port may be such."""
HostPortForm = Annotated[str, AfterValidator(_host_port_form)]
"""HOST:PORT, either of which may be a name in braces."""
RoomName = Annotated[str, AfterValidator(_room)]
RoomNames = Annotated[tuple[RoomName, ...], AfterValidator(_some)]
