"""One message out of several lines: their text twice, for notifications and as people read it, and what names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pushbot.chat.slack.blocks.text import MOST, Line, escaped, rich, size
from pushbot.chat.slack.outbound.history import of_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pushbot.chat.slack.outbound.message_index import MessageIndex
    from pushbot.chat.slack.outbound.outbox import Speech
    from pushbot.chat.slack.shape import Object

AS_IT_IS: Object = {"parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False}
"""Arguments that keep Slack from making more of a message than it is."""

MORE = "\n…"


class Names(Protocol):
    """What is known of people's names."""

    def name_of(self, user_id: str) -> str:
        """The name that the bot calls somebody by."""
        ...


@dataclass(frozen=True, slots=True)
class Writing:
    """Puts messages together, and names them by the record that their lines are on."""

    names: Names
    index: MessageIndex

    def public(self, speeches: Sequence[Speech], *, room: bool) -> Object:
        """The arguments of a message for everybody there: in a room people are really called."""
        written = _written(speeches, [self._calls(one) if room else () for one in speeches])
        return {**written, "metadata": of_lines(self.index.record, [one.key for one in speeches])}

    def private(self, speeches: Sequence[Speech]) -> Object:
        """The arguments of a message that one person is shown, who need not be called."""
        return _written(speeches, [()] * len(speeches))

    def _calls(self, speech: Speech) -> tuple[tuple[str, str], ...]:
        """Who is called at the start of a line: those it names, or whom it answers."""
        manner = speech.manner
        if manner.calls or not manner.whom:
            return manner.calls
        name = self.names.name_of(manner.whom)
        return ((name, manner.whom),) if name and speech.text.startswith(f"{name}: ") else ()


def quoted(lines: Sequence[str]) -> Object:
    """The arguments of a message that shows output as it is."""
    return {
        "text": _text(escaped(line) for line in lines),
        "blocks": [rich([Line(line, quote=True) for line in lines])],
        "mrkdwn": False,
        **AS_IT_IS,
    }


def _written(speeches: Sequence[Speech], calls: Sequence[tuple[tuple[str, str], ...]]) -> Object:
    both = tuple(zip(speeches, calls, strict=True))
    made: Object = {"text": _text(escaped(one.text, named) for one, named in both), "mrkdwn": False, **AS_IT_IS}
    if not speeches[0].plain:
        made["blocks"] = [rich([Line(one.text, named, quote=one.manner.quote) for one, named in both])]
    return made


def _text(lines: Iterable[str]) -> str:
    """Lines for notifications: as many as Slack asks for at most; the blocks have all."""
    text = ""
    for line in lines:
        if text and size(text) + 1 + size(line) > MOST - len(MORE):
            return text + MORE
        text = f"{text}\n{line}" if text else line
    return text
