"""Text as Slack sends it, as people mean it: mentions, links and entities become plain text, lines are told apart.

https://docs.slack.dev/messaging/formatting-message-text: `&`, `<` and `>` come as entities, and what stands between
angle brackets is a mention, a link or a special word.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 12_000
"""Characters of a message that are read: more than people type, and a log that they paste."""
MOST_LINES = 20
"""Commands of one message that are heard, a line each."""

_MARK = re.compile(r"<([^<>\n]+)>")
_MENTION = re.compile(r"<@([A-Za-z][\w-]{0,63})(?:\|[^<>\n]*)?>", re.ASCII)
_LINE = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_COMMAND = re.compile(r"(?:[\w.-]+:\s*)?\.[^\W\d]")
"""How a command begins that is said to nobody: `.join`, or `web: .join` for one of several lanes."""
_QUOTES = str.maketrans(
    "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2018\u2019\u201a\u201b\u00a0\u202f\u2007\u3000", '""""""\'\'\'\'    '
)
"""Typographic quotes and spaces, and what people would have typed."""
EMOJI = re.compile("((?::[\\w+'-]+:|[\u200d\ufe0f\u203c-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff])+)")
"""Emoji in a row, as themselves or by their names: Slack keeps `:tada:` for the picture."""
_BLOCK = "```"
_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_WRAPPED = re.compile(r"(`|\*|_|~)(?=[.\w])(.+?)\1")
_PLAIN_NAME = re.compile(r"[^\W\d][^\s;\"]*")
_MARKS = " *_~`"
_NEAR = 80
"""Characters before a mention that tell where it stands."""
_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def mentioned(text: str) -> frozenset[str]:
    """The ids of the people whom a text of Slack's mentions."""
    return frozenset(_MENTION.findall(text[:LONGEST]))


def plain(text: str, person: Callable[[str], str], room: Callable[[str], str | None]) -> str:
    """A text of Slack's as people read it, still of several lines; `person` and `room` give the names of ids.

    Names are chosen by those who have them, and whoever mentions them gives no command by that: a name that is no
    plain word is put in quotes, and so is one where a command would begin.
    """
    text = whole(text[:LONGEST])
    typed = straight(text)

    def shown(found: re.Match[str]) -> str:
        inside, _, label = found[1].partition("|")
        match inside[0]:
            case "@":
                name, at = person(inside[1:]), found.start()
                if typed.count('"', typed.rfind("\n", 0, at) + 1, at) % 2 == 1:
                    return name
                return (
                    name if _PLAIN_NAME.fullmatch(name) and not _begins(typed[max(0, at - _NEAR) : at]) else f'"{name}"'
                )
            case "#":
                name = label or room(inside[1:]) or inside[1:]
                return f"#{name.removeprefix('#')}"
            case "!":
                word = label or inside[1:].partition("^")[0]
                return word if label.startswith("@") or "^" in inside else f"@{word}"
            case _:
                return label if label and inside in (label, f"http://{label}", f"mailto:{label}") else inside

    return _unescaped(_MARK.sub(shown, text))


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _begins(before: str) -> bool:
    """Whether what stands behind `before` is the first word of a line, or of a command in it."""
    line = _LINE.split(_unescaped(before))[-1].rpartition(";")[2]
    return not _UNSEEN.sub("", line.replace("\t", " ")).strip(_MARKS)


def lines(text: str) -> list[str]:
    """The lines of a plain text, each of valid Unicode without control characters, typographic quotes as typed ones.

    A block of code of several lines beside other words is left out: it shows something.
    """
    beside = _CODE.sub(lambda found: "\n" if "\n" in found[0] else found[0], text)
    found = (tidy(line) for line in _LINE.split(beside if beside.strip() else text))
    return [line for line in found if line]


def tidy(line: str) -> str:
    """One line without what nobody sees, and without the marks of code and emphasis round a command."""
    line = " ".join(_UNSEEN.sub("", line.replace("\t", " ").translate(_QUOTES)).split())
    line = line.removeprefix(_BLOCK).removesuffix(_BLOCK).strip()
    wrapped = _WRAPPED.match(line)
    if wrapped is not None and _COMMAND.match(wrapped[2]):
        line = f"{wrapped[2]}{line[wrapped.end() :]}"
    return line


def topic_of(text: str, person: Callable[[str], str] = str, room: Callable[[str], str | None] = str) -> str:
    """The topic in a text of Slack's, in one line."""
    return _UNSEEN.sub("", _LINE.sub(" ", plain(text, person, room).replace("\t", " "))).strip()


def straight(text: str) -> str:
    """`text` with typed quotes and spaces in place of typographic ones."""
    return text.translate(_QUOTES)


def called(text: str, bot: str) -> tuple[bool, str]:
    """Whether a text of Slack's begins with the bot's mention, and the text after it."""
    found = _MENTION.match(text.lstrip(" \t\n*_`>"))
    if found is None or found[1] != bot:
        return False, text
    rest = text[text.index(found[0]) + len(found[0]) :]
    return True, rest.lstrip("*_` \t").removeprefix(":").removeprefix(",").strip()


def named(line: str, name: str) -> tuple[bool, str]:
    """The same for a plain line that begins with the bot's name and a colon or comma, or with `@` and the name."""
    start = line.removeprefix("@")
    rest = start[len(name) :]
    if name and start[: len(name)].casefold() == name.casefold():
        if rest[:1] in {":", ","}:
            return True, rest[1:].strip()
        if start != line and (not rest or rest[0] == " "):
            return True, rest.strip()
    return False, line


def commands(found: list[str], *, addressed: bool) -> list[str]:
    """The lines that count: the first, and of those below it what begins with a dot. At most MOST_LINES.

    Whoever pastes a log does not mean its lines, not even in private; the first may be talk too, which tells that
    somebody is there. Where nobody was addressed, the first counts only when no command stands below it.
    """
    below = [line for line in found[1:] if _COMMAND.match(line)]
    if below and not addressed and not _COMMAND.match(found[0]):
        return below[:MOST_LINES]
    return [*found[:1], *below][:MOST_LINES]


def whole(text: str) -> str:
    """`text` as valid Unicode: halves of characters that belong together are put together, others are left out."""
    if text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    paired = _SURROGATE_PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)
    return _UNSEEN.sub(lambda found: "" if "\ud800" <= found[0] <= "\udfff" else found[0], paired)
