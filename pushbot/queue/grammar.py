"""What people type, as requests: `.join with bob; .good` becomes `(Join(companion="bob"), Good())`.

A message is for the bot when it starts with one dot and a word of letters and underscores
(`...`, `.5`, `. hello`, `./run` are talk and give nothing), or when the bot was addressed; then the
dot may be left out. `;` outside quotes separates several requests; the dot may be left out after the
first, but what is then no command is taken for talk. Verbs and keywords may be in any case.

Arguments are words or texts in quotes. A quote never closed reads to the end; typographic quotes
count. `.hold` and `.message` also take the rest of the request as it is. Verbs that take nothing
ignore what follows, for people say `.done, thanks all`; but `.pop` and `.nevermind` do not, since
whoever adds a name there means `.kick`.

What cannot be understood is a `Mistake`, a value like any other. The verbs themselves are in `verbs`.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from pushbot.queue.topic_parse import clean_text
from pushbot.queue.verbs import NAME_LIMIT, VERBS, Mistake, Request, Said, Word, canonical, spellings

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MOST_REQUESTS", "USAGE", "Mistake", "Request", "Usage", "canonical", "parse_message", "verbs"]

MOST_REQUESTS = 10
"""How many requests one message may hold."""


class Usage(NamedTuple):
    """How a command is written, and what it does in one sentence."""

    line: str
    about: str


USAGE: Final[Mapping[str, Usage]] = {verb: Usage(entry.line, entry.about) for verb, entry in VERBS.items()}
"""What `.help` tells of each verb, in the order of `verbs()`."""

_PART = re.compile(r'(?:[^;"]+|"[^"]*"?)+')
_VERB = re.compile(r"[^\W\d]+")
_AFTER_VERB = re.compile(r'[!.,:?]*(?=[\s"]|\Z)')
_WORD = re.compile(r'"([^"]*)"?|([^\s"]+)')
_QUOTES: Final = str.maketrans("“”„‟", '""""')


def verbs() -> tuple[str, ...]:
    """All commands, without dots and aliases, in the order in which `.help` lists them."""
    return tuple(VERBS)


def parse_message(text: str, *, addressed: bool = False) -> tuple[Request, ...]:
    """The requests in one line of chat, in order; empty for ordinary talk. Never raises.

    `addressed` is whether it was said to the bot alone or after its name: then nothing is talk.
    """
    text = text.strip()
    if not addressed and not text.startswith("."):
        return ()
    if not text.isascii():
        text = text.translate(_QUOTES)
    if ";" not in text:
        request = _request(text, first=True, addressed=addressed)
        return () if request is None else (request,)
    parts = [part for part in map(str.strip, _PART.findall(text)) if part]
    first = _request(parts[0] if parts else "", first=True, addressed=addressed)
    if first is None:
        return ()
    if len(parts) > MOST_REQUESTS:
        return (Mistake(";", f"at most {MOST_REQUESTS} commands fit in one message; I did none of these"),)
    others = (_request(part, first=False, addressed=addressed) for part in parts[1:])
    return (first, *(request for request in others if request is not None))


def _request(part: str, *, first: bool, addressed: bool) -> Request | None:
    """The request that one part of a message is, or None for talk."""
    dotted = part.startswith(".")
    word = _VERB.match(part, dotted)
    after = _AFTER_VERB.match(part, word.end()) if word else None
    verb = canonical(word[0]) if word and after else None
    if verb is not None and after is not None:
        rest = part[after.end() :]
        words = tuple(Word(bare or quoted, not bare) for quoted, bare in _WORD.findall(rest)) if rest else ()
        entry = VERBS[verb]
        return entry.read(Said(verb, words, rest, entry.line, loud=after[0].startswith("!")))
    if first and addressed:
        return _unknown(part)
    if word is None or after is None or after[0]:
        return None
    mistake = _unknown(part)
    return mistake if dotted or (not first and mistake.hint != ".help") else None


def _unknown(part: str) -> Mistake:
    """The mistake of a part that no command begins, with the nearest one."""
    word = clean_text(next(iter(part.split(None, 1)), "").lstrip("."), NAME_LIMIT)
    if not word:
        return Mistake("", "you called me, but asked for nothing", ".help")
    near = difflib.get_close_matches(word.lower(), spellings(), n=1, cutoff=0.7)
    return Mistake(word, f"there is no command `.{word}`", f".{canonical(near[0])}" if near else ".help")
