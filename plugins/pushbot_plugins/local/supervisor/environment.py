"""The variables of a step, and the references in them: `env:NAME` and `file:PATH`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pushbot.ports import Job, Step

_LARGEST = 64 * 2**10


class Unresolved(Exception):  # noqa: N818 - it says what is the matter with a reference
    """A reference leads nowhere; the text says which, and never a value."""


@dataclass(slots=True)
class References:
    """Looks up what references stand for; `secrets` are all values found so far."""

    secrets: set[str] = field(default_factory=set)

    def resolved(self, pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
        """These variables with their values, each looked up if it is a reference. Raises Unresolved."""
        return {name: self.value(name, text) for name, text in pairs}

    def value(self, name: str, text: str) -> str:
        """What is to be the value of `name`: what `text` refers to, or itself. Raises Unresolved."""
        kind, colon, where = text.partition(":")
        if not colon or kind not in _SOURCES:
            return text
        value = _SOURCES[kind](name, where)
        if "\0" in value:
            raise Unresolved(f"{name} is to come from {text}, which has a NUL byte in it: no variable can hold that")
        self.secrets.add(value)
        return value


@dataclass(slots=True)
class Environment:
    """What the steps of one job get: the bot's own variables, the job's, the step's, then the facts.

    All references are resolved when this is made, before anything has run: a missing secret should
    not stop a deploy half way. `secrets` are the values found. Facts are never references, whatever
    they look like: they hold what people typed.
    """

    job: Job
    _references: References = field(default_factory=References)
    _own: dict[str, str] = field(default_factory=dict)
    _steps: dict[int, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        resolved = self._references.resolved
        self._own = resolved(self.job.env)
        self._steps = {id(step): resolved(step.env) for step in (*self.job.steps, *self.job.post)}

    @property
    def secrets(self) -> set[str]:
        """What was found behind references."""
        return self._references.secrets

    def of(self, step: Step | None) -> dict[str, str]:
        """The whole environment of `step`, or of a probe when None."""
        own = self._steps[id(step)] if step else {}
        return {**os.environ, **self._own, **own, **self.job.facts()}


def filled(text: str, facts: Mapping[str, str], quote: Callable[[str], str] = str) -> str:
    """`text` with `{revision}` and the like replaced by the facts, each passed through `quote`; other braces stay."""

    def fact(match: re.Match[str]) -> str:
        value = facts.get("PUSHBOT_" + match[1].upper())
        return match[0] if value is None else quote(value)

    return re.sub(r"\{([a-z_]+)\}", fact, text)


def _from_env(name: str, where: str) -> str:
    try:
        return os.environ[where]
    except KeyError:
        raise Unresolved(f"{name} is to come from env:{where}, which is not set where the bot runs") from None


def _from_file(name: str, where: str) -> str:
    try:
        with Path(where).open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise Unresolved(
            f"{name} is to come from file:{where}, which cannot be read ({error.strerror}): check its path and mode"
        ) from None
    if len(data) > _LARGEST:
        raise Unresolved(f"{name} is to come from file:{where}, which is larger than {_LARGEST} bytes")
    return os.fsdecode(data.removesuffix(b"\n"))


_SOURCES: dict[str, Callable[[str, str], str]] = {"env": _from_env, "file": _from_file}
