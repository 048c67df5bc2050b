"""How the words after a verb are read: what all verbs share. All texts and names have passed `clean_text`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from pushbot.queue import commands as c
from pushbot.queue.topic_parse import STAGE, clean_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NAME_LIMIT = 64
"""Characters of a name, stage or other single word that are kept."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something said to the bot that is no request: the word, a plain sentence, and what to type instead."""

    word: str
    why: str
    hint: str | None = None


Request = c.Command | c.Question | c.BotCommand | Mistake


class Verb(NamedTuple):
    """How a command is read, how it is written, what it does in one sentence, and its other names."""

    read: Callable[[Said], Request]
    line: str
    about: str
    aliases: tuple[str, ...] = ()


class Word(NamedTuple):
    """One argument, and whether it stood in quotes."""

    text: str
    quoted: bool

    @property
    def name(self) -> str:
        """A name as people write it: `@bob`, `bob:` and `bob,` are bob; a quoted one is taken as it is."""
        return clean_text(self.text if self.quoted else self.text.lstrip("@").rstrip(",:"), NAME_LIMIT)


class Said(NamedTuple):
    """One request as typed: its verb, not an alias; the words after it; and the same as one text.

    `usage` is how the verb is written; `loud` whether it was said with a `!` after it.
    """

    verb: str
    words: tuple[Word, ...]
    rest: str
    usage: str
    loud: bool = False

    def wrong(self, why: str) -> Mistake:
        """The arguments are not right: `why`, and the usage."""
        return Mistake(f".{self.verb}", why, self.usage)

    def only(self, what: str) -> str | Mistake | None:
        """The one word that may follow the verb, None without any, a Mistake when there are more."""
        if len(self.words) > 1:
            return self.wrong(f"`.{self.verb}` takes only {what}")
        return self.words[0].name or None if self.words else None

    def text(self) -> str:
        """What follows the verb as one text: without its quotes if it is all in one pair."""
        return text_of(self.words, self.rest)

    def after(self, count: int) -> str:
        """What follows the first `count` words, as one text."""
        rest = self.rest.lstrip()
        for word in self.words[:count]:
            rest = rest.removeprefix(f'"{word.text}"' if word.quoted else word.text).lstrip()
        return text_of(self.words[count:], rest)


def text_of(words: tuple[Word, ...], rest: str) -> str:
    """Words as one text: without its quotes if it is all in one pair."""
    return clean_text(words[0].text if len(words) == 1 and words[0].quoted else rest)


REF = re.compile(r"(?!-)[A-Za-z0-9._/@^~-]{1,200}")
"""A branch, tag or commit as people may name it: nothing that git or a shell could take for an option."""
_STAGE = re.compile(STAGE)
_SPAN = re.compile(
    r"(?=\d)(?:(\d{1,9})d(?:ays?)?)?(?:(\d{1,9})h(?:(?:ou)?rs?)?)?"
    r"(?:(\d{1,9})m(?:in(?:ute)?s?)?)?(?:(\d{1,9})s(?:ec(?:ond)?s?)?)?",
    re.ASCII | re.IGNORECASE,
)
LONGEST: Final = 90 * 86_400.0
"""Seconds that a hold or a lock may last."""


def span_of(word: Word) -> float | None:
    """The seconds that `2h`, `1d12h`, `45m` or `30min` stand for; None for any other word."""
    found = None if word.quoted else _SPAN.fullmatch(word.text)
    if found is None or not any(found.groups()):
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(days * 86_400 + hours * 3600 + minutes * 60 + seconds)


def span_at(words: Sequence[Word]) -> tuple[float | None, int]:
    """The seconds that the first words stand for (`2h`, `2 hours`), and how many words those are: none for others."""
    if len(words) > 1 and words[0].text.isdecimal() and not (words[0].quoted or words[1].quoted):
        seconds = span_of(Word(words[0].text + words[1].text, quoted=False))
        if seconds is not None:
            return seconds, 2
    seconds = span_of(words[0]) if words else None
    return seconds, 0 if seconds is None else 1


def stage_of(word: str | None) -> str | None:
    """The name of a stage, also as the topic writes it (`<princess>`); None when that cannot be one."""
    name = (word or "").removeprefix("<").removesuffix(">")
    return name if _STAGE.fullmatch(name) else None


def plain(make: Callable[[], Request]) -> Callable[[Said], Request]:
    """A verb without arguments; what follows is a remark to the room."""
    return lambda _: make()


def needs_text(make: Callable[[str], Request], what: str) -> Callable[[Said], Request]:
    """A verb that takes a text and is nothing without one."""

    def read(said: Said) -> Request:
        text = said.text()
        return make(text) if text else said.wrong(f"`.{said.verb}` needs {what}")

    return read
