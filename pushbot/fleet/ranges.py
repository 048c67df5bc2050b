"""Many names from one: `web[001:120].lon` stands for 120 hosts, `web[1:3].[lon,dub]` for six.

In brackets stand numbers from one to another, both included (`[1:10]`, every second with `[1:10:2]`),
or a list of words and such numbers (`[lon,dub]`, `[1:3,7]`). A first number with zeros in front
keeps its width: `[08:11]` is 08, 09, 10, 11. The last brackets of a name turn fastest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING

from pushbot.errors import PushbotError
from pushbot.fleet.names import is_ipv6, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 100_000
"""Names that one pattern, and hosts that one list, may come to."""
LONGEST = 300
"""Characters of a name before it is looked at: no address is longer, and 100,000 of a longer one would fill memory."""
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_NUMBERS = re.compile(r"([0-9]{1,9}):([0-9]{1,9})(?::([0-9]{1,9}))?")
_WORD = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class _Choice:
    """What may stand at one place: a text, or numbers of at least `width` digits."""

    text: str = ""
    numbers: range | None = None
    width: int = 1

    def __len__(self) -> int:
        return 1 if self.numbers is None else len(self.numbers)

    @property
    def longest(self) -> int:
        """The characters of the longest of them."""
        return len(self.text) if self.numbers is None else max(self.width, len(str(self.numbers[-1])))

    def written(self) -> Iterator[str]:
        """Each as it stands in a name."""
        if self.numbers is None:
            yield self.text
        else:
            yield from (f"{number:0{self.width}}" for number in self.numbers)


def expand(pattern: str) -> tuple[str, ...]:
    """The names that `pattern` stands for, in order; itself alone when there is nothing to expand.

    An IPv6 address in brackets is left as it is. Raises PushbotError for brackets that cannot be read, and
    for more than 100,000 names or longer ones than any.
    """
    if "[" not in pattern and "]" not in pattern:
        return (pattern,)
    places: list[list[_Choice]] = []
    end = 0
    for match in _BRACKETS.finditer(pattern):
        places += [[_Choice(pattern[end : match.start()])], _choices(match, pattern)]
        end = match.end()
    places.append([_Choice(pattern[end:])])
    if any(mark in choice.text for place in places[::2] for choice in place for mark in "[]"):
        raise PushbotError(f"{quoted(pattern)} has a bracket without its other half")
    number = prod(sum(map(len, place)) for place in places)
    if number > MOST:
        raise PushbotError(f"{quoted(pattern)} stands for {number:,} hosts, and {MOST:,} is the most")
    longest = sum(max(choice.longest for choice in place) for place in places)
    if longest > LONGEST:
        raise PushbotError(f"{quoted(pattern)} stands for names of {longest:,} characters, and {LONGEST} is the most")
    return tuple(map("".join, product(*([text for one in place for text in one.written()] for place in places))))


def _choices(match: re.Match[str], pattern: str) -> list[_Choice]:
    if is_ipv6(match[1]):
        return [_Choice(match[0])]
    return [_choice(item, pattern) for item in match[1].split(",")]


def _choice(item: str, pattern: str) -> _Choice:
    numbers = _NUMBERS.fullmatch(item)
    if numbers is None:
        if _WORD.fullmatch(item):
            return _Choice(item)
        raise PushbotError(
            f"{quoted(pattern)}: {quoted(item)} cannot be read; in brackets stand numbers as in [1:20], "
            "or a list as in [lon,dub]"
        )
    first, last, step = numbers.groups()
    if int(last) < int(first) or (step is not None and int(step) == 0):
        raise PushbotError(f"{quoted(pattern)}: [{item}] goes nowhere; the first number has to be the smaller one")
    width = len(first) if first.startswith("0") else 1
    if last.startswith("0") and len(last) != len(first):
        raise PushbotError(f"{quoted(pattern)}: [{item}] has zeros in front of one number only")
    return _Choice(numbers=range(int(first), int(last) + 1, int(step or 1)), width=width)
