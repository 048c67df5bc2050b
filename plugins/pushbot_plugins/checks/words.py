"""What the checks share: secrets by reference, facts filled into templates, and how a revision is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pushbot.errors import PushbotError
from pushbot.secret import REFERENCE, resolve_secret
from pushbot_plugins.local.supervisor.environment import filled
from pushbot_plugins.local.supervisor.output import masked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pushbot.ports import Change

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHOWN = 8
MARGIN = 0.05
"""The part of its time that a check keeps back, to say what it still waits for."""


def patience_of(change: Change) -> float:
    """The seconds for which a check may wait for others."""
    return change.patience * (1 - MARGIN)


@dataclass(slots=True)
class Secrets:
    """What references led to, and nobody gets to see."""

    secrets: set[str] = field(default_factory=set)

    def secret(self, text: str) -> str:
        """What a reference leads to, and any other text as it is. Raises PushbotError when it leads nowhere."""
        if not re.match(REFERENCE, text):
            return text
        value = resolve_secret(text)
        self.secrets.add(value)
        return value

    def resolved(self, pairs: Mapping[str, str]) -> dict[str, str]:
        """`pairs` with references looked up. Raises PushbotError."""
        return {name: self.secret(text) for name, text in pairs.items()}

    def masked(self, text: str, *, cut: bool = False) -> str:
        """`text` with each secret replaced by `***`; where it may be `cut` off, also what is left of one."""
        return masked(text, self.secrets, cut=cut)


def template(text: str, change: Change, quote: Callable[[str], str] = str) -> str:
    """`text` with `{revision}`, `{branch}`, `{lane}`, `{stage}` and the like filled in, each through `quote`."""
    return filled(text, change.facts(), quote)


def revision_of(change: Change) -> str:
    """The revision that is looked at. Raises PushbotError when there is none."""
    if change.revision is None:
        raise PushbotError(f"there is no revision to look at: give the pipeline of {change.lane} a repository")
    return change.revision


def short(revision: str) -> str:
    """A revision as people quote it."""
    return revision[:_SHOWN] if _COMMIT.fullmatch(revision) else revision


def listed(names: Iterable[str], most: int = 3) -> str:
    """The first names, and how many more there are."""
    known = list(names)
    more = len(known) - most
    return ", ".join(known[:most]) + (f" and {more} more" if more > 0 else "")


def counted(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
