"""Reading a topic back into a queue, leniently; and making chat text fit to stand in a topic.

People edit topics by hand, so much is forgiven: `,` and `&` for `+`, spaces left out or doubled,
`(config)` for `(c)`, a separator left over, `HOLD` with a reason that is not quoted, a quote never
closed, `~` after a name (an older tool's third mark, read as none). What `fit` puts in place of
hidden trains and riders, and how far a running stage is, is passed over. Anything else is an
`Unreadable` that says where and why, so that the edit can be quoted back to its author.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushbot.queue.model import Hold, Item, Mark, Phase, Queue, Rider, Ticket, Train

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pushbot.queue.model import Person

TEXT_LIMIT = 200
"""Characters of a reason, message or note that are kept: a topic has room for little more."""

CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
"""Control characters and line ends, for use in a character class; none may stand in a topic."""

DELIMITERS = r'\s|+,&*!~()<>"'
"""What ends a name that is not quoted, for use in a character class."""

STAGE = r"(?![\w.-]*\.\.\.(?![\w.-]))[A-Za-z0-9_.-]{1,64}"
"""A stage's name: letters, digits and `_.-`; not ending in `...`, which is how a running stage is shown."""

_CONTROLS = re.compile(f"[{CONTROL}]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SPACE = re.compile(r"\s*")
_GAP = re.compile(r"[\s|]*")
_JOINT = re.compile(r"[\s+,&]*")
_QUOTED = re.compile(r'"([^"]*)"?')
_CLEAR = re.compile(r"clear(?=\s*(?:\||!!|\Z))", re.IGNORECASE)
_HOLD = re.compile(r'hold(?=[\s|"]|!!|\Z)\s*', re.IGNORECASE)
_STAGE = re.compile(r"<\s*([A-Za-z0-9_.-]+?)\s*(\.\.\.|…|!)?\s*>\s*")
_UNDER_WAY = re.compile(r'<(?=[^<>|"]*>)\s*([A-Za-z0-9_.-]+)\s*(\.\.\.|…)[^<>|"]*>\s*')
"""A running stage with its progress; the look ahead keeps the search short where no `>` follows."""
_HIDDEN = re.compile(r"\d+\s+(?:more|trains?|holds?)\b(?:\s*\(\d+\))?", re.IGNORECASE)
_MARK = r"(?:\s*([*~]|!(?!!(?!!))))?"  # `!!` begins the note, so one `!` before it is a mark only in `!!!`
_RIDER = re.compile(rf'(?:"([^"]*)"?|([^{DELIMITERS}]+)){_MARK}(?:\s*\(\s*([a-zA-Z]+)\s*\))?{_MARK}')

_MARKS = {"*": Mark.GOOD, "!": Mark.BAD}
_PHASES = {"...": Phase.RUNNING, "…": Phase.RUNNING, "!": Phase.FAILED}
_TICKETS = {"c": Ticket.CONFIG, "config": Ticket.CONFIG, "askme": Ticket.ASKME, "hold": Ticket.HOLD}
_REMOVED = frozenset({"Cc", "Cf", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A topic that is not one: `at` is the offending character, counted from 0, and `why` a plain sentence."""

    at: int
    why: str


def one_line(text: str) -> str:
    """`text` without marks of direction, a space for each control character, U+FFFD for what no encoding can write."""
    if text.isprintable():
        return text
    return _SURROGATES.sub("\ufffd", _CONTROLS.sub(" ", _DIRECTIONS.sub("", text)))


def clean_text(text: str, limit: int = TEXT_LIMIT) -> str:
    """Chat text made fit for a topic: one line, at most `limit` characters, without `"`.

    `"` becomes `'`, as there is no escape inside quotes; control and format characters (Unicode
    categories Cc, Cf, Zl, Zp: colours, text direction, zero width) are removed; runs of blanks become one.
    """
    if not text.isprintable():
        text = _SURROGATES.sub("\ufffd", text)
        kept = (char for char in text if char.isspace() or unicodedata.category(char) not in _REMOVED)
        text = "".join(kept)
    return " ".join(text.replace('"', "'").split())[:limit].rstrip()


def parse(text: str, person: Callable[[str], Person], *, careful: bool = False) -> Queue | Unreadable:
    """The queue of one lane that `text` shows; blank text is an empty queue. Never raises.

    `person` gives the person of a name. Trains are numbered 1, 2, 3 from the head. The marks of a
    shortened topic are dropped: `restore_tail` brings back what they stood for.

    The tool this grammar comes from reads a stage that follows `+` as one more rider and drops all
    that comes after (`bob + <prod> carol | dave` is `bob + prod`). So does this, unless `careful`,
    which a hand edit of a live topic should be: then it is Unreadable, and nobody is lost.
    """
    return _Reader(one_line(text), person, careful).queue()


@dataclass(slots=True)
class _Reader:
    """A place in a topic that is being read from left to right."""

    text: str
    person: Callable[[str], Person]
    careful: bool
    at: int = 0

    def queue(self) -> Queue | Unreadable:
        items: list[Item] = []
        trains = 0
        hidden_at: int | None = None
        self.skip(_GAP)
        while self.at < len(self.text) and not self.text.startswith("!!", self.at):
            begin = self.at
            if (found := _CLEAR.match(self.text, begin)) is not None:
                self.at = found.end()
            elif (found := _HOLD.match(self.text, begin)) is not None:
                self.at = found.end()
                items.append(Hold(self.words()))
            else:
                train = self.train(trains + 1)
                if isinstance(train, Unreadable):
                    return train
                if train is None:
                    hidden_at = begin
                else:
                    items.append(train)
                    trains += 1
            self.skip(_SPACE)
            if self.at < len(self.text) and self.text[self.at] != "|" and not self.text.startswith("!!", self.at):
                return self.unreadable("here I expected | and the next train, or the end")
            self.skip(_GAP)
        if hidden_at is not None and not items:
            return Unreadable(hidden_at, 'this leaves only hidden trains; write "clear" to drop them')
        return self.noted(Queue(tuple(items), next_train=trains + 1))

    def noted(self, queue: Queue) -> Queue | Unreadable:
        """The queue with the note that stands at its end, if one does."""
        if self.at >= len(self.text):
            return queue
        self.at += 2
        self.skip(_SPACE)
        note = self.words(to_the_end=True)
        self.skip(_SPACE)
        if self.at < len(self.text):
            return self.unreadable("nothing may follow the note after !!")
        return Queue(queue.items, note, next_train=queue.next_train)

    def train(self, number: int) -> Train | Unreadable | None:
        """The train that begins here, or None where only a mark for hidden ones stands."""
        stage, phase = None, Phase.AT
        if (found := self.stage()) is not None and not found[1].endswith("..."):
            stage, phase = found[1], _PHASES.get(found[2], Phase.AT)
            self.at = found.end()
        riders: list[Rider] = []
        hidden = False
        while True:
            self.skip(_JOINT)
            if (found := _HIDDEN.match(self.text, self.at)) is not None:
                self.at, hidden = found.end(), True
            elif (rider := self.rider()) is None:
                break
            elif isinstance(rider, Unreadable):
                return rider
            else:
                riders.append(rider)
            self.skip(_SPACE)
            if self.text[self.at : self.at + 1] not in {"+", ",", "&"}:
                break
        if not riders:
            return None if hidden and stage is None else self.unreadable("here I expected somebody's name")
        message = self.words() if self.text.startswith('"', self.at) else None
        return Train(tuple(riders), stage, phase, message, number)

    def rider(self) -> Rider | Unreadable | None:
        """The rider that is named here; None where none is."""
        found = _RIDER.match(self.text, self.at)
        if found is None:
            return self.stray_stage()
        quoted, bare, before, ticket, after = found.groups()
        name = (quoted or bare or "").strip()
        if not name:
            return self.unreadable("these quotes hold no name")
        if ticket is not None and ticket.lower() not in _TICKETS:
            self.at = found.start(4)
            return self.unreadable(f'there is no ticket "{ticket}", only c, askme and HOLD')
        self.at = found.end()
        mark = _MARKS.get(before or after, Mark.NONE)
        return Rider(self.person(name), _TICKETS[ticket.lower()] if ticket else Ticket.NONE, mark)

    def stage(self) -> re.Match[str] | None:
        """The stage's mark that begins here: its name, and how it stands."""
        return _STAGE.match(self.text, self.at) or _UNDER_WAY.match(self.text, self.at)

    def stray_stage(self) -> Rider | Unreadable | None:
        found = self.stage()
        if found is None:
            return None
        if self.careful:
            return self.unreadable("a stage may stand only before the first rider of a train")
        self.at = len(self.text)
        return Rider(self.person(found[1]))

    def words(self, *, to_the_end: bool = False) -> str | None:
        """The quoted text that begins here, or else all that is left of this item or of the topic."""
        if (found := _QUOTED.match(self.text, self.at)) is not None:
            self.at = found.end()
            return clean_text(found[1], len(self.text)) or None
        end = len(self.text)
        if not to_the_end:
            end = min(at if (at := self.text.find(stop, self.at)) >= 0 else end for stop in ("|", "!!"))
        raw, self.at = self.text[self.at : end], end
        return clean_text(raw, len(self.text)) or None

    def skip(self, what: re.Pattern[str]) -> None:
        found = what.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def unreadable(self, why: str) -> Unreadable:
        return Unreadable(self.at, why)


def split_lanes(text: str, names: Sequence[str]) -> tuple[tuple[str, str], ...] | Unreadable:
    """Each lane's name and its part of a topic that shows them all, in the order of `names`.

    With one name the whole text is its part (a leading `name:` is accepted). With several, each
    must be there, once, after its `name:`.
    """
    if len(names) == 1:
        label, colon, body = text.partition(":")
        named = colon and label.strip().casefold() == names[0].casefold()
        return ((names[0], (body if named else text).strip()),)
    known = {name.casefold(): name for name in names}
    bodies: dict[str, str] = {}
    for at, part in _lane_parts(text):
        label, colon, body = part.partition(":")
        name = known.get(label.strip().casefold()) if colon else None
        if name is None:
            return Unreadable(at, f"each part must begin with its lane: {', '.join(f'{name}:' for name in names)}")
        if name in bodies:
            return Unreadable(at, f"the lane {name} is there twice")
        bodies[name] = body.strip()
    missing = [name for name in names if name not in bodies]
    if missing:
        return Unreadable(len(text), f"the lane {missing[0]} is missing; write `{missing[0]}: clear` if it is empty")
    return tuple((name, bodies[name]) for name in names)


_LANE_PART = re.compile(r'(?:[^"|]+|"[^"]*"?|\|(?!\|))*')


def _lane_parts(text: str) -> list[tuple[int, str]]:
    """What stands between `||` outside quotes, with where it begins; blank parts are left out."""
    parts: list[tuple[int, str]] = []
    at = 0
    while at < len(text):
        found = _LANE_PART.match(text, at)
        end = found.end() if found else len(text)
        if text[at:end].strip():
            parts.append((at, text[at:end]))
        at = end + 2
    return parts
