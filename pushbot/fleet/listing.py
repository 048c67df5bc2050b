"""Lists of hosts as people and programs write them: a host a line, or JSON.

    # name       where it is reached     what it is
    web[1:3].lon 10.0.0.[1:3]:2222       region=lon role=web
    db1

The name may stand for many (`ranges.py`); an address then stands for as many, one for each. As JSON it is a list,
of texts that are such lines and of objects: `{"name": "web1.lon", "address": "10.0.0.1", "labels": {"region": "lon"}}`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from pushbot.errors import PushbotError
from pushbot.fleet.model import Host
from pushbot.fleet.names import address, host_name, label, quoted, value
from pushbot.fleet.ranges import MOST, expand

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_KEYS = ("name", "address", "labels")


def listed(text: str) -> tuple[Host, ...]:
    """The hosts of a text in either form; it is JSON when it begins with `[`.

    Raises PushbotError for what cannot be read, with the number of the line or of the entry.
    """
    if text.lstrip().startswith("["):
        return from_json(text)
    lines = (line.partition("#")[0] for line in text.splitlines())
    return _all(("line", number, line) for number, line in enumerate(lines, start=1) if line.strip())


def from_json(text: str) -> tuple[Host, ...]:
    """The hosts of a JSON list. Raises PushbotError for what cannot be read."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PushbotError(f"not JSON: {error}") from error
    if not isinstance(found, list):
        raise PushbotError("the JSON is not a list of hosts")
    return entries(found)


def entries(found: Sequence[object]) -> tuple[Host, ...]:
    """The hosts of the members of a list. Raises PushbotError for one that is none, and for too many."""
    return _all(("entry", number, entry) for number, entry in enumerate(found, start=1))


def with_labels(hosts: Iterable[Host], labels: Mapping[str, str]) -> tuple[Host, ...]:
    """The hosts with `labels` beside their own, which go before."""
    if not labels:
        return tuple(hosts)
    return tuple(replace(host, labels=tuple(sorted({**labels, **dict(host.labels)}.items()))) for host in hosts)


def _all(numbered: Iterable[tuple[str, int, object]]) -> tuple[Host, ...]:
    hosts: list[Host] = []
    for what, number, entry in numbered:
        try:
            hosts.extend(_hosts(entry))
        except PushbotError as error:
            raise PushbotError(f"{what} {number}: {error}") from None
        if len(hosts) > MOST:
            raise PushbotError(f"{what} {number}: here the list comes to more than {MOST:,} hosts")
    return tuple(hosts)


def _hosts(entry: object) -> Iterator[Host]:
    match entry:
        case str():
            return _of_line(entry)
        case dict():
            return _of_object(entry)
        case _:
            raise PushbotError(f"{quoted(str(entry))} is no host: expected a text, or an object with a `name`")


def _of_line(line: str) -> Iterator[Host]:
    name, *words = line.split() or ("",)
    where = words.pop(0) if words and "=" not in words[0] else ""
    labels: dict[str, str] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals:
            raise PushbotError(f"{quoted(word)} is not LABEL=VALUE; a line is NAME [ADDRESS] [LABEL=VALUE ...]")
        if labels.setdefault(key, text) != text:
            raise PushbotError(f"the label {quoted(key)} has two values")
    return _made(name, where, labels)


def _of_object(found: Mapping[str, object]) -> Iterator[Host]:
    name = found.get("name")
    if not isinstance(name, str):
        raise PushbotError("a host without a `name`, which has to be a text")
    unknown = [key for key in found if key not in _KEYS]
    if unknown:
        raise PushbotError(f"unknown key {quoted(unknown[0])}; a host has {', '.join(_KEYS)}")
    where, labels = found.get("address") or "", found.get("labels") or {}
    if not isinstance(where, str):
        raise PushbotError("the `address` has to be a text")
    if not isinstance(labels, dict):
        raise PushbotError("the `labels` have to be a table of texts")
    for key, text in labels.items():
        if isinstance(text, bool) or not isinstance(text, str | int):
            raise PushbotError(f"the label {quoted(key)} has to be a text or a whole number")
    return _made(name, where, {key: str(text) for key, text in labels.items()})


def _made(pattern: str, where: str, labels: Mapping[str, str]) -> Iterator[Host]:
    """A host for each name that `pattern` stands for."""
    names = [host_name(name) for name in expand(pattern)]
    places = [address(place) for place in expand(where)] if where else [""] * len(names)
    if len(places) != len(names):
        raise PushbotError(
            f"{quoted(pattern)} stands for {len(names):,} names, and {quoted(where)} for {len(places):,} addresses"
        )
    pairs = tuple(sorted((label(key), value(text)) for key, text in labels.items()))
    return (Host(name, place, pairs) for name, place in zip(names, places, strict=True))
