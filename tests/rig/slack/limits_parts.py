"""The pieces Block Kit's rules are made of: what a value may be, and what is said when it is something else.

The words are those of Slack's own answers where those are known: what is wrong, then where as a JSON pointer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from pydantic import JsonValue

Object: TypeAlias = dict[str, JsonValue]


@dataclass(frozen=True)
class Problem:
    """One broken rule: `what` it is, and `where`, as a JSON pointer."""

    what: str
    where: str

    def __str__(self) -> str:
        return f"{self.what} [json-pointer:{self.where}]"


@dataclass
class Findings:
    """All that was found wrong."""

    problems: list[Problem] = field(default_factory=list)

    def add(self, what: str, where: str) -> None:
        self.problems.append(Problem(what, where))


Rule: TypeAlias = Callable[[JsonValue, str, Findings], None]
"""Looks at a value at a place, and says what is wrong with it."""


@dataclass(frozen=True)
class Shape:
    """An object: its fields, which of them it must have, and a rule about the whole of it."""

    fields: dict[str, Rule]
    must: tuple[str, ...] = ()
    whole: Callable[[Object, str, Findings], None] | None = None

    def __call__(self, value: JsonValue, where: str, found: Findings) -> None:
        if not isinstance(value, dict):
            found.add("must be an object", where)
            return
        for name in self.must:
            if name not in value:
                found.add(f"missing required field: {name}", where)
        for name, inner in value.items():
            rule = self.fields.get(name)
            if rule is None:
                found.add(f"invalid additional property: {name}", where)
            else:
                rule(inner, f"{where}/{name}", found)
        if self.whole:
            self.whole(value, where, found)


def string(most: int, least: int = 1, pattern: str = "") -> Rule:
    """A string of so many characters, that matches."""

    def rule(value: JsonValue, where: str, found: Findings) -> None:
        if not isinstance(value, str):
            found.add("must be a string", where)
        elif len(value) > most:
            found.add(f"must be less than {most + 1} characters", where)
        elif len(value) < least:
            found.add(f"must be more than {least - 1} characters", where)
        elif pattern and not re.fullmatch(pattern, value):
            found.add(f"must match {pattern}", where)

    return rule


def one_of(*values: JsonValue) -> Rule:
    """One of these values."""

    def rule(value: JsonValue, where: str, found: Findings) -> None:
        if value not in values:
            found.add(f"must be one of: {', '.join(map(str, values))}", where)

    return rule


def boolean(value: JsonValue, where: str, found: Findings) -> None:
    """True or false, and nothing that looks like it."""
    if not isinstance(value, bool):
        found.add("must be a boolean", where)


def number(least: int, most: int = 2**53) -> Rule:
    """A whole number in this range."""

    def rule(value: JsonValue, where: str, found: Findings) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            found.add("must be a number", where)
        elif not least <= value <= most:
            found.add(f"must be between {least} and {most}", where)

    return rule


def many(rule_of_one: Rule, most: int, least: int = 1) -> Rule:
    """A list of so many, each of which keeps this rule."""

    def rule(value: JsonValue, where: str, found: Findings) -> None:
        if not isinstance(value, list):
            found.add("must be an array", where)
            return
        if len(value) > most:
            found.add(f"no more than {most} items allowed", where)
        if len(value) < least:
            found.add(f"no less than {least} items allowed", where)
        for at, one in enumerate(value):
            rule_of_one(one, f"{where}/{at}", found)

    return rule


def kind_of(kinds: dict[str, Rule], what: str) -> Rule:
    """An object whose `type` says which of these rules it keeps."""

    def rule(value: JsonValue, where: str, found: Findings) -> None:
        if not isinstance(value, dict):
            found.add("must be an object", where)
        elif not isinstance(value.get("type"), str):
            found.add("missing required field: type", where)
        elif (known := kinds.get(str(value["type"]))) is None:
            found.add(f"unsupported type of {what}: {value['type']}", f"{where}/type")
        else:
            known(value, where, found)

    return rule


def anything(value: JsonValue, where: str, found: Findings) -> None:
    """No rule."""
    del value, where, found


# --- composition objects (docs.slack.dev/reference/block-kit/composition-objects) ---


def plain(most: int, least: int = 1) -> Rule:
    """A `plain_text` object."""
    return Shape({"type": one_of("plain_text"), "text": string(most, least), "emoji": boolean}, ("type", "text"))


def text(most: int) -> Rule:
    """A text object of either kind; `emoji` only in `plain_text`, `verbatim` only in `mrkdwn`."""
    mrkdwn = Shape({"type": anything, "text": string(most), "verbatim": boolean}, ("type", "text"))
    return kind_of({"plain_text": plain(most), "mrkdwn": mrkdwn}, "text")


CONFIRM = Shape(
    {
        "title": plain(100),
        "text": plain(300),
        "confirm": plain(30),
        "deny": plain(30),
        "style": one_of("primary", "danger"),
    },
    ("title", "text", "confirm", "deny"),
)
OPTION = Shape({"text": plain(75), "value": string(150), "description": plain(75)}, ("text", "value"))
LINKED_OPTION = Shape({**OPTION.fields, "url": string(3000)}, OPTION.must)
"""Only in an overflow menu may an option be a link."""
MARKED_OPTION = Shape({"text": text(75), "value": string(150), "description": text(75)}, OPTION.must)
"""In checkboxes and radio buttons."""
OPTION_GROUP = Shape({"label": plain(75), "options": many(OPTION, 100)}, ("label", "options"))
SLACK_FILE = Shape({"id": string(255), "url": string(3000)})
