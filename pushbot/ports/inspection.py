"""Looking at a chat before it is run: what is there of that which the bot needs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Worth(StrEnum):
    """What it means for the bot that something of its chat is as it was found."""

    GOOD = "good"
    WARNING = "warning"
    MISTAKE = "mistake"
    UNSEEN = "not looked at"


@dataclass(frozen=True, slots=True)
class Sight:
    """One thing that a look at a chat found: one plain sentence, with what to do about it where it is not good."""

    worth: Worth
    text: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the configuration counts on in a chat beside its rooms: accounts of people and groups, as it names them."""

    people: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@runtime_checkable
class Inspecting(Protocol):
    """What a chat may have beside: before it is run, it can look whether it would find all that it needs."""

    def look(self, wanted: Wanted) -> AsyncIterator[Sight]:
        """Ask the server, and change nothing there; each thing as it is found. Whoever asks sets the time limit.

        No secret is in what it says. Raises PushbotError when the server cannot be asked any further.
        """
        ...
