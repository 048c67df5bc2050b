"""What the journal says of something asked: who, by what proof, where, in which words, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pushbot.ports import Entry

if TYPE_CHECKING:
    from datetime import datetime

    from pushbot.service.asks import Ask, Origin

DONE = "done"
"""The outcome of what was asked and took place, now or already."""
ANSWERED = "answered"
"""The outcome of a question."""
LONGEST = 2000
"""Characters of words kept; no chat line has as many, a pasted text may."""


def entered(ask: Ask, at: datetime, outcome: str) -> Entry:
    """The journal's line about `ask`; `outcome` is DONE, ANSWERED, a refusal's code or a fault's name."""
    by = ask.by
    where = place(ask.origin) or by.chat
    return Entry(at, *map(bounded, (by.key, ask.text, outcome, by.name, by.proof, where)))


def place(origin: Origin | None) -> str:
    """Where something was said, as the configuration writes rooms: `irc/#push`; in private `irc/alice`."""
    return f"{origin.chat}/{origin.to}" if origin is not None else ""


def bounded(text: str) -> str:
    """`text` on one line, without control characters, and not endless."""
    line = text if text.isprintable() else "".join(letter if letter.isprintable() else " " for letter in text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
